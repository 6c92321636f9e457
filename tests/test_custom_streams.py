"""Operations that the settings declare as streams."""

from __future__ import annotations

import contextlib
import json

import jsonschema
import pytest

from gong_api.command import RunStopped
from gong_api.errors import SettingsError
from tap_gong.tap import TapGong
from tests.answering_server import AnsweringServer
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap

CALLS = {
    "name": "plain_calls",
    "path": "/v2/calls",
    "params": {"fromDateTime": "2026-05-01T00:00:00Z", "toDateTime": "{end}"},
    "records_path": "calls",
    "primary_keys": ["id"],
}
TRANSCRIPTS = {
    "name": "plain_transcripts",
    "method": "POST",
    "path": "/v2/calls/transcript",
    "body": {"filter": {"fromDateTime": "{start}", "toDateTime": "{end}"}},
    "records_path": "$.callTranscripts[*]",
    "primary_keys": ["callId"],
}


def declared(config, *streams):
    return {**config, "custom_streams": list(streams), "start_date": "2026-05-01"}


def test_pages_of_a_get_and_of_a_post(company, config):
    company.clear_requests()
    output = run_tap(
        declared(config, CALLS, TRANSCRIPTS), streams={"plain_calls", "plain_transcripts"}
    )
    start = NOW.replace(month=5, day=1, hour=0)
    slots = company.company.slots(start, NOW, now=NOW)
    assert {row["id"] for row in output.records["plain_calls"]} == {slot.id for slot in slots}
    assert len(slots) > 100
    assert output.records["plain_transcripts"]
    # What discovery read of the first page is not asked for again.
    pages = [entry.path for entry in company.requests].count("/v2/calls")
    assert pages == -(-len(slots) // 100)


def test_the_schema_is_what_the_first_page_holds(company, config):
    output = run_tap(declared(config, CALLS), streams={"plain_calls"})
    (message,) = output.of("SCHEMA")
    assert message["key_properties"] == ["id"]
    validator = jsonschema.Draft202012Validator(message["schema"])
    for row in output.records["plain_calls"]:
        validator.validate(row)
    types = {name: prop["type"] for name, prop in message["schema"]["properties"].items()}
    assert types["duration"] == ["integer", "null"]
    assert types["isPrivate"] == ["boolean", "null"]


def test_a_schema_may_be_declared(config):
    schema = {"id": {"type": "string"}, "title": {"type": ["string", "null"]}}
    output = run_tap(declared(config, {**CALLS, "schema": schema}), streams={"plain_calls"})
    assert set(output.of("SCHEMA")[0]["schema"]["properties"]) == {"id", "title"}
    assert output.records["plain_calls"][0]["url"]


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"id": "string"}, "id"),
        ({"properties": {"id": "string"}}, "id"),
        ({"properties": ["id"]}, "properties"),
    ],
)
def test_a_field_of_a_declared_schema_is_an_object(config, schema, named):
    stream = {**CALLS, "schema": schema}
    with pytest.raises(SettingsError, match=f"schema of plain_calls must .* object for {named}"):
        run_tap(declared(config, stream), streams={"plain_calls"})


def test_with_a_replication_key_only_newer_rows_come_again(config):
    stream = {
        "name": "my_trackers",
        "path": "/v2/settings/trackers",
        "records_path": "keywordTrackers",
        "primary_keys": ["trackerId"],
        "replication_key": "updated",
    }
    first = run_tap(declared(config, stream), streams={"my_trackers"})
    assert first.records["my_trackers"]
    second = run_tap(declared(config, stream), state=first.state, streams={"my_trackers"})
    assert second.records["my_trackers"] == []


def test_an_answer_that_is_no_list_is_one_record():
    def answer(method, path, query, body):
        return 200, {"requestId": "r", "brief": {"id": 7, "texts": ["a", None]}, "cost": 0.5}

    with AnsweringServer(answer) as server:
        config = settings(server)
        stream = {"name": "brief", "path": "/v2/entities/get-brief"}
        output = run_tap({**config, "custom_streams": [stream]}, streams={"brief"})
    (row,) = output.records["brief"]
    assert row["brief"] == {"id": 7, "texts": ["a", None]}


def test_a_refusal_fails_it_alone(config):
    stream = {"name": "nowhere", "path": "/v2/nowhere", "records_path": "rows"}
    output = run_tap(declared(config, stream), streams={"nowhere", "workspaces"})
    assert output.failed == ["nowhere"]
    assert output.records["workspaces"]


def test_discovery_fails_for_a_stream_that_is_not_there_and_shows_the_others(tap_gong, company):
    gone = {"name": "nowhere", "path": "/v2/nowhere", "records_path": "rows"}
    config = settings(company, start_date="2026-05-01", custom_streams=[gone, CALLS])
    done = tap_gong(config, "--discover")
    assert done.code == 1
    assert any("nowhere is not whole: Gong answered 404" in line for line in done.errors)
    assert "Traceback" not in done.log
    names = {entry["tap_stream_id"] for entry in json.loads(done.out)["streams"]}
    assert {"calls", "plain_calls"} <= names
    assert "nowhere" not in names


def test_discovery_with_the_wrong_credentials_is_one_line(tap_gong, company):
    config = settings(company, start_date="2026-05-01", custom_streams=[CALLS])
    done = tap_gong({**config, "access_key_secret": "wrong-secret"}, "--discover")
    assert done.code == 1
    (line,) = done.errors
    assert "access_key_secret" in line
    assert done.out == ""


@pytest.mark.parametrize("schema", [None, {"id": {"type": "string"}, "idd": {"type": "string"}}])
def test_a_key_that_no_row_has_fails_before_rows_become_one(config, schema, caplog):
    stream = {**CALLS, "primary_keys": ["idd"]}
    if schema:
        stream["schema"] = schema
    output = run_tap(declared(config, stream), streams={"plain_calls", "workspaces"})
    assert output.failed == ["plain_calls"]
    assert output.records["plain_calls"] == []
    assert output.records["workspaces"]
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "primary_keys: no row of the first page has idd" in line
    assert "there are: " in line
    assert "title" in line


def test_a_key_that_no_row_has_fails_discovery(tap_gong, company):
    stream = {**CALLS, "primary_keys": ["idd"]}
    config = settings(company, start_date="2026-05-01", custom_streams=[stream])
    done = tap_gong(config, "--discover")
    assert done.code == 1
    assert any("primary_keys: no row of the first page has idd" in line for line in done.errors)


def test_a_part_of_a_key_that_no_row_has_is_told(config, caplog):
    stream = {**CALLS, "primary_keys": ["id", "idd"]}
    output = run_tap(declared(config, stream), streams={"plain_calls"})
    assert output.failed == []
    assert {row["idd"] for row in output.records["plain_calls"]} == {""}
    (line,) = [r.getMessage() for r in caplog.records if "primary_keys" in r.getMessage()]
    assert "no row of the first page has idd" in line


def test_rows_without_their_key_are_told_and_bookmarks_stay(caplog):
    rows = [
        {"id": "1", "updated": "2026-01-01T00:00:00Z"},
        {"id": None, "updated": "2026-01-02T00:00:00Z"},
        {"updated": "2026-01-03T00:00:00Z"},
        {"id": "2", "updated": "2026-01-04T00:00:00Z"},
    ]
    with answering(rows) as config:
        output = run_tap(config, streams={"things"})
    assert [row["id"] for row in output.records["things"]] == ["1", "2"]
    assert output.failed == ["things"]
    assert "replication_key_value" not in output.state.get("bookmarks", {}).get("things", {})
    assert "2 rows have no id" in caplog.text


@pytest.mark.parametrize(
    ("value", "key", "words"),
    [
        ("2026-01-01T00:00:00Z", "updatd", "no row of the first page has updatd"),
        (1767225600, "updated", "no row of the first page has an instant in updated"),
        ("soon", "updated", "no row of the first page has an instant in updated"),
    ],
)
@pytest.mark.parametrize("keyed", [True, False])
def test_a_replication_key_that_tells_no_time(value, key, words, keyed, caplog):
    """Rows with a key only come again; without one, each run would double them."""
    rows = [{"id": "1", "updated": value}, {"id": "2", "updated": value}]
    with answering(rows, replication_key=key, primary_keys=["id"] if keyed else []) as config:
        output = run_tap(config, streams={"things"})
    (line,) = [r.getMessage() for r in caplog.records if "replication_key" in r.getMessage()]
    assert words in line
    assert len(output.records["things"]) == (2 if keyed else 0)
    assert output.failed == ([] if keyed else ["things"])


@contextlib.contextmanager
def answering(rows, **more):
    """Settings with a stream `things`, and a server that answers it with some rows."""
    stream = {
        "name": "things",
        "path": "/v2/things",
        "records_path": "things",
        "primary_keys": ["id"],
        "replication_key": "updated",
        **more,
    }
    answer = {"requestId": "r", "things": rows, "records": {"totalRecords": len(rows)}}
    with AnsweringServer(lambda *_: (200, answer)) as server:
        yield settings(server, custom_streams=[stream])


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ({"name": "calls", "path": "/v2/calls"}, "already a stream calls"),
        ({"name": "x", "path": "https://elsewhere.example/v2"}, "must begin with a slash"),
        ({"name": "x", "path": "//elsewhere.example/v2"}, "must begin with a slash"),
        (
            {"name": "x", "path": "/v2/x", "primary_keys": ["a"], "schema": {"b": {}}},
            "schema of x has no a, which primary_keys names",
        ),
        (
            {"name": "x", "path": "/v2/x", "replication_key": "c", "schema": {"b": {}}},
            "schema of x has no c, which replication_key names",
        ),
    ],
)
def test_what_cannot_be_declared(config, stream, words):
    with pytest.raises((SettingsError, RunStopped), match=words):
        run_tap(declared(config, stream), streams=set())


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "delete", "post", None])
def test_a_verb_that_writes_is_never_sent_even_unvalidated(sandbox, method):
    stream = {"name": "x", "path": "/v2/crm/integrations", "method": method}
    config = settings(sandbox, custom_streams=[stream])
    with pytest.raises(SettingsError, match="must be GET or POST"):
        TapGong(config=config, validate_config=False)
    assert sandbox.requests == []
