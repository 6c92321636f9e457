"""Every stream against a server that knows nothing but Gong's document, and recorded answers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import jsonschema
import pytest

from tap_gong.streams import STREAMS
from tests.answering_server import AnsweringServer, DocumentServer
from tests.gong_document import recorded
from tests.singer_run import Output, run_tap

# Only another vintage of the API has these (see the settings of streams in the README).
OF_ANOTHER_VINTAGE = {
    "/v2/calls/manual-crm-associations",
    "/v2/settings/briefs",
    "/v2/flows/steps",
}
# Made of what automation rules post.
OF_NO_OPERATION = {"to gong-webhook"}
ALL = {stream.name for stream in STREAMS}


def config(server: AnsweringServer, **more: Any) -> dict[str, Any]:
    return {
        "api_url": server.url,
        "access_key": "key",
        "access_key_secret": "secret",
        "requests_per_second": 0,
        "max_retries": 0,
        "start_date": "2026-06-09T12:00:00Z",
        "end_date": "2026-06-11T12:00:00Z",
        "crm_object_ids": ["a-1", "a-2"],
        "crm_prospect_ids": ["p-1"],
        "email_addresses": ["ada@example.com"],
        "phone_numbers": ["+15550000001"],
        **more,
    }


@pytest.fixture(scope="module")
def served() -> tuple[DocumentServer, Output]:
    with DocumentServer() as server:
        output = run_tap(config(server, call_content=["parties", "media"]), streams=ALL)
        return server, run_tap(config(server), streams=ALL, output=output)


def test_no_request_is_made_that_the_document_does_not_allow(served):
    server, _ = served
    unknown = {fault for fault in server.faults if "not in the document" not in fault}
    assert unknown == set()
    missing = {fault.split()[1].rstrip(":") for fault in server.faults}
    assert missing == OF_ANOTHER_VINTAGE


def test_every_read_operation_of_the_document_is_used(served):
    server, _ = served
    assert {line.split()[1] for line in server.answered} >= {
        stream.operation.path for stream in STREAMS
    } - OF_ANOTHER_VINTAGE - OF_NO_OPERATION


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_what_the_document_answers_is_valid_and_keyed(served, stream):
    _, output = served
    rows = output.records[stream.name]
    if stream.operation.path in OF_ANOTHER_VINTAGE | OF_NO_OPERATION:
        assert rows == []
        return
    schema = next(m for m in output.of("SCHEMA") if m["stream"] == stream.name)["schema"]
    validator = jsonschema.Draft202012Validator(schema)
    for row in rows:
        validator.validate(row)
    keys = [tuple(row[key] for key in stream.primary_keys) for row in rows]
    assert keys
    assert all(part is not None for key in keys for part in key)


def leaves(value: Any) -> Counter[str]:
    """How often each leaf value is in some JSON; ids count as text."""
    if isinstance(value, dict):
        return sum((leaves(part) for part in value.values()), Counter())
    if isinstance(value, list):
        return sum((leaves(part) for part in value), Counter())
    if value is None or value == "":
        return Counter()
    text = str(value) if isinstance(value, (int, str)) else json.dumps(value, default=float)
    return Counter([text])


# Recorded answers of reads, and the stream that owns each.
RECORDINGS = {
    "calls": ["calls", "list-calls", "fetch-call-extensive-data"],
    "transcripts": ["call-transcripts", "list-call-transcripts", "fetch-call-transcripts"],
    "users": ["users", "list-users"],
    "user_settings_history": ["get-user-settings-history"],
    "workspaces": ["workspaces", "list-workspaces"],
    "permission_profiles": ["list-permission-profiles"],
    "permission_profile_users": ["list-permission-profile-users"],
    "library_folders": ["library-folders", "list-library-folders"],
    "library_folder_calls": ["list-library-folder-content"],
    "scorecards": ["scorecards", "list-scorecards"],
    "trackers": ["trackers", "list-trackers"],
    "call_outcomes": ["call-outcomes", "list-call-outcomes"],
    "call_user_access": ["get-call-users-access"],
    "logs": ["get-logs"],
    "flows": ["list-flows"],
    "flow_folders": ["list-flow-folders"],
    "flow_prospects": ["list-flow-prospects"],
    "meeting_integration_status": ["get-meeting-integration-status"],
    "email_address_references": ["get-data-for-email"],
    "phone_number_references": ["get-data-for-phone"],
}
# What an answer says beside its rows.
NOT_ROWS = {"requestId", "records"}


# What streams fan out over, to lead them to the operation whose answer was recorded.
LISTS = {
    "/v2/users": {"users": [{"id": "1", "emailAddress": "ada@example.com"}]},
    "/v2/workspaces": {"workspaces": [{"id": "2", "name": "Sales"}]},
    "/v2/library/folders": {"folders": [{"id": "3", "name": "Best"}]},
    "/v2/all-permission-profiles": {"profiles": [{"id": "4", "name": "Admin"}]},
}


def replaying(said: dict[str, Any], paths: set[str]) -> Any:
    """An answer that was recorded, to whoever asks at one of the paths."""

    def answer(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        if path in paths or path.startswith("/v2/users/"):
            return 200, {**said, "records": {**said.get("records", {}), "cursor": None}}
        if path in LISTS:
            return 200, {"requestId": "r", **LISTS[path]}
        text = "No calls found corresponding to the provided filters"
        return 404, {"requestId": "r", "errors": [text]}

    return answer


@pytest.mark.parametrize(
    ("stream", "recording"),
    [(stream, name) for stream, names in RECORDINGS.items() for name in names],
)
def test_no_leaf_of_a_recorded_answer_is_lost(stream, recording):
    owner = next(kind for kind in STREAMS if kind.name == stream)
    exchanges = [
        e for e in recorded(recording) if e["status"] == 200 and isinstance(e["response"], dict)
    ]
    if not exchanges:
        pytest.skip("only refusals were recorded")
    for exchange in exchanges:
        said = {**exchange["response"]}
        path = exchange["endpoint"].partition("?")[0]
        with AnsweringServer(replaying(said, {path, owner.operation.path})) as server:
            more = {"call_detail": "basic"} if path == "/v2/calls" else {}
            settings = config(server, log_types=["UserActivityLog"], **more)
            output = run_tap(settings, streams={stream})
        rows: list[Any] = output.records[stream]
        theirs = leaves({k: v for k, v in said.items() if k not in NOT_ROWS})
        if stream == "library_folder_calls":
            theirs = leaves(said["calls"])
        missing = theirs - leaves(rows)
        assert not missing, missing


def test_an_operation_that_gong_lacks_fails_alone():
    """GET /v2/calls/{id} may answer in place of an operation that this Gong does not have."""

    def answer(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        if path.startswith("/v2/calls/"):
            return 200, {"requestId": "r", "call": {"id": "1"}}
        return 200, {"requestId": "r", "outcomes": [{"callOutcome": "Connected"}]}

    with AnsweringServer(answer) as server:
        output = run_tap(config(server), streams={"call_crm_associations", "call_outcomes"})
    assert output.failed == ["call_crm_associations"]
    assert output.records["call_outcomes"]


def test_fields_that_gong_adds_are_reported_and_nested_ones_kept():
    def answer(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        user = {"id": "1", "mood": "good", "settings": {"hologram": True}}
        return 200, {"requestId": "r", "users": [user, {"id": "2"}]}

    with AnsweringServer(answer) as server:
        output = run_tap(config(server), streams={"users"})
    assert output.unknown_fields == {"users": ["mood", "settings.hologram"]}
    assert output.records["users"] == [{"id": "1", "settings": {"hologram": True}}, {"id": "2"}]


def test_a_product_without_a_licence_fails_its_stream_alone(caplog):
    """Gong answers 500 to tasks where Engage is not licensed, and 403 to flows."""

    def answer(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        if path in LISTS:
            return 200, {"requestId": "r", **LISTS[path]}
        if path == "/v2/tasks":
            return 500, {"requestId": "r", "errors": ["Internal server error occurred"]}
        return 403, {"requestId": "r", "errors": ["Forbidden"]}

    with AnsweringServer(answer) as server:
        output = run_tap(config(server), streams={"tasks", "flows", "users"})
    assert output.failed == ["flows", "tasks"]
    assert output.records["users"]
    assert "tasks is not whole: Gong answered 500" in caplog.text
    assert "licence" in caplog.text
