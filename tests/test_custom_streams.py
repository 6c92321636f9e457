"""Operations that the settings declare as streams."""

from __future__ import annotations

import jsonschema
import pytest

from gong_api.command import RunStopped
from gong_api.errors import SettingsError
from tap_gong.tap import TapGong
from tests.answering_server import AnsweringServer
from tests.conftest import NOW, settings
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
        config = {
            "api_url": server.url,
            "access_key": "key",
            "access_key_secret": "secret",
            "requests_per_second": 0,
        }
        stream = {"name": "brief", "path": "/v2/entities/get-brief"}
        output = run_tap({**config, "custom_streams": [stream]}, streams={"brief"})
    (row,) = output.records["brief"]
    assert row["brief"] == {"id": 7, "texts": ["a", None]}


def test_a_refusal_fails_it_alone(config):
    stream = {"name": "nowhere", "path": "/v2/nowhere", "records_path": "rows"}
    output = run_tap(declared(config, stream), streams={"nowhere", "workspaces"})
    assert output.failed == ["nowhere"]
    assert output.records["workspaces"]


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ({"name": "calls", "path": "/v2/calls"}, "already a stream calls"),
        ({"name": "x", "path": "https://elsewhere.example/v2"}, "must begin with a slash"),
        ({"name": "x", "path": "//elsewhere.example/v2"}, "must begin with a slash"),
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
