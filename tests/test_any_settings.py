"""Whatever is given as settings, catalog or state works, or a line says what is wrong with it."""

from __future__ import annotations

import functools
import json
import logging
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.command_run import console
from tests.conftest import examples, settings
from tests.webhook.receiver_run import inbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "\ud800",
            "a\nb",
            "é",
            "2026-02-30",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
            "2026-06-10",
            "P1D",
            "2026-01-01/2026-02-01",
            "24:00",
            "https://[::1",
            "http://127.0.0.1:99999",
            "https://:x@",
            "sqlite://",
            "sqlite:////proc/nowhere/a.db",
            "redis://[",
            "redis://127.0.0.1:1/0",
            "1e400",
            "-1",
            "/",
            "/proc/nowhere/file",
            "~",
            "{start}",
        ]
    ),
)
JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from([0, -1, 1, 2**31, 2**64, 10**30, 1e300, -0.5, 5]),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)
# Of values that mean something but would make a run wait, or look for hosts elsewhere.
_STALLING = {"requests_per_second": 0, "max_retry_wait": 1, "request_timeout": 5}


class Listening(logging.Handler):
    """What commands log, a line for each message, with the traceback where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, self.format(record)))

    def errors(self) -> list[str]:
        return [line for level, line in self.lines if level >= logging.ERROR]


@pytest.fixture(scope="module")
def inbox(small: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    return inbox_of(small, tmp_path_factory.mktemp("inbox"))


class Commands:
    """Tap and target in this process, as their command lines run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = Listening()

    def run(
        self, plugin: Any, files: dict[str, Any], *arguments: str, given: str = ""
    ) -> tuple[int, list[str]]:
        """Run a command.

        Args:
            plugin: TapGong or TargetGong.
            files: option -> what is in its file: text, or JSON.
            arguments: beside those.
            given: what comes in.

        Returns:
            Its exit code, and its errors.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        options = []
        for option, content in files.items():
            path = self.folder / f"{option}.json"
            text = content if isinstance(content, str) else json.dumps(content)
            # Half a character makes a file that is not UTF-8.
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
            options += [f"--{option}", str(path)]
        self.said.lines.clear()
        plugin.logger.addHandler(self.said)
        try:
            with console():
                command = plugin.get_singer_command()
                done = CliRunner().invoke(command, [*options, *arguments], input=given)
        finally:
            plugin.logger.removeHandler(self.said)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert "Traceback" not in done.output
        assert not any("Traceback" in line for _, line in self.said.lines)
        return done.exit_code, self.said.errors()


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> Iterator[Commands]:
    folder = tmp_path_factory.mktemp("any_settings")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Commands(folder / "run")


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    with Sandbox(
        calls=12, days=10, seed=3, now=NOW, requests_per_second=0, daily_requests=0
    ) as sandbox:
        yield sandbox


@functools.cache
def discovered() -> str:
    return json.dumps(TapGong(config={}).catalog.to_dict())


def catalog_of(*selected: str) -> dict[str, Any]:
    """A catalog with these streams alone."""
    found: dict[str, Any] = json.loads(discovered())
    found["streams"] = [e for e in found["streams"] if e["tap_stream_id"] in selected]
    for entry in found["streams"]:
        entry["metadata"].sort(key=lambda part: len(part["breadcrumb"]))
        entry["metadata"][0]["metadata"]["selected"] = True
    return found


def told(errors: list[str], *words: str) -> None:
    assert len(errors) == 1
    assert "\n" not in errors[0]
    assert any(word in errors[0] for word in words), errors


def base(plugin: Any, sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    own = (
        {"end_date": NOW.isoformat()}
        if plugin is TapGong
        else {"ledger_path": str(folder / "l.db")}
    )
    return settings(sandbox, max_retries=0, **own)


PLUGINS = {"tap": TapGong, "target": TargetGong}


def settings_of(command: Any) -> list[str]:
    """Names of all settings, the SDK's own included."""
    added: dict[str, Any] = {"properties": {}}
    command.append_builtin_config(added)
    return sorted({*command.config_jsonschema["properties"], *added["properties"]})


PROVEN = {
    plugin: pytest.mark.proves(
        "any value of any setting", plugin, "works, or exit code 1 with a line that names it"
    )
    for plugin in PLUGINS
}


@pytest.mark.fuzz
@pytest.mark.parametrize("plugin", [pytest.param(name, marks=PROVEN[name]) for name in PLUGINS])
@examples(30)
@given(data=st.data(), value=JUNK)
def test_any_value_of_a_setting_works_or_is_named(commands, small, plugin, data, value):
    command = PLUGINS[plugin]
    name = data.draw(st.sampled_from(settings_of(command)))
    if name in _STALLING and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        value = value if value in ("", " ", -1, "-1", "1e400") else _STALLING[name]
    files = {"config": {**base(command, small, commands.folder), name: value}}
    if command is TapGong:
        files["catalog"] = catalog_of("workspaces")
    code, errors = commands.run(command, files)
    assert code in {0, 1, 3}
    if code == 1:
        told(
            errors,
            name,
            "flattening is enabled",
            "--config",
            "No answer",
            "could not be resolved",
            "the credentials",
            "401",
        )
    else:
        assert errors == []


@pytest.mark.fuzz
@pytest.mark.parametrize("option", ["config", "catalog", "state"])
@examples(5)
@given(content=st.one_of(JUNK, TEXTS, st.binary(max_size=8).map(repr)))
def test_any_file_works_or_is_named(commands, small, option, content):
    files = {"config": base(TapGong, small, commands.folder), option: content}
    if option != "catalog":
        files["config"] = {**files["config"], "max_records": 1} if option == "state" else content
    code, errors = commands.run(TapGong, files)
    assert code in {0, 1}
    if code == 1:
        told(errors, f"--{option}", "The settings are not valid", "No credentials")


INSTANTS = st.sampled_from(["2026-06-10T00:00:00Z", "2026-06-01", "2027-01-01T00:00:00Z"])
STATES = st.dictionaries(
    st.sampled_from(
        [
            "calls",
            "transcripts",
            "call_index",
            "users",
            "no_such",
            "trackers",
            "automation_events",
        ]
    ),
    st.one_of(
        JUNK,
        st.fixed_dictionaries(
            {},
            optional={
                name: st.one_of(JUNK, INSTANTS, st.dictionaries(INSTANTS, JUNK, max_size=2))
                for name in (
                    "replication_key_value",
                    "as_of",
                    "settled",
                    "filters",
                    "owed",
                    "owed_windows",
                    "missed",
                    "sweep",
                    "newest_whole_sweep",
                    "replication_key",
                    "partitions",
                    "inbox",
                    "sequence",
                )
            }
            | {
                "hints": st.one_of(
                    JUNK,
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "inbox": JUNK,
                            "sequence": JUNK,
                            "unseen": st.one_of(JUNK, st.dictionaries(INSTANTS, JUNK, max_size=2)),
                        },
                    ),
                )
            },
        ),
    ),
    max_size=2,
)


@pytest.mark.proves("any JSON as state", "tap", "works, or exit code 1 with a line that names it")
@pytest.mark.fuzz
@examples(4)
@given(bookmarks=STATES, more=st.dictionaries(st.sampled_from(["x", "currently_syncing"]), JUNK))
def test_any_state_works_or_is_named(commands, small, inbox, bookmarks, more):
    files = {
        "config": {
            **base(TapGong, small, commands.folder),
            "automation_inbox": inbox,
            "automation_hints": True,
        },
        "state": {"bookmarks": bookmarks, **more},
        "catalog": catalog_of(
            "calls", "transcripts", "call_index", "trackers", "automation_events"
        ),
    }
    code, errors = commands.run(TapGong, files)
    assert code in {0, 1}
    if code == 1:
        told(errors, "state")


@pytest.mark.proves("any JSON as catalog", "tap", "works, or exit code 1 with a line that names it")
@pytest.mark.fuzz
@examples(10)
@given(data=st.data())
def test_any_catalog_works_or_is_named(commands, small, data):
    odd = catalog_of("users", "workspaces")
    entry = odd["streams"][0]
    where = data.draw(
        st.sampled_from(
            [
                (odd, "streams"),
                (odd["streams"], 1),
                *((entry, name) for name in [*entry, "unheard_of"]),
                (entry["schema"], "properties"),
                (entry["schema"]["properties"], "id"),
                (entry["metadata"], 0),
                (entry["metadata"][0], "breadcrumb"),
                (entry["metadata"][0], "metadata"),
                (entry["metadata"][0]["metadata"], "selected"),
                (entry["metadata"][0]["metadata"], "inclusion"),
                (entry["metadata"][1]["metadata"], "selected"),
            ]
        )
    )
    holder: Any = where[0]
    holder[where[1]] = data.draw(JUNK)
    code, errors = commands.run(
        TapGong, {"config": base(TapGong, small, commands.folder), "catalog": odd}
    )
    assert code in {0, 1}
    if code == 1:
        told(errors, "catalog")


@pytest.mark.proves(
    "any lines as messages",
    "target",
    "understood, or exit code 1 with a line that says what is wrong",
)
@pytest.mark.fuzz
@examples(15)
@given(
    lines=st.lists(
        st.one_of(
            TEXTS,
            JUNK.map(json.dumps),
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(
                        ["SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION", "BATCH"]
                    )
                },
                optional={
                    "stream": st.one_of(JUNK, st.sampled_from(["calls", "requests"])),
                    "schema": st.one_of(JUNK, st.just({"properties": {"path": {}}})),
                    "key_properties": st.one_of(JUNK, st.just(["path"])),
                    "bookmark_properties": JUNK,
                    "record": st.one_of(JUNK, st.just({"method": "GET", "path": "/v2/users"})),
                    "value": JUNK,
                    "version": JUNK,
                    "time_extracted": JUNK,
                    "encoding": JUNK,
                    "manifest": JUNK,
                },
            ).map(json.dumps),
        ),
        max_size=4,
    )
)
def test_any_input_of_the_target_works_or_is_named(commands, small, lines):
    text = "".join(f"{line}\n" for line in lines).encode(errors="replace").decode()
    files = {"config": base(TargetGong, small, commands.folder)}
    code, errors = commands.run(TargetGong, files, given=text)
    assert code in {0, 1}
    assert len(errors) == (code == 1)
    assert not any("\n" in error for error in errors)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_setting_that_is_null_has_its_default(commands, small, plugin):
    command = PLUGINS[plugin]
    given = base(command, small, commands.folder)
    nulls = dict.fromkeys(command.config_jsonschema["properties"].keys() - given.keys())
    files: dict[str, Any] = {"config": {**nulls, **given}}
    if command is TapGong:
        files["catalog"] = catalog_of("workspaces")
    assert commands.run(command, files) == (0, [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"streams": None}, "--catalog"),
        ({"streams": [None]}, "$.streams[0]"),
        ({"streams": [{"tap_stream_id": "users"}]}, "missing required field `schema`"),
        (
            {
                "streams": [
                    {"tap_stream_id": "users", "stream": "u", "schema": {"properties": {}}},
                ]
            },
            "stream 'u' is not the same as tap_stream_id 'users'",
        ),
    ],
)
def test_a_catalog_of_another_form_is_refused(commands, small, change, words):
    files = {"config": base(TapGong, small, commands.folder), "catalog": change}
    code, errors = commands.run(TapGong, files)
    assert code == 1
    told(errors, words)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ({"partitions": None}, "$.bookmarks[...].partitions"),
        ({"sweep": "begun"}, "$.bookmarks[...].sweep"),
        ({"missed": {"a": 1}}, "$.bookmarks[...].missed"),
        ({"owed_windows": [{"from": "2026-06-01"}]}, "$.bookmarks[...].owed_windows[0]"),
        ({"replication_key_value": 5}, "the bookmark of calls in the state"),
    ],
)
def test_a_state_of_another_form_is_refused(commands, small, calls, words):
    files = {
        "config": base(TapGong, small, commands.folder),
        "state": {"bookmarks": {"calls": calls}},
        "catalog": catalog_of("calls"),
    }
    code, errors = commands.run(TapGong, files)
    assert code == 1
    told(errors, words)
