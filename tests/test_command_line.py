"""The commands as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gong_api.errors import SettingsError
from gong_api.settings import number
from gong_sandbox import Sandbox
from tap_gong.operations import CALLS
from tap_gong.tap import TapGong
from tap_gong.windows import iso
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.command_run import in_environment, run_command
from tests.conftest import settings
from tests.singer_run import Output, run_tap

BIN = Path(sys.executable).parent


def run_process(tmp_path, config, *arguments):
    command = [str(BIN / "tap-gong"), *arguments]
    if config is not None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config))
        command += ["--config", str(path)]
    return subprocess.run(
        command,
        input="",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        cwd=tmp_path,
        check=False,
    )


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Runs a command, in this process, with settings that it refuses in one line."""
    monkeypatch.chdir(tmp_path)

    def run(config, *arguments, plugin=TapGong):
        done = run_command(plugin, tmp_path, config, *arguments, patch=monkeypatch)
        assert done.code == 1
        assert "Traceback" not in done.log
        (line,) = done.errors
        return line, done

    return run


def errors(done):
    return [line for line in done.stderr.splitlines() if "| ERROR" in line]


def test_discover_needs_no_credentials(tmp_path):
    done = run_process(tmp_path, None, "--discover")
    assert done.returncode == 0
    streams = {entry["tap_stream_id"]: entry for entry in json.loads(done.stdout)["streams"]}
    assert streams["calls"]["key_properties"] == ["id"]
    assert streams["calls"]["replication_method"] == "INCREMENTAL"
    assert len(streams) >= 9


@pytest.mark.parametrize("layout", ["json", "markdown"])
def test_about(tap_gong, layout):
    done = tap_gong(None, "--about", f"--format={layout}")
    assert done.code == 0
    assert "access_key_secret" in done.out
    if layout == "json":
        about = json.loads(done.out)
        assert about["settings"]["properties"]["lookback_days"]["default"] == 7
        assert "batch" not in about["capabilities"]


def test_test_reads_a_record_of_each_stream(tap_gong, config):
    done = tap_gong(config, "--test")
    assert done.code == 0, done.log
    assert "failed" not in done.log
    assert len(done.records) == 9
    assert done.errors == []


def test_a_run_writes_messages_and_says_what_it_cost(tmp_path, config):
    done = run_process(tmp_path, config)
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(m["type"] == "RECORD" and m["stream"] == "calls" for m in messages) == 260
    assert messages[-1]["type"] == "STATE"
    assert "requests" in done.stderr


def test_a_plan_tells_the_cost_and_reads_nothing(tap_gong, config):
    done = tap_gong(config, "--plan")
    assert done.code == 0, done.log
    rows = {line.split()[0]: line.split() for line in done.out.splitlines()}
    assert rows["calls"][2:] == ["260", "3"]
    assert int(rows["all"][1]) >= 6
    assert "days of a budget of 10,000 requests" in done.out
    assert '"RECORD"' not in done.out


@pytest.mark.parametrize("narrowed", [False, True])
def test_a_plan_promises_what_a_run_takes(narrowed):
    """With all that is looked up before and beside the windows."""
    with Sandbox(now=NOW, requests_per_second=0, daily_requests=0) as server:
        config = settings(server, end_date=NOW.isoformat())
        if narrowed:
            workspaces = [workspace["id"] for workspace in server.company.workspaces()]
            assert len(workspaces) > 1
            config.update(workspace_ids=workspaces, start_date="2026-05-01")
        planned, run = (TapGong(config=dict(config), message_writer=Output()) for _ in range(2))
        planned.check()
        plan = planned.plan()
        server.clear_requests()
        run.check()
        run.sync_all()
        taken = len(server.requests)
    assert taken <= plan.requests <= 1.25 * taken
    assert f"{plan.requests:,}" in str(plan)


def test_a_plan_counts_a_request_for_each_person_named(config):
    named = {**config, "email_addresses": ["ada@example.com"], "phone_numbers": ["+1555", "+1556"]}
    tap = TapGong(config=named)
    for stream in tap.streams.values():
        stream.selected = stream.name.endswith("_references")
    assert {name: cost.requests for name, cost in tap.plan().costs.items()} == {
        "email_address_references": 1,
        "phone_number_references": 2,
    }
    tap.close()


def test_a_report_tells_what_was_read(tap_gong, tmp_path, config):
    done = tap_gong(config, "--report", "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["end"] == "done"
    calls = report["streams"]["calls"]
    assert calls["records"] == calls["seen"] == 260
    assert calls["windows"] == 1
    assert calls["requests"] == 3
    assert calls["private"] > 0
    assert f"{calls['private']} of the calls are private" in done.log
    emitted = sum(map(len, done.records.values()))
    assert sum(stream["records"] for stream in report["streams"].values()) == emitted


def test_the_environment_may_name_the_report(tap_gong, tmp_path, config, monkeypatch):
    """Meltano hands no options on to a tap."""
    monkeypatch.setenv("TAP_GONG_REPORT", str(tmp_path / "report.json"))
    tap_gong(config, "--discover")
    assert not (tmp_path / "report.json").exists()
    assert tap_gong(config).code == 0
    assert json.loads((tmp_path / "report.json").read_text())["end"] == "done"


def test_a_plan_names_what_cannot_be_read(tap_gong):
    with Sandbox(
        calls=20, now=NOW, without_scopes={"api:users:read"}, requests_per_second=0
    ) as server:
        done = tap_gong(settings(server), "--plan")
    assert done.code == 1
    assert "api:users:read" in done.log
    assert "calls" in done.out


def test_a_report_that_cannot_be_written_is_said_before_the_run(refused, config):
    line, done = refused(config, "--report", "nowhere/report.json")
    assert "its folder does not exist" in line
    assert done.out == ""


def test_a_report_is_written_of_a_run_that_stops(tap_gong, tmp_path, config):
    config = {**config, "daily_request_budget": 12}
    assert tap_gong(config, "--report", "report.json").code == 3
    assert json.loads((tmp_path / "report.json").read_text())["end"] == "work left"


def test_state_and_catalog_from_files(tap_gong, tmp_path, config):
    (tmp_path / "catalog.json").write_text(tap_gong(None, "--discover").out)
    first = tap_gong(config, "--catalog", "catalog.json")
    assert first.code == 0, first.log
    catalog = json.loads((tmp_path / "catalog.json").read_text())
    for entry in catalog["streams"]:
        entry["metadata"] = [
            {"breadcrumb": [], "metadata": {"selected": entry["tap_stream_id"] == "trackers"}}
        ]
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    first = tap_gong(config, "--catalog", "catalog.json")
    second = tap_gong(config, "--catalog", "catalog.json", state=first.state)
    assert first.records
    assert second.records == {}


def test_settings_from_the_environment(tap_gong, config, monkeypatch):
    for name, value in in_environment(TapGong, {**config, "call_content": ["parties"]}).items():
        monkeypatch.setenv(name, value)
    done = tap_gong(None, "--config", "ENV")
    assert done.code == 0, done.log
    assert done.records


BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "no credentials": ({"access_key": None}, "set access_key"),
    "wrong secret": ({"access_key_secret": "wrong-secret"}, "access_key_secret"),
    "the host question": ({"access_key_secret": "wrong-secret"}, "api_url"),
    "unreachable host": ({"api_url": "http://127.0.0.1:9"}, "No answer from 127.0.0.1:9"),
    "unknown host": ({"api_url": "https://nowhere.invalid"}, "could not be resolved"),
    "malformed start_date": ({"start_date": "last tuesday"}, "start_date must be an ISO-8601"),
    "end before start": ({"start_date": "2027-01-01"}, "must be before end_date"),
    "unknown value": ({"call_context": "Everything"}, "'Everything' is not one of"),
    "unknown part": ({"call_content": ["smalltalk"]}, "'smalltalk' is not one of"),
    "unknown setting": ({"acess_key": "x"}, "no setting 'acess_key'; did you mean access_key?"),
    "no setting at all": ({"colour": "red"}, "there is no setting 'colour'"),
    "wrong type": ({"lookback_days": "many"}, "lookback_days"),
    "plain http": ({"api_url": "http://api.gong.io"}, "unencrypted"),
    "no time-out": ({"request_timeout": 0}, "request_timeout"),
    "no time-out, as text": ({"request_timeout": "0"}, "request_timeout must be more than 0"),
    "endless time-out": ({"request_timeout": 1e12}, "request_timeout"),
    "endless time-out, as text": ({"request_timeout": "9" * 400}, "at most 3600 seconds"),
    "endless rate, as text": ({"requests_per_second": "9" * 400}, "at most 1000000; 0 is no limit"),
    "unknown workspace": ({"workspace_ids": ["42"]}, "no workspace 42; there are: "),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gets_one_clear_line(refused, company, case):
    change, expected = BAD_INPUT[case]
    config = settings(company, end_date=NOW.isoformat(), **change)
    line, done = refused({name: value for name, value in config.items() if value is not None})
    assert expected in line
    assert "wrong-secret" not in done.log
    assert done.records == {}


def test_errors_of_a_process_are_on_its_stderr_alone(tmp_path, config):
    done = run_process(tmp_path, {**config, "access_key_secret": "wrong-secret"})
    assert done.returncode == 1
    (line,) = errors(done)
    assert "access_key_secret" in line
    assert "Traceback" not in done.stderr
    assert {json.loads(line)["type"] for line in done.stdout.splitlines()} == {"SCHEMA"}
    assert "wrong-secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("files", "arguments", "expected"),
    [
        ({}, ("--config", "nowhere.json"), "nowhere.json"),
        ({"bad.json": "{"}, ("--config", "bad.json"), "--config bad.json is not a JSON object"),
        ({"bad.json": "[1]"}, ("--config", "bad.json"), "--config bad.json is not a JSON object"),
        ({"bad.json": "[]"}, ("--config", "bad.json"), "--config bad.json is not a JSON object"),
        ({"bad.json": "[1]"}, ("--config", "bad.json", "--discover"), "is not a JSON object"),
        ({"bad.json": "[]"}, ("--state", "bad.json"), "--state bad.json is not a JSON object"),
        ({"bad.json": "nonsense"}, ("--catalog", "bad.json"), "--catalog bad.json is not a JSON"),
        ({"bad.json": "\ud800"}, ("--config", "bad.json"), "--config bad.json is not a JSON"),
        ({"bad.json": "\ud800"}, ("--catalog", "bad.json"), "--catalog bad.json is not a JSON"),
    ],
)
def test_unreadable_files_get_one_clear_line(refused, tmp_path, files, arguments, expected):
    for name, text in files.items():
        # Half a character makes a file that is not UTF-8.
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogatepass")
    line, _ = refused(None, *arguments)
    assert expected in line


@pytest.mark.parametrize("content", ["[1]", "[]", "nonsense", '"text"'])
def test_the_target_refuses_a_config_that_is_no_object(refused, tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    line, _ = refused(None, "--config", "config.json", plugin=TargetGong)
    assert "--config config.json is not a JSON object" in line


BAD_DISCOVERY: dict[str, tuple[dict[str, Any], str]] = {
    "a number": ({"requests_per_second": "many"}, "requests_per_second"),
    "a date": ({"start_date": "yesterday"}, "start_date must be an ISO-8601"),
    "an empty range": ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "before end_date"),
    "an unknown setting": ({"acess_key": "x"}, "acess_key"),
    "a stream without a name": ({"custom_streams": [{"path": "/v2/users"}]}, "custom_streams"),
    "a stream without a path": ({"custom_streams": [{"name": "x"}]}, "custom_streams"),
    "a stream in place of a list": ({"custom_streams": {"name": "x"}}, "custom_streams"),
    "a stream that is a text": ({"custom_streams": ["x"]}, "custom_streams"),
    "a stream that writes": (
        {"custom_streams": [{"name": "x", "path": "/v2/calls", "method": "PUT"}]},
        "custom_streams",
    ),
}


@pytest.mark.parametrize("case", BAD_DISCOVERY)
def test_discovery_refuses_bad_settings_in_one_clear_line(refused, case):
    config, expected = BAD_DISCOVERY[case]
    line, done = refused(config, "--discover")
    assert expected in line
    assert done.messages == []


@pytest.mark.parametrize("arguments", [("--discover",), ("--test",), ("--test=schema",), ()])
def test_a_custom_stream_that_deletes_is_refused_and_nothing_is_sent(refused, sandbox, arguments):
    stream = {
        "name": "x",
        "method": "DELETE",
        "path": "/v2/crm/integrations",
        "params": {"integrationId": "1", "clientRequestId": "2"},
    }
    line, done = refused(settings(sandbox, custom_streams=[stream]), *arguments)
    assert sandbox.requests == []
    assert "The settings are not valid: 'DELETE' is not one of" in line
    assert done.messages == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MAX_RECORDS", "x", "TAP_GONG_MAX_RECORDS must be a whole number, not 'x'"),
        ("CUSTOM_STREAMS", "[{", "TAP_GONG_CUSTOM_STREAMS is not JSON"),
        ("STREAM_MAPS", "calls", "TAP_GONG_STREAM_MAPS is not JSON"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--discover",)])
def test_a_bad_setting_in_the_environment_is_named(
    refused, monkeypatch, name, value, words, arguments
):
    monkeypatch.setenv(f"TAP_GONG_{name}", value)
    line, _ = refused(None, "--config", "ENV", *arguments)
    assert words in line


def test_a_secret_of_the_wrong_type_is_not_repeated(refused, config):
    line, done = refused({**config, "access_key_secret": 123456789})
    assert "access_key_secret has the wrong type" in line
    assert "123456789" not in done.log


def test_a_date_without_a_zone_is_utc_with_a_warning(tap_gong, config):
    done = tap_gong({**config, "start_date": "2026-06-10T00:00:00.123456"})
    assert done.code == 0, done.log
    assert "names no zone and is taken as UTC" in done.log


def test_a_used_up_budget_ends_with_code_3_and_state(tap_gong, config):
    done = tap_gong({**config, "daily_request_budget": 12})
    assert done.code == 3
    (line,) = done.errors
    assert "run again" in line
    assert "calls: read until 2026-06-15T18:00:00Z, wanted until 2026-06-15T18:00:00Z" in done.log
    assert done.state


def test_a_stream_without_its_scope_fails_alone(tap_gong):
    with Sandbox(
        calls=20, now=NOW, without_scopes={"api:stats:scorecards"}, requests_per_second=0
    ) as server:
        done = tap_gong(settings(server))
    assert done.code == 1
    assert "api:stats:scorecards" in done.log
    assert "Traceback" not in done.log
    assert {"calls", "transcripts", "users", "workspaces"} <= done.records.keys()


def test_without_any_account(tmp_path):
    done = run_process(tmp_path, {"api_url": "sandbox", "max_records": 1})
    assert '"RECORD"' in done.stdout
    assert done.returncode == 0, done.stderr


def test_the_sandbox_inside_the_tap_loses_no_call_from_run_to_run():
    tap = TapGong(config={"api_url": "sandbox", "requests_per_second": 0})
    month = tap.clock.now().start_of("month")
    params = {"fromDateTime": "2010-01-01T00:00:00Z", "toDateTime": iso(month)}
    page = next(tap.client.pages(CALLS, params=params))
    tap.client.close()
    # Some of before the month are listed in it.
    assert 500 <= (page.total or 0) <= 510
    earlier, later = (
        {
            slot.id
            for slot in Sandbox(calls=40, counted_at=NOW, now=now).company.slots(
                None, None, now=now
            )
        }
        for now in (NOW + timedelta(days=4), NOW + timedelta(days=11))
    )
    assert 40 < len(earlier) < len(later)
    assert earlier < later


def test_fractions_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("TAP_GONG_REQUESTS_PER_SECOND", "2.5")
    monkeypatch.setenv("TAP_GONG_API_URL", "sandbox")
    tap = TapGong(parse_env_config=True)
    assert number(tap.config, "requests_per_second") == 2.5
    monkeypatch.setenv("TAP_GONG_REQUESTS_PER_SECOND", "often")
    with pytest.raises(SettingsError, match="often"):
        TapGong(parse_env_config=True)


@pytest.mark.parametrize(
    ("plugin", "variable", "meant"),
    [
        (TapGong, "TAP_GONG_LOOKBACK_DAY", "TAP_GONG_LOOKBACK_DAYS"),
        (TargetGong, "TARGET_GONG_DRYRUN", "TARGET_GONG_DRY_RUN"),
    ],
)
def test_a_misspelled_setting_in_the_environment_is_refused(
    refused, sandbox, monkeypatch, plugin, variable, meant
):
    monkeypatch.setenv(variable, "true")
    for name, value in in_environment(plugin, settings(sandbox)).items():
        monkeypatch.setenv(name, value)
    line, _ = refused(None, "--config", "ENV", plugin=plugin)
    assert f"{variable} in the environment is no setting; did you mean {meant}?" in line
    assert sandbox.requests == []


def test_what_is_set_for_another_plugin_is_left_to_it(monkeypatch, caplog):
    monkeypatch.setenv("TAP_GONG_HINTS_START_DATE", "2026-01-01")
    monkeypatch.setenv("TAP_GONG__SELECT", "[]")
    monkeypatch.setenv("TAP_GONG_LOGLEVEL", "INFO")
    monkeypatch.setenv("TAP_GONG_API_URL", "sandbox")
    TapGong(parse_env_config=True)
    assert [record.message for record in caplog.records if "is no setting" in record.message] == [
        "TAP_GONG_HINTS_START_DATE in the environment is no setting; it is ignored"
    ]


def test_credentials_that_are_set_where_nobody_looks_are_pointed_out(refused, monkeypatch):
    line, _ = refused({})
    assert "--config ENV" not in line
    monkeypatch.setenv("TAP_GONG_ACCESS_KEY", "key")
    line, _ = refused({})
    assert "Those in the environment are read with `--config ENV`" in line


def test_a_state_is_taken_in_the_forms_that_it_is_shown_in(config):
    state = run_tap(config, streams={"calls"}).state
    plain = run_tap(config, streams={"calls"}, state=state).records["calls"]
    assert plain
    for form in ({"singer_state": state}, {"type": "STATE", "value": state}):
        assert run_tap(config, streams={"calls"}, state=form).records["calls"] == plain


@pytest.mark.parametrize(
    "state", [{"api_url": "sandbox"}, {"singer_state": {"calls": {}}}, {"singer_state": []}]
)
def test_another_file_is_no_state(config, state):
    with pytest.raises(SettingsError, match=r"--state must look like .*bookmarks"):
        run_tap(config, streams={"users"}, state=state)


def test_a_bookmark_of_no_stream_is_told(config, caplog):
    run_tap(config, streams={"users"}, state={"bookmarks": {"callz": {}}})
    assert "--state: there is no stream 'callz'" in caplog.text
