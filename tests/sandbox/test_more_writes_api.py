"""Meetings, events, CRM uploads, Engage writes and erasures over HTTP, and what reads show then."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from gong_sandbox import Sandbox
from gong_sandbox.api.app import OPERATIONS
from gong_sandbox.company.crm_rows import LARGEST, RowIntake
from tests.clocks import NOW
from tests.gong_document import answer_schema, recorded
from tests.sandbox.test_api import (
    CALLS,
    EXTENSIVE,
    TRANSCRIPT,
    UNLIMITED,
    USERS,
    get,
    good,
    loosened,
    misfits,
    post,
    refusal,
    send,
)
from tests.sandbox.test_crm_and_flows_api import (
    ALL_TASKS,
    BY_EMAIL,
    BY_PHONE,
    ENTITIES,
    FLOWS,
    INTEGRATIONS,
    PROSPECTS,
    SCHEMA,
    STATUS,
    TASKS,
    assigned,
    entities,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MEETINGS = "/v2/meetings"
VIEWED = "/v2/customer-engagement/content/viewed"
SHARED = "/v2/customer-engagement/content/shared"
ACTION = "/v2/customer-engagement/action"
INTERACTION = "/v2/digital-interaction"
ASSIGN = "/v2/flows/prospects/assign"
AT_ONCE = "/v2/flows/prospects/assign/cool-off-override"
BY_CRM_ID = "/v2/flows/prospects/unassign-flows-by-crm-id"
BY_INSTANCE = "/v2/flows/prospects/unassign-flows-by-instance-id"
BULK = "/v2/flows/prospects/bulk-assignments"
SETTINGS = "/v2/integration-settings"
ERASE_EMAIL = "/v2/data-privacy/erase-data-for-email-address"
ERASE_PHONE = "/v2/data-privacy/erase-data-for-phone-number"
BAD_JSON = (400, ["Json parse error, verify Json format matches the API description."])
MODIFIED = "2026-06-01T10:00:00Z"
WHEN = "2026-06-14T09:00:00Z"
MINUTE = timedelta(minutes=1)
EPOCH = NOW - timedelta(days=400)
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def site() -> Iterator[Sandbox]:
    """One for the tests that only add to it."""
    with Sandbox(calls=40, days=20, seed=3, now=NOW, **UNLIMITED) as sandbox:
        yield sandbox


def nulls(*names: str) -> tuple[int, list[str]]:
    return 400, [f"{name}: must not be null" for name in names]


def fits(answer: Any, method: str, path: str) -> bool:
    return not misfits(answer, loosened(answer_schema(method, path)))


def last_made(sandbox: Sandbox) -> str | None:
    return sandbox.requests[-1].made


# Scopes, recordings


WRITES = [
    operation
    for operation in OPERATIONS
    if operation[1].startswith(
        (
            *("/v2/customer-engagement", INTERACTION, SETTINGS, "/v2/entities", ERASE_EMAIL),
            *(ERASE_PHONE, ASSIGN, BY_CRM_ID, BY_INSTANCE, BULK, "/v2/tasks/"),
        )
    )
    or (operation[1].startswith(("/v2/crm/", MEETINGS)) and operation[0] != "GET")
]


@pytest.mark.parametrize(("method", "path", "_", "scope"), WRITES)
def test_each_operation_has_its_scope(method, path, _, scope):
    path = path.replace("{meetingId}", "7").replace("{taskId}", "7")
    with Sandbox(calls=0, now=NOW, without_scopes=[scope], **UNLIMITED) as sandbox:
        if (method, path) == ("POST", ENTITIES):
            answer = upload(sandbox, "ACCOUNT", [], integrationId="7")
        else:
            answer = send(sandbox, method, path, {})
        text = f"You don't have permission to use '{scope}' in your app."
        assert refusal(answer) == (401, [text])


@pytest.mark.parametrize(
    "name",
    [
        *("update-meeting", "delete-meeting", "post-digital-interaction"),
        *("assign-prospects-cool-off-override", "unassign-flow-by-crm-id"),
        *("remove-prospects-from-flow", "get-bulk-assignment-results", "ask-entity"),
        *("update-integration-settings", "delete-data-for-email", "delete-data-for-phone"),
    ],
)
def test_recorded_requests_meet_their_recorded_answers(site, name):
    (exchange,) = recorded(name)
    request = exchange["request"]
    answer = send(
        site,
        exchange["method"],
        exchange["endpoint"],
        request.get("data"),
        **request.get("params", {}),
    )
    assert answer.status_code == exchange["status"]
    expected = {**exchange["response"], "requestId": answer.json()["requestId"]}
    assert answer.json() == expected


def test_settings_answer_as_recorded_and_keep_the_last_list(site):
    (exchange,) = recorded("get-integration-settings")
    found = get(site, SETTINGS)
    assert found["integrationSettings"].keys() == exchange["response"]["integrationSettings"].keys()
    assert get(site, SETTINGS)["integrationSettings"] == found["integrationSettings"]
    writes = site.company.integration_settings.writes
    for origin in ("https://a.example", "https://b.example:8443"):
        setting = {"integrationType": "DIALER", "allowedOrigin": origin}
        good(send(site, "POST", SETTINGS, {"integrationTypeSettings": [setting]}))
    assert site.company.integration_settings.origins == [("DIALER", "https://b.example:8443")]
    assert site.company.integration_settings.writes == writes + 2
    assert last_made(site) == "1 allowed origins"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, nulls("integrationTypeSettings")),
        (
            {"integrationTypeSettings": [{}]},
            nulls(
                "integrationTypeSettings[0].integrationType",
                "integrationTypeSettings[0].allowedOrigin",
            ),
        ),
        ({"integrationTypeSettings": [{"integrationType": "FAX", "allowedOrigin": "x"}]}, BAD_JSON),
        ({"integrationTypeSettings": 7}, BAD_JSON),
        (
            {"integrationTypeSettings": [{"integrationType": "DIALER", "allowedOrigin": "x"}]},
            (400, ["integrationTypeSettings[0].allowedOrigin: must be a valid origin"]),
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(site, given, expected):
    assert refusal(send(site, "POST", SETTINGS, given)) == expected


@pytest.mark.parametrize("path", ["/v2/entities/ask-entity", "/v2/entities/get-brief"])
def test_questions_need_credits(site, path):
    assert send(site, "GET", path).status_code == 402


# Meetings


@pytest.fixture(scope="module")
def organizer(site) -> str:
    """Somebody whose meetings Gong may make."""
    emails = [user["emailAddress"] for user in get(site, USERS)["users"]]
    users = good(send(site, "POST", "/v2/meetings/integration/status", {"emails": emails}))["users"]
    return str(next(user["email"] for user in users if user["valid"]))


@pytest.fixture
def meeting(organizer) -> dict[str, Any]:
    return {
        "startTime": "2026-06-16T10:00:00Z",
        "endTime": "2026-06-16T11:00:00Z",
        "organizerEmail": organizer,
        "title": "First talk",
        "invitees": [{"email": f"guest-{next(numbers)}@buyers.example", "displayName": "Guest"}],
        "externalId": "crm-7",
    }


def test_meetings_are_made_changed_and_deleted(site, meeting):
    answer = good(send(site, "POST", MEETINGS, meeting))
    assert fits(answer, "POST", MEETINGS)
    path = f"{MEETINGS}/{answer['meetingId']}"
    (recorder,) = answer["additionalInvitees"]
    assert "@" in recorder["email"]
    assert answer["meetingId"] in answer["meetingUrl"]
    assert last_made(site) == f"meeting {answer['meetingId']}"
    # There is nothing that a repeat could be known by.
    again = good(send(site, "POST", MEETINGS, meeting))["meetingId"]
    assert again != answer["meetingId"]
    guest = meeting["invitees"][0]["email"]
    shown = {entry["id"] for entry in get(site, BY_EMAIL, emailAddress=guest)["meetings"]}
    assert shown == {answer["meetingId"], again}

    changed = good(send(site, "PUT", path, {**meeting, "title": "Second talk"}))
    assert fits(changed, "PUT", f"{MEETINGS}/{{meetingId}}")
    assert changed["meetingId"] == answer["meetingId"]
    found = site.company.meetings.find(answer["meetingId"])
    assert (found.given.title, found.updates, found.deleted) == ("Second talk", 1, False)
    assert good(send(site, "DELETE", path, {"organizerEmail": meeting["organizerEmail"]}))
    gone = (404, ["The given meeting ID was not found."])
    assert refusal(send(site, "DELETE", path)) == gone
    assert refusal(send(site, "PUT", path, meeting)) == gone
    shown = {entry["id"] for entry in get(site, BY_EMAIL, emailAddress=guest)["meetings"]}
    assert shown == {again}
    assert send(site, "DELETE", f"{MEETINGS}/{again}").status_code == 200


def test_meetings_of_somebody_else_are_not_deleted(site, meeting):
    meeting_id = good(send(site, "POST", MEETINGS, meeting))["meetingId"]
    path = f"{MEETINGS}/{meeting_id}"
    answer = send(site, "DELETE", path, {"organizerEmail": "nobody@nowhere.example"})
    assert answer.status_code == 404
    assert not site.company.meetings.find(meeting_id).deleted


def test_a_user_whose_provider_fails_is_told_how_to_fix_it(site, meeting):
    (exchange,) = recorded("create-meeting")
    emails = [user["emailAddress"] for user in get(site, USERS)["users"]]
    users = good(send(site, "POST", "/v2/meetings/integration/status", {"emails": emails}))["users"]
    broken = next(user for user in users if not user["valid"])
    answer = send(site, "POST", MEETINGS, {**meeting, "organizerEmail": broken["email"]})
    assert answer.status_code == exchange["status"]
    assert answer.json().keys() == exchange["response"].keys()
    assert answer.json()["errors"] == exchange["response"]["errors"]
    for name in ("userFacingError", "fixUrl", "helpUrl"):
        assert answer.json()[name] == broken[name]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"startTime": None, "invitees": None}, nulls("startTime", "invitees")),
        ({"endTime": None, "organizerEmail": ""}, nulls("endTime", "organizerEmail")),
        ({"invitees": [{}]}, nulls("invitees[0].email")),
        ({"invitees": [{"email": "x"}]}, (400, ["x is not a valid email address"])),
        ({"invitees": "x"}, BAD_JSON),
        ({"endTime": "2026-06-16T10:00:00Z"}, (400, ["startTime: must be before endTime"])),
        (
            {"startTime": "soon"},
            (400, ["startTime: must be a date and time in ISO-8601 format"]),
        ),
        (
            {"organizerEmail": "nobody@nowhere.example"},
            (404, ["No Gong user found corresponding to the provided organizer email"]),
        ),
    ],
)
def test_meetings_that_make_no_sense_are_refused(site, meeting, changes, expected):
    before = len(site.company.meetings.created)
    assert refusal(send(site, "POST", MEETINGS, {**meeting, **changes})) == expected
    assert len(site.company.meetings.created) == before


# Events


def viewed(**more: Any) -> dict[str, Any]:
    number = next(numbers)
    return {
        "reportingSystem": "Library",
        "eventTimestamp": WHEN,
        "eventId": f"view-{number}",
        "contentId": "c-1",
        "contentUrl": "https://content.example/c-1",
        "contentTitle": "Offer",
        "viewActionTitle": "Document viewed",
        "viewer": {"email": f"viewer-{number}@buyers.example", "name": "V"},
        **more,
    }


def interaction(**more: Any) -> dict[str, Any]:
    number = next(numbers)
    return {
        "eventId": f"hit-{number}",
        "timestamp": WHEN,
        "eventType": "page viewed",
        "content": {"contentTitle": "Prices"},
        "person": {"email": f"person-{number}@buyers.example"},
        **more,
    }


def events_of(sandbox: Sandbox, email: str) -> Any:
    answer = get(sandbox, BY_EMAIL, emailAddress=email)
    assert fits(answer, "GET", BY_EMAIL)
    return answer["customerEngagement"]


def test_events_are_found_with_those_who_took_part(site):
    view = viewed()
    good(send(site, "PUT", VIEWED, view))
    (shown,) = events_of(site, view["viewer"]["email"])
    assert shown == {
        "eventType": "contentViewed",
        "timestamp": "2026-06-14T02:00:00-07:00",
        "contentId": "c-1",
        "contentUrl": "https://content.example/c-1",
        "reportingSystem": "Library",
        "eventName": "Document viewed",
        "sourceEventId": view["eventId"],
    }
    people = [{"email": "r1@share.example"}, {"email": "R2@share.example", "name": "R"}]
    good(send(site, "PUT", SHARED, viewed(viewer=None, recipients=people, actionName="Sent")))
    for email in ("r1@share.example", "r2@share.example"):
        (shown,) = events_of(site, email)
        assert (shown["eventType"], shown["eventName"]) == ("contentShared", "Sent")
    body = {
        "reportingSystem": "Sign",
        "eventTimestamp": WHEN,
        "actionName": "Contract signed",
        "actor": {"email": "signer@act.example"},
    }
    for count in (1, 2):  # without an id, the same is another
        assert set(good(send(site, "PUT", ACTION, body))) == {"requestId"}
        found = events_of(site, "signer@act.example")
        assert [(one["eventType"], one["sourceEventId"]) for one in found] == [
            ("customEvent", None)
        ] * count
    hit = interaction(sourceSystemName="Web")
    assert good(send(site, "POST", INTERACTION, hit))
    (shown,) = events_of(site, hit["person"]["email"])
    assert (shown["eventType"], shown["eventName"]) == ("digitalInteraction", "page viewed")
    assert (shown["reportingSystem"], shown["sourceEventId"]) == ("Web", hit["eventId"])
    assert last_made(site) is None
    assert any(one.made == f"digitalInteraction event {hit['eventId']}" for one in site.requests)


def test_an_event_is_taken_once(site):
    engagement = site.company.engagement
    known = (409, ["Event was already reported in the past"])
    view = viewed()
    for path in (VIEWED, SHARED):
        answer = send(site, "PUT", path, view)
        assert answer.status_code == 200 if path == VIEWED else refusal(answer) == known
    # Ids are those of the system that reports.
    assert send(site, "PUT", VIEWED, {**view, "reportingSystem": "Other"}).status_code == 200
    assert engagement.times_sent["Library", view["eventId"]] == 2
    hit = interaction()
    good(send(site, "POST", INTERACTION, hit))
    assert refusal(send(site, "POST", INTERACTION, {**hit, "sourceSystemName": "X"})) == known
    assert engagement.times_sent[None, hit["eventId"]] == 2
    accepted = [event for event in engagement.events if event.id == hit["eventId"]]
    assert len(accepted) == 1
    assert len(events_of(site, hit["person"]["email"])) == 1


@pytest.mark.parametrize("path", [VIEWED, SHARED, ACTION])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"reportingSystem": None, "eventTimestamp": ""},
            nulls("reportingSystem", "eventTimestamp"),
        ),
        (
            {"eventTimestamp": "2026-06-14"},
            (400, ["eventTimestamp: must be a date and time in ISO-8601 format"]),
        ),
        (
            {"contentProperties": [{}]},
            nulls(*(f"contentProperties[0].{name}" for name in ("name", "value", "dataType"))),
        ),
        ({"eventProperties": [{"name": "a", "value": 1, "dataType": "colour"}]}, BAD_JSON),
        ({"agentPlatform": "Amiga"}, BAD_JSON),
        (
            {"crmContext": [{"objects": [{}]}]},
            nulls(
                "crmContext[0].system",
                "crmContext[0].objects[0].objectType",
                "crmContext[0].objects[0].objectId",
            ),
        ),
        ({"recipients": [{"name": "R"}]}, nulls("recipients[0].email")),
        (
            {"nonCompanyParticipants": [{"context": [{}]}]},
            nulls("nonCompanyParticipants[0].context[0].system"),
        ),
        ({"workspaceId": "7"}, (400, ["workspaceId: workspace 7 was not found"])),
        ({"trackingId": "t"}, (400, ["trackingId: must be null when viewer is sent"])),
        ({"viewer": {"email": "x"}}, (400, ["x is not a valid email address"])),
    ],
)
def test_events_that_make_no_sense_are_refused(site, path, changes, expected):
    before = len(site.company.engagement.events)
    assert refusal(send(site, "PUT", path, viewed(**changes))) == expected
    assert len(site.company.engagement.events) == before


def test_content_events_need_their_content_and_actions_do_not(site):
    bare = {"reportingSystem": "S", "eventTimestamp": WHEN}
    for path in (VIEWED, SHARED):
        expected = nulls("contentId", "contentUrl", "contentTitle")
        assert refusal(send(site, "PUT", path, bare)) == expected
    good(send(site, "PUT", ACTION, bare))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"eventId": None, "timestamp": None, "eventType": None, "content": None},
            nulls("eventId", "timestamp", "eventType", "content"),
        ),
        ({"content": {}}, nulls("content.contentTitle")),
        (
            {"content": {"contentTitle": "T", "numericContentDetails": {}}},
            nulls(*(f"content.numericContentDetails.{n}" for n in ("rangeFrom", "rangeTo"))),
        ),
        ({"customFields": [{}]}, nulls("customFields[0].name", "customFields[0].value")),
        ({"customFields": [{"name": "a", "value": 7}]}, BAD_JSON),
        ({"device": "TELEX"}, BAD_JSON),
        ({"person": None}, (400, ["Either person or trackingId must be sent, and not both"])),
        ({"trackingId": "t"}, (400, ["Either person or trackingId must be sent, and not both"])),
        (
            {"person": {"location": {"city": "Oslo"}}},
            None,
        ),
        (
            {"person": {"email": "a@b.example", "company": {"name": "B"}}},
            (400, ["person.company: must have a domain, an account or an opportunity"]),
        ),
        ({"timestamp": "x"}, (400, ["timestamp: must be a date and time in ISO-8601 format"])),
    ],
)
def test_interactions_that_make_no_sense_are_refused(site, changes, expected):
    status, texts = refusal(send(site, "POST", INTERACTION, interaction(**changes)))
    if expected is None:
        name = "must not be null for an anonymous person"
        expected = 400, [f"person.personId: {name}", f"person.company.domain: {name}"]
    assert (status, texts) == expected


def test_somebody_anonymous_is_known_by_id_and_domain_or_by_tracking(site):
    person = {"personId": "p-1", "company": {"domain": "buyers.example"}}
    good(send(site, "POST", INTERACTION, interaction(person=person)))
    good(send(site, "POST", INTERACTION, interaction(person=None, trackingId="t-1")))


# CRM


def active(sandbox: Sandbox) -> int:
    """The id of the integration."""
    assert sandbox.company.crm.integration
    return sandbox.company.crm.integration.id


def upload(
    sandbox: Sandbox,
    kind: str,
    rows: list[dict[str, Any]] | bytes,
    *,
    part: str = "dataFile",
    filename: str | None = "rows.ldjson",
    **query: Any,
) -> requests.Response:
    if isinstance(rows, list):
        rows = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    query = {
        "integrationId": active(sandbox),
        "objectType": kind,
        "clientRequestId": f"request-{next(numbers)}",
        **query,
    }
    return requests.post(
        sandbox.url + ENTITIES,
        params=query,
        files={part: (filename, rows, "application/x-ndjson")},
        auth=(sandbox.access_key, sandbox.access_key_secret),
        timeout=60,
    )


def status_of(sandbox: Sandbox, request_id: str, integration_id: int | None = None) -> Any:
    integration_id = integration_id or active(sandbox)
    answer = get(sandbox, STATUS, integrationId=integration_id, clientRequestId=request_id)
    assert fits(answer, "GET", STATUS)
    return {name: value for name, value in answer.items() if name != "requestId"}


def loaded(sandbox: Sandbox, kind: str, rows: list[dict[str, Any]] | bytes) -> Any:
    """What becomes of an upload."""
    answer = upload(sandbox, kind, rows)
    assert answer.status_code == 201, answer.text
    sandbox.clock.advance(MINUTE)
    return status_of(sandbox, answer.json()["clientRequestId"])


def set_schema(sandbox: Sandbox, kind: str, fields: Any):
    query = {"integrationId": active(sandbox), "objectType": kind}
    return send(sandbox, "POST", SCHEMA, fields, **query)


def schema_of(sandbox: Sandbox, kind: str) -> Any:
    query = {"integrationId": active(sandbox), "objectType": kind}
    return get(sandbox, SCHEMA, **query)["objectTypeToSelectedFields"][kind]


def row(object_id: str, **more: Any) -> dict[str, Any]:
    return {"objectId": object_id, "modifiedDate": MODIFIED, **more}


@pytest.fixture
def fresh(sandbox):
    """A company whose CRM is connected, and empty."""
    sandbox.company.crm.disconnect()
    body = {"ownerEmail": "owner@vendor.example", "name": "Other"}
    good(send(sandbox, "PUT", INTEGRATIONS, body))
    return sandbox


def test_there_is_one_integration_at_a_time(sandbox):
    refused, listed = recorded("register-crm-integration")
    body = {"ownerEmail": "owner@vendor.example", "name": "Other"}
    answer = send(sandbox, "PUT", INTEGRATIONS, body)
    assert refusal(answer) == (refused["status"], refused["response"]["errors"])
    (old,) = get(sandbox, INTEGRATIONS)["integrations"]
    assert old.keys() == listed["response"]["integrations"][0].keys()
    contact = next(iter(sandbox.company.flows.prospects.values())).contact
    assert entities(sandbox, "CONTACT", [contact.crm_id])[contact.crm_id]

    query = {"integrationId": old["integrationId"], "clientRequestId": "end-1"}
    answer = send(sandbox, "DELETE", INTEGRATIONS, **query)
    assert (answer.status_code, answer.json()["clientRequestId"]) == (201, "end-1")
    assert last_made(sandbox) == f"deletion of CRM integration {old['integrationId']}"
    again = send(sandbox, "DELETE", INTEGRATIONS, **query)
    assert refusal(again) == (409, ["Client request id has already been used"])
    states = [status_of(sandbox, "end-1")["status"]]
    sandbox.clock.advance(MINUTE)
    states.append(status_of(sandbox, "end-1")["status"])
    assert send(sandbox, "PUT", INTEGRATIONS, body).status_code == 409
    sandbox.clock.advance(10 * MINUTE)
    states.append(status_of(sandbox, "end-1", old["integrationId"])["status"])
    assert states == ["PENDING", "IN_PROGRESS", "DONE"]

    assert get(sandbox, INTEGRATIONS)["integrations"] == []
    assert get(sandbox, BY_EMAIL, emailAddress=contact.email)["customerData"] == []
    new = good(send(sandbox, "PUT", INTEGRATIONS, body))
    assert fits(new, "PUT", INTEGRATIONS)
    assert new["integrationId"] != old["integrationId"]
    (shown,) = get(sandbox, INTEGRATIONS)["integrations"]
    assert shown == {"integrationId": new["integrationId"], **body}
    assert entities(sandbox, "CONTACT", [contact.crm_id]) == {contact.crm_id: None}
    assert schema_of(sandbox, "ACCOUNT") == []
    gone = send(sandbox, "DELETE", INTEGRATIONS, **query)
    assert gone.status_code == 400


def test_an_integration_needs_an_owner_and_a_name(site):
    assert refusal(send(site, "PUT", INTEGRATIONS, {})) == nulls("ownerEmail", "name")
    answer = send(site, "PUT", INTEGRATIONS, {"ownerEmail": "x", "name": "N"})
    assert refusal(answer) == (400, ["x is not a valid email address"])
    (only,) = get(site, INTEGRATIONS)["integrations"]
    given = {"integrationId": only["integrationId"]}
    assert refusal(send(site, "DELETE", INTEGRATIONS, **given)) == nulls("clientRequestId")


FIELD = {"uniqueName": "tier", "label": "Tier", "type": "STRING", "lastModified": MODIFIED}


def test_a_schema_is_replaced_as_a_whole_and_loses_nothing_silently(fresh):
    (exchange,) = recorded("upload-crm-entity-schema")
    answer = set_schema(fresh, "ACCOUNT", [FIELD])
    assert (answer.status_code, set(answer.json())) == (exchange["status"], {"requestId"})
    assert schema_of(fresh, "ACCOUNT") == [
        {**FIELD, "isDeleted": False, "referenceTo": None, "orderedValueList": None}
    ]
    other = {**FIELD, "uniqueName": "seats", "type": "NUMBER"}
    status, (text,) = refusal(set_schema(fresh, "ACCOUNT", [other]))
    assert (status, text.endswith("missing: tier")) == (400, True)
    assert set_schema(fresh, "ACCOUNT", [FIELD, other]).status_code == 200
    loaded(fresh, "ACCOUNT", [row("a-1", tier="gold", seats=7, unknown="x")])
    before = entities(fresh, "ACCOUNT", ["a-1"])["a-1"]
    assert before == row("a-1", name="Account_#a-1", tier="gold", seats=7)

    # Another label is harmless; another type loses the values, and so does the end of a field.
    set_schema(fresh, "ACCOUNT", [{**FIELD, "label": "L"}, other])
    assert entities(fresh, "ACCOUNT", ["a-1"])["a-1"] == before
    set_schema(fresh, "ACCOUNT", [{**FIELD, "type": "ID"}, {**other, "isDeleted": True}])
    assert entities(fresh, "ACCOUNT", ["a-1"])["a-1"] == row("a-1", name="Account_#a-1")
    assert [(one["uniqueName"], one["type"]) for one in schema_of(fresh, "ACCOUNT")] == [
        ("tier", "ID")
    ]
    assert fresh.company.crm.schema_writes["ACCOUNT"] == 4
    # What is gone need not be sent any more.
    assert set_schema(fresh, "ACCOUNT", [{**FIELD, "type": "ID"}]).status_code == 200


def test_a_field_of_the_seed_that_is_deleted_goes_from_all_objects(sandbox):
    fields = schema_of(sandbox, "ACCOUNT")
    account = sandbox.company._book.accounts[0].crm_id
    assert "Website" in entities(sandbox, "ACCOUNT", [account])[account]
    fields = [{**one, "isDeleted": one["uniqueName"] == "Website"} for one in fields]
    assert set_schema(sandbox, "ACCOUNT", fields).status_code == 200
    assert "Website" not in entities(sandbox, "ACCOUNT", [account])[account]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ([{}], [f"[0].{n}: must not be null" for n in ("uniqueName", "label", "type")]),
        ({}, BAD_JSON[1]),
        ([{**FIELD, "type": "SHAPE"}], BAD_JSON[1]),
        (
            [{**FIELD, "type": "PICKLIST"}],
            ["[0].orderedValueList: must not be empty for type PICKLIST"],
        ),
        (
            [{**FIELD, "type": "REFERENCE"}],
            ["[0].referenceTo: must not be null for type REFERENCE"],
        ),
        (
            [{**FIELD, "lastModified": "2026-06-01T10:00:00.000Z"}],
            ["[0].lastModified: must be a date and time in ISO-8601, without milliseconds"],
        ),
        ([FIELD, FIELD], ["[1].uniqueName: tier is there already"]),
    ],
)
def test_schemas_that_make_no_sense_are_refused(fresh, fields, texts):
    assert refusal(set_schema(fresh, "ACCOUNT", fields)) == (400, texts)
    assert fresh.company.crm.schema_writes["ACCOUNT"] == 0


def test_an_upload_is_pending_then_in_progress_then_done(fresh):
    accounts = [row("a-1", name="A", domains=["a.example"]), row("a-2")]
    answer = upload(fresh, "ACCOUNT", accounts, clientRequestId="load_1-a")
    assert (answer.status_code, answer.json()["clientRequestId"]) == (201, "load_1-a")
    assert last_made(fresh) == "upload load_1-a: 2 lines of ACCOUNT"
    nothing = {"errors": [], "totalErrorCount": 0, "totalSuccessCount": 0}
    assert status_of(fresh, "load_1-a") == {"status": "PENDING", **nothing}
    fresh.clock.advance(3)
    assert status_of(fresh, "load_1-a") == {"status": "IN_PROGRESS", **nothing}
    assert entities(fresh, "ACCOUNT", ["a-1"]) == {"a-1": None}
    fresh.clock.advance(3)
    assert status_of(fresh, "load_1-a") == {"status": "DONE", **nothing, "totalSuccessCount": 2}
    assert entities(fresh, "ACCOUNT", ["a-2", "a-1", "a-3"]) == {
        "a-2": row("a-2", name="Account_#a-2"),
        "a-1": accounts[0],
        "a-3": None,
    }
    used = upload(fresh, "ACCOUNT", accounts, clientRequestId="load_1-a")
    assert refusal(used) == (409, ["Client request id has already been used"])
    (request,) = fresh.company.crm.requests
    assert (request.id, request.success_count, request.size > 100) == ("load_1-a", 2, True)
    assert fresh.company.crm.accepted["ACCOUNT"] == {"a-1": 1, "a-2": 1}


def test_rows_replace_each_other_and_are_deleted(fresh):
    crm = fresh.company.crm
    loaded(fresh, "CONTACT", [row("c-1", emailAddress="a@b.example", firstName="A")])
    assert len(get(fresh, BY_EMAIL, emailAddress="a@b.example")["customerData"]) == 1
    loaded(fresh, "CONTACT", [row("c-1", emailAddress="b@b.example")])
    assert entities(fresh, "CONTACT", ["c-1"])["c-1"] == row("c-1", emailAddress="b@b.example")
    assert get(fresh, BY_EMAIL, emailAddress="a@b.example")["customerData"] == []
    loaded(fresh, "CONTACT", [row("c-1", isDeleted=True)])
    assert entities(fresh, "CONTACT", ["c-1"]) == {"c-1": None}
    assert crm.accepted["CONTACT"]["c-1"] == 3
    assert crm.count("CONTACT", now=fresh.clock.now()) == 0


def test_deals_have_defaults_and_stages_that_exist(fresh):
    now = fresh.clock.now()
    result = loaded(fresh, "STAGE", [{"objectId": "won", "name": "Won"}, {"objectId": "lost"}])
    assert result["errors"] == [
        {"line": 2, "description": "Mandatory field [name] is missing or empty"}
    ]
    stage = {"objectId": "won", "name": "Won", "isActive": True, "sortOrder": 1}
    assert fresh.company.crm.objects("STAGE", ["won"], now=now) == {"won": stage}
    result = loaded(
        fresh,
        "DEAL",
        [
            row("d-1", stage="won", closeDate="2026-06-01", createdDate=MODIFIED, amount=7.5),
            row("d-2", stage="lost"),
            row("d-3"),
        ],
    )
    assert result["status"] == "FAILED"
    assert [error["line"] for error in result["errors"]] == [2]
    assert (result["totalErrorCount"], result["totalSuccessCount"]) == (1, 2)
    found = entities(fresh, "DEAL", ["d-1", "d-2", "d-3"])
    assert found["d-1"]["amount"] == 7.5
    assert found["d-2"] is None
    assert found["d-3"] == row("d-3", name="Deal_#d-3", status="OPEN", amount=0)


def test_a_business_user_is_deleted_before_it_is_changed(fresh):
    first, other = (row("u-1", emailAddress=f"{name}@vendor.example") for name in "ab")
    assert loaded(fresh, "BUSINESS_USER", [first])["status"] == "DONE"
    assert loaded(fresh, "BUSINESS_USER", [first])["status"] == "DONE"
    assert loaded(fresh, "BUSINESS_USER", [other])["totalErrorCount"] == 1
    assert loaded(fresh, "BUSINESS_USER", [row("u-1", isDeleted=True)])["status"] == "DONE"
    assert loaded(fresh, "BUSINESS_USER", [other])["status"] == "DONE"
    held = fresh.company.crm.objects("BUSINESS_USER", ["u-1"], now=fresh.clock.now())
    assert held == {"u-1": other}


def test_a_business_user_without_an_address_is_refused_as_recorded(fresh):
    (exchange,) = recorded("get-crm-request-status")
    expected = {k: v for k, v in exchange["response"].items() if k != "requestId"}
    assert loaded(fresh, "BUSINESS_USER", [row("u-1")]) == expected


@pytest.mark.parametrize(
    ("kind", "line", "text"),
    [
        ("ACCOUNT", b"{", "The line is not a valid JSON object"),
        ("ACCOUNT", b"[1]", "The line is not a valid JSON object"),
        ("ACCOUNT", b'{"objectId": "\xff"}', "The line is not a valid JSON object"),
        ("ACCOUNT", {"modifiedDate": MODIFIED}, "Mandatory field [objectId] is missing or empty"),
        ("ACCOUNT", {"objectId": "a"}, "Mandatory field [modifiedDate] is missing or empty"),
        ("ACCOUNT", row("a_b"), "Field [objectId] is not a valid OBJECTID"),
        ("ACCOUNT", row("a" * 65), "Field [objectId] is not a valid OBJECTID"),
        ("ACCOUNT", {**row("a"), "objectId": 7}, "Field [objectId] is not a valid OBJECTID"),
        (
            "ACCOUNT",
            {**row("a"), "modifiedDate": "2026-06-01T10:00:00.123Z"},
            "Field [modifiedDate] is not a valid DATETIME",
        ),
        (
            "ACCOUNT",
            {**row("a"), "modifiedDate": "2026-02-30T10:00:00Z"},
            "Field [modifiedDate] is not a valid DATETIME",
        ),
        ("ACCOUNT", row("a", isDeleted="yes"), "Field [isDeleted] is not a valid BOOLEAN"),
        ("ACCOUNT", row("a", url="a.example"), "Field [url] is not a valid URL"),
        ("ACCOUNT", row("a", domains="a.example"), "Field [domains] is not a valid STRINGARRAY"),
        (
            "ACCOUNT",
            row("a", NumberOfEmployees="7"),
            "Field [NumberOfEmployees] is not a valid NUMBER",
        ),
        ("ACCOUNT", row("a", Type="Friend"), "Field [Type] is not a valid PICKLIST"),
        ("CONTACT", row("a", accountId=7), "Field [accountId] is not a valid REFERENCE"),
        ("CONTACT", row("a", emailAddress="x"), "Field [emailAddress] is not a valid EMAILADDRESS"),
        ("DEAL", row("a", status="STUCK"), "Field [status] is not a valid PICKLIST"),
        ("DEAL", row("a", amount="7"), "Field [amount] is not a valid CURRENCY"),
        ("DEAL", row("a", Probability=101), "Field [Probability] is not a valid PERCENT"),
        ("DEAL", row("a", closeDate="soon"), "Field [closeDate] is not a valid DATE or DATETIME"),
        (
            "STAGE",
            {"objectId": "a", "name": "A", "sortOrder": 1.5},
            "Field [sortOrder] is not a valid INTEGER",
        ),
    ],
)
def test_each_line_is_held_against_the_rules(site, kind, line, text):
    content = line if isinstance(line, bytes) else json.dumps(line).encode()
    sound = {"objectId": "email@id.example", "modifiedDate": "2026-06-01T10:00:00+02:00"}
    sound["name"] = "N"
    good_line = json.dumps(sound).encode()
    result = loaded(site, kind, good_line + b"\r\n\n" + content)
    assert result == {
        "status": "FAILED",
        "errors": [{"line": 3, "description": text}],
        "totalErrorCount": 1,
        "totalSuccessCount": 1,
    }


def test_twenty_errors_are_listed_and_all_are_counted(fresh):
    rows = [
        row(f"a-{number}", domains=7) if number % 2 else row(f"a-{number}") for number in range(90)
    ]
    result = loaded(fresh, "ACCOUNT", rows)
    assert [error["line"] for error in result["errors"]] == list(range(2, 41, 2))
    assert (result["totalErrorCount"], result["totalSuccessCount"]) == (45, 45)


def test_versions_of_an_object_go_into_files_of_their_own(fresh):
    result = loaded(fresh, "ACCOUNT", [row("a-1", name="1"), row("a-1", name="2")])
    assert [error["line"] for error in result["errors"]] == [2]
    assert entities(fresh, "ACCOUNT", ["a-1"])["a-1"]["name"] == "1"


def test_a_file_without_objects_fails_as_a_whole(fresh):
    assert [error["line"] for error in loaded(fresh, "ACCOUNT", b"\n")["errors"]] == [0]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"part": "file"}, (400, ["dataFile part is missing"])),
        ({"filename": None}, (400, ["dataFile part is missing"])),
        ({"objectType": None}, nulls("objectType")),
        ({"clientRequestId": None}, nulls("clientRequestId")),
        ({"integrationId": None}, nulls("integrationId")),
        (
            {"clientRequestId": "a b"},
            (400, ["clientRequestId: must hold letters, numbers, dashes and underscores"]),
        ),
        ({"integrationId": "123"}, (400, ["Integration not found: integrationId=123"])),
        (
            {"objectType": "account"},
            (
                400,
                ["objectType: must be one of ACCOUNT, CONTACT, DEAL, LEAD, BUSINESS_USER, STAGE"],
            ),
        ),
    ],
)
def test_uploads_that_make_no_sense_are_refused(site, more, expected):
    before = len(site.company.crm.requests)
    assert refusal(upload(site, "ACCOUNT", [row("x-1")], **more)) == expected
    assert len(site.company.crm.requests) == before


def test_an_upload_that_is_no_form_is_refused(site):
    assert refusal(send(site, "POST", ENTITIES, {})) == (415, ["Unsupported Media Type"])


def test_an_upload_in_a_lost_answer_is_known_at_the_second_try(fresh):
    fresh.faults.next("reset-after", path=ENTITIES)
    with pytest.raises(requests.ConnectionError):
        upload(fresh, "ACCOUNT", [row("a-1")], clientRequestId="lost")
    assert upload(fresh, "ACCOUNT", [row("a-1")], clientRequestId="lost").status_code == 409
    fresh.clock.advance(MINUTE)
    assert status_of(fresh, "lost")["status"] == "DONE"
    assert fresh.company.crm.accepted["ACCOUNT"] == {"a-1": 1}


def test_an_upload_to_an_integration_that_ends_fails_as_a_whole(fresh):
    integration_id = active(fresh)
    send(fresh, "DELETE", INTEGRATIONS, integrationId=integration_id, clientRequestId="end")
    fresh.clock.advance(5 * MINUTE)
    upload(fresh, "ACCOUNT", [row("a-1")], clientRequestId="late")
    fresh.clock.advance(5 * MINUTE)
    late = status_of(fresh, "late", integration_id)
    assert (late["status"], late["errors"][0]["line"]) == ("FAILED", 0)


def test_a_hundred_thousand_accounts_in_one_file(fresh):
    line = '{"objectId":"a-%d","modifiedDate":"%s","name":"Account %d","domains":["a%d.example"]}\n'
    content = "".join(line % (n, MODIFIED, n, n) for n in range(100_000)).encode()
    result = loaded(fresh, "ACCOUNT", content)
    assert (result["status"], result["totalSuccessCount"]) == ("DONE", 100_000)
    assert entities(fresh, "ACCOUNT", ["a-99999"])["a-99999"]["name"] == "Account 99999"
    assert set(fresh.company.crm.accepted["ACCOUNT"].values()) == {1}


def test_a_file_is_read_as_a_stream():
    intake = RowIntake("ACCOUNT", ())
    tracemalloc.start()
    for number in range(30_000):
        intake.feed(
            b'{"objectId":"same","modifiedDate":"%s","n":%d}\n' % (MODIFIED.encode(), number)
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    intake.close()
    assert (len(intake.rows), intake.error_count) == (1, 29_999)
    # The content is 2 MB; what other threads allocate meanwhile is counted too.
    assert peak < 1_000_000
    # Pieces may end anywhere, and even a line without an end is put together once.
    whole, pieces = (RowIntake("ACCOUNT", ()) for _ in range(2))
    content = b'{"objectId":"a","modifiedDate":"2026-06-01T10:00:00Z"}\n{"objectId":\n'
    whole.feed(content)
    for place in range(len(content)):
        pieces.feed(content[place : place + 1])
    whole.close()
    pieces.close()
    assert whole.rows == pieces.rows
    assert whole.errors == pieces.errors
    assert whole.sha256 == pieces.sha256


def test_a_file_that_is_too_large_is_not_kept():
    intake = RowIntake("ACCOUNT", ())
    intake.feed(b'{"objectId":"a","modifiedDate":"2026-06-01T10:00:00Z"}\n')
    chunk = b" " * 2**24
    while intake.size <= LARGEST:
        intake.feed(chunk)
    assert not intake.rows
    assert not intake._parts


@pytest.mark.slow
def test_a_file_of_more_than_200_mb_is_refused(fresh):
    answer = upload(fresh, "ACCOUNT", b" " * (LARGEST + 1))
    assert refusal(answer) == (400, ["dataFile part is larger than 200MB"])


# Engage


@pytest.fixture(scope="module")
def sdr(site) -> str:
    staff = get(site, USERS)["users"]
    return str(next(u["emailAddress"] for u in staff if "Senior SDR" in (u["title"] or "")))


def flows_of(sandbox: Sandbox, email: str, *, exclusive: bool = False) -> list[dict[str, Any]]:
    found = get(sandbox, FLOWS, flowOwnerEmail=email)["flows"]
    return [flow for flow in found if flow["exclusive"] == exclusive]


def contacts(sandbox: Sandbox, count: int) -> list[str]:
    """People who have not been in a flow."""
    rows = [row(f"p-{next(numbers)}", firstName="P") for _ in range(count)]
    for one in rows:
        sandbox.company.crm.put("CONTACT", one["objectId"], one)
    return [one["objectId"] for one in rows]


def assign(
    sandbox: Sandbox, ids: list[str], flow: str, owner: str, path: str = ASSIGN, **more: Any
):
    body = {"crmProspectsIds": ids, "flowId": flow, "flowInstanceOwnerEmail": owner, **more}
    return send(sandbox, "POST", path, body)


def test_prospects_are_put_into_a_flow_and_taken_out(site, sdr):
    flow, other = flows_of(site, sdr)[:2]
    first, second = contacts(site, 2)
    answer = good(assign(site, [first, second, first, "nobody"], flow["id"], sdr))
    assert fits(answer, "POST", ASSIGN)
    assert last_made(site) == f"2 of 3 prospects in flow {flow['id']}"
    (refused,) = answer["prospectsNotAssigned"]
    assert (refused["crmProspectId"], refused["errorCode"]) == ("nobody", "InvalidArgument")
    assert [one["crmProspectId"] for one in answer["prospectsAssigned"]] == [first, second]
    assert assigned(site, first, second) == sorted(
        answer["prospectsAssigned"], key=lambda one: one["flowInstanceId"]
    )
    (again,) = good(assign(site, [first], flow["id"], sdr))["prospectsNotAssigned"]
    assert again["errorCode"] == "InvalidState"
    assert site.company.flows.times_assigned[first, flow["id"]] == 1
    good(assign(site, [first], other["id"], sdr))

    # Out of one flow, then out of all.
    one = good(send(site, "POST", BY_CRM_ID, {"crmProspectId": first, "flowId": flow["id"]}))
    assert fits(one, "POST", BY_CRM_ID)
    assert one["unassignedFlowInstanceIds"] == [answer["prospectsAssigned"][0]["flowInstanceId"]]
    assert [row["flowId"] for row in assigned(site, first)] == [other["id"]]
    body = {"crmProspectId": first, "unassignedByUserEmail": sdr}
    assert len(good(send(site, "POST", BY_CRM_ID, body))["unassignedFlowInstanceIds"]) == 1
    assert good(send(site, "POST", BY_CRM_ID, body))["unassignedFlowInstanceIds"] == []
    assert assigned(site, first) == []

    ids = [row["flowInstanceId"] for row in assigned(site, second)]
    over = one["unassignedFlowInstanceIds"]
    answer = good(send(site, "POST", BY_INSTANCE, {"flowInstanceIds": [*ids, *over]}))
    assert fits(answer, "POST", BY_INSTANCE)
    assert answer["unassignedFlowInstanceIds"] == ids
    assert assigned(site, second) == []


def test_a_flow_runs_after_a_while_makes_tasks_and_ends(sandbox):
    user = next(u for u in sandbox.company._staff.team("sdr"))
    now = sandbox.clock.now()
    free = next(
        prospect.crm_id
        for prospect in sandbox.company.flows.prospects.values()
        if prospect.owner is not user
        and not sandbox.company.flows.instances([prospect.crm_id], now=now)
    )
    flow = next(
        f["id"]
        for f in get(sandbox, FLOWS, flowOwnerEmail=user.email)["flows"]
        if sandbox.company.flows.by_id[f["id"]].steps[0].action == "CALL"
    )
    good(assign(sandbox, [free], flow, user.email))
    assert [one["flowInstanceStatus"] for one in assigned(sandbox, free)] == ["Pending"]
    sandbox.clock.advance(timedelta(hours=1))
    assert [one["flowInstanceStatus"] for one in assigned(sandbox, free)] == ["Running"]
    tasks = post(sandbox, TASKS, {"userId": user.id, **ALL_TASKS})["tasks"]
    mine = [task for task in tasks if task["contact"]["crmId"] == free and "flow" in task]
    assert {task["flow"]["id"] for task in mine} == {int(flow)}
    sandbox.clock.advance(timedelta(days=40))
    assert all(one["flowId"] != flow for one in assigned(sandbox, free))


def test_an_exclusive_flow_lets_nobody_into_others_and_cool_off_comes_after(site, sdr):
    (flow, *_), (other, *_) = flows_of(site, sdr, exclusive=True), flows_of(site, sdr)
    (somebody,) = contacts(site, 1)
    good(assign(site, [somebody], flow["id"], sdr))
    (refused,) = good(assign(site, [somebody], other["id"], sdr))["prospectsNotAssigned"]
    assert (refused["flowId"], refused["errorCode"]) == (other["id"], "InvalidState")
    good(send(site, "POST", BY_CRM_ID, {"crmProspectId": somebody}))
    (refused,) = good(assign(site, [somebody], other["id"], sdr))["prospectsNotAssigned"]
    assert "cool off" in refused["errorMessage"]
    answer = good(assign(site, [somebody], other["id"], sdr, path=AT_ONCE))
    assert fits(answer, "POST", AT_ONCE)
    assert len(answer["prospectsAssigned"]) == 1
    good(send(site, "POST", BY_CRM_ID, {"crmProspectId": somebody}))
    over = {
        "coolOffOverride": True,
        "steps": [{"number": 1, "subject": "S", "body": "B"}],
        "flowInstanceVariables": [{"name": "n", "value": "v"}],
    }
    answer = assign(
        site,
        [somebody],
        flow["id"],
        sdr,
        overrides=over,
        flowInstanceDescription="D",
    )
    good(answer)
    (instance,) = site.company.flows.instances([somebody], now=site.clock.now())
    assert instance.given.flow_instance_description == "D"
    assert instance.given.overrides.steps[0].subject == "S"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"crmProspectsIds": None, "flowId": None, "flowInstanceOwnerEmail": None},
            nulls("crmProspectsIds", "flowId", "flowInstanceOwnerEmail"),
        ),
        (
            {"crmProspectsIds": [str(n) for n in range(101)]},
            (400, ["crmProspectsIds: size must be between 1 and 100"]),
        ),
        ({"crmProspectsIds": []}, (400, ["crmProspectsIds: size must be between 1 and 100"])),
        ({"crmProspectsIds": "x"}, BAD_JSON),
        ({"flowId": "123"}, (404, ["Flow not found"])),
        ({"flowInstanceOwnerEmail": "x"}, (400, ["x is not a valid email address"])),
        (
            {"flowInstanceOwnerEmail": "x@y.example"},
            (400, ["flowInstanceOwnerEmail: x@y.example is not a Gong user"]),
        ),
        ({"overrides": {"steps": [{}]}}, nulls("overrides.steps[0].number")),
        (
            {"overrides": {"flowInstanceVariables": [{}]}},
            nulls(*(f"overrides.flowInstanceVariables[0].{n}" for n in ("name", "value"))),
        ),
        ({"overrides": {"steps": [{"number": 99}]}}, None),
    ],
)
@pytest.mark.parametrize("path", [ASSIGN, AT_ONCE])
def test_assignments_that_make_no_sense_are_refused(site, sdr, path, changes, expected):
    body = {
        "crmProspectsIds": ["nobody"],
        "flowId": flows_of(site, sdr)[0]["id"],
        "flowInstanceOwnerEmail": sdr,
        **changes,
    }
    answer = send(site, "POST", path, body)
    assert refusal(answer) == expected if expected else answer.status_code == 400


def test_a_flow_of_somebody_else_is_not_found(site, sdr):
    own = {flow["id"] for flow in get(site, FLOWS, flowOwnerEmail=sdr)["flows"]}
    foreign = next(flow_id for flow_id in site.company.flows.by_id if flow_id not in own)
    assert refusal(assign(site, ["x"], foreign, sdr)) == (404, ["Flow not found"])


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        (BY_CRM_ID, {}, nulls("crmProspectId")),
        (
            BY_CRM_ID,
            {"crmProspectId": "x", "unassignedByUserEmail": "x@y.example"},
            (400, ["unassignedByUserEmail: x@y.example is not a Gong user"]),
        ),
        (BY_INSTANCE, {}, nulls("flowInstanceIds")),
        (
            BY_INSTANCE,
            {"flowInstanceIds": [str(n) for n in range(201)]},
            (400, ["flowInstanceIds: size must be between 1 and 200"]),
        ),
        (BY_INSTANCE, {"flowInstanceIds": 7}, BAD_JSON),
    ],
)
def test_unassignments_that_make_no_sense_are_refused(site, path, given, expected):
    assert refusal(send(site, "POST", path, given)) == expected


def test_a_bulk_assignment_runs_by_itself_and_makes_people(sandbox):
    owner = sandbox.company._staff.team("sdr")[0].email
    flow = flows_of(sandbox, owner)[0]["id"]
    (known,) = contacts(sandbox, 1)
    new = {"firstName": "Nia", "lastName": "New", "email": "nia@new.example"}
    body = {
        "flowInstanceOwnerEmail": owner,
        "flowId": flow,
        "prospects": [
            {"crmId": known},
            {"crmId": "nobody"},
            new,
            {**new, "email": "x@y.example", "accountCrmId": "nowhere"},
        ],
    }
    answer = send(sandbox, "POST", BULK, body)
    assert answer.status_code == 202
    begun = answer.json()
    assert (begun["status"], begun["totalCount"], begun["results"]) == ("PENDING", 4, [])
    path = f"{BULK}/{begun['id']}"
    assert assigned(sandbox, known) == []
    sandbox.clock.advance(3)
    assert get(sandbox, path)["status"] == "IN_PROGRESS"
    sandbox.clock.advance(3)
    done = get(sandbox, path)
    assert (done["status"], done["processedCount"]) == ("COMPLETED", 4)
    assert (done["successCount"], done["failedCount"]) == (2, 2)
    failed = ["FLOW_ASSIGNMENT_FAILED", "CRM_OPERATION_FAILED"]
    assert [one["status"] for one in done["results"]] == [
        *("ASSIGNED", failed[0], "ASSIGNED", failed[1])
    ]
    made = done["results"][2]
    assert made["prospect"]["email"] == "nia@new.example"
    (shown,) = assigned(sandbox, made["crmId"])
    assert shown["flowInstanceId"] == made["flowInstanceId"]
    assert entities(sandbox, "LEAD", [made["crmId"]])[made["crmId"]]["firstName"] == "Nia"
    # The same person again is found by the address, and is in the flow already.
    again = send(sandbox, "POST", BULK, {**body, "prospects": [new]}).json()
    sandbox.clock.advance(MINUTE)
    (result,) = get(sandbox, f"{BULK}/{again['id']}")["results"]
    assert (result["crmId"], result["errorCode"]) == (made["crmId"], "InvalidState")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"prospects": None, "flowId": None, "flowInstanceOwnerEmail": None},
            nulls("flowInstanceOwnerEmail", "flowId", "prospects"),
        ),
        ({"prospects": []}, (400, ["prospects: size must be between 1 and 50"])),
        ({"prospects": [{"crmId": "x"}] * 51}, (400, ["prospects: size must be between 1 and 50"])),
        (
            {"prospects": [{"firstName": "X"}]},
            (400, ["prospects[0]: must have a crmId, or a firstName and a lastName"]),
        ),
        ({"flowId": "7"}, (404, ["Flow not found"])),
    ],
)
def test_bulks_that_make_no_sense_are_refused(site, sdr, changes, expected):
    body = {
        "flowInstanceOwnerEmail": sdr,
        "flowId": flows_of(site, sdr)[0]["id"],
        "prospects": [{"crmId": "x"}],
        **changes,
    }
    assert refusal(send(site, "POST", BULK, body)) == expected


def test_a_task_is_done_moved_and_weighed(sandbox):
    user_id = sandbox.company._book.accounts[0].ae.id
    before = post(sandbox, TASKS, {"userId": user_id, **ALL_TASKS})["tasks"]
    task = before[0]
    change = {
        "userId": user_id,
        "status": "DISMISSED",
        "dueDate": "2026-06-20T12:00:00Z",
        "priority": 1,
    }
    answer = good(send(sandbox, "PATCH", f"{TASKS}/{task['id']}", change))
    assert fits(answer, "PATCH", "/v2/tasks/{taskId}")
    (changed,) = answer["tasks"]
    assert answer["crmType"] == "GENERIC"
    assert changed == {
        **task,
        "status": "DISMISSED",
        "dueDate": "2026-06-20T05:00:00-07:00",
        "priority": {"id": 1, "name": "high", "weight": 100},
        "updated": "2026-06-15T11:00:00-07:00",
    }
    after = post(sandbox, TASKS, {"userId": user_id, **ALL_TASKS})["tasks"]
    assert after == [changed, *before[1:]]
    assert sandbox.company.tasks.changes == {task["id"]: 1}
    # Nothing to change changes nothing.
    good(send(sandbox, "PATCH", f"{TASKS}/{task['id']}", {"userId": user_id}))
    assert sandbox.company.tasks.changes == {task["id"]: 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"userId": None}, nulls("userId")),
        ({"userId": "x"}, BAD_JSON),
        ({"status": "LATE"}, BAD_JSON),
        ({"dueDate": "x"}, (400, ["dueDate: must be a date and time in ISO-8601 format"])),
        ({"priority": 9}, (400, ["priority: 9 was not found"])),
        ({}, (404, ["TaskId not found"])),
    ],
)
def test_changes_of_tasks_that_make_no_sense_are_refused(site, changes, expected):
    body = {"userId": site.company._book.accounts[0].ae.id, **changes}
    assert refusal(send(site, "PATCH", f"{TASKS}/12345", body)) == expected


# Erasure


def guest_of(sandbox: Sandbox) -> tuple[str, str, list[str]]:
    """Somebody with calls: address, number, ids of the calls."""
    company = sandbox.company
    for prospect in company.flows.prospects.values():
        contact = prospect.contact
        found = company.data_for_email(contact.email, now=sandbox.clock.now())
        if found["calls"] and found["customerData"]:
            return contact.email, contact.phone, [call["id"] for call in found["calls"]]
    pytest.fail("nobody has calls")


def all_ids(sandbox: Sandbox) -> set[str]:
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor or not found:
        page = get(sandbox, CALLS, cursor=cursor)
        found += page["calls"]
        cursor = page["records"].get("cursor")
    return {call["id"] for call in found}


@pytest.mark.parametrize("path", [ERASE_EMAIL, ERASE_PHONE])
def test_somebody_is_erased_with_all_their_calls(sandbox, path):
    email, phone, calls = guest_of(sandbox)
    good(send(sandbox, "POST", INTERACTION, interaction(person={"email": email})))
    before = all_ids(sandbox)
    assert before.issuperset(calls)
    query = {"emailAddress": email, "phoneNumber": phone}
    people = sandbox.company.crm.people(email=email, now=NOW)
    rows = {kind: one["objectId"] for kind, one in people}
    assert set(good(send(sandbox, "POST", path, **query))) == {"requestId"}
    good(send(sandbox, "POST", path, **query))
    made = "erasure of " + (email if path == ERASE_EMAIL else phone)
    assert last_made(sandbox) == made
    sandbox.clock.advance(MINUTE)
    assert all_ids(sandbox) == before
    sandbox.clock.advance(5 * MINUTE)
    left = all_ids(sandbox)
    assert left.isdisjoint(calls)
    assert left >= before - set(calls)
    assert send(sandbox, "GET", f"{CALLS}/{calls[0]}").status_code == 404
    for listing in (EXTENSIVE, TRANSCRIPT):
        body = {"filter": {"callIds": calls}}
        assert send(sandbox, "POST", listing, body).status_code == 404
    made_by_hand = get(sandbox, "/v2/calls/manual-crm-associations")["associations"]
    assert {entry["callId"] for entry in made_by_hand}.isdisjoint(calls)
    company, now = sandbox.company, sandbox.clock.now()
    shelved = [company.folder_content(one["id"], now=now) for one in company.folders()]
    shown = {call["id"] for folder in shelved if folder for call in folder["calls"]}
    reviewed = {review["callId"] for review in company.answered_scorecards(now=now)}
    acted = {event.call_id for event in company.activities.of_calls(EPOCH, now, now=now)}
    for ids in (shown, reviewed, acted):
        assert ids
        assert ids.isdisjoint(calls)
    for kind, object_id in rows.items():
        assert entities(sandbox, kind, [object_id]) == {object_id: None}
        assert assigned(sandbox, object_id) == []
    found = get(sandbox, BY_EMAIL, emailAddress=email)
    nothing: dict[str, Any] = {"emails": [], "calls": [], "meetings": [], "customerData": []}
    assert {name: found[name] for name in nothing} == nothing
    assert bool(found["customerEngagement"]) == (path == ERASE_PHONE)
    assert get(sandbox, BY_PHONE, phoneNumber=phone)["calls"] == []
    first, second = sandbox.company.erasures.asked
    assert set(first.calls) == set(calls)
    assert second.calls == []


def test_invitations_of_an_erased_person_go_too(sandbox):
    emails = [user["emailAddress"] for user in get(sandbox, USERS)["users"]]
    users = sandbox.company.meetings
    organizer = next(one for one in emails if users.status(one, now=NOW)["valid"])
    body = {
        "startTime": "2026-06-16T10:00:00Z",
        "endTime": "2026-06-16T11:00:00Z",
        "organizerEmail": organizer,
        "invitees": [{"email": "guest@buyers.example"}],
    }
    good(send(sandbox, "POST", MEETINGS, body))
    sandbox.company.erasures.delay = timedelta(seconds=1)
    good(send(sandbox, "POST", ERASE_EMAIL, emailAddress="Guest@buyers.example"))
    sandbox.clock.advance(1)
    assert get(sandbox, BY_EMAIL, emailAddress="guest@buyers.example")["meetings"] == []


def test_more_calls_than_usual_are_not_erased(sandbox):
    email, _, calls = guest_of(sandbox)
    sandbox.company.erasures.most_calls = len(calls) - 1
    good(send(sandbox, "POST", ERASE_EMAIL, emailAddress=email))
    sandbox.clock.advance(10 * MINUTE)
    assert all_ids(sandbox).issuperset(calls)
    assert sandbox.company.erasures.asked[0].stopped


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (ERASE_EMAIL, {}, nulls("emailAddress")),
        (ERASE_EMAIL, {"emailAddress": "x"}, (400, ["x is not a valid email address"])),
        (ERASE_PHONE, {}, nulls("phoneNumber")),
        (
            ERASE_PHONE,
            {"phoneNumber": "555"},
            (400, ["phoneNumber: must start with + and the country code"]),
        ),
    ],
)
def test_erasures_that_make_no_sense_are_refused(site, path, query, expected):
    assert refusal(send(site, "POST", path, **query)) == expected


def test_the_companys_own_people_are_not_erased(site, sdr):
    before = len(site.company.erasures.asked)
    assert send(site, "POST", ERASE_EMAIL, emailAddress=sdr).status_code == 400
    assert len(site.company.erasures.asked) == before


def test_a_created_call_that_is_deleted_is_no_longer_counted_as_visible(sandbox):
    host = next(u for u in get(sandbox, USERS)["users"] if u["settings"]["telephonyCallsImported"])
    body = {
        "clientUniqueId": "gone-1",
        "actualStart": NOW.isoformat(),
        "direction": "Inbound",
        "primaryUser": host["id"],
        "parties": [{"userId": host["id"]}, {"name": "B", "emailAddress": "b@erase.example"}],
        "downloadMediaUrl": "https://media.example/1.mp3",
        "duration": 300,
    }
    call_id = good(send(sandbox, "POST", CALLS, body))["callId"]
    sandbox.clock.advance(5 * MINUTE)
    page = requests.get(sandbox.url, timeout=20).text
    assert "<span>visible</span> <b>1</b>" in page
    sandbox.company.delete(call_id)
    page = requests.get(sandbox.url, timeout=20).text
    assert "<span>visible</span> <b>0</b>" in page
    assert "<span>deleted</span> <b>1</b>" in page


def test_the_front_page_lists_the_writes(sandbox):
    good(send(sandbox, "POST", INTERACTION, interaction(eventId="<b>")))
    upload(sandbox, "ACCOUNT", [row("a-1")], clientRequestId="shown")
    page = requests.get(sandbox.url, timeout=20).text
    assert f"<td>POST {INTERACTION}</td><td>digitalInteraction event &lt;b&gt;</td>" in page
    assert f"<td>POST {ENTITIES}</td><td>upload shown: 1 lines of ACCOUNT</td>" in page


def test_prospects_of_nobody_are_listed_as_before(site):
    assert (
        good(send(site, "POST", PROSPECTS, {"crmProspectsIds": ["x"]}))["prospectsAssigned"] == []
    )
