"""Every block of code in the README, the docs and the examples: run, or valid, or said why not.

What takes a shell is run by `make test-slow`: a page's commands one after the other, as they are
written, in a copy of the project whose Gong is a sandbox.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import meltano.core
import pytest
import yaml
from data_model import schema_of

from gong_sandbox import Sandbox
from tap_gong.streams import STREAMS
from tap_gong.tap import TapGong
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.conftest import settings
from tests.doc_blocks import (
    PAGES,
    READ,
    ROOT,
    RUN,
    SHOWN,
    blocks,
    every_block,
    is_run,
    json_of,
    script,
)
from tests.meltano_project import PROJECT, copy_project
from tests.servers import DATABASE, USER, postgres_server
from tests.singer_run import run_tap
from tests.webhook.receiver_run import pem

BIN = Path(sys.executable).parent
MORE = ("docs", "plugins", "Makefile")
COMMANDS = (
    *("tap-gong", "target-gong", "gong-sandbox", "gong-webhook"),
    *("meltano", "python", "pip"),
)
# What the tap of a reader may write.
YOURS = (
    {
        "type": "SCHEMA",
        "stream": "custom_action_events",
        "schema": {"properties": {}},
        "key_properties": [],
    },
    {
        "type": "RECORD",
        "stream": "custom_action_events",
        "record": {
            "reportingSystem": "Portal",
            "eventTimestamp": "2026-06-14T10:00:00Z",
            "actor": {"email": "bob@example.com"},
        },
    },
    {"type": "STATE", "value": {"done": True}},
)
POSTGRES = {
    "TARGET_POSTGRES_HOST": "127.0.0.1",
    "TARGET_POSTGRES_USER": USER,
    "TARGET_POSTGRES_PASSWORD": "unasked",
    "TARGET_POSTGRES_DATABASE": DATABASE,
}
ALL = [block for page in PAGES for block in blocks(page)]
# What the docs query: made of calls and transcripts, and users.
QUERIED = {
    *("calls", "transcripts", "transcript_texts", "transcript_sentences", "users"),
    *("call_parties", "call_context_objects", "call_trackers", "call_tracker_occurrences"),
    "call_speakers",
}


def named(block):
    return block.name


@pytest.mark.parametrize("block", ALL, ids=named)
def test_a_block_is_run_or_says_why_not(block):
    if block.kind == "not run:":
        assert len(block.comment) > 5, "a reason is missing"
    elif block.kind == "run by":
        path, _, name = block.comment.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    else:
        known = RUN | READ | SHOWN
        assert block.language in known, f"run no {block.language}: say `<!-- not run: reason -->`"


def test_what_is_not_run_is_told(record_property):
    """By `pytest -rA` and in the report of CI."""
    reasons = {block.name: block.comment for block in ALL if block.kind == "not run:"}
    print(json.dumps(reasons, indent=2))
    record_property("not run", json.dumps(reasons))
    ran = [b for b in ALL if b.language in RUN and not b.kind.startswith("not")]
    assert len(ran) > 4 * len(reasons)


@pytest.mark.parametrize("block", every_block("json"), ids=named)
def test_json_is_valid_and_settings_are_settings(block):
    found = json_of(block)
    if not isinstance(found, dict):
        return
    for plugin in (TapGong, TargetGong):
        known = plugin.config_jsonschema["properties"]
        if "type" not in found and set(found) & set(known):
            check_settings(plugin, found)
            return


@pytest.mark.parametrize("block", every_block("yaml"), ids=named)
def test_yaml_is_valid_and_meltanos_is_meltanos(block):
    if block.kind == "not run:":
        list(yaml.safe_load_all(block.text))
        return
    found = yaml.safe_load(block.text)
    if "plugins" not in found and "environments" not in found and "schedules" not in found:
        return
    path = Path(meltano.core.__file__).parents[1] / "schemas" / "meltano.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate({"version": 1, **found}, schema)
    for plugins in found.get("plugins", {}).values():
        for plugin in plugins:
            cls = {"tap-gong": TapGong, "target-gong": TargetGong}.get(plugin["name"])
            if cls:
                check_settings(cls, plugin.get("config") or {})


def check_settings(plugin, found):
    builtin: dict[str, Any] = {"properties": {}}
    plugin.append_builtin_config(builtin)
    # The SDK adds to the schema when a plugin is made, and not what every validator takes.
    own = {
        name: prop
        for name, prop in plugin.config_jsonschema["properties"].items()
        if name not in builtin["properties"]
    }
    unknown = set(found) - set(own) - set(builtin["properties"])
    assert not unknown, f"{plugin.name} has no setting {unknown}"
    chosen = {name: value for name, value in found.items() if name in own}
    jsonschema.validate(chosen, {**plugin.config_jsonschema, "properties": own})


@pytest.fixture(scope="module")
def warehouse(company, tmp_path_factory):
    """Records in DuckDB as the loader has them: nested values as JSON, in the schema `gong`."""
    folder = tmp_path_factory.mktemp("records")
    with duckdb.connect() as connection:
        connection.sql("create schema gong")
        config = settings(company, end_date=NOW.isoformat())
        output = run_tap(config, streams=QUERIED)
        for stream in STREAMS:
            if stream.name not in QUERIED:
                continue
            name, properties = stream.name, schema_of(stream)["properties"]
            columns = ", ".join(f'"{n}" {column_type(prop)}' for n, prop in properties.items())
            connection.sql(f'create table gong."{name}" ({columns})')
            lines = [json.dumps(row, default=float) for row in output.records[name]]
            path = folder / f"{name}.jsonl"
            path.write_text("\n".join(lines), encoding="utf-8")
            kinds = {n: column_type(prop) for n, prop in properties.items()}
            connection.execute(
                f'insert into gong."{name}" from read_json(?, columns=?)', [str(path), kinds]
            )
        yield connection


def column_type(prop):
    kinds = prop.get("type", ["object"])
    if "object" in kinds or "array" in kinds:
        return "JSON"
    if "string" in kinds:
        return "TIMESTAMP" if prop.get("format") == "date-time" else "VARCHAR"
    return "BIGINT" if "integer" in kinds else "DOUBLE" if "number" in kinds else "BOOLEAN"


def queries(page=None):
    return [
        block
        for block in every_block("sql")
        if block.kind != "not run:" and page in {None, block.page}
    ]


@pytest.mark.parametrize("block", queries(), ids=named)
def test_queries_answer(block, warehouse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "output").mkdir()
    assert warehouse.execute("select count(*) from gong.calls").fetchall() == [(260,)]
    answer = warehouse.execute(block.text).fetchall()
    assert answer, "no rows"


# Messages.

SOURCES = [
    path
    for folder in ("gong_api", "tap_gong", "target_gong")
    for path in ROOT.glob(f"{folder}/**/*.py")
]


def texts(path):
    """The texts in a source, `…` for what is put in."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            inside.update(id(part) for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in inside:
            yield re.sub(r"%(\.\d)?[a-z]", "…", str(node.value))


def test_messages_in_the_troubleshooting_page_are_those_of_the_code():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^### `(.*)`$", page, re.MULTILINE)
    assert len(quoted) == page.count("\n### ")
    assert len(quoted) > 30
    known = [text for path in SOURCES for text in texts(path)]
    missing = [text for text in quoted if not any(text in message for message in known)]
    assert missing == []


# What takes a shell.


@pytest.fixture(scope="module")
def gong():
    """A sandbox as it is for somebody who reads the docs, without its limits."""
    with Sandbox(
        calls=60, days=40, requests_per_second=0, daily_requests=0, processing_minutes=0
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def environment(gong, tmp_path_factory):
    """What the reader has: commands on the path, credentials in the environment."""
    path = tmp_path_factory.mktemp("bin")
    for name in COMMANDS:
        executable(path / name, f'exec "{BIN / name}" "$@"')
    # Any tap whose stream the target knows.
    (path / "yours.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in YOURS))
    executable(path / "tap-of-yours", f'cat "{path / "yours.jsonl"}"')
    credentials = settings(gong)
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(path), os.environ["PATH"]]),
        **{
            f"{prefix}_GONG_{name.upper()}": str(value)
            for prefix in ("TAP", "TARGET")
            for name, value in credentials.items()
        },
        "TARGET_GONG_LEDGER_PATH": "output/ledger.db",
        "MELTANO_CLI_LOG_LEVEL": "warning",
    }


def executable(path, command):
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, as a clone would be."""
    return copy_project(tmp_path_factory.mktemp("clone"), *MORE)


@pytest.fixture(scope="module")
def target_jsonl(project, environment):
    """The target of the README's pipes, on the path, in an environment of its own."""
    install = ["meltano", "install", "loader", "target-jsonl"]
    subprocess.run(install, cwd=project, env=environment, check=True, capture_output=True)
    (command,) = project.glob(".meltano/loaders/target-jsonl/venv/bin/target-jsonl")
    path = Path(environment["PATH"].split(os.pathsep)[0])
    executable(path / "target-jsonl", f'exec "{command}" "$@"')


@pytest.fixture
def fresh(project, gong, target_jsonl):
    """The project without what an earlier page has left."""
    kept = {*PROJECT, *MORE, ".meltano"}
    for path in project.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in project.glob(".meltano/meltano.db*"):
        path.unlink()
    (project / "config.json").write_text(json.dumps(settings(gong)), encoding="utf-8")
    (project / "gong.pem").write_text(pem(), encoding="utf-8")
    for name in ("csv", "jsonl"):
        (project / "output" / name).mkdir(parents=True)
    return project


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the docs speak of a POSIX shell")
@pytest.mark.parametrize(
    "page", [p for p in PAGES if is_run(p)], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_the_commands_of_a_page_work_as_they_are_written(page, fresh, environment):
    text = script(page)
    with contextlib.ExitStack() as stack:
        if "target-postgres" in text:
            port = str(stack.enter_context(postgres_server(timezone="UTC")))
            environment = {**environment, **POSTGRES, "TARGET_POSTGRES_PORT": port}
        run_page(text, fresh, environment)
    database = fresh / "output" / "warehouse.duckdb"
    if database.exists():
        answers(page, fresh, database)


def run_page(text, folder, environment):
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=900,
    )
    told = (done.stdout + done.stderr)[-6000:]
    reached = re.findall(r"^== (.*)$", done.stderr, re.MULTILINE)
    assert done.returncode == 0, f"{reached[-1:]} ended with {done.returncode}:\n{told}"


def answers(page, folder, database):
    """The queries of a page, on what its own commands have loaded."""
    with duckdb.connect(str(database)) as connection:
        for block in queries(page):
            text = block.text.replace("'output/", f"'{folder}/output/")
            assert connection.execute(text).fetchall(), f"{block.name}: no rows"
