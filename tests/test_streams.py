"""Each stream against the sandbox: whole, valid by its own schema, uniquely keyed."""

from __future__ import annotations

import json
from decimal import Decimal

import jsonschema
import pytest

from tap_gong.streams import STREAMS
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap
from tests.webhook.receiver_run import inbox_of


@pytest.fixture(scope="module")
def run(company, tmp_path_factory):
    """What a run of all streams wrote, and the paths that it asked for."""
    inbox = inbox_of(company, tmp_path_factory.mktemp("inbox"))
    config = subjects(company, automation_inbox=inbox)
    company.clear_requests()
    output = run_tap(config, streams={stream.name for stream in STREAMS})
    return output, [entry.path for entry in company.requests]


@pytest.fixture(scope="module")
def output(run):
    return run[0]


def subjects(company, **more):
    """Settings that name somebody and something for the streams that look things up."""
    data = company.company
    calls = [data.extensive(slot, now=NOW) for slot in data.slots(None, None, now=NOW)]
    parties = [p for c in calls for p in c.get("parties", []) if p.get("affiliation") == "External"]
    accounts = objects_of(calls)
    people = objects_of(parties)
    return settings(
        company,
        end_date=NOW.isoformat(),
        crm_object_ids=accounts[:3],
        crm_prospect_ids=people,
        email_addresses=[next(p["emailAddress"] for p in parties if p.get("emailAddress"))],
        phone_numbers=[next(p["phoneNumber"] for p in parties if p.get("phoneNumber"))],
        **more,
    )


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_records_are_valid_and_uniquely_keyed(output, stream):
    rows = output.records[stream.name]
    (schema,) = (m for m in output.of("SCHEMA") if m["stream"] == stream.name)
    validator = jsonschema.Draft202012Validator(
        schema["schema"], format_checker=jsonschema.FormatChecker()
    )
    # Sentences are many thousands, and alike.
    for row in rows[:: 1 + len(rows) // 2000]:
        validator.validate(row)
    keys = [tuple(row[key] for key in stream.primary_keys) for row in rows]
    assert keys
    assert len(set(keys)) == len(keys)
    assert all(part is not None for key in keys for part in key)
    assert schema["key_properties"] == list(stream.primary_keys)


def objects_of(things):
    """Ids of the CRM objects that calls or parties have."""
    return sorted(
        {
            found["objectId"]
            for thing in things
            for system in thing.get("context", [])
            for found in system["objects"]
        }
    )


def test_every_call_and_transcript_that_the_sandbox_holds_is_there(company, output):
    slots = company.company.slots(None, None, now=NOW)
    assert len(slots) == 260
    assert {row["id"] for row in output.records["calls"]} == {slot.id for slot in slots}
    ready = {slot.id for slot in slots if slot.transcript_at and slot.transcript_at <= NOW}
    assert {row["callId"] for row in output.records["transcripts"]} == ready
    assert len(ready) < len(slots)


def test_lists_are_whole(company, output):
    data = company.company
    assert len(output.records["users"]) == len(data.users(now=NOW))
    assert len(output.records["workspaces"]) == len(data.workspaces())
    assert len(output.records["scorecards"]) == len(data.scorecards())
    assert len(output.records["trackers"]) == len(data.trackers())
    assert len(output.records["library_folders"]) == len(data.folders())
    assert len(output.records["answered_scorecards"]) == len(data.answered_scorecards(now=NOW))
    content = [data.folder_content(folder["id"], now=NOW) for folder in data.folders()]
    assert len(output.records["library_folder_calls"]) == sum(len(c["calls"]) for c in content)


def test_a_call_arrives_as_gong_has_it(company, output):
    row = max(output.records["calls"], key=lambda call: len(json.dumps(call, default=str)))
    slot = company.company.slot(row["id"], now=NOW)
    theirs = company.company.extensive(slot, now=NOW)
    expected = {**theirs.pop("metaData"), **theirs}
    for entry in [
        *expected["context"],
        *(c for p in expected["parties"] for c in p.get("context", [])),
    ]:
        entry["objects"] = [o for o in entry["objects"] if o.get("timing") in {None, "Now"}]
    assert json.loads(json.dumps(row, default=float)) == json.loads(json.dumps(expected))


def test_numbers_keep_their_exact_value(output):
    stats = [
        stat["value"]
        for call in output.records["calls"]
        for stat in (call.get("interaction") or {}).get("interactionStats", [])
    ]
    assert any(isinstance(value, Decimal) for value in stats)
    assert not any(isinstance(value, float) for value in stats)


def test_each_list_is_asked_for_once(company, run):
    _, paths = run
    for path in ("/v2/workspaces", "/v2/settings/scorecards", "/v2/settings/trackers", "/v2/users"):
        assert paths.count(path) == 1, path
    assert paths.count("/v2/crm/integrations") == 1
    active = [user for user in company.company.users(now=NOW) if user["active"]]
    for path in ("/v2/flows", "/v2/flows/folders", "/v2/tasks"):
        assert paths.count(path) == len(active), path
    assert paths.count("/v2/meetings/integration/status") == 1
    assert paths.count("/v2/library/folders") == len(company.company.workspaces())
    assert paths.count("/v2/library/folder-content") == len(company.company.folders())
    # 260 calls are three pages; two more requests find the oldest call and nothing before it.
    assert paths.count("/v2/calls/extensive") == 3 + 2
    assert paths.count("/v2/calls/transcript") == 3


@pytest.mark.parametrize(("most", "rows"), [(2.0, 2), (1e300, 28), (10**30, 28)])
def test_any_integer_limits_the_records(company, config, most, rows):
    assert len(company.company.users(now=NOW)) == 28
    output = run_tap({**config, "max_records": most}, streams={"users"})
    assert len(output.records["users"]) == rows


def test_only_what_is_wanted_of_a_call_is_asked_for(company, config):
    company.clear_requests()
    wanted = {**config, "call_content": ["parties", "speakers"], "call_context": "None"}
    rows = run_tap(wanted, streams={"calls"}).records["calls"]
    body = company.requests[-1].body
    assert body["contentSelector"] == {
        "context": "None",
        "exposedFields": {"parties": True, "interaction": {"speakers": True}},
    }
    assert any("parties" in row for row in rows)
    assert not any(row.get("content") or row.get("context") for row in rows)


def test_media_links_do_not_displace_the_kind_of_media(company, config):
    rows = run_tap({**config, "call_content": ["media"]}, streams={"calls"}).records["calls"]
    assert {row["media"] for row in rows} <= {"Video", "Audio"}
    assert any(row["mediaUrls"]["audioUrl"].startswith("https://") for row in rows)


def test_one_workspace_alone(company, config):
    wanted = company.company.workspaces()[1]["id"]
    records = run_tap({**config, "workspace_ids": [wanted]}).records
    everything = company.company.slots(None, None, now=NOW)
    ours = {slot.id for slot in everything if slot.workspace_id == wanted}
    assert 0 < len(ours) < len(everything)
    assert {row["id"] for row in records["calls"]} == ours
    assert {row["callId"] for row in records["transcripts"]} <= ours
    for stream in ("calls", "scorecards", "trackers", "library_folders"):
        assert {row["workspaceId"] for row in records[stream]} <= {wanted}, stream


def test_avatars_are_users_only_when_asked_for(company, config):
    plain = run_tap(config, streams={"users"}).records["users"]
    all_of_them = run_tap({**config, "include_avatars": True}, streams={"users"}).records["users"]
    assert len(all_of_them) > len(plain)
