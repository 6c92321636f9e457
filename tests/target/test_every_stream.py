"""Each stream of the target: sent as the document has it, once, and read back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gong_api.command import RunStopped
from target_gong.sinks import SINKS
from tests.answering_server import request_faults, template_of
from tests.clocks import NOW
from tests.gong_document import document
from tests.target.target_run import company, messages, receipts, run_target, settings

DESTRUCTIVE = {
    "call_user_access",
    "meetings",
    "crm_integrations",
    "crm_entity_schemas",
    "crm_business_users",
    "crm_stages",
    "crm_accounts",
    "crm_contacts",
    "crm_leads",
    "crm_deals",
    "erased_email_addresses",
    "erased_phone_numbers",
    "requests",
}
MODIFIED = "2026-06-01T10:00:00Z"


pytestmark = pytest.mark.usefixtures("quick_crm")


@pytest.fixture
def sandbox():
    with company(calls=30, days=20) as found:
        yield found


def users(sandbox):
    return [user for user in sandbox.company.users(now=NOW) if user["active"]]


def external(sandbox, field):
    """An address or a number of somebody who was on a call."""
    data = sandbox.company
    return next(
        party[field]
        for slot in data.slots(None, None, now=NOW)
        for party in data.extensive(slot, now=NOW).get("parties", [])
        if party.get("affiliation") == "External" and party.get(field)
    )


def flow_and_prospects(sandbox):
    """A flow that its owner sees, and people in the CRM who are in none."""
    data = sandbox.company
    owner = data.user(users(sandbox)[0]["emailAddress"], now=NOW)
    flow = next(f for f, _ in data.flows.flows(owner, now=NOW) if not f.exclusive)
    calls = [data.extensive(slot, now=NOW) for slot in data.slots(None, None, now=NOW)]
    ids = sorted(
        {
            found["objectId"]
            for call in calls
            for party in call.get("parties", [])
            for system in party.get("context", [])
            for found in system["objects"]
            if found["objectType"] == "Contact"
        }
    )
    free = [i for i in ids if not data.flows.instances([i], now=NOW)]
    return owner.email, flow.id, free


def task_of(sandbox) -> dict[str, Any]:
    for user in users(sandbox):
        for task in sandbox.company.tasks_of(user["id"], now=NOW):
            if task["status"] == "OPEN":
                return {
                    "taskId": task["id"],
                    "userId": user["id"],
                    "status": "DONE",
                    "priority": "2",
                }
    raise AssertionError


def event(**more: Any) -> dict[str, Any]:
    return {
        "reporting_system": "Portal",
        "event_timestamp": "2026-06-14T09:00:00Z",
        "content_id": "c-1",
        "content_url": "https://content.example/1",
        "content_title": "Price list",
        **more,
    }


def record_of(stream: str, sandbox: Any) -> dict[str, Any]:
    """A record that Gong takes, as a source would give it."""
    owner = users(sandbox)[0]["emailAddress"]
    crm = {"object_id": "x-1", "modified_date": "2026-06-01 10:00:00.123+00:00"}
    if stream == "meetings":
        status = sandbox.company.meetings.status
        hosts = [user["emailAddress"] for user in users(sandbox)]
        return {
            "external_id": "m-1",
            "organizer_email": next(h for h in hosts if status(h, now=NOW)["valid"]),
            "start_time": "2026-07-01T10:00:00Z",
            "end_time": "2026-07-01T11:00:00Z",
            "title": "Kick-off",
            "invitees": '[{"email": "ada@example.com"}]',
        }
    if stream == "digital_interactions":
        return {
            "timestamp": MODIFIED,
            "event_type": "page viewed",
            "content": {"contentTitle": "Pricing"},
            "person": {"email": "ada@example.com", "company": {"domain": "example.com"}},
        }
    if stream in {"flow_assignments", "flow_unassignments"}:
        email, flow, free = flow_and_prospects(sandbox)
        if stream == "flow_unassignments":
            return {"crm_prospect_id": free[0], "flow_id": flow}
        return {"crm_prospect_id": free[0], "flow_id": flow, "flow_instance_owner_email": email}
    records: dict[str, dict[str, Any]] = {
        "content_viewed_events": event(viewer={"email": "ada@example.com"}),
        "content_shared_events": event(recipients=[{"email": "ada@example.com"}]),
        "custom_action_events": event(action_name="Signed"),
        "crm_entity_schemas": {
            "object_type": "ACCOUNT",
            "unique_name": "Tier",
            "label": "Tier",
            "type": "STRING",
        },
        "crm_business_users": {**crm, "email_address": owner},
        "crm_stages": {"object_id": "s-1", "name": "Won"},
        "crm_accounts": {**crm, "name": "Example", "domains": ["example.com"]},
        "crm_contacts": {**crm, "email_address": "ada@example.com", "account_id": "x-1"},
        "crm_leads": {**crm, "email_address": "bob@example.com"},
        "crm_deals": {**crm, "account_id": "x-1", "amount": "12.50", "status": "OPEN"},
        "integration_settings": {
            "integration_type_settings": [
                {"integration_type": "DIALER", "allowed_origin": "https://dialer.example"}
            ]
        },
        "requests": {"method": "GET", "path": "/v2/workspaces"},
    }
    if stream == "tasks":
        return task_of(sandbox)
    if stream == "crm_integrations":
        sandbox.company.crm.disconnect()
        return {"owner_email": owner, "name": "Example CRM"}
    if stream == "erased_email_addresses":
        return {"email_address": external(sandbox, "emailAddress")}
    if stream == "erased_phone_numbers":
        return {"phone_number": external(sandbox, "phoneNumber")}
    return records[stream]


STREAMS = sorted(set(SINKS) - {"calls", "call_media", "permission_profiles", "call_user_access"})


@pytest.mark.parametrize("stream", STREAMS)
def test_a_record_is_sent_as_the_document_has_it_and_once(stream, sandbox, tmp_path):
    record = record_of(stream, sandbox)
    config = settings(sandbox, tmp_path, allow_destructive=sorted(DESTRUCTIVE))
    lines = messages(stream, [record], state_every=1)
    assert run_target(config, lines).tally.done == 1
    (row,) = receipts(tmp_path)
    assert row.status == "done"
    faults = []
    for entry in sandbox.requests:
        operation = document()["paths"][template_of(entry.path)][entry.method.lower()]
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
            continue
        query = {name: [value] for name, value in entry.query.items()}
        faults += request_faults(operation, query, entry.body)
    assert faults == []
    writes = [entry for entry in sandbox.requests if entry.made]
    again = run_target(config, lines)
    assert (again.tally.known, again.tally.done) == (1, 0)
    assert [entry for entry in sandbox.requests if entry.made] == writes


@pytest.mark.parametrize("stream", sorted(DESTRUCTIVE))
def test_nothing_is_destroyed_by_default(stream, sandbox, tmp_path):
    if stream == "call_user_access":
        slot = sandbox.company.slots(None, None, now=NOW)[0]
        record = {"callId": slot.id, "userId": users(sandbox)[0]["id"]}
    elif stream == "requests":
        record = {"method": "DELETE", "path": "/v2/meetings/1"}
    else:
        record = record_of(stream, sandbox)
    if not stream.startswith(("erased", "requests")):
        record["_sdc_deleted_at"] = "2026-06-14T09:00:00Z"
    sandbox.clear_requests()
    with pytest.raises(RunStopped, match=f"refused unless allow_destructive has {stream}"):
        run_target(settings(sandbox, tmp_path), messages(stream, [record]))
    assert sandbox.requests == []


def test_an_erasure_is_shown_first_and_kept_in_the_ledger(sandbox, tmp_path, caplog):
    caplog.set_level("INFO")
    record = {"emailAddress": external(sandbox, "emailAddress")}
    config = settings(sandbox, tmp_path, allow_destructive=["erased_email_addresses"])
    lines = messages("erased_email_addresses", [record])
    run_target({**config, "dry_run": True}, lines)
    assert "Gong holds" in caplog.text
    assert '"calls": ["' in caplog.text
    assert sandbox.company.erasures.asked == []
    run_target(config, lines)
    (row,) = receipts(tmp_path)
    assert (row.key, row.action) == (record["emailAddress"], "erase")
    assert row.answer["held"]["calls"]
    assert len(sandbox.company.erasures.asked) == 1


def test_a_dry_run_goes_on_behind_somebody_whom_gong_does_not_look_up(sandbox, tmp_path, caplog):
    caplog.set_level("INFO")
    addresses = [users(sandbox)[0]["emailAddress"], external(sandbox, "emailAddress")]
    config = settings(
        sandbox,
        tmp_path,
        allow_destructive=["erased_email_addresses"],
        dry_run=True,
        on_error="skip",
    )
    lines = messages("erased_email_addresses", [{"emailAddress": one} for one in addresses])
    tally = run_target(config, lines).tally
    assert (tally.failed, tally.would) == (1, 1)
    assert "belongs to an internal user" in caplog.text
    assert f"{addresses[1]}: Gong holds" in caplog.text


def test_who_comes_back_is_erased_again(sandbox, tmp_path):
    sandbox.company.crm.queued = sandbox.company.crm.processing = timedelta(0)
    record = {"email_address": "bob@example.com"}
    contact = {"objectId": "c-1", "modifiedDate": "2026-06-01T10:00:00Z", **record}
    config = settings(sandbox, tmp_path, allow_destructive=["erased_email_addresses"])
    sandbox.company.erasures.delay = timedelta(0)
    lines = messages("erased_email_addresses", [record])
    assert run_target(config, lines).tally.done == 1
    tomorrow, in_days = timedelta(hours=25), timedelta(days=3)
    assert run_target(config, lines, later=tomorrow).tally.known == 1
    imported = settings(sandbox, tmp_path, ledger_path=str(tmp_path / "other.db"))
    run_target(imported, messages("crm_contacts", [contact]))
    sandbox.clear_requests()
    # Gong takes its time to erase.
    assert run_target(config, lines).tally.known == 1
    assert sandbox.requests == []
    assert run_target({**config, "dry_run": True}, lines, later=tomorrow).tally.would == 1
    assert run_target(config, lines, later=tomorrow).tally.done == 1
    assert run_target(config, lines, later=in_days).tally.known == 1
    rows = receipts(tmp_path)
    assert [row.answer["held"]["crmObjects"] for row in rows] == [0, 1]
    assert len(sandbox.company.erasures.asked) == 2


def test_a_meeting_is_changed_and_deleted_by_what_the_ledger_knows(sandbox, tmp_path):
    record = record_of("meetings", sandbox)
    config = settings(sandbox, tmp_path, allow_destructive=["meetings"])
    run_target(config, messages("meetings", [record]))
    run_target(config, messages("meetings", [{**record, "title": "Later"}]))
    gone = {**record, "_sdc_deleted_at": MODIFIED}
    run_target(config, messages("meetings", [gone]))
    assert [row.action for row in receipts(tmp_path)] == ["create", "update", "delete"]
    assert [e.method for e in sandbox.requests] == ["POST", "PUT", "DELETE"]
    (created,) = sandbox.company.meetings.created
    assert created.deleted
    assert receipts(tmp_path)[0].receipt()["url"]


def test_a_meeting_in_doubt_is_told_and_never_sent_again(sandbox, tmp_path):
    sandbox.faults.next("reset-after", path="/v2/meetings")
    lines = messages("meetings", [record_of("meetings", sandbox)])
    for _ in range(2):
        with pytest.raises(RunStopped, match="Gong may"):
            run_target(settings(sandbox, tmp_path), lines)
    assert len(sandbox.company.meetings.created) == 1
    assert receipts(tmp_path)[0].status == "in_doubt"


@pytest.mark.parametrize("stream", [s for s in STREAMS if "event" in s or "interaction" in s])
def test_an_event_that_gong_knows_is_success(stream, sandbox, tmp_path):
    record = record_of(stream, sandbox)
    run_target(settings(sandbox, tmp_path / "one"), messages(stream, [record]))
    target = run_target(settings(sandbox, tmp_path / "two"), messages(stream, [record]))
    assert target.tally.done == 1
    (row,) = receipts(tmp_path / "two")
    assert row.answer["existed"] is True
    assert row.key == receipts(tmp_path / "one")[0].key


def test_prospects_that_gong_does_not_assign_fail_by_name(sandbox, tmp_path):
    email, flow, free = flow_and_prospects(sandbox)
    records = [
        {"crmProspectId": who, "flowId": flow, "flowInstanceOwnerEmail": email}
        for who in [*free[:3], "nobody"]
    ]
    config = settings(sandbox, tmp_path, on_error="skip")
    target = run_target(config, messages("flow_assignments", records))
    assert (target.tally.done, target.tally.failed) == (3, 1)
    assert len([e for e in sandbox.requests if e.path.endswith("/assign")]) == 1
    failed = next(row for row in receipts(tmp_path) if row.status == "failed")
    assert failed.key == f"{flow}/nobody"
    assert "Gong did not assign it" in failed.error


def test_assigned_taken_out_and_assigned_again(sandbox, tmp_path):
    email, flow, free = flow_and_prospects(sandbox)
    put_in = {
        "crmProspectId": free[0],
        "flowId": flow,
        "flowInstanceOwnerEmail": email,
        "overrides": {"coolOffOverride": True},
    }
    out = {"crmProspectId": free[0], "flowId": flow}
    config = settings(sandbox, tmp_path)
    for stream, record in (
        ("flow_assignments", put_in),
        ("flow_assignments", put_in),
        ("flow_unassignments", out),
        ("flow_assignments", put_in),
        ("flow_unassignments", out),
        ("flow_unassignments", out),
    ):
        run_target(config, messages(stream, [record]))
        sandbox.clock.advance(timedelta(minutes=1))
    actions = [row.action for row in receipts(tmp_path)]
    assert actions == ["assign", "unassign", "assign", "unassign"]


def test_a_lost_assignment_is_looked_up(sandbox, tmp_path):
    record = record_of("flow_assignments", sandbox)
    sandbox.faults.next("reset-after", path="/v2/flows/prospects/assign")
    target = run_target(settings(sandbox, tmp_path), messages("flow_assignments", [record]))
    assert target.tally.done == 1
    assert receipts(tmp_path)[0].answer["flowInstanceId"]
    assert set(sandbox.company.flows.times_assigned.values()) == {1}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"method": "GET", "path": "https://elsewhere.example/"}, "stay on the host"),
        ({"method": "GET", "path": "//elsewhere.example/"}, "stay on the host"),
        ({"method": "HEAD", "path": "/v2/calls"}, "method must be one of"),
        (
            {"method": "GET", "path": "/v2/calls", "headers": {"Authorization": "x"}},
            "headers must not have Authorization",
        ),
        ({"method": "POST", "path": "/v2/x", "body": {}, "form": {"a": 1}}, "body excludes form"),
        (
            {"method": "POST", "path": "/v2/data-privacy/erase-data-for-email-address"},
            "refused unless allow_destructive has requests",
        ),
    ],
)
def test_raw_requests_that_are_refused(sandbox, tmp_path, record, words):
    with pytest.raises(RunStopped, match=words):
        run_target(settings(sandbox, tmp_path), messages("requests", [record]))
    assert sandbox.requests == []


def test_a_raw_request_keeps_its_answer(sandbox, tmp_path):
    record = {"key": "w", "method": "GET", "path": "/v2/workspaces", "params": {}}
    run_target(settings(sandbox, tmp_path), messages("requests", [record]))
    (row,) = receipts(tmp_path)
    assert row.key == "w"
    assert row.answer["answer"]["workspaces"] == sandbox.company.workspaces()


def test_a_raw_post_in_doubt_is_never_repeated(sandbox, tmp_path):
    record = {"method": "POST", "path": "/v2/users/extensive", "body": '{"filter": {}}'}
    sandbox.faults.next("500", path="/v2/users/extensive")
    for words in ("may or may not", "nothing tells"):
        with pytest.raises(RunStopped, match=words):
            run_target(settings(sandbox, tmp_path), messages("requests", [record]))
    assert [e.path for e in sandbox.requests] == ["/v2/users/extensive"]


@pytest.mark.parametrize(
    ("stream", "change", "words"),
    [
        ("meetings", {"organizer_email": "nobody@example.com"}, "Gong answered 404"),
        ("tasks", {"taskId": "1"}, "Gong answered 4"),
        ("flow_assignments", {"flow_id": "1"}, "Gong answered 404.*[Ff]low not found"),
        ("flow_unassignments", {"flow_instance_id": "1"}, "does not exist"),
        (
            "integration_settings",
            {"integration_type_settings": [{"integration_type": "FAX"}]},
            "integrationType must be one of EMAIL_COMPOSER.*allowedOrigin is required",
        ),
        ("digital_interactions", {"person": None}, "one of person and trackingId"),
        ("content_viewed_events", {"content_url": None}, "contentUrl is required"),
        ("erased_phone_numbers", {"phone_number": "0155"}, "phoneNumber must begin with"),
        ("crm_integrations", {"name": None}, "name is required"),
        ("crm_accounts", {"object_id": "a b"}, "objectId may have letters, digits and -"),
        ("crm_business_users", {"email_address": ""}, "emailAddress is required"),
    ],
)
def test_what_is_wrong_is_told_in_words_that_help(sandbox, tmp_path, stream, change, words):
    record = {**record_of(stream, sandbox), **change}
    if "flow_instance_id" in change:
        record = change
    config = settings(sandbox, tmp_path, allow_destructive=sorted(DESTRUCTIVE))
    with pytest.raises(RunStopped, match=words) as stopped:
        run_target(config, messages(stream, [record]))
    assert "\n" not in str(stopped.value)
    assert receipts(tmp_path)[0].status == "failed"


def test_a_meeting_that_cannot_be_made_says_what_to_mend(sandbox, tmp_path):
    status = sandbox.company.meetings.status
    hosts = [user["emailAddress"] for user in users(sandbox)]
    closed = next(status(host, now=NOW) for host in hosts if not status(host, now=NOW)["valid"])
    record = {**record_of("meetings", sandbox), "organizer_email": closed["email"]}
    with pytest.raises(RunStopped) as stopped:
        run_target(settings(sandbox, tmp_path), messages("meetings", [record]))
    assert closed["userFacingError"].rstrip(".") in str(stopped.value)
    assert f"See {closed['fixUrl']}" in str(stopped.value)


def test_events_are_told_apart_by_what_the_source_tells_them_by(sandbox, tmp_path):
    records = [event(id=number) for number in (1, 2, 2)]
    moved = event(id=1, event_timestamp="2026-06-14T11:00:00+02:00")
    lines = messages("custom_action_events", [*records, moved])
    lines[0]["key_properties"] = ["id"]
    target = run_target(settings(sandbox, tmp_path), lines)
    assert (target.tally.done, target.tally.known) == (2, 2)


def test_meetings_without_an_id_are_told_apart_by_all_that_makes_them(sandbox, tmp_path):
    record = {**record_of("meetings", sandbox), "external_id": None}
    other = {**record, "invitees": [{"email": "bob@example.com"}]}
    longer = {**record, "end_time": "2026-07-01T12:00:00Z"}
    moved = {**record, "start_time": "2026-07-01T12:00:00+02:00"}
    lines = messages("meetings", [record, other, longer, record])
    target = run_target(settings(sandbox, tmp_path), lines)
    assert (target.tally.done, target.tally.known) == (3, 1)
    run_target(settings(sandbox, tmp_path), messages("meetings", [moved]))
    assert [row.action for row in receipts(tmp_path)] == ["create"] * 3 + ["update"]


def test_a_meeting_ends_after_it_starts(sandbox, tmp_path):
    record = {**record_of("meetings", sandbox), "end_time": "2026-07-01T11:00:00+02:00"}
    with pytest.raises(RunStopped, match="endTime must be after startTime"):
        run_target(settings(sandbox, tmp_path), messages("meetings", [record]))
    assert sandbox.requests == []
