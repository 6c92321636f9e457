"""Whatever Gong's document allows as an answer passes through the tap whole; the rest is told."""

from __future__ import annotations

import functools
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gong_api.command import RunStopped
from gong_api.operation import Operation
from tap_gong import operations
from tap_gong.streams import STREAMS
from tests.answering_server import AnsweringServer
from tests.conftest import examples
from tests.document_answers import UNHEARD_OF, values
from tests.gong_document import answer_schema, document
from tests.singer_run import Output, run_tap
from tests.test_document import LISTS, config
from tests.test_schemas import ELSEWHERE, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator


Leaves = Counter[tuple[tuple[str, ...], Any]]

OPERATIONS = [
    found
    for found in vars(operations).values()
    if isinstance(found, Operation) and found.path.startswith("/v2/")
]
# What only another vintage of the API has, as real accounts answer it.
TEXT, ID, WHOLE = {"type": "string"}, {"type": "integer", "format": "int64"}, {"type": "integer"}


def _rows(name: str, /, **fields: Any) -> dict[str, Any]:
    items = {"type": "object", "properties": fields}
    return {"type": "object", "properties": {name: {"type": "array", "items": items}}}


OF_ANOTHER_VINTAGE = {
    operations.CALL_CRM_ASSOCIATIONS: _rows(
        "associations",
        callId=ID,
        userId=ID,
        created=TEXT,
        associatedCrmObjects={
            "type": "array",
            "items": {"properties": {"accountCrmId": TEXT, "dealCrmId": TEXT}},
        },
    ),
    operations.BRIEFS: _rows("briefs", briefId=ID, name=TEXT),
    operations.FLOW_STEPS: _rows(
        "flows",
        id=TEXT,
        name=TEXT,
        description=TEXT,
        steps={"type": "array", "items": {"properties": {"id": TEXT, "name": TEXT}}},
    ),
    # The document shows flows where folders come.
    operations.FLOW_FOLDERS: _rows(
        "flowsFolders", id=TEXT, name=TEXT, parentFolderId=TEXT, createdById=TEXT
    ),
}
# Where the rows of those are, and of tables that rename what they are made of.
ROWS_OF: dict[str, tuple[str, ...]] = {
    "call_crm_associations": ("associations",),
    "briefs": ("briefs",),
    "flow_steps": ("flows", "steps"),
    "flow_folders": ("flowsFolders",),
    **{name: path for name, path in ROWS.items() if path is not None},
}
# Fields without which there is no row; those are counted, and tested by themselves.
NEEDED = {
    ("calls", "metaData"),
    ("calls", "metaData", "id"),
    ("callTranscripts", "callId"),
}
# What others are asked for by, beside the lists of `LISTS`.
LEADING: dict[str, Any] = {
    **LISTS,
    "/v2/calls/extensive": {"calls": [{"metaData": {"id": "5"}}]},
    "/v2/crm/integrations": {"integrations": [{"integrationId": "6"}]},
    "/v2/flows": {"flows": [{"id": "7"}]},
}
LEADING["/v2/users"] = {
    "users": [{"id": "1", "emailAddress": "ada@example.com", "managerId": "1", "active": True}]
}


# Streams that are asked for by what a list holds, odd as it may be.
LED_TO = {
    operations.USERS: {"user_settings_history", "flows", "tasks", "meeting_integration_status"},
    operations.WORKSPACES: {"library_folders", "permission_profiles"},
    operations.LIBRARY_FOLDERS: {"library_folder_calls"},
    operations.PERMISSION_PROFILES: {"permission_profile_users"},
    operations.CRM_INTEGRATIONS: {"crm_entity_schemas", "crm_objects"},
    operations.FLOWS: {"flow_steps"},
    operations.ACTIVITY_AGGREGATE: {"activity_day_by_day"},
    operations.CALLS_EXTENSIVE: {"transcript_sentences", "transcript_texts", "call_user_access"},
    operations.CALLS: {"transcripts"},
}


@functools.cache
def schema_of(operation: Operation) -> dict[str, Any]:
    known = OF_ANOTHER_VINTAGE.get(operation)
    return known or answer_schema(operation.method, operation.path)


def streams_of(operation: Operation) -> list[Any]:
    """The streams that are made of an operation's answers."""
    document()
    return [stream for stream in STREAMS if stream.operation is operation]


@functools.cache
def answers(operation: Operation) -> st.SearchStrategy[dict[str, Any]]:
    needed = {("calls",)} if operation is operations.CALLS else NEEDED
    rows = operation.records

    def always(path: tuple[str, ...]) -> bool:
        if operation is operations.CALLS and path == ("calls", "id"):
            return True
        return path in needed or path == (rows,)

    return values(schema_of(operation), always=always).map(functools.partial(_proper, rows))


def _proper(rows: str, answer: dict[str, Any]) -> dict[str, Any]:
    """One page, whose rows differ in their ids."""
    told = {**answer, "requestId": "r"}
    if rows:
        told["records"] = {"totalRecords": 2, "currentPageSize": 2}
    listed = answer.get(rows)
    for number, row in enumerate(listed if isinstance(listed, list) else ()):
        for named in (row, row.get("metaData") or {}):
            if named.get("id") is not None:
                named["id"] = f"{named['id']}#{number}"
            if "callId" in named and rows == "callTranscripts":
                named["callId"] = f"{named['callId']}#{number}"
    return told


def serving(operation: Operation, told: Any) -> Any:
    """An answer to whoever asks for an operation; what leads there is always the same."""

    def answer(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        is_asked = (method, path) == (operation.method, operation.path)
        if is_asked or ("{" in operation.path and path.endswith("/settings-history")):
            return 200, told
        if path in LEADING:
            return 200, {"requestId": "r", **LEADING[path]}
        text = "No calls found corresponding to the provided filters"
        return 404, {"requestId": "r", "errors": [text]}

    return answer


@pytest.fixture(scope="module")
def server() -> Iterator[Changeable]:
    with Changeable() as found:
        yield found


class Changeable(AnsweringServer):
    """One server for all examples; what it says is set for each."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.says: Any = None

    def _answer(self, *asked: Any) -> tuple[int, Any]:
        status, told = self.says(*asked)
        return status, told

    def read(self, operation: Operation, told: Any, streams: set[str], **more: Any) -> Output:
        """What the tap makes of an operation's answer."""
        self.says = serving(operation, told)
        detail = "basic" if operation is operations.CALLS else "extensive"
        settings = config(self, call_detail=detail, log_types=["UserActivityLog"], **more)
        return run_tap({**settings, "start_date": "2026-06-09T23:00:00Z"}, streams=streams)


def rows_at(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects of an answer at a path, through lists."""
    if isinstance(value, list):
        for item in value:
            yield from rows_at(item, path)
    elif isinstance(value, dict):
        if not path:
            yield value
        elif path == ("objectTypeToSelectedFields",):
            yield from rows_at(list((value.get(path[0]) or {}).values()), ())
        else:
            yield from rows_at(value.get(path[0]), path[1:])


def leaves(value: Any, schema: dict[str, Any], path: tuple[str, ...] = ()) -> Leaves:
    """How often each value is at each path; ids are text where the schema says so."""
    if isinstance(value, dict):
        found: Leaves = Counter()
        for name, part in value.items():
            found += leaves(part, schema.get("properties", {}).get(name, {}), (*path, name))
        return found
    if isinstance(value, list):
        return sum((leaves(part, schema.get("items", {}), path) for part in value), Counter())
    if value is None or value == "":
        return Counter()
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if is_number and "string" in schema.get("type", ()) and "number" not in schema["type"]:
        value = str(value)
    return Counter([(path, (type(value) is bool, value))])


def flat(stream: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row with what is documented to be elsewhere in the record."""
    if stream == "calls" and "metaData" in row:
        told = {name: part for name, part in row.items() if name not in {"metaData", "media"}}
        return {**row["metaData"], **told, "mediaUrls": row.get("media")}
    return row


PROVEN = pytest.mark.proves(
    "any answer that Gong's document allows, of any operation",
    "tap",
    "each value of it is written, exact; what no schema has is named",
)


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(found, marks=PROVEN if found is operations.CALLS_EXTENSIVE else ())
        for found in OPERATIONS
    ],
    ids=str,
)
@examples(2)
@given(data=st.data())
def test_no_leaf_is_lost_whatever_is_answered(server, operation, data):
    streams = streams_of(operation)
    if operation is operations.CALLS:
        streams = [stream for stream in STREAMS if stream.name in {"calls", "call_index"}]
    told = data.draw(answers(operation))
    led = LED_TO.get(operation, set())
    output = server.read(operation, told, {stream.name for stream in streams} | led)
    assert set(output.failed) <= led
    schemas = {m["stream"]: m["schema"] for m in output.of("SCHEMA")}
    for stream in streams:
        records = output.records[stream.name]
        if not records:
            found: Leaves = Counter()
        else:
            schema = schemas[stream.name]
            validator = jsonschema.Draft202012Validator(schema)
            for record in records:
                validator.validate(record)
                assert all(record[key] is not None for key in stream.primary_keys)
            found = leaves(records, {"items": schema})
        path = ROWS_OF.get(stream.name, (operation.records,))
        if stream.name in {"call_index", "tracker_keywords"} or ROWS.get(stream.name, ()) is None:
            continue
        expected: Leaves = Counter()
        for row in rows_at(told, path):
            expected += leaves(flat(stream.name, row), stream.schema)
        reported = output.unknown_fields.get(stream.name, [])
        missing = {
            (where, value)
            for where, value in expected - found
            if where not in ELSEWHERE.get(stream.name, set()) and where[-1:] != ("requestId",)
        }
        for where, _ in list(missing):
            if where[0] == UNHEARD_OF:
                assert UNHEARD_OF in reported
                missing = {leaf for leaf in missing if leaf[0] != where}
        assert not missing, stream.name


# (operation, where it is odd, what is there instead, words of the message)
MISSHAPEN = [
    (operations.USERS, ("users",), "all of them", "without its list of users"),
    (operations.USERS, ("users", 0), None, "rows that are no objects"),
    (operations.USERS, ("users", 0), 7, "rows that are no objects"),
    (operations.USERS, ("users", 0, "settings"), "on", "text as settings, where an object"),
    (operations.USERS, ("users", 0, "trustedEmailAddress"), None, ""),
    (operations.CALLS_EXTENSIVE, ("calls", 0, "metaData"), [], "a list as metaData"),
    (operations.CALLS_EXTENSIVE, ("calls", 0, "id"), {}, "an object as id"),
    (operations.CALLS_EXTENSIVE, ("calls", 0, "parties"), "Ada", "text as parties, where a list"),
    (operations.CALLS_EXTENSIVE, ("calls", 0, "parties"), [["Ada"]], "a list as parties"),
    (operations.CALLS_EXTENSIVE, ("calls", 0, "content"), 5, "a number as content"),
    (operations.CALLS_EXTENSIVE, ("calls", 0, "content"), {"trackers": {"id": "1"}}, "trackers"),
    (operations.TRANSCRIPTS, ("callTranscripts", 0, "transcript"), True, "true or false as trans"),
    (operations.TRANSCRIPTS, ("callTranscripts", 0, "callId"), ["1"], "a list as callId"),
    (
        operations.ACTIVITY_DAY_BY_DAY,
        ("usersDetailedActivities", 0, "userDailyActivityStats"),
        {},
        "an object as userDailyActivityStats",
    ),
    (operations.CRM_ENTITY_SCHEMA, ("objectTypeToSelectedFields",), [], "a list as objectType"),
    (operations.SCORECARDS, ("scorecards", 0, "questions"), "many", "text as questions"),
    (operations.COACHING, ("coachingData", 0, "directReportsMetrics"), "x", "directReportsMetrics"),
    (operations.LIBRARY_FOLDER_CONTENT, ("calls", 0, "snippet"), [1], "a list as snippet"),
    (operations.USERS, ("records",), {"cursor": 17}, "a cursor that is no text"),
    (operations.USERS, ("records",), {"cursor": ["a"]}, "a cursor that is no text"),
]


@pytest.mark.parametrize(("operation", "where", "odd", "words"), MISSHAPEN)
def test_what_is_of_another_form_fails_its_streams_with_words(
    server, caplog, operation, where, odd, words
):
    told: Any = odd
    for name in reversed(where):
        row = {} if name == where[0] else {"id": "1", "callId": "1"}
        told = [told] if isinstance(name, int) else {**row, name: told}
    told["requestId"] = "r"
    streams = {stream.name for stream in streams_of(operation)}
    output = server.read(operation, told, {*streams, "call_outcomes"})
    assert words in caplog.text
    assert "Traceback" not in caplog.text
    assert bool(output.failed) == bool(words)
    assert set(output.failed) <= streams


@pytest.mark.proves(
    "half of a character in an answer", "tap", "U+FFFD stands for it; the rest is as it was"
)
def test_text_cut_in_the_middle_of_a_character_passes(server):
    told = (
        rb'{"requestId": "r", "users": [{"id": "1", "title": "a\ud83d", "firstName": "\\ud83d"}]}'
    )
    output = server.read(operations.USERS, told, {"users"})
    assert output.records["users"] == [{"id": "1", "title": "a\ufffd", "firstName": "\\ud83d"}]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"[]", "JSON that is not Gong's"),
        (b'"users"', "JSON that is not Gong's"),
        (b'{"users": ' + b"[" * 5000 + b"]" * 5000 + b"}", "that cannot be read|nested too deep"),
        (b'{"users": [{"id": NaN}]}', "is not JSON"),
        (b'{"requestId": "r", "users": [{"id": 1' + b"0" * 5000 + b"}]}", "cannot be read"),
    ],
)
def test_what_is_no_answer_ends_the_run_with_words(server, told, words):
    with pytest.raises(RunStopped, match=words) as stopped:
        server.read(operations.USERS, told, {"users"})
    assert "\n" not in str(stopped.value)


def test_a_row_without_an_id_is_read_though_nothing_can_be_asked_for_by_it(server, caplog):
    told = {"requestId": "r", "flows": [{"name": "a"}, {"name": "b"}, {"id": 1, "name": "c"}]}
    output = server.read(operations.FLOWS, told, {"flows"})
    assert [row["name"] for row in output.records["flows"]] == ["a", "b", "c"]
    told = {"requestId": "r", "folders": [{"name": "a"}, {"id": "2", "name": "b"}]}
    output = server.read(
        operations.LIBRARY_FOLDERS, told, {"library_folders", "library_folder_calls"}
    )
    assert output.failed == []
    assert [row["name"] for row in output.records["library_folders"]] == ["a", "b"]
    assert "lists a library folder without id" in caplog.text


def test_an_id_is_one_segment_of_a_path(server):
    asked = []

    def answer(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        asked.append(path)
        if path == "/v2/users":
            return 200, {"requestId": "r", "users": [{"id": "../calls?a=#"}]}
        return 200, {"requestId": "r", "userSettingsHistory": []}

    with AnsweringServer(answer) as found:
        run_tap(config(found), streams={"user_settings_history"})
    assert asked[1:] == ["/v2/users/..%2Fcalls%3Fa%3D%23/settings-history"]


@pytest.mark.proves(
    "an answer of another form than the document's",
    "tap",
    "exit code 1, naming stream and field; that stream's bookmark stays, others are read",
)
def test_a_stream_that_failed_keeps_its_bookmark(server):
    rows = [
        {"scorecardId": 1, "updated": "2026-06-01T00:00:00Z", "questions": "none"},
        {"scorecardId": 2, "updated": "2026-06-10T00:00:00Z"},
    ]
    told = {"requestId": "r", "scorecards": rows}
    output = server.read(operations.SCORECARDS, told, {"scorecards", "scorecard_questions"})
    assert set(output.failed) == {"scorecards", "scorecard_questions"}
    assert "replication_key_value" not in str(output.state)


@pytest.mark.parametrize("alone", [False, True], ids=["among others", "alone"])
def test_an_odd_part_of_a_call_fails_the_streams_made_of_that_part_alone(server, alone):
    odd = {"metaData": {"id": "5"}, "content": {"outline": {}, "topics": [{"name": "Price"}]}}
    whole = {"metaData": {"id": "6"}, "content": {"topics": [{"name": "Plans"}]}}
    told = {"requestId": "r", "calls": [odd, whole]}
    streams = {"call_outline"} if alone else {"call_outline", "call_topics", "transcripts"}
    output = server.read(operations.CALLS_EXTENSIVE, told, streams)
    assert output.failed == ["call_outline"]
    assert "replication_key_value" not in output.state.get("bookmarks", {}).get("call_outline", {})
    if not alone:
        assert {row["callId"] for row in output.records["call_topics"]} == {"5", "6"}
        bookmarks = output.state["bookmarks"]
        assert "replication_key_value" in bookmarks["call_topics"]
        assert "replication_key_value" in bookmarks["transcripts"]


@pytest.mark.parametrize("told", [{}, {"call": None}, {"call": {}}])
def test_an_answer_without_a_call_is_no_call(server, told, caplog):
    asked = []

    def answer(method: str, path: str, *_: Any) -> tuple[int, Any]:
        asked.append(path)
        return 200, {"requestId": "r", **told}

    server.says = answer
    named = config(server, call_detail="basic", call_ids=["7?a=#"])
    output = run_tap(named, streams={"calls"})
    assert output.failed == []
    assert not output.records
    assert "/v2/calls/7%3Fa%3D%23" in asked
    assert "Gong shows no call 7?a=#" in caplog.text


def test_an_answer_with_another_thing_than_a_call_fails_in_words(server, caplog):
    server.says = lambda *_: (200, {"requestId": "r", "call": ["5"]})
    output = run_tap(config(server, call_detail="basic", call_ids=["5"]), streams={"calls"})
    assert output.failed == ["calls"]
    assert "a list as call, where an object belongs" in caplog.text
