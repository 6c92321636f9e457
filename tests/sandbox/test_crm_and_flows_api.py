"""CRM, Engage, data privacy, briefs and meetings over HTTP: one company stands behind them all."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import requests

from gong_sandbox import Sandbox
from tests.clocks import NOW
from tests.gong_document import answer_schema, leaves, recorded
from tests.sandbox.test_api import (
    EVERYTHING,
    UNLIMITED,
    found_leaves,
    get,
    good,
    habits,
    instant,
    loosened,
    misfits,
    post,
    refusal,
    send,
)

INTEGRATIONS = "/v2/crm/integrations"
SCHEMA = "/v2/crm/entity-schema"
ENTITIES = "/v2/crm/entities"
STATUS = "/v2/crm/request-status"
ASSOCIATIONS = "/v2/calls/manual-crm-associations"
FLOWS = "/v2/flows"
FOLDERS = "/v2/flows/folders"
PROSPECTS = "/v2/flows/prospects"
STEPS = "/v2/flows/steps"
TASKS = "/v2/tasks"
BY_EMAIL = "/v2/data-privacy/data-for-email-address"
BY_PHONE = "/v2/data-privacy/data-for-phone-number"
BRIEFS = "/v2/settings/briefs"
MEETINGS = "/v2/meetings/integration/status"
SCOPES = {
    (INTEGRATIONS, "GET"): "api:crm:integrations:read",
    (SCHEMA, "GET"): "api:crm:schema",
    (ENTITIES, "GET"): "api:crm:get-objects",
    (STATUS, "GET"): "api:crm:upload",
    (ASSOCIATIONS, "GET"): "api:crm-calls:manual-association:read",
    (FLOWS, "GET"): "api:flows:read",
    (FOLDERS, "GET"): "api:flows:read",
    (PROSPECTS, "POST"): "api:flows:read",
    (STEPS, "POST"): "api:flows:read",
    (TASKS, "POST"): "api:tasks:read",
    (BY_EMAIL, "GET"): "api:data-privacy:read",
    (BY_PHONE, "GET"): "api:data-privacy:read",
    (BRIEFS, "GET"): "api:ai-briefer:read",
    (MEETINGS, "POST"): "api:meetings:integration:status",
}
TYPES = ("ACCOUNT", "CONTACT", "DEAL", "LEAD")
OBJECT_TYPES = {"Account": "ACCOUNT", "Contact": "CONTACT", "Opportunity": "DEAL", "Lead": "LEAD"}
STANDARD = {
    "ACCOUNT": {"Name": "name"},
    "CONTACT": {"Email": "emailAddress", "Title": "title"},
    "DEAL": {"Name": "name", "Amount": "amount", "CloseDate": "closeDate", "OwnerId": "ownerId"},
    "LEAD": {"Email": "emailAddress", "Title": "title"},
}
OF_UPLOADS = {
    *("objectId", "modifiedDate", "url", "name", "domains", "accountId", "emailAddress"),
    *("firstName", "lastName", "title", "phoneNumber", "ownerId", "createdDate", "closeDate"),
    *("status", "stage", "amount", "convertedToDealId", "convertedToContactId"),
    "convertedToAccountId",
}
ALL_TASKS = {
    "types": ["FLOW", "MANUAL"],
    "taskAction": ["CALL"],
    "status": ["OPEN", "DONE", "DISMISSED"],
}


@pytest.fixture(scope="module")
def narrow():
    """Pages of four rows."""
    with Sandbox(calls=260, days=60, seed=7, now=NOW, page_size=4, **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def calls(company) -> list[dict[str, Any]]:
    """All calls with everything that they say of people and CRM objects."""
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor or not found:
        page = post(company, "/v2/calls/extensive", contentSelector=EVERYTHING, cursor=cursor)
        found += page["calls"]
        cursor = page["records"].get("cursor")
    return found


@pytest.fixture(scope="module")
def users(company) -> dict[str, dict[str, Any]]:
    return {user["id"]: user for user in get(company, "/v2/users")["users"]}


@pytest.fixture(scope="module")
def flows(company, users) -> dict[tuple[str, str], dict[str, Any]]:
    """Flows by flow and the e-mail address of who asks."""
    return {
        (flow["id"], user["emailAddress"]): flow
        for user in users.values()
        for flow in get(company, FLOWS, flowOwnerEmail=user["emailAddress"])["flows"]
    }


@pytest.fixture(scope="module")
def tasks(company, users) -> list[dict[str, Any]]:
    return [
        task
        for user_id in users
        for task in post(company, TASKS, {"userId": user_id, **ALL_TASKS})["tasks"]
    ]


@pytest.fixture(scope="module")
def objects(company, calls) -> dict[tuple[str, str], dict[str, Any]]:
    """Fields of the CRM objects in the calls' context, as of now, by type and id."""
    found = {}
    for call in calls:
        contexts = [*call.get("context", [])]
        for party in call.get("parties", []):
            contexts += party.get("context", [])
        for item in (item for context in contexts for item in context["objects"]):
            if item["objectType"] in OBJECT_TYPES and item.get("timing", "Now") == "Now":
                values = {field["name"]: field["value"] for field in item["fields"]}
                found[OBJECT_TYPES[item["objectType"]], item["objectId"]] = values
    return found


@pytest.fixture(scope="module")
def integration(company) -> int:
    (only,) = get(company, INTEGRATIONS)["integrations"]
    return int(only["integrationId"])


@pytest.fixture(scope="module")
def prospects(company, objects) -> list[dict[str, Any]]:
    people = [object_id for kind, object_id in objects if kind in {"CONTACT", "LEAD"}]
    return assigned(company, *people)


def entities(sandbox: Sandbox, object_type: str, wanted: Any, **query: Any) -> Any:
    (only,) = get(sandbox, INTEGRATIONS)["integrations"]
    query = {"integrationId": only["integrationId"], "objectType": object_type, **query}
    return good(send(sandbox, "GET", ENTITIES, wanted, **query))["crmObjectsMap"]


def assigned(sandbox: Sandbox, *crm_ids: str) -> list[dict[str, Any]]:
    body = {"crmProspectsIds": crm_ids}
    found: list[dict[str, Any]] = good(send(sandbox, "POST", PROSPECTS, body))["prospectsAssigned"]
    return found


def pages(sandbox: Sandbox, path: str, **query: Any) -> list[dict[str, Any]]:
    found = [get(sandbox, path, **query)]
    while cursor := found[-1]["records"].get("cursor"):
        found.append(get(sandbox, path, cursor=cursor, **query))
    return found


def somebody(users: dict[str, dict[str, Any]], title: str) -> str:
    """An address of one with such a title."""
    found: str = next(u["emailAddress"] for u in users.values() if title in (u["title"] or ""))
    return found


def person(calls: list[dict[str, Any]], *names: str) -> dict[str, Any]:
    """A party from outside that has all these members."""
    return next(
        party
        for call in calls
        for party in call.get("parties", [])
        if party["affiliation"] == "External" and all(party.get(name) for name in names)
    )


# Shapes


def one_answer(sandbox: Sandbox, path: str) -> Any:
    """A good answer with rows."""
    company = sandbox.company
    (only,) = get(sandbox, INTEGRATIONS)["integrations"]
    staff = get(sandbox, "/v2/users")["users"]
    owner = somebody({user["id"]: user for user in staff}, "Senior SDR")
    crm_ids = list(company.flows.prospects)
    if path == SCHEMA:
        return get(sandbox, path, integrationId=only["integrationId"])
    if path == ENTITIES:
        query = {"integrationId": only["integrationId"], "objectType": "CONTACT"}
        return good(send(sandbox, "GET", path, [*crm_ids, "7"], **query))
    if path == STATUS:
        query = {"integrationId": only["integrationId"], "clientRequestId": "upload-1"}
        requests.post(
            sandbox.url + ENTITIES,
            params={**query, "objectType": "STAGE"},
            files={"dataFile": ("stages.ldjson", b'{"objectId": "nameless"}')},
            auth=(sandbox.access_key, sandbox.access_key_secret),
            timeout=20,
        )
        sandbox.clock.advance(60)
        return get(sandbox, path, **query)
    if path == PROSPECTS:
        return good(send(sandbox, "POST", path, {"crmProspectsIds": crm_ids}))
    if path == TASKS:
        (user,) = (user for user in staff if user["emailAddress"] == owner)
        return post(sandbox, path, {"userId": user["id"], **ALL_TASKS})
    if path in {FLOWS, FOLDERS}:
        return get(sandbox, path, flowOwnerEmail=owner, flowFolderOwnerEmail=owner)
    if path in {BY_EMAIL, BY_PHONE}:
        contact = next(
            prospect.contact
            for prospect in company.flows.prospects.values()
            if company.data_for_email(prospect.contact.email, now=NOW)["emails"]
        )
        company.privacy.add_engagement(
            contact.email,
            {
                "eventType": "contentViewed",
                "timestamp": "2026-06-01T09:00:00-07:00",
                "contentId": "c-1",
                "contentUrl": "https://content.example/c-1",
                "reportingSystem": "Library",
                "eventName": None,
                "sourceEventId": "e-1",
            },
        )
        return get(sandbox, path, emailAddress=contact.email, phoneNumber=contact.phone)
    if path == MEETINGS:
        return good(send(sandbox, "POST", path, {"emails": [owner, "x@nowhere.example"]}))
    return get(sandbox, path)


DOCUMENTED = [pair for pair in SCOPES if pair[0] not in {ASSOCIATIONS, STEPS, BRIEFS}]


@pytest.mark.parametrize(("path", "method"), DOCUMENTED)
def test_good_answers_fit_the_document(sandbox, path, method):
    answer = one_answer(sandbox, path)
    schema = loosened(answer_schema(method, path))
    if path == FOLDERS:
        # Gong's own name for the list; its fields are others than the document's, too.
        assert "flows" not in answer
        schema["properties"]["flowsFolders"] = {"type": "array", "minItems": 1}
    if path == ENTITIES:
        # Values are plain, whatever the document says, and unknown objects null.
        schema["properties"]["crmObjectsMap"] = {
            "additionalProperties": {"type": ["object", "null"]}
        }
    assert not misfits(answer, schema)
    assert set(answer) <= set(schema["properties"])
    filled = [value for value in answer.values() if isinstance(value, (list, dict))]
    assert all(filled), "an answer without rows proves nothing"


@pytest.mark.parametrize(("path", "key"), [(TASKS, "tasks"), (PROSPECTS, "prospectsAssigned")])
def test_every_documented_field_is_shown_somewhere(sandbox, path, key):
    row = answer_schema("POST", path)["properties"][key]["items"]
    assert leaves(row) <= found_leaves(one_answer(sandbox, path)[key])


@pytest.mark.parametrize("path", [BY_EMAIL, BY_PHONE])
def test_every_documented_field_of_a_person_is_shown(sandbox, path):
    missing = leaves(answer_schema("GET", path)) - found_leaves(one_answer(sandbox, path))
    for prospect in list(sandbox.company.flows.prospects.values())[:150]:
        if not missing:
            break
        contact = prospect.contact
        missing -= found_leaves(
            get(sandbox, path, emailAddress=contact.email, phoneNumber=contact.phone)
        )
    assert missing == set()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("list-flow-folders", FOLDERS),
        ("get-meeting-integration-status", MEETINGS),
        ("get-crm-request-status", STATUS),
    ],
)
def test_keys_and_types_are_as_recorded(sandbox, name, path):
    (exchange,) = recorded(name)
    ours = habits(one_answer(sandbox, path))
    for place, facts in habits(exchange["response"]).items():
        assert ours[place] == facts, place


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("list-flow-prospects", PROSPECTS),
        ("get-data-for-email", BY_EMAIL),
        ("get-data-for-phone", BY_PHONE),
        ("get-flow-steps", STEPS),
    ],
)
def test_unknown_subjects_are_answered_as_recorded(company, name, path):
    (exchange,) = recorded(name)
    sent = exchange["request"]
    answer = send(company, exchange["method"], path, sent.get("data"), **sent.get("params", {}))
    assert answer.status_code == exchange["status"]
    expected = {**exchange["response"], "requestId": answer.json()["requestId"]}
    assert answer.json() == expected


def test_the_one_integration_is_as_recorded(company):
    _, exchange = recorded("register-crm-integration")
    assert habits(get(company, INTEGRATIONS)) == habits(exchange["response"])


# Who may ask


@pytest.mark.parametrize(("path", "method"), list(SCOPES))
def test_every_operation_needs_its_scope(path, method):
    scope = SCOPES[path, method]
    with Sandbox(calls=0, now=NOW, without_scopes=[scope], **UNLIMITED) as sandbox:
        answer = send(sandbox, method, path, [] if path == ENTITIES else {})
        text = f"You don't have permission to use '{scope}' in your app."
        assert refusal(answer) == (401, [text])


# CRM


def test_the_integration_has_an_id_that_only_big_numbers_hold(company, users):
    (only,) = get(company, INTEGRATIONS)["integrations"]
    assert isinstance(only["integrationId"], int)
    assert only["integrationId"] > 2**53
    assert only["ownerEmail"] in {user["emailAddress"] for user in users.values()}
    company_without = Sandbox(calls=0, now=NOW, **UNLIMITED)
    company_without.company.crm.integration = None
    with company_without:
        assert get(company_without, INTEGRATIONS)["integrations"] == []


def test_objects_are_those_of_the_calls_context(company, objects):
    assert {kind for kind, _ in objects} == set(TYPES)
    for kind in TYPES:
        wanted = [object_id for other, object_id in objects if other == kind]
        for start in range(0, len(wanted), 100):
            rows = entities(company, kind, wanted[start : start + 100])
            for object_id, row in rows.items():
                assert row["objectId"] == object_id
                for name, value in objects[kind, object_id].items():
                    assert row[STANDARD[kind].get(name, name)] == value


def test_objects_refer_to_each_other(company, objects):
    some = {kind: [i for k, i in objects if k == kind][:100] for kind in TYPES}
    accounts = {row["accountId"] for row in entities(company, "CONTACT", some["CONTACT"]).values()}
    deals = entities(company, "DEAL", some["DEAL"]).values()
    accounts |= {row["accountId"] for row in deals}
    assert all(entities(company, "ACCOUNT", sorted(accounts)).values())
    for deal in deals:
        closed = {"Closed Won": "WON", "Closed Lost": "LOST"}
        assert deal["status"] == closed.get(deal["StageName"], "OPEN")
        assert deal["createdDate"] <= deal["modifiedDate"] <= f"{NOW:%Y-%m-%dT%H:%M:%SZ}"


def test_every_field_is_of_uploads_or_of_the_schema(company, objects, integration):
    schema = get(company, SCHEMA, integrationId=integration)["objectTypeToSelectedFields"]
    assert set(schema) == set(TYPES)
    for kind in TYPES:
        (object_id,) = [i for k, i in objects if k == kind][:1]
        (row,) = entities(company, kind, [object_id]).values()
        fields = {field["uniqueName"]: field for field in schema[kind]}
        assert set(row) <= OF_UPLOADS | set(fields)
        assert set(fields) <= set(row)
        for name, field in fields.items():
            assert (field["type"] == "PICKLIST") == bool(field["orderedValueList"]), name
            assert (field["type"] == "REFERENCE") == bool(field["referenceTo"]), name
        one = get(company, SCHEMA, integrationId=integration, objectType=kind)
        assert one["objectTypeToSelectedFields"] == {kind: schema[kind]}
        for other in (i for k, i in objects if k == kind):
            for name, value in objects[kind, other].items():
                allowed = fields.get(name, {}).get("orderedValueList")
                assert not allowed or value is None or value in allowed


def test_deals_move_on_with_the_clock(sandbox):
    deals = [
        opportunity.id
        for account in sandbox.company._book.accounts
        for opportunity in sandbox.company._book.opportunities(account, NOW)[-1:]
    ]
    before = entities(sandbox, "DEAL", deals)
    sandbox.clock.set(NOW + timedelta(days=40))
    after = entities(sandbox, "DEAL", deals)
    moved = [i for i in deals if before[i]["StageName"] != after[i]["StageName"]]
    assert moved
    assert all(after[i]["modifiedDate"] > before[i]["modifiedDate"] for i in moved)
    sandbox.clock.set(NOW - timedelta(days=500))
    assert None in entities(sandbox, "DEAL", deals).values()


def test_a_hundred_objects_at_most_and_null_for_the_unknown(company):
    wanted = [f"x{number}" for number in range(130)]
    assert entities(company, "LEAD", wanted) == dict.fromkeys(wanted[:100])


def test_ids_may_stand_in_the_query(company, objects, integration):
    ids = [object_id for kind, object_id in objects if kind == "ACCOUNT"][:2]
    expected = entities(company, "ACCOUNT", ids)
    query = {"integrationId": integration, "objectType": "ACCOUNT"}
    for given in (ids, ",".join(ids)):
        answer = requests.get(
            company.url + ENTITIES,
            params={**query, "objectsCrmIds": given},
            headers={"Content-Type": "application/json"},
            auth=("sandbox", "sandbox"),
            timeout=20,
        )
        assert good(answer)["crmObjectsMap"] == expected


def test_objects_are_not_shown_to_a_request_that_is_not_json(company):
    (exchange,) = recorded("get-crm-entities")
    answer = send(company, "GET", ENTITIES, None, **exchange["request"]["params"])
    assert refusal(answer) == (exchange["status"], exchange["response"]["errors"])


@pytest.mark.parametrize("body", [{}, "x", [1], 7])
def test_ids_that_are_no_list_of_texts_are_refused(company, integration, body):
    query = {"integrationId": integration, "objectType": "LEAD"}
    assert refusal(send(company, "GET", ENTITIES, body, **query))[0] == 400


@pytest.mark.parametrize("path", [SCHEMA, ENTITIES, STATUS])
@pytest.mark.parametrize("given", [None, "123", "x", "9" * 21])
def test_an_integration_that_is_not_there_is_refused(company, path, given):
    query = {"integrationId": given, "objectType": "LEAD", "clientRequestId": "r"}
    assert refusal(send(company, "GET", path, [], **query))[0] == 400


@pytest.mark.parametrize("path", [SCHEMA, ENTITIES])
@pytest.mark.parametrize("kind", ["account", "USER"])
def test_object_types_are_a_closed_set_of_words(company, integration, path, kind):
    query = {"integrationId": integration, "objectType": kind}
    assert refusal(send(company, "GET", path, ["7"], **query))[0] == 400


def test_an_upload_that_was_not_made_has_no_status(company, integration):
    status, (text,) = refusal(
        send(company, "GET", STATUS, integrationId=integration, clientRequestId="never")
    )
    assert status == 400
    assert "never" in text


def test_what_is_put_is_shown_and_found(sandbox):
    row = {
        "objectId": "new-1",
        "modifiedDate": "2026-06-01T00:00:00Z",
        "emailAddress": "A@b.example",
    }
    crm = sandbox.company.crm
    gone = next(iter(sandbox.company.flows.prospects.values())).contact
    crm.put("CONTACT", "new-1", row)
    crm.put("CONTACT", gone.crm_id, None)
    assert entities(sandbox, "CONTACT", ["new-1", gone.crm_id]) == {"new-1": row, gone.crm_id: None}
    ((system, (found,)),) = (
        (entry["system"], entry["objects"])
        for entry in get(sandbox, BY_EMAIL, emailAddress="a@b.example")["customerData"]
    )
    assert (system, found["externalId"]) == ("Generic", "new-1")


# Associations by hand


def test_associations_agree_with_the_calls_context(company, calls, users):
    found = get(company, ASSOCIATIONS)["associations"]
    known = {call["metaData"]["id"]: call for call in calls}
    assert len(found) > 8
    assert any(entry["associatedCrmObjects"][0]["dealCrmId"] is None for entry in found)
    times = [instant(entry["created"]) for entry in found]
    assert times == sorted(times)
    assert times[-1] <= NOW
    for entry in found:
        assert set(entry) == {"callId", "userId", "created", "associatedCrmObjects"}
        assert entry["userId"] in users
        ids: dict[str, set[str]] = {"Account": set(), "Opportunity": set()}
        for item in known[entry["callId"]]["context"][0]["objects"]:
            ids[item["objectType"]].add(item["objectId"])
        for pair in entry["associatedCrmObjects"]:
            assert pair["accountCrmId"] in ids["Account"]
            assert pair["dealCrmId"] in {None, *ids["Opportunity"]}


def test_a_call_associated_again_is_there_twice(company):
    made = [entry["callId"] for entry in get(company, ASSOCIATIONS)["associations"]]
    assert len(set(made)) < len(made)


def test_associations_from_a_time_on(company):
    found = get(company, ASSOCIATIONS)["associations"]
    since = found[4]["created"]
    assert get(company, ASSOCIATIONS, fromDateTime=since)["associations"] == found[4:]
    nothing = get(company, ASSOCIATIONS, fromDateTime="2030-01-01T00:00:00Z")
    assert (nothing["records"]["totalRecords"], nothing["associations"]) == (0, [])
    assert refusal(send(company, "GET", ASSOCIATIONS, fromDateTime="yesterday"))[0] == 400


# Flows


def test_one_flow_is_something_else_to_each_who_asks(flows):
    seen: dict[str, set[str]] = {}
    for (flow_id, _), flow in flows.items():
        seen.setdefault(flow_id, set()).add(flow["visibility"])
    assert {"Company"} in seen.values()
    assert {"Personal"} in seen.values()
    assert {"Personal", "Shared"} in seen.values()
    assert not any("Company" in each and len(each) > 1 for each in seen.values())


def test_flows_lie_in_folders_that_the_same_user_sees(company, users, flows):
    for user in users.values():
        email = user["emailAddress"]
        folders = {
            folder["id"]: folder
            for folder in get(company, FOLDERS, flowFolderOwnerEmail=email)["flowsFolders"]
        }
        for folder in folders.values():
            assert folder["parentFolderId"] in {"null", *folders}
            assert folder["createdById"] in {"null", *users}
        for (_, asker), flow in flows.items():
            if asker == email:
                folder = folders[flow["folderId"]]
                assert (folder["name"], folder["visibility"]) == (
                    flow["folderName"],
                    flow["visibility"],
                )


@pytest.mark.parametrize(
    ("path", "rows", "asker"),
    [(FLOWS, "flows", "flowOwnerEmail"), (FOLDERS, "flowsFolders", "flowFolderOwnerEmail")],
)
def test_lists_of_engage_are_paged(company, narrow, users, path, rows, asker):
    query = {asker: somebody(users, "Account Executive")}
    whole = get(company, path, **query)[rows]
    found = pages(narrow, path, **query)
    assert len(found) > 1
    assert [row for page in found for row in page[rows]] == whole
    assert {page["records"]["totalRecords"] for page in found} == {len(whole)}


def test_associations_are_paged(company, narrow):
    found = [entry for page in pages(narrow, ASSOCIATIONS) for entry in page["associations"]]
    assert found == get(company, ASSOCIATIONS)["associations"]


def test_flows_of_a_workspace_or_folder(company, users):
    email = somebody(users, "Account Executive")
    whole = get(company, FLOWS, flowOwnerEmail=email)["flows"]
    parts = [
        get(company, FLOWS, flowOwnerEmail=email, workspaceId=workspace["id"])["flows"]
        for workspace in get(company, "/v2/workspaces")["workspaces"]
    ]
    assert all(parts)
    assert sorted(flow["id"] for part in parts for flow in part) == sorted(f["id"] for f in whole)
    folder = whole[0]["folderId"]
    some = get(company, FLOWS, flowOwnerEmail=email, folderId=folder)["flows"]
    assert some == [flow for flow in whole if flow["folderId"] == folder]
    assert get(company, FLOWS, flowOwnerEmail=email, folderId="5")["flows"] == []
    assert refusal(send(company, "GET", FLOWS, flowOwnerEmail=email, folderId="x"))[0] == 400


def test_a_folder_with_its_children(company, users):
    email = somebody(users, "Account Executive")
    whole = get(company, FOLDERS, flowFolderOwnerEmail=email)["flowsFolders"]
    parent = next(f["parentFolderId"] for f in whole if f["parentFolderId"] != "null")
    some = get(company, FOLDERS, flowFolderOwnerEmail=email, parentId=parent)["flowsFolders"]
    assert some == [f for f in whole if parent in {f["id"], f["parentFolderId"]}]
    assert len(some) > 1


def test_aliases_own_flows_too(company, users):
    user = next(user for user in users.values() if user["emailAliases"])
    by_alias = get(company, FLOWS, flowOwnerEmail=user["emailAliases"][0].upper())["flows"]
    assert by_alias == get(company, FLOWS, flowOwnerEmail=user["emailAddress"])["flows"]


@pytest.mark.parametrize("email", [None, "nobody", "nobody@tidelane.example"])
@pytest.mark.parametrize(
    ("path", "asker"), [(FLOWS, "flowOwnerEmail"), (FOLDERS, "flowFolderOwnerEmail")]
)
def test_only_users_own_flows(company, path, asker, email):
    assert refusal(send(company, "GET", path, **{asker: email}))[0] == 400


def test_prospects_are_people_of_the_calls_in_flows_of_real_users(prospects, flows, users, objects):
    emails = {user["emailAddress"]: user for user in users.values()}
    assert {row["flowInstanceStatus"] for row in prospects} >= {"Running", "Pending"}
    assert len({row["flowInstanceId"] for row in prospects}) == len(prospects)
    for row in prospects:
        owner = emails[row["flowInstanceOwnerEmail"]]
        assert row["flowInstanceOwnerFullName"] == f"{owner['firstName']} {owner['lastName']}"
        flow = flows[row["flowId"], row["flowInstanceOwnerEmail"]]
        assert (row["flowName"], row["exclusive"]) == (flow["name"], flow["exclusive"])
        assert instant(flow["creationDate"]) <= instant(row["flowInstanceCreateDate"]) <= NOW


def test_prospects_come_and_go_with_the_clock_and_by_hand(sandbox):
    everybody = list(sandbox.company.flows.prospects)
    before = assigned(sandbox, *everybody)
    sandbox.company.flows.unassign(before[0]["flowInstanceId"])
    assert assigned(sandbox, *everybody) == before[1:]
    (instance,) = sandbox.company.flows.instances([before[1]["crmProspectId"]], now=NOW)
    sandbox.company.flows.assign(instance)
    assert len(assigned(sandbox, *everybody)) == len(before)
    sandbox.clock.set(NOW + timedelta(days=60))
    later = {row["flowInstanceId"] for row in assigned(sandbox, *everybody)}
    assert later
    assert later.isdisjoint(row["flowInstanceId"] for row in before)


def test_steps_of_flows(company, flows):
    by_id = {flow_id: flow for (flow_id, _), flow in flows.items()}
    some = list(by_id)[:20]
    found = good(send(company, "POST", STEPS, {"flowIds": some}))["flows"]
    assert [flow["id"] for flow in found] == some
    replies = 0
    for flow in found:
        assert {*by_id[flow["id"]], "description", "steps"} == set(flow)
        assert flow["name"] == by_id[flow["id"]]["name"]
        assert [step["stepOrder"] for step in flow["steps"]] == [
            place + 1 for place in range(len(flow["steps"]))
        ]
        for step in flow["steps"]:
            assert set(step) == {"id", "stepOrder", "action", "subject", "body", "isReply"}
            assert ("EMAIL" in step["action"]) == bool(step["subject"])
            replies += step["isReply"]
    assert replies


@pytest.mark.parametrize("flow_ids", [None, [], ["1"] * 21, "1", [1]])
def test_steps_of_one_to_twenty_flows(company, flow_ids):
    assert refusal(send(company, "POST", STEPS, {"flowIds": flow_ids}))[0] == 400


def test_one_unknown_flow_fails_them_all(company, flows):
    known = next(flow_id for flow_id, _ in flows)
    answer = send(company, "POST", STEPS, {"flowIds": [known, "1234567890123456789"]})
    assert refusal(answer) == (404, ["Flow not found: flowId=1234567890123456789"])


@pytest.mark.parametrize("body", [{}, [], {"crmProspectsIds": "x"}, {"crmProspectsIds": [7]}])
def test_prospects_are_asked_for_by_a_list_of_ids(company, body):
    assert refusal(send(company, "POST", PROSPECTS, body))[0] == 400


# Tasks


def test_tasks_point_at_what_is_there(company, tasks, users, flows):
    assert {task["status"] for task in tasks} == {"OPEN", "DONE", "DISMISSED"}
    assert {task["type"] for task in tasks} == {"FLOW", "MANUAL"}
    assert len({task["id"] for task in tasks}) == len(tasks)
    accounts = list({task["account"]["crmId"] for task in tasks})
    names = entities(company, "ACCOUNT", accounts)
    for task in tasks:
        assert task["id"] > 2**53
        assert str(task["userId"]) in users
        assert task["account"]["name"] == names[task["account"]["crmId"]]["name"]
        assert instant(task["created"]) <= instant(task["updated"]) <= NOW
        assert (task["type"] == "MANUAL") == ("title" in task) == ("flow" not in task)
        if "flow" in task:
            email = users[str(task["userId"])]["emailAddress"]
            assert task["flow"]["name"] == flows[str(task["flow"]["id"]), email]["name"]


def test_tasks_of_flows_are_steps_of_prospects(company, tasks):
    of_flows = [task for task in tasks if "flow" in task and task["status"] == "OPEN"]
    steps = {
        (flow["id"], step["id"]): step
        for flow_id in {str(task["flow"]["id"]) for task in of_flows}
        for flow in good(send(company, "POST", STEPS, {"flowIds": [flow_id]}))["flows"]
        for step in flow["steps"]
    }
    running = {
        (row["crmProspectId"], row["flowId"])
        for row in assigned(company, *(task["contact"]["crmId"] for task in of_flows))
    }
    assert of_flows
    for task in of_flows:
        flow = task["flow"]
        step = steps[str(flow["id"]), str(flow["step"]["id"])]
        assert (step["action"], step["stepOrder"]) == ("CALL", flow["step"]["stepNumber"])
        assert (task["contact"]["crmId"], str(flow["id"])) in running


def test_people_and_deals_of_tasks_are_those_of_the_crm(company, tasks):
    for task in tasks[::40]:
        deal = task["opportunity"]
        (row,) = entities(company, "DEAL", [deal["crmId"]]).values()
        assert (deal["stage"], deal["amount"]) == (row["StageName"], str(row["amount"]))
        assert (deal["status"], deal["crmUrl"]) == (row["status"], row["url"])
        assert row["accountId"] == task["account"]["crmId"]
        contact = task["contact"]
        (row,) = entities(company, contact["type"], [contact["crmId"]]).values()
        assert contact["data"]["emails"] == [{"email": row["emailAddress"]}]
        assert contact["data"]["phoneNumbers"][0]["raw"] == row["phoneNumber"]


def test_tasks_of_some_types_states_and_workspaces(company, tasks):
    user_id = str(tasks[0]["userId"])
    everything = [task for task in tasks if str(task["userId"]) == user_id]
    for name, values, key in (
        ("types", ALL_TASKS["types"], "type"),
        ("status", ALL_TASKS["status"], "status"),
    ):
        for value in values:
            given = {"userId": user_id, **ALL_TASKS, name: [value]}
            expected = [task for task in everything if task[key] == value]
            assert post(company, TASKS, given)["tasks"] == expected
    in_each = [
        post(company, TASKS, {"userId": user_id, **ALL_TASKS, "workspaceId": workspace["id"]})
        for workspace in get(company, "/v2/workspaces")["workspaces"]
    ]
    assert sum(len(answer["tasks"]) for answer in in_each) == len(everything)
    nobody = post(company, TASKS, {"userId": "7", **ALL_TASKS})
    assert (nobody["tasks"], nobody["crmType"]) == ([], "GENERIC")


@pytest.mark.parametrize("name", ["userId", *ALL_TASKS])
@pytest.mark.parametrize("value", [None, [], ["NOTHING"], 7])
def test_every_filter_of_tasks_is_mandatory(company, users, name, value):
    given = {"userId": next(iter(users)), **ALL_TASKS, name: value}
    assert refusal(send(company, "POST", TASKS, {"filter": given}))[0] == 400


def test_tasks_need_a_filter(company):
    assert refusal(send(company, "POST", TASKS, {})) == (400, ["filter: must not be null"])


def test_tasks_are_done_in_time_and_changed_by_hand(sandbox):
    user_id = sandbox.company._book.accounts[0].ae.id
    before = post(sandbox, TASKS, {"userId": user_id, **ALL_TASKS})["tasks"]
    sandbox.company.tasks.change(before[0]["id"], status="DISMISSED")
    after = post(sandbox, TASKS, {"userId": user_id, **ALL_TASKS})["tasks"]
    assert after == [{**before[0], "status": "DISMISSED"}, *before[1:]]
    sandbox.clock.set(NOW + timedelta(days=14))
    open_before = {task["id"] for task in before if task["status"] == "OPEN"}
    later = {
        task["id"]: task["status"]
        for task in post(sandbox, TASKS, {"userId": user_id, **ALL_TASKS})["tasks"]
    }
    assert "OPEN" not in {later[task_id] for task_id in open_before & set(later)}


# Data privacy


def test_somebody_is_found_in_all_their_calls(company, calls):
    email = person(calls, "emailAddress", "context")["emailAddress"]
    answer = get(company, BY_EMAIL, emailAddress=email.upper())
    mine = {
        call["metaData"]["id"]
        for call in calls
        if any(party.get("emailAddress") == email for party in call.get("parties", []))
    }
    found = {call["id"] for call in answer["calls"]}
    assert mine <= found <= {call["metaData"]["id"] for call in calls}
    objects = [item for entry in answer["customerData"] for item in entry["objects"]]
    assert {item["objectType"] for item in objects} == {"Contact", "Lead"}
    for item in objects:
        assert json.loads(item["mirrorId"])["crmId"] == item["externalId"]
        assert {"name": "emailAddress", "value": email} in item["fields"]
    assert all(len(mail["id"]) == 32 for mail in answer["emails"])


def test_everybody_outside_is_found_in_the_crm_that_their_calls_name(company, calls):
    seen: set[str] = set()
    for call in calls:
        for party in call.get("parties", []):
            email = party.get("emailAddress")
            if party["affiliation"] != "External" or not party.get("context") or not email:
                continue
            if email in seen or len(seen) > 20:
                continue
            seen.add(email)
            answer = get(company, BY_EMAIL, emailAddress=email)
            (context,) = party["context"]
            external = {
                item["externalId"]
                for entry in answer["customerData"]
                if entry["system"] == context["system"]
                for item in entry["objects"]
            }
            assert context["objects"][0]["objectId"] in external
    assert len(seen) > 10


def test_a_meeting_is_that_of_the_calendar(company, calls):
    call = next(
        call
        for call in calls
        if call["metaData"]["calendarEventId"]
        and any(
            party.get("emailAddress")
            and party["affiliation"] == "External"
            and "Invitee" in party["methods"]
            for party in call.get("parties", [])
        )
    )
    email = next(
        party["emailAddress"]
        for party in call["parties"]
        if party["affiliation"] == "External" and party.get("emailAddress")
    )
    meetings = get(company, BY_EMAIL, emailAddress=email)["meetings"]
    assert any(call["metaData"]["calendarEventId"] in meeting["id"] for meeting in meetings)


def test_a_number_is_found_however_it_is_written(company, calls):
    party = person(calls, "phoneNumber", "context", "emailAddress")
    phone = party["phoneNumber"]
    answer = get(company, BY_PHONE, phoneNumber=phone)
    mine = {
        call["metaData"]["id"]
        for call in calls
        if any(party.get("phoneNumber") == phone for party in call.get("parties", []))
    }
    assert mine <= {call["id"] for call in answer["calls"]}
    assert answer["matchingPhoneNumbers"] == [phone]
    assert answer["emailAddresses"] == [party["emailAddress"]]
    spaced = f"{phone[:3]} ({phone[3:6]}) {phone[6:]}"
    again = get(company, BY_PHONE, phoneNumber=spaced)
    assert (again["suppliedPhoneNumber"], again["calls"]) == (spaced, answer["calls"])


@pytest.mark.parametrize("phone", [None, "15550000001", "+", " 15550000001"])
def test_numbers_begin_with_a_plus(company, phone):
    assert refusal(send(company, "GET", BY_PHONE, phoneNumber=phone))[0] == 400


def test_the_companys_own_people_are_not_looked_up(company, users):
    for user in users.values():
        for email in (user["emailAddress"], *user["emailAliases"]):
            assert refusal(send(company, "GET", BY_EMAIL, emailAddress=email))[0] == 400


def test_an_address_must_be_one(company):
    assert refusal(send(company, "GET", BY_EMAIL))[0] == 400
    answer = refusal(send(company, "GET", BY_EMAIL, emailAddress="x"))
    assert answer == (400, ["x is not a valid email address"])


def test_calls_that_are_deleted_are_forgotten(sandbox):
    contact = None
    for prospect in sandbox.company.flows.prospects.values():
        answer = get(sandbox, BY_EMAIL, emailAddress=prospect.contact.email)
        if answer["calls"]:
            contact = prospect.contact
            break
    assert contact
    for call in answer["calls"]:
        sandbox.company.delete(call["id"])
    again = get(sandbox, BY_EMAIL, emailAddress=contact.email)
    assert (again["calls"], again["meetings"], again["emails"]) == ([], [], [])
    assert again["customerData"]


# Briefs and meetings


def test_briefs_of_each_workspace(company, users):
    every = get(company, BRIEFS)["briefs"]
    parts = [
        get(company, BRIEFS, workspaceId=workspace["id"])["briefs"]
        for workspace in get(company, "/v2/workspaces")["workspaces"]
    ]
    assert all(parts)
    assert [brief for part in parts for brief in part] == every
    for brief in every:
        assert set(brief) == {
            *("briefId", "briefName", "workspaceId", "description", "status", "creator"),
            *("creatorUserId", "created", "updated"),
        }
        creator = users[brief["creatorUserId"]]
        assert brief["creator"] == f"{creator['firstName']} {creator['lastName']}"
        assert instant(brief["created"]) <= instant(brief["updated"]) <= NOW
    assert refusal(send(company, "GET", BRIEFS, workspaceId="7")) == (404, ["Workspace not found"])


def test_whether_users_are_connected(company, users):
    emails = [user["emailAddress"] for user in users.values()] + ["x@nowhere.example"]
    found = good(send(company, "POST", MEETINGS, {"emails": emails}))["users"]
    assert [entry["email"] for entry in found] == emails
    assert not found[-1]["exists"]
    assert all(entry["exists"] for entry in found[:-1])
    assert {entry["valid"] for entry in found[:-1]} == {True, False}
    for entry in found:
        assert entry["valid"] != bool(entry["userFacingError"])
    recorded_ones = {
        user["emailAddress"]
        for user in users.values()
        if user["settings"]["webConferencesRecorded"]
    }
    assert {entry["email"] for entry in found if entry["valid"]} < recorded_ones


@pytest.mark.parametrize("body", [{}, [], {"emails": "x"}, {"emails": ["a@b.example"] * 101}])
def test_up_to_a_hundred_addresses_are_asked_about(company, body):
    assert refusal(send(company, "POST", MEETINGS, body))[0] == 400


# The same for the same seed


def test_the_same_seed_says_the_same(company, users, narrow):
    with (
        Sandbox(calls=260, days=60, seed=7, now=NOW - timedelta(days=9), **UNLIMITED) as earlier,
        Sandbox(calls=9, seed=8, now=NOW, **UNLIMITED) as other,
    ):
        earlier.clock.set(NOW)
        owner = somebody(users, "Senior SDR")
        (user,) = (user for user in users.values() if user["emailAddress"] == owner)
        person = next(iter(company.company.flows.prospects.values())).contact
        asked = [
            ("GET", INTEGRATIONS, None, {}),
            ("GET", FLOWS, None, {"flowOwnerEmail": owner}),
            ("GET", FOLDERS, None, {"flowFolderOwnerEmail": owner}),
            ("POST", PROSPECTS, {"crmProspectsIds": list(company.company.flows.prospects)}, {}),
            ("POST", TASKS, {"filter": {"userId": user["id"], **ALL_TASKS}}, {}),
            ("GET", BRIEFS, None, {}),
            ("GET", BY_EMAIL, None, {"emailAddress": person.email}),
        ]
        for method, path, body, query in asked:
            ours, theirs, others = (
                {**send(sandbox, method, path, body, **query).json(), "requestId": ""}
                for sandbox in (company, earlier, other)
            )
            if path == BY_EMAIL:
                # Fewer or more calls may be listed: the content of those in both is the same.
                ours, theirs = ours["customerData"], theirs["customerData"]
            assert ours == theirs, path
            if path != FOLDERS:
                assert ours != others, path
