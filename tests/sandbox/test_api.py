"""The sandbox over HTTP: it answers, refuses, pages, waits and breaks as Gong does."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from click.testing import CliRunner
from typing_extensions import Self

from gong_sandbox import Sandbox
from gong_sandbox.api.app import OPERATIONS
from gong_sandbox.api.faults import KINDS
from gong_sandbox.cli import main
from tests.clocks import NOW
from tests.gong_document import answer_schema, leaves, recorded

CALLS = "/v2/calls"
EXTENSIVE = "/v2/calls/extensive"
TRANSCRIPT = "/v2/calls/transcript"
USERS = "/v2/users"
REVIEWS = "/v2/stats/activity/scorecards"
FOLDERS = "/v2/library/folders"
TOKEN = "/oauth2/generate-customer-token"
UNLIMITED: dict[str, Any] = {"requests_per_second": 0, "daily_requests": 0}
NO_CALLS = ["No calls found corresponding to the provided filters"]

# Operations whose tests are in modules of their own.
ELSEWHERE = (
    "/v2/crm/",
    "/v2/flows",
    "/v2/tasks",
    "/v2/data-privacy/",
    "/v2/calls/manual-crm-associations",
    "/v2/settings/briefs",
    "/v2/meetings",
    "/v2/customer-engagement/",
    "/v2/digital-interaction",
    "/v2/integration-settings",
    "/v2/entities/",
    "/v2/all-permission-profiles",
    "/v2/permission-profile",
    "/v2/calls/users-access",
    "/v2/calls/{id}/media",
    "/v2/stats/activity/aggregate",
    "/v2/stats/activity/day-by-day",
    "/v2/stats/interaction",
    "/v2/users/{id}/settings-history",
    "/v2/logs",
    "/v2/coaching",
    "/v2/call-outcomes",
)
HERE = [
    operation
    for operation in OPERATIONS
    if not operation[1].startswith(ELSEWHERE) and operation[:2] != ("POST", CALLS)
]

CONTENT = (
    *("structure", "topics", "trackers", "trackerOccurrences", "brief", "outline", "highlights"),
    *("callOutcome", "keyPoints"),
)
EVERYTHING = {
    "context": "Extended",
    "contextTiming": ["Now", "TimeOfCall"],
    "exposedFields": {
        "parties": True,
        "content": dict.fromkeys(CONTENT, True),
        "interaction": dict.fromkeys(
            ("speakers", "video", "personInteractionStats", "questions"), True
        ),
        "collaboration": {"publicComments": True},
        "media": True,
    },
}


def send(sandbox: Sandbox, method: str, path: str, body: Any = None, **query: Any):
    return requests.request(
        method,
        sandbox.url + path,
        params=query,
        json=body,
        auth=(sandbox.access_key, sandbox.access_key_secret),
        timeout=20,
    )


def good(response: requests.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def get(sandbox: Sandbox, path: str, **query: Any) -> Any:
    return good(send(sandbox, "GET", path, **query))


def post(sandbox: Sandbox, path: str, given: dict[str, Any] | None = None, **more: Any) -> Any:
    return good(send(sandbox, "POST", path, {"filter": given or {}, **more}))


def refusal(response: requests.Response) -> tuple[int, list[str]]:
    return response.status_code, response.json()["errors"]


def details(sandbox: Sandbox, selector: dict[str, Any], **given: Any) -> Any:
    return post(sandbox, EXTENSIVE, given, contentSelector=selector)["calls"]


def exposing(*path: str) -> dict[str, Any]:
    """A selector with one switch on."""
    switch: Any = True
    for name in reversed(path):
        switch = {name: switch}
    return {"exposedFields": switch}


def ids(page: dict[str, Any]) -> list[str]:
    """Of the rows of any paged answer."""
    (rows,) = (value for value in page.values() if isinstance(value, list))
    return [
        row.get("answeredScorecardId")
        or row.get("id")
        or row.get("callId")
        or row["metaData"]["id"]
        for row in rows
    ]


def ask_page(sandbox: Sandbox, method: str, path: str, cursor: str | None = None) -> Any:
    if method == "GET":
        return get(sandbox, path, cursor=cursor)
    return post(sandbox, path, cursor=cursor)


def chain(sandbox: Sandbox, method: str, path: str) -> list[dict[str, Any]]:
    """All pages, from the first on."""
    pages = [ask_page(sandbox, method, path)]
    while cursor := pages[-1]["records"].get("cursor"):
        pages.append(ask_page(sandbox, method, path, cursor))
    return pages


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture(scope="module")
def empty():
    """A company that has not made a call, and a key without one scope."""
    with Sandbox(calls=0, now=NOW, without_scopes=["api:stats:scorecards"], **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def narrow():
    """Pages of seven rows."""
    with Sandbox(calls=60, days=20, now=NOW, page_size=7, **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture
def moving(narrow):
    """The same, for tests that move its clock."""
    yield narrow
    narrow.clock.set(NOW)


@pytest.fixture(scope="module")
def tiny():
    """One for faults and tokens: after each test it is as it was."""
    with Sandbox(calls=3, days=2, now=NOW, **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def all_details(company):
    """All calls with everything, a page at a time."""
    pages = [post(company, EXTENSIVE, contentSelector=EVERYTHING)]
    while cursor := pages[-1]["records"].get("cursor"):
        pages.append(post(company, EXTENSIVE, contentSelector=EVERYTHING, cursor=cursor))
    return pages


# What the answers look like


def loosened(schema: Any, name: str = "") -> Any:
    """A schema of the document that allows what Gong is known to send in spite of it."""
    if not isinstance(schema, dict):
        return schema
    if name == "value" and schema.get("type") == "object":
        return {"type": ["string", "number", "boolean", "null"]}
    loose = dict(schema)
    if isinstance(schema.get("type"), str):
        kind = schema["type"]
        loose["type"] = [kind, "null", *(["string"] if kind == "integer" else [])]
    if "enum" in schema:
        loose["enum"] = [*schema["enum"], None]
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            loose[inner] = loosened(schema[inner])
    if "properties" in schema:
        loose["properties"] = {
            key: loosened(prop, key) for key, prop in schema["properties"].items()
        }
    return loose


def misfits(answer: Any, schema: Any) -> list[str]:
    faults = jsonschema.Draft202012Validator(schema).iter_errors(answer)
    return [f"{fault.json_path}: {fault.message}" for fault in faults]


def one_answer(sandbox: Sandbox, method: str, path: str) -> Any:
    """A good answer of an operation."""
    if path == "/v2/calls/{id}":
        return get(sandbox, f"{CALLS}/{ids(get(sandbox, CALLS))[0]}")
    if path == "/v2/users/{id}":
        return get(sandbox, f"{USERS}/{ids(get(sandbox, USERS))[0]}")
    if path == FOLDERS:
        return get(sandbox, path, workspaceId=workspace(sandbox))
    if path == "/v2/library/folder-content":
        return get(sandbox, path, folderId=filled_folder(sandbox))
    if path == REVIEWS:
        return post(sandbox, path, {"reviewMethod": "BOTH"})
    if path in {EXTENSIVE, TRANSCRIPT}:
        some = {"callIds": ids(get(sandbox, CALLS))[:20]}
        return post(sandbox, path, some, contentSelector=EVERYTHING)
    return get(sandbox, path) if method == "GET" else post(sandbox, path)


def workspace(sandbox: Sandbox) -> Any:
    return get(sandbox, "/v2/workspaces")["workspaces"][0]["id"]


def filled_folder(sandbox: Sandbox) -> Any:
    folders = get(sandbox, FOLDERS, workspaceId=workspace(sandbox))["folders"]
    content = (
        get(sandbox, "/v2/library/folder-content", folderId=folder["id"]) for folder in folders
    )
    return next(folder["id"] for folder in content if folder["calls"])


@pytest.mark.parametrize(("method", "path"), [operation[:2] for operation in HERE])
def test_good_answers_fit_the_document(company, method, path):
    answer = one_answer(company, method, path)
    assert not misfits(answer, loosened(answer_schema(method, path)))
    rows = [value for value in answer.values() if isinstance(value, list)]
    assert all(rows), "an answer without rows proves nothing"


def test_the_document_is_not_loosened_to_nothing():
    schema = loosened(answer_schema("GET", CALLS))
    for call in ({"id": 7}, {"media": "Paper"}, {"isPrivate": "no"}, {"duration": 0.5}):
        assert misfits({"calls": [call]}, schema), call


def found_leaves(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(value, dict):
        return set().union(*(found_leaves(item, (*path, key)) for key, item in value.items()))
    if isinstance(value, list):
        return set().union(*(found_leaves(item, path) for item in value)) or {path}
    return {path}


def test_every_field_of_a_call_in_the_document_is_shown_somewhere(all_details):
    calls = answer_schema("POST", EXTENSIVE)["properties"]["calls"]["items"]
    documented = leaves(calls)
    assert len(documented) == 87
    missing = documented - found_leaves([page["calls"] for page in all_details])
    # A party's objects say no timing, as accounts often do not.
    assert missing <= {("parties", "context", "objects", "timing")}


def habits(value: Any, path: str = "") -> dict[str, set[Any]]:
    """By place: which sets of keys its objects have, which types its values are of, but null."""
    found: dict[str, set[Any]] = {}
    if isinstance(value, dict):
        found[f"{path} keys"] = {frozenset(value) - {"records"}}
        inner = [habits(item, f"{path}.{key}") for key, item in value.items() if key != "records"]
    elif isinstance(value, list):
        inner = [habits(item, f"{path}[]") for item in value]
    else:
        return {path: {type(value).__name__} - {"NoneType"}}
    for part in inner:
        for place, facts in part.items():
            found.setdefault(place, set()).update(facts)
    return found


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("list-users", USERS),
        ("get-user", "/v2/users/{id}"),
        ("users", "/v2/users/extensive"),
        ("scorecards", "/v2/settings/scorecards"),
        ("list-trackers", "/v2/settings/trackers"),
        ("list-library-folders", FOLDERS),
        ("list-library-folder-content", "/v2/library/folder-content"),
        ("workspaces", "/v2/workspaces"),
    ],
)
def test_keys_nulls_and_types_are_as_recorded(company, name, path):
    (exchange,) = recorded(name)
    theirs = habits(exchange["response"])
    ours = habits(one_answer(company, exchange["method"], path))
    for place, facts in theirs.items():
        if place.endswith("keys"):
            assert ours[place] == facts, place
        elif facts:
            assert ours.get(place, set()) <= facts, place


def test_a_call_has_all_its_keys_and_says_null_for_unknown(company):
    calls = get(company, CALLS)["calls"]
    (keys,) = {frozenset(call) for call in calls}
    assert len(keys) == 20
    for name in ("sdrDisposition", "clientUniqueId", "customData", "purpose", "calendarEventId"):
        assert any(call[name] is None for call in calls), name
    call = calls[7]
    assert get(company, f"{CALLS}/{call['id']}")["call"] == call


def test_request_ids_are_of_gongs_form_unlike_each_other_and_in_the_header(company):
    answers = [
        send(company, "GET", USERS),
        send(company, "GET", USERS),
        send(company, "GET", f"{CALLS}/1"),
        send(company, "GET", "/v2/nowhere"),
        send(company, "DELETE", USERS),
        send(company, "POST", EXTENSIVE, {}),
        requests.get(company.url + USERS, timeout=20),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 405, 400, 401]
    for answer in answers:
        assert re.fullmatch(r"[0-9a-z]{19}", answer.json()["requestId"])
        assert answer.headers["x-traceid"] == answer.json()["requestId"]
        assert answer.headers["content-type"].lower() == "application/json;charset=utf-8"
    assert len({answer.json()["requestId"] for answer in answers}) == len(answers)


# Who may come in, and what is refused


def test_without_credentials_nothing_is_answered(company):
    answer = requests.get(company.url + USERS, timeout=20)
    assert refusal(answer) == (401, ['Missing mandatory header "Authorization"'])


@pytest.mark.parametrize(
    "header",
    [
        "Basic " + base64.b64encode(b"sandbox:wrong").decode(),
        "Basic " + base64.b64encode(b"sandbox").decode(),
        "Basic %%%",
        "Basic",
        b"Basic \xe9\xe9\xe9",
        "Bearer nonsense",
        "sandbox:sandbox",
    ],
)
def test_wrong_credentials_are_told_so(company, header):
    answer = requests.get(company.url + USERS, headers={"Authorization": header}, timeout=20)
    status, (text,) = refusal(answer)
    assert status == 401
    assert text.startswith("Validate credentials failed")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Gong.io API"'


@pytest.mark.parametrize("path", ["/v2/nowhere", "/v2/users/", "/v2", "/v3/users", "/robots.txt"])
def test_unknown_paths_are_unknown_only_to_those_who_may_come_in(company, path):
    assert requests.get(company.url + path, timeout=20).status_code == 401
    assert refusal(send(company, "GET", path)) == (404, ["Not Found"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v2/workspaces"), ("PUT", EXTENSIVE), ("DELETE", USERS), ("GET", TRANSCRIPT)],
)
def test_wrong_verbs_are_refused(company, method, path):
    assert refusal(send(company, method, path)) == (405, ["Method Not Allowed"])
    assert requests.request(method, company.url + path, timeout=20).status_code == 401


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_that_is_not_declared_json_is_refused(company, kind):
    answer = requests.post(
        company.url + EXTENSIVE,
        data=b'{"filter": {}}',
        headers={"Content-Type": kind} if kind else {},
        auth=("sandbox", "sandbox"),
        timeout=20,
    )
    assert refusal(answer) == (415, ["Unsupported Media Type"])


def test_verbs_and_types_are_refused_in_recorded_words(company):
    nothing: dict[str, Any] = {}
    plain_text: dict[str, Any] = {"data": b"{}", "headers": {"Content-Type": "text/plain"}}
    for name, method, path, sent in (
        ("ask-entity", "POST", "/v2/workspaces", nothing),
        ("get-crm-entities", "POST", EXTENSIVE, plain_text),
    ):
        (exchange,) = recorded(name)
        answer = requests.request(
            method, company.url + path, auth=("sandbox", "sandbox"), timeout=20, **sent
        )
        assert refusal(answer) == (exchange["status"], exchange["response"]["errors"])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"filter": 3}', b"\xff"])
def test_malformed_json_is_refused(company, content):
    answer = requests.post(
        company.url + EXTENSIVE,
        data=content,
        headers={"Content-Type": "application/json"},
        auth=("sandbox", "sandbox"),
        timeout=20,
    )
    status, (text,) = refusal(answer)
    assert status == 400
    assert text.startswith("Json parse error")


@pytest.mark.parametrize("path", [path for method, path, *_ in HERE if method == "POST"])
def test_a_filter_is_mandatory_but_may_be_empty(company, path):
    assert refusal(send(company, "POST", path, {})) == (400, ["filter: must not be null"])
    assert post(company, path, {})["records"]["totalRecords"] > 0


def test_an_empty_filter_scans_everything(company):
    everything = len(company.company.slots(None, None, now=NOW))
    assert everything == 260
    for path in (EXTENSIVE, TRANSCRIPT):
        assert post(company, path)["records"]["totalRecords"] >= everything
    # Gong's description calls the range mandatory; Gong does not.
    assert get(company, CALLS)["records"]["totalRecords"] >= everything


@pytest.mark.parametrize("end", ["2026-05-01T00:00:00Z", "2026-05-02T01:00:00+02:00"])
@pytest.mark.parametrize("path", [EXTENSIVE, TRANSCRIPT])
def test_inverted_ranges_are_refused(company, path, end):
    given = {"fromDateTime": "2026-05-02T00:00:00Z", "toDateTime": end}
    expected = (400, ["filter.fromDateTime: must be before toDateTime"])
    assert refusal(send(company, "POST", path, {"filter": given})) == expected
    assert send(company, "GET", CALLS, **given).status_code == 400


@pytest.mark.parametrize(
    "given",
    [
        {"fromDateTime": "yesterday"},
        {"fromDateTime": "2026-05-01"},
        {"fromDateTime": "2026-13-01T00:00:00Z"},
        {"toDateTime": 1_780_000_000},
        {"callIds": "7782342274025937895"},
        {"callIds": ["a call"]},
        {"callIds": ["9" * 21]},
        {"workspaceId": ["1"]},
    ],
)
def test_malformed_filters_are_refused(company, given):
    assert send(company, "POST", EXTENSIVE, {"filter": given}).status_code == 400


@pytest.mark.parametrize("text", ["yesterday", "2026-05-01", "2026-05-01T00:00:00 02:00"])
def test_malformed_times_in_a_query_are_refused(company, text):
    assert send(company, "GET", CALLS, fromDateTime=text).status_code == 400


@pytest.mark.parametrize("text", ["01.05.2026", "20260501", "2026-02-30", "", 3])
def test_malformed_days_are_refused(company, text):
    body = {"filter": {"reviewFromDate": text}}
    assert send(company, "POST", REVIEWS, body).status_code == 400


@pytest.mark.parametrize(
    "selector",
    [
        {"context": "Everything"},
        {"context": "Extended", "contextTiming": ["Yesterday"]},
        {"context": "Extended", "contextTiming": 3},
        {"context": "Basic", "contextTiming": ["Now"]},
        {"exposedFields": True},
        {"exposedFields": {"content": ["brief"]}},
        "everything",
    ],
)
def test_selectors_that_make_no_sense_are_refused(company, selector):
    body = {"filter": {}, "contentSelector": selector}
    assert send(company, "POST", EXTENSIVE, body).status_code == 400


def test_unknown_words_are_refused(company):
    status, (text,) = refusal(
        send(company, "POST", REVIEWS, {"filter": {"reviewMethod": "ORACLE"}})
    )
    assert status == 400
    assert text.startswith("Json parse error")


def test_recorded_requests_meet_their_recorded_refusals(empty):
    for name in (
        "calls",
        "list-calls",
        "get-call",
        "get-call-media",
        "fetch-call-extensive-data",
        "call-transcripts",
        "fetch-call-transcripts",
        "get-call-transcript",
        "list-call-transcripts",
        "get-stats-activity-scorecards",
    ):
        for exchange in recorded(name):
            request = exchange["request"]
            answer = send(
                empty,
                exchange["method"],
                exchange["endpoint"],
                request.get("data"),
                **request.get("params", {}),
            )
            expected = exchange["status"], exchange["response"]["errors"]
            assert refusal(answer) == expected, name


def test_a_missing_scope_is_named_and_the_rest_works():
    lacking = ["api:users:read", "api:calls:read:media-url"]
    with Sandbox(calls=3, now=NOW, without_scopes=lacking, **UNLIMITED) as sandbox:
        for answer, scope in (
            (send(sandbox, "GET", USERS), lacking[0]),
            (send(sandbox, "POST", "/v2/users/extensive", {"filter": {}}), lacking[0]),
            (
                send(
                    sandbox,
                    "POST",
                    EXTENSIVE,
                    {"filter": {}, "contentSelector": exposing("media")},
                ),
                lacking[1],
            ),
        ):
            text = f"You don't have permission to use '{scope}' in your app."
            assert refusal(answer) == (401, [text])
            assert "WWW-Authenticate" not in answer.headers
        assert len(post(sandbox, EXTENSIVE)["calls"]) == 3


@pytest.mark.parametrize(
    ("path", "rows"), [("/v2/settings/trackers", "keywordTrackers"), (FOLDERS, "folders")]
)
def test_workspaces_narrow_settings_and_library(company, path, rows):
    spaces = [space["id"] for space in get(company, "/v2/workspaces")["workspaces"]]
    assert len(spaces) == 2
    found = [get(company, path, workspaceId=space)[rows] for space in spaces]
    assert all(found)
    assert not {json.dumps(row) for row in found[0]} & {json.dumps(row) for row in found[1]}
    assert send(company, "GET", path, workspaceId="1").status_code == 404


def test_trackers_of_all_workspaces_come_without_asking_for_one(company):
    trackers = get(company, "/v2/settings/trackers")["keywordTrackers"]
    assert len({tracker["workspaceId"] for tracker in trackers}) == 2


def test_a_company_with_several_workspaces_must_say_which_ones_folders(company):
    assert send(company, "GET", FOLDERS).status_code == 400


def test_folder_content_needs_a_folder(company):
    path = "/v2/library/folder-content"
    assert send(company, "GET", path).status_code == 400
    assert send(company, "GET", path, folderId="1").status_code == 404


def test_unknown_single_things_are_not_found(company):
    assert refusal(send(company, "GET", f"{CALLS}/12")) == (404, ["Call ID 12 was not found"])
    assert send(company, "GET", f"{USERS}/12").status_code == 404


def test_filtered_lists_are_404_when_empty(company):
    past = {"fromDateTime": "2001-01-01T00:00:00Z", "toDateTime": "2001-01-02T00:00:00Z"}
    assert refusal(send(company, "GET", CALLS, **past)) == (404, NO_CALLS)
    for path in (EXTENSIVE, TRANSCRIPT):
        assert refusal(send(company, "POST", path, {"filter": past})) == (404, NO_CALLS)
    created = {"createdToDateTime": "2001-01-01T00:00:00Z"}
    answer = send(company, "POST", "/v2/users/extensive", {"filter": created})
    assert refusal(answer) == (404, ["No users found corresponding to the provided filters"])


# Paging


@pytest.mark.parametrize(
    ("method", "path"), [("GET", CALLS), ("POST", EXTENSIVE), ("POST", TRANSCRIPT)]
)
def test_pages_hold_100_rows_and_a_cursor_only_while_there_are_more(company, method, path):
    pages = chain(company, method, path)
    records = [page["records"] for page in pages]
    assert [record["currentPageNumber"] for record in records] == [0, 1, 2]
    assert ["cursor" in record for record in records] == [True, True, False]
    assert len({record["totalRecords"] for record in records}) == 1
    assert [record["currentPageSize"] for record in records] == [len(ids(page)) for page in pages]
    if path != TRANSCRIPT:
        assert [len(ids(page)) for page in pages] == [100, 100, 60]


def test_calls_come_oldest_first_and_each_once(company):
    expected = [slot.id for slot in company.company.slots(None, None, now=NOW)]
    assert [call for page in chain(company, "GET", CALLS) for call in ids(page)] == expected
    assert [call for page in chain(company, "POST", EXTENSIVE) for call in ids(page)] == expected


def test_transcripts_come_once_for_each_call_that_has_one(company):
    expected = [
        slot.id
        for slot in company.company.slots(None, None, now=NOW)
        if slot.transcript_at and slot.transcript_at <= NOW
    ]
    assert 200 < len(expected) < 260
    assert [call for page in chain(company, "POST", TRANSCRIPT) for call in ids(page)] == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CALLS),
        ("POST", EXTENSIVE),
        ("POST", TRANSCRIPT),
        ("GET", USERS),
        ("POST", "/v2/users/extensive"),
        ("POST", REVIEWS),
    ],
)
def test_whatever_pages_yields_every_row_once(narrow, method, path):
    pages = chain(narrow, method, path)
    rows = [row for page in pages for row in ids(page)]
    assert len(pages) > 1
    assert len(rows) == len(set(rows))
    if path != TRANSCRIPT:
        assert len(rows) == pages[0]["records"]["totalRecords"]
        assert all(len(ids(page)) == 7 for page in pages[:-1])


def test_a_cursor_in_the_query_of_a_post_is_ignored(narrow):
    first = post(narrow, EXTENSIVE)
    cursor = first["records"]["cursor"]
    again = good(send(narrow, "POST", EXTENSIVE, {"filter": {}}, cursor=cursor))
    assert ids(again) == ids(first)
    within = post(narrow, EXTENSIVE, {"cursor": cursor})
    assert ids(within) == ids(first)
    assert not set(ids(post(narrow, EXTENSIVE, cursor=cursor))) & set(ids(first))


def test_unknown_query_parameters_change_nothing(company):
    assert len(get(company, CALLS, limit=5, pageSize=5)["calls"]) == 100


def test_totals_are_frozen_along_a_chain(sandbox):
    sandbox.site.page_size = 10
    first = get(sandbox, CALLS)
    ahead, behind = (
        sandbox.company.add_call(filter_time=time, listed_at=NOW, transcript_at=None)
        for time in (NOW - timedelta(hours=1), NOW - timedelta(days=300))
    )
    sandbox.clock.advance(timedelta(minutes=50))
    rest, cursor = [], first["records"]["cursor"]
    while cursor:
        page = get(sandbox, CALLS, cursor=cursor)
        assert page["records"]["totalRecords"] == first["records"]["totalRecords"]
        rest += ids(page)
        cursor = page["records"].get("cursor")
    # The chain goes on behind its last row, whatever has come since.
    assert ahead.id in rest
    assert behind.id not in rest
    assert len(set(ids(first) + rest)) == len(ids(first)) + len(rest)
    fresh = get(sandbox, CALLS)
    assert fresh["records"]["totalRecords"] >= first["records"]["totalRecords"] + 2
    assert ids(fresh)[0] == behind.id


def test_a_row_that_goes_takes_no_other_with_it(sandbox):
    sandbox.site.page_size = 10
    first = get(sandbox, CALLS)
    everything = [slot.id for slot in sandbox.company.slots(None, None, now=NOW)]
    sandbox.company.delete(everything[9])
    sandbox.company.delete(everything[12])
    second = get(sandbox, CALLS, cursor=first["records"]["cursor"])
    assert ids(second) == [*everything[10:12], *everything[13:21]]


@pytest.mark.parametrize(("method", "path"), [("GET", CALLS), ("POST", EXTENSIVE)])
def test_a_chain_ends_an_hour_after_its_first_page(moving, method, path):
    first = ask_page(moving, method, path)["records"]["cursor"]
    moving.clock.advance(timedelta(minutes=59))
    renewed = ask_page(moving, method, path, first)["records"]["cursor"]
    moving.clock.advance(timedelta(minutes=1, seconds=1))
    for cursor in (first, renewed):
        if method == "GET":
            answer = send(moving, method, path, cursor=cursor)
        else:
            answer = send(moving, method, path, {"filter": {}, "cursor": cursor})
        status, (text,) = refusal(answer)
        assert status == 400
        assert "cursor has expired" in text


def test_tampered_cursors_are_refused(narrow):
    cursor = get(narrow, CALLS)["records"]["cursor"]
    head, body, signature = cursor.split(".")
    content = json.loads(base64.urlsafe_b64decode(body + "=="))
    # It looks like Gong's: a token in three parts that says when it ends.
    assert content["exp"] == (NOW + timedelta(hours=1)).timestamp()
    longer = base64.urlsafe_b64encode(json.dumps({**content, "exp": 9e9}).encode()).decode()
    for bad in (f"{head}.{longer}.{signature}", cursor[:-2], "7", "nonsense", "ä.ö.ü"):
        assert send(narrow, "GET", CALLS, cursor=bad).status_code == 400
        answer = send(narrow, "POST", EXTENSIVE, {"filter": {}, "cursor": bad})
        assert answer.status_code == 400


# Time


def test_total_counts_calls_that_ended_but_are_not_listed_yet(sandbox):
    before = get(sandbox, CALLS)
    late = sandbox.company.add_call(
        filter_time=NOW - timedelta(hours=2),
        listed_at=NOW + timedelta(hours=1),
        transcript_at=None,
    )
    after = get(sandbox, CALLS)
    assert after["records"]["totalRecords"] == before["records"]["totalRecords"] + 1
    assert after["records"]["currentPageSize"] == before["records"]["currentPageSize"]
    assert late.id not in ids(after)
    window = {"fromDateTime": late.filter_time.isoformat()}
    assert refusal(send(sandbox, "GET", CALLS, **window)) == (404, NO_CALLS)


def test_a_late_call_appears_once_listed_and_its_transcript_later_still(sandbox):
    late = sandbox.company.add_call(
        filter_time=NOW - timedelta(days=40),
        listed_at=NOW + timedelta(hours=1),
        transcript_at=NOW + timedelta(hours=3),
    )
    given = {"callIds": [late.id]}

    def statuses() -> list[int]:
        return [
            send(sandbox, "GET", f"{CALLS}/{late.id}").status_code,
            send(sandbox, "POST", EXTENSIVE, {"filter": given}).status_code,
            send(sandbox, "POST", TRANSCRIPT, {"filter": given}).status_code,
        ]

    assert statuses() == [404, 404, 404]
    sandbox.clock.set(late.listed_at - timedelta(seconds=1))
    assert statuses() == [404, 404, 404]
    sandbox.clock.set(late.listed_at)
    assert statuses() == [200, 200, 404]
    assert ids(get(sandbox, CALLS))[0] == late.id
    assert "brief" not in str(details(sandbox, exposing("content", "brief"), **given))
    sandbox.clock.set(late.transcript_at)
    assert statuses() == [200, 200, 200]
    (transcript,) = post(sandbox, TRANSCRIPT, given)["callTranscripts"]
    assert transcript["transcript"][0]["sentences"][0]["text"]


def test_a_page_leaves_out_calls_without_a_transcript_but_counts_them(sandbox):
    start = NOW - timedelta(days=400)
    ready, unready = (
        sandbox.company.add_call(filter_time=start, listed_at=NOW, transcript_at=transcript_at)
        for transcript_at in (NOW, NOW + timedelta(hours=1))
    )
    page = post(sandbox, TRANSCRIPT, {"callIds": [ready.id, unready.id]})
    assert ids(page) == [ready.id]
    assert page["records"] == {"totalRecords": 2, "currentPageSize": 1, "currentPageNumber": 0}


@pytest.fixture(scope="module", params=["Video", "Audio"])
def edge(request, company):
    """A call and the field that filters look at: recorded conferences have a planned time."""
    name = "scheduled" if request.param == "Video" else "started"
    calls = get(company, CALLS)["calls"]
    call = next(
        call
        for call in calls
        if call["media"] == request.param
        and (name == "started" or call["started"] != call["scheduled"])
    )
    return call, instant(call[name])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", CALLS), ("POST", EXTENSIVE), ("POST", TRANSCRIPT)]
)
def test_lower_bounds_are_inclusive_and_upper_bounds_exclusive(company, edge, method, path):
    call, moment = edge

    def within(start: datetime, end: datetime) -> bool:
        given = {"fromDateTime": start.isoformat(), "toDateTime": end.isoformat()}
        if method == "GET":
            answer = send(company, method, path, **given)
        else:
            answer = send(company, method, path, {"filter": given})
        return answer.status_code == 200 and call["id"] in ids(answer.json())

    step = timedelta(milliseconds=1)
    assert within(moment, moment + step)
    assert not within(moment - timedelta(days=1), moment)
    assert not within(moment + step, moment + timedelta(days=1))
    assert within(moment - timedelta(days=1), moment + step)


def test_conferences_are_not_filtered_by_their_actual_start(company):
    call = next(
        call
        for call in get(company, CALLS)["calls"]
        if call["media"] == "Video" and instant(call["started"]) > instant(call["scheduled"])
    )
    given = {"fromDateTime": call["started"], "callIds": [call["id"]]}
    assert refusal(send(company, "POST", EXTENSIVE, {"filter": given})) == (404, NO_CALLS)


def test_adjacent_windows_neither_lose_nor_double(company):
    slots = company.company.slots(None, None, now=NOW)
    # Cut where calls are, so that each cut is an edge of two windows.
    cuts = sorted({slot.filter_time for slot in slots[::40]} | {NOW})
    found: Counter[str] = Counter()
    for start, end in itertools.pairwise(cuts):
        found.update(
            ids(get(company, CALLS, fromDateTime=start.isoformat(), toDateTime=end.isoformat()))
        )
    assert found == Counter(slot.id for slot in slots)


def test_any_offset_means_the_same_instant(company):
    slot = company.company.slots(None, None, now=NOW)[50]
    pages = [
        get(company, CALLS, fromDateTime=text)
        for text in (
            slot.filter_time.isoformat().replace("+00:00", "Z"),
            slot.filter_time.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
        )
    ]
    later = [s.id for s in company.company.slots(slot.filter_time, None, now=NOW)]
    assert ids(pages[0]) == ids(pages[1]) == later[:100]
    assert len(later) <= 260 - 49


# What a selector lets through


@pytest.fixture(scope="module")
def some(company):
    """Ids of enough calls to find all there is."""
    return ids(get(company, CALLS))[:50]


def members(calls: list[dict[str, Any]]) -> set[str]:
    found = set()
    for call in calls:
        for name, value in call.items():
            inner = isinstance(value, dict) and name != "metaData"
            found |= {f"{name}.{key}" for key in value} if inner else {name}
    return found


@pytest.mark.parametrize("selector", [None, {}, {"context": "None"}, {"exposedFields": {}}])
def test_without_a_choice_there_is_metadata_alone(company, selector):
    body = {"filter": {}} if selector is None else {"filter": {}, "contentSelector": selector}
    calls = good(send(company, "POST", EXTENSIVE, body))["calls"]
    assert members(calls) == {"metaData"}
    assert [call["metaData"] for call in calls] == get(company, CALLS)["calls"]


@pytest.mark.parametrize(
    ("switch", "brings"),
    [
        (("parties",), {"parties"}),
        *(((("content", name)), {f"content.{name}"}) for name in CONTENT if "Occ" not in name),
        (("content", "trackerOccurrences"), set()),
        (("content", "pointsOfInterest"), set()),
        (("interaction", "speakers"), {"interaction.speakers"}),
        (("interaction", "video"), {"interaction.video"}),
        (("interaction", "personInteractionStats"), {"interaction.interactionStats"}),
        (("interaction", "questions"), {"interaction.questions"}),
        (("collaboration", "publicComments"), {"collaboration.publicComments"}),
        (("media",), {"media.audioUrl", "media.videoUrl"}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_each_switch_brings_its_own_member_and_no_other(company, some, switch, brings):
    assert members(details(company, exposing(*switch), callIds=some)) == {"metaData", *brings}


def test_absent_is_absent_and_never_null(all_details):
    calls = [call for page in all_details for call in page["calls"]]
    for call in calls:
        assert None not in call.values()
        assert None not in call.get("content", {}).values()
        assert None not in call.get("interaction", {}).values()
        for party in call.get("parties", []):
            assert {name for name, value in party.items() if value is None} <= {"speakerId"}
    assert any("parties" not in call for call in calls)
    assert any("content" not in call for call in calls)
    assert any(call["collaboration"] == {} for call in calls)


def test_occurrences_of_trackers_need_their_own_switch(company, some):
    def occurrences(**content: bool) -> int:
        calls = details(company, {"exposedFields": {"content": content}}, callIds=some)
        trackers = [t for call in calls for t in call.get("content", {}).get("trackers", [])]
        assert sum(tracker["count"] for tracker in trackers) > 0
        return sum(
            len(part["occurrences"]) for t in trackers for part in (t, *t.get("phrases", []))
        )

    assert occurrences(trackers=True) == 0
    assert occurrences(trackers=True, trackerOccurrences=True) > 0


def contexts(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All CRM objects, those of the parties included."""
    return [
        item
        for call in calls
        for entry in (
            *call.get("context", []),
            *(entry for party in call.get("parties", []) for entry in party.get("context", [])),
        )
        for item in entry["objects"]
    ]


def test_basic_context_links_and_extended_context_tells(company, some):
    exposed = exposing("parties")
    assert not contexts(details(company, {"context": "None", **exposed}, callIds=some))
    basic = contexts(details(company, {"context": "Basic", **exposed}, callIds=some))
    assert {frozenset(item) for item in basic} == {frozenset({"objectType", "objectId"})}
    extended = contexts(details(company, {"context": "Extended", **exposed}, callIds=some))
    assert {item["objectType"] for item in extended} >= {"Account", "Opportunity", "Contact"}
    assert all(item["fields"] for item in extended)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (None, {"Now"}),
        (["Now"], {"Now"}),
        (["TimeOfCall"], {"TimeOfCall"}),
        (["Now", "TimeOfCall"], {"Now", "TimeOfCall"}),
    ],
)
def test_context_timing(company, some, asked, shown):
    timing = {"contextTiming": asked} if asked else {}
    found = contexts(details(company, {"context": "Extended", **timing}, callIds=some))
    opportunities = [item for item in found if item["objectType"] == "Opportunity"]
    assert {item["timing"] for item in opportunities} == shown
    assert any("timing" not in item for item in found)


def test_media_links_differ_at_every_request(company, some):
    one, two = (details(company, exposing("media"), callIds=some) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        for name, link in first["media"].items():
            assert "X-Amz-Expires=28799" in link
            assert link != second["media"][name]
    for call in one:
        assert ("videoUrl" in call["media"]) == (call["metaData"]["media"] == "Video")


# Filters


def test_unknown_call_ids_are_simply_absent(company):
    known = ids(get(company, CALLS))[3:6]
    for path in (EXTENSIVE, TRANSCRIPT):
        assert set(ids(post(company, path, {"callIds": [*known, "12"]}))) <= set(known)
        nobody = {"filter": {"callIds": ["12", "13"]}}
        assert refusal(send(company, "POST", path, nobody)) == (404, NO_CALLS)
    assert ids(post(company, EXTENSIVE, {"callIds": [known[2], "12", known[0]]})) == known[::2]


def test_call_ids_and_a_range_are_both_obeyed(company):
    slots = company.company.slots(None, None, now=NOW)[3:9]
    given = {
        "callIds": [slot.id for slot in slots],
        "fromDateTime": slots[2].filter_time.isoformat(),
        "toDateTime": slots[4].filter_time.isoformat(),
    }
    assert ids(post(company, EXTENSIVE, given)) == [slot.id for slot in slots[2:4]]


def test_calls_of_hosts(company):
    calls = [call for page in chain(company, "GET", CALLS) for call in page["calls"]]
    hosts = [host for host, _ in Counter(call["primaryUserId"] for call in calls).most_common(2)]
    expected = [call["id"] for call in calls if call["primaryUserId"] in hosts]
    page = post(company, EXTENSIVE, {"primaryUserIds": hosts})
    assert page["records"]["totalRecords"] == len(expected)
    assert ids(page) == expected[:100]
    nobody = {"filter": {"primaryUserIds": ["12"]}}
    assert refusal(send(company, "POST", EXTENSIVE, nobody)) == (404, NO_CALLS)
    # Transcripts know no such filter.
    everyone = post(company, TRANSCRIPT)["records"]["totalRecords"]
    assert (
        post(company, TRANSCRIPT, {"primaryUserIds": hosts})["records"]["totalRecords"] == everyone
    )


def test_calls_of_a_workspace(company):
    spaces = [space["id"] for space in get(company, "/v2/workspaces")["workspaces"]]
    pages = [get(company, CALLS, workspaceId=space) for space in spaces]
    assert sum(page["records"]["totalRecords"] for page in pages) == 260
    for space, page in zip(spaces, pages, strict=True):
        assert {call["workspaceId"] for call in page["calls"]} == {space}
        assert ids(post(company, EXTENSIVE, {"workspaceId": space})) == ids(page)
        assert set(ids(post(company, TRANSCRIPT, {"workspaceId": space}))) <= set(ids(page))


def test_avatars_are_shown_on_request_only(company):
    plain = set(ids(get(company, USERS)))
    everyone = set(ids(get(company, USERS, includeAvatars="true")))
    assert plain < everyone
    assert set(ids(get(company, USERS, includeAvatars="false"))) == plain
    assert set(ids(post(company, "/v2/users/extensive"))) == plain
    assert set(ids(post(company, "/v2/users/extensive", {"includeAvatars": True}))) == everyone


def test_users_by_id_and_by_creation(company):
    path = "/v2/users/extensive"
    users = sorted(get(company, USERS)["users"], key=lambda user: instant(user["created"]))
    chosen = [user["id"] for user in users[2:4]]
    assert set(ids(post(company, path, {"userIds": [*chosen, "12"]}))) == set(chosen)
    given = {
        "createdFromDateTime": users[2]["created"],
        "createdToDateTime": users[4]["created"],
    }
    assert set(ids(post(company, path, given))) == set(chosen)
    assert any(not user["active"] for user in users)


# Answered scorecards


def test_reviews_by_people_are_the_default(company):
    def found(**given: str) -> Any:
        return post(company, REVIEWS, given)["answeredScorecards"]

    assert {review["reviewMethod"] for review in found()} == {"MANUAL"}
    assert found(reviewMethod="MANUAL") == found()
    automatic = found(reviewMethod="AUTOMATIC")
    assert {review["reviewMethod"] for review in automatic} == {"AUTOMATIC"}
    assert {review["reviewerUserId"] for review in automatic} == {None}
    both = found(reviewMethod="BOTH")
    assert len(both) == len(found()) + len(automatic)
    assert len({review["answeredScorecardId"] for review in both}) == len(both)


@pytest.mark.parametrize(
    ("time", "first", "last"),
    [
        ("reviewTime", "reviewFromDate", "reviewToDate"),
        ("callStartTime", "callFromDate", "callToDate"),
    ],
)
def test_days_are_those_of_the_company(company, time, first, last):
    def of(day: date) -> set[str]:
        given = {first: f"{day}", last: f"{day + timedelta(days=1)}", "reviewMethod": "BOTH"}
        answer = send(company, "POST", REVIEWS, {"filter": given})
        return set(ids(answer.json())) if answer.status_code == 200 else set()

    reviews = post(company, REVIEWS, {"reviewMethod": "BOTH"})["answeredScorecards"]
    review = max(reviews, key=lambda review: instant(review[time]).time())
    local = instant(review[time])
    day, utc_day = local.date(), local.astimezone(timezone.utc).date()
    if time == "reviewTime":
        assert utc_day == day + timedelta(days=1)
    assert review["answeredScorecardId"] in of(day)
    assert review["answeredScorecardId"] not in of(day + timedelta(days=1))


def test_an_empty_day_range_selects_nothing(company):
    given = {"reviewFromDate": "2026-06-15", "reviewToDate": "2026-06-15"}
    text = "No answered scorecards found corresponding to the provided filters."
    assert refusal(send(company, "POST", REVIEWS, {"filter": given})) == (404, [text])
    given["reviewToDate"] = "2026-06-14"
    assert send(company, "POST", REVIEWS, {"filter": given}).status_code == 400


def test_reviews_of_today_are_had_by_naming_tomorrow(moving):
    (newest,) = post(moving, REVIEWS, {"reviewMethod": "BOTH"})["answeredScorecards"][-1:]
    moving.clock.set(instant(newest["reviewTime"]) + timedelta(seconds=1))
    today = instant(newest["reviewTime"]).date()
    given = {"reviewFromDate": f"{today}", "reviewMethod": "BOTH"}
    given["reviewToDate"] = f"{today + timedelta(days=1)}"
    assert newest["answeredScorecardId"] in ids(post(moving, REVIEWS, given))


def test_reviews_of_people_and_of_scorecards(company):
    reviews = post(company, REVIEWS)["answeredScorecards"]
    for name, key in (("reviewedUserIds", "reviewedUserId"), ("scorecardIds", "scorecardId")):
        wanted = reviews[0][key]
        expected = [r["answeredScorecardId"] for r in reviews if r[key] == wanted]
        assert len(expected) < len(reviews)
        assert ids(post(company, REVIEWS, {name: [wanted, "12"]})) == expected


# The quota


def test_a_burst_meets_the_limit_of_the_second():
    with Sandbox(calls=1, now=NOW, requests_per_second=3) as sandbox, requests.Session() as client:
        client.auth = ("sandbox", "sandbox")
        answers = [client.get(sandbox.url + "/v2/workspaces", timeout=20) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        wait = answers[-1].headers["Retry-After"]
        assert wait == "1"
        assert answers[-1].json()["errors"]
        time.sleep(int(wait))
        assert client.get(sandbox.url + "/v2/workspaces", timeout=20).status_code == 200


def test_a_day_of_requests_ends_at_midnight_utc():
    with Sandbox(calls=1, now=NOW, requests_per_second=0, daily_requests=2) as sandbox:
        get(sandbox, USERS)
        get(sandbox, CALLS)
        answer = send(sandbox, "GET", USERS)
        assert answer.status_code == 429
        wait = int(answer.headers["Retry-After"])
        assert timedelta(hours=6) <= timedelta(seconds=wait) < timedelta(hours=6, seconds=5)
        sandbox.clock.advance(timedelta(hours=5, minutes=59))
        assert send(sandbox, "GET", USERS).status_code == 429
        sandbox.clock.set(NOW + timedelta(seconds=wait))
        statuses = [send(sandbox, "GET", USERS).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]


# OAuth


def exchange(sandbox: Sandbox, *, form: bool = False, auth: Any = None, **parameters: str):
    return requests.post(
        sandbox.url + TOKEN,
        params=None if form else parameters,
        data=parameters if form else None,
        auth=auth or (sandbox.client_id, sandbox.client_secret),
        timeout=20,
    )


def refresh(sandbox: Sandbox, token: str, *, form: bool = False) -> Any:
    answer = exchange(sandbox, form=form, grant_type="refresh_token", refresh_token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def users_by(sandbox: Sandbox, access_token: str) -> requests.Response:
    header = {"Authorization": f"Bearer {access_token}"}
    return requests.get(sandbox.url + USERS, headers=header, timeout=20)


def test_refresh_tokens_rotate_and_work_once(sandbox):
    first = refresh(sandbox, sandbox.refresh_token)
    assert first["token_type"] == "bearer"
    assert 80_000 < first["expires_in"] <= 86_400
    assert first["api_base_url_for_customer"] == sandbox.url
    assert "api:calls:read:basic" in first["scope"].split()
    second = refresh(sandbox, first["refresh_token"], form=True)
    assert len({sandbox.refresh_token, first["refresh_token"], second["refresh_token"]}) == 3
    for spent in (sandbox.refresh_token, first["refresh_token"], "never issued"):
        answer = exchange(sandbox, grant_type="refresh_token", refresh_token=spent)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_grant"
        assert "expired or revoked" in answer.json()["error_description"]
    for tokens in (first, second):
        assert users_by(sandbox, tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("form", [False, True])
def test_a_code_is_exchanged_for_tokens(tiny, form):
    answer = exchange(
        tiny, form=form, grant_type="authorization_code", code="abc", redirect_uri="http://x"
    )
    assert users_by(tiny, answer.json()["access_token"]).status_code == 200
    assert refresh(tiny, answer.json()["refresh_token"])["access_token"]


@pytest.mark.parametrize("form", [False, True])
def test_an_app_must_show_itself_in_the_header(tiny, form):
    tokens = exchange(tiny, grant_type="authorization_code", code="abc").json()
    parameters = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": tiny.client_id,
        "client_secret": tiny.client_secret,
    }
    where: dict[str, Any] = {"data" if form else "params": parameters}
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": b"Basic \xe9"}):
        answer = requests.post(tiny.url + TOKEN, headers=header, timeout=20, **where)
        assert answer.status_code == 401
    wrong = exchange(tiny, form=form, auth=(tiny.client_id, "wrong"), **parameters)
    assert wrong.status_code == 401
    # None of these has spent the token.
    assert refresh(tiny, tokens["refresh_token"])["refresh_token"]


def test_other_grants_are_not_supported(tiny):
    assert exchange(tiny, grant_type="password", username="u").status_code == 400
    assert exchange(tiny, grant_type="refresh_token").json()["error"] == "invalid_grant"


def test_access_tokens_end_after_a_day(moving):
    tokens = exchange(moving, grant_type="authorization_code", code="abc").json()
    moving.clock.advance(tokens["expires_in"] - 1)
    assert users_by(moving, tokens["access_token"]).status_code == 200
    moving.clock.advance(1)
    status, (text,) = refusal(users_by(moving, tokens["access_token"]))
    assert status == 401
    assert text.startswith("Validate credentials failed")
    fresh = refresh(moving, tokens["refresh_token"])
    assert users_by(moving, fresh["access_token"]).status_code == 200


# Faults


SPOILED = {"stall", "html", "no-list", "truncated", "reset", "reset-after"}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - SPOILED))
def test_faults_that_gong_puts_into_words(tiny, kind):
    tiny.faults.next(kind)
    answer = send(tiny, "GET", USERS)
    assert answer.json()["errors"]
    if kind == "expired-cursor":
        assert answer.status_code == 400
        assert "cursor has expired" in answer.json()["errors"][0]
    else:
        assert answer.status_code == int(kind[:3])
    if kind == "429":
        assert int(answer.headers["Retry-After"]) < 5
    if kind == "429-hours":
        assert int(answer.headers["Retry-After"]) > 3600
    assert send(tiny, "GET", USERS).status_code == 200


def test_an_answer_can_be_without_its_list(tiny):
    tiny.faults.next("no-list")
    answer = send(tiny, "GET", USERS)
    assert answer.status_code == 200
    assert list(answer.json()) == ["requestId"]


def test_a_fault_answers_with_a_page_instead_of_json(tiny):
    tiny.faults.next("html")
    answer = send(tiny, "GET", USERS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("kind", ["truncated", "reset", "reset-after"])
def test_a_fault_breaks_the_connection(tiny, kind):
    tiny.faults.next(kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        send(tiny, "GET", USERS)
    assert tiny.requests[-1].status == 0
    assert send(tiny, "GET", USERS).status_code == 200


def test_a_broken_answer_starts_well(tiny):
    tiny.faults.next("truncated")
    with requests.get(
        tiny.url + USERS, auth=("sandbox", "sandbox"), stream=True, timeout=20
    ) as answer:
        assert answer.status_code == 200
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            _ = answer.content


def test_faults_may_wait_for_a_path_and_last_for_some_requests(tiny):
    tiny.faults.next("503", count=2, path=CALLS)
    assert [send(tiny, "GET", path).status_code for path in (USERS, CALLS, USERS)] == [
        200,
        503,
        200,
    ]
    assert [send(tiny, "GET", CALLS).status_code for _ in range(2)] == [503, 200]


def test_every_so_many_requests_meet_a_fault():
    with Sandbox(calls=1, now=NOW, faults=["500:3", "503:4"], **UNLIMITED) as sandbox:
        statuses = [send(sandbox, "GET", USERS).status_code for _ in range(9)]
    assert statuses == [200, 200, 500, 503, 200, 500, 200, 503, 500]


@pytest.mark.parametrize("fault", ["teapot:3", "500", "500:0", "500:-1", "500:often", ""])
def test_faults_that_are_none_are_refused(fault):
    with pytest.raises(ValueError, match=r"KIND:EVERY|no fault"):
        Sandbox(calls=0, now=NOW, faults=[fault])


# What can be seen of it


def test_the_front_page_counts_and_escapes(company):
    send(company, "GET", "/v2/<script>alert(1)</script>")
    page = requests.get(company.url, timeout=20)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for name, count in (
        ("Calls", 260),
        ("Users", len(get(company, USERS)["users"])),
        ("Workspaces", 2),
        ("Trackers", len(get(company, "/v2/settings/trackers")["keywordTrackers"])),
    ):
        assert f"<dt>{name}</dt><dd>{count}</dd>" in page.text
    assert company.url in page.text
    assert "2026-06-15 18:00" in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text


@pytest.fixture
def secretive():
    """A sandbox with a key that is not its own name, after some requests with all it accepts."""
    with Sandbox(
        calls=2, now=NOW, access_key="KEY5917", access_key_secret="HUSH2281", **UNLIMITED
    ) as sandbox:
        yield sandbox


def test_neither_front_page_nor_log_holds_a_secret(secretive):
    get(secretive, USERS, workspaceId="5")
    first = refresh(secretive, secretive.refresh_token)
    second = refresh(secretive, first["refresh_token"], form=True)
    users_by(secretive, second["access_token"])
    # Sent to the wrong place or with the wrong verb, a token is still one.
    spilt = {"refresh_token": second["refresh_token"]}
    requests.get(secretive.url + TOKEN, params=spilt, timeout=20)
    requests.post(secretive.url + TOKEN + "/", params=spilt, timeout=20)
    shown = requests.get(secretive.url, timeout=20).text + repr(secretive.requests)
    assert TOKEN in shown
    assert "what you gave --access-key-secret" in html.unescape(shown)
    secrets = [secretive.access_key, secretive.access_key_secret, secretive.client_secret]
    secrets.append(secretive.refresh_token)
    for tokens in (first, second):
        secrets += [tokens["access_token"], tokens["refresh_token"]]
    assert [secret for secret in secrets if secret in shown] == []


def test_requests_are_logged(moving):
    get(moving, CALLS, workspaceId=workspace(moving))
    moving.clear_requests()
    body = {"filter": {"callIds": ["12"]}}
    send(moving, "POST", EXTENSIVE, body, limit=5)
    send(moving, "GET", USERS, includeAvatars="true")
    send(moving, "GET", "/v2/nowhere")
    moving.clock.advance(60)
    exchange(moving, grant_type="authorization_code", code="abc")
    assert [
        (entry.method, entry.path, entry.query, entry.body, entry.status)
        for entry in moving.requests
    ] == [
        ("POST", EXTENSIVE, {"limit": "5"}, body, 404),
        ("GET", USERS, {"includeAvatars": "true"}, None, 200),
        ("GET", "/v2/nowhere", {}, None, 404),
        ("POST", TOKEN, {}, None, 200),
    ]
    assert [entry.at - NOW for entry in moving.requests] == [timedelta(0)] * 3 + [
        timedelta(minutes=1)
    ]


def test_a_kept_connection_is_answered_at_once(company):
    times = []
    with requests.Session() as client:
        client.auth = ("sandbox", "sandbox")
        for _ in range(12):
            start = time.perf_counter()
            client.get(company.url + "/v2/workspaces", timeout=20)
            times.append(time.perf_counter() - start)
    # Where TCP_NODELAY is forgotten, all but the first few take 40 ms.
    assert sorted(times)[6] < 0.035


# The command

COMMAND = Path(sys.executable).with_name("gong-sandbox")


class Command:
    """A process that serves, once it has told where."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "--port", "0", "--calls", "20", "--requests-per-second", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.told: list[str] = []

    def config(self) -> dict[str, str]:
        """What it suggests as settings of the tap."""
        for line in self.process.stderr or ():
            self.told.append(line)
            if line.strip().startswith("{"):
                found: dict[str, str] = json.loads(line)
                return found
        raise AssertionError("".join(self.told))

    def get(self, path: str) -> Any:
        config = self.config() if not self.told else json.loads(self.told[-1])
        auth = config["access_key"], config["access_key_secret"]
        return good(requests.get(config["api_url"] + path, auth=auth, timeout=20))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_tells_where_it_serves_and_ends_quietly(number):
    with Command("--access-key", "mine", "--access-key-secret", "too") as command:
        config = command.config()
        told = "".join(command.told)
        assert (config["access_key"], config["access_key_secret"]) == ("mine", "too")
        assert re.search(rf"access_key +{config['access_key']}$", told, re.MULTILINE)
        assert told.count(config["api_url"]) == 2
        assert len(command.get(CALLS)["calls"]) == 20
        command.process.send_signal(number)
        out, rest = command.process.communicate(timeout=10)
        assert command.process.returncode in {0, -number}
        assert "Traceback" not in rest
        assert out == ""


def test_two_processes_with_a_seed_and_a_time_show_the_same_company():
    options = ("--seed", "5", "--now", "2026-06-15T18:00:00Z", "--timezone", "Europe/Berlin")
    with Command(*options) as one, Command(*options) as two, Command(*options[2:]) as other:
        same = [
            [
                {key: value for key, value in command.get(path).items() if key != "requestId"}
                for path in (CALLS, USERS, "/v2/settings/scorecards")
            ]
            for command in (one, two, other)
        ]
    assert same[0] == same[1]
    assert same[0] != same[2]
    calls = same[0][0]["calls"]
    assert {instant(call["started"]).utcoffset() for call in calls} <= {
        timedelta(hours=1),
        timedelta(hours=2),
    }
    here = Sandbox(calls=20, seed=5, now=NOW, timezone="Europe/Berlin").company
    assert [call["id"] for call in calls] == [s.id for s in here.slots(None, None, now=NOW)]


def test_a_taken_port_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [COMMAND, "--calls", "1", "--port", port],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: cannot listen on 127.0.0.1:" + port)
    assert "--port" in line


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--now", "yesterday", "ISO-8601"),
        ("--now", "P3D", "ISO-8601"),
        ("--fault", "teapot:3", "there are 429"),
        ("--fault", "500", "KIND:EVERY"),
        ("--without-scope", "nope", "there is no scope nope; there are api:ai-ask:read, "),
        ("--timezone", "Europe/Atlantis", "IANA"),
        ("--timezone", "../etc/passwd", "IANA"),
        ("--port", "99999", "65535"),
        ("--days", "0", "x>=1"),
        ("--calls", "-1", "x>=0"),
    ],
)
def test_options_that_make_no_sense_are_refused_clearly(option, value, says):
    # Nobody can listen on that address, so that a refusal left out would not serve for ever.
    result = CliRunner().invoke(main, ["--calls", "1", "--host", "192.0.2.1", option, value])
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    assert says in result.stderr
    assert result.stdout == ""
