"""Permission profiles, users' access to calls, and calls that are created, over HTTP."""

from __future__ import annotations

import hashlib
import io
import itertools
import re
import tracemalloc
import wave
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from click.testing import CliRunner

from gong_sandbox import Sandbox
from gong_sandbox.cli import main
from gong_sandbox.company.media import Intake
from tests.clocks import NOW
from tests.gong_document import answer_schema, document, recorded, resolved
from tests.sandbox.test_api import (
    CALLS,
    EVERYTHING,
    EXTENSIVE,
    FOLDERS,
    NO_CALLS,
    TRANSCRIPT,
    UNLIMITED,
    USERS,
    details,
    get,
    good,
    ids,
    instant,
    loosened,
    misfits,
    post,
    refusal,
    send,
    workspace,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS = "/v2/calls/users-access"
PROFILES = "/v2/all-permission-profiles"
PROFILE = "/v2/permission-profile"
PROFILE_USERS = "/v2/permission-profile/users"
BAD_JSON = (400, ["Json parse error, verify Json format matches the API description."])
FOUR_MINUTES = timedelta(minutes=4)
LEVEL = {"permissionLevel": "none", "teamLeadIds": None}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def site() -> Iterator[Sandbox]:
    """One for all tests that only add to it: every call they create is another."""
    with Sandbox(calls=40, days=20, seed=3, now=NOW, **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def users(site) -> list[dict[str, Any]]:
    return get(site, USERS)["users"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def rep(users) -> dict[str, Any]:
    """Somebody whose calls may be imported."""
    return next(user for user in users if user["settings"]["telephonyCallsImported"])


@pytest.fixture
def new_call(rep) -> dict[str, Any]:
    """The body of a call that has not been posted before, with a guest."""
    number = next(numbers)
    return {
        "clientUniqueId": f"pbx-{number}",
        "actualStart": (NOW - timedelta(days=1, minutes=number)).isoformat(),
        "direction": "Outbound",
        "primaryUser": rep["id"],
        "parties": [
            {"userId": rep["id"], "emailAddress": rep["emailAddress"]},
            {"name": "Bea Buyer", "emailAddress": "bea@buyers.example", "phoneNumber": "+1555010"},
        ],
    }


def recording(seconds: float, *, rate: int = 8000, silent: bool = False, width: int = 2) -> bytes:
    """A WAV file unlike any other."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        second = next(numbers).to_bytes(4, "big") + bytes(range(1, 251))
        if silent:
            second = b"\x80" if width == 1 else b"\0"
        size = int(seconds * rate) * width
        sound.writeframes((second * (size // len(second) + 1))[:size])
    return file.getvalue()


def create(sandbox: Sandbox, body: dict[str, Any]) -> str:
    call_id = good(send(sandbox, "POST", CALLS, body))["callId"]
    assert isinstance(call_id, str)
    return call_id


def upload(
    sandbox: Sandbox,
    call_id: str,
    content: bytes | None = None,
    *,
    part: str = "mediaFile",
    filename: str = "call.wav",
    kind: str | None = "audio/wav",
) -> requests.Response:
    content = recording(90) if content is None else content
    return requests.put(
        f"{sandbox.url}{CALLS}/{call_id}/media",
        files={part: (filename, content, kind) if kind else (filename, content)},
        auth=(sandbox.access_key, sandbox.access_key_secret),
        timeout=60,
    )


def made(sandbox: Sandbox, call_id: str):
    return next(call for call in sandbox.company.uploads.created if call.id == call_id)


# Permission profiles


@pytest.fixture(scope="module")
def space(site) -> str:
    return str(workspace(site))


def profiles(sandbox: Sandbox, workspace_id: str) -> Any:
    return get(sandbox, PROFILES, workspaceId=workspace_id)["profiles"]


def test_profiles_fit_the_document_and_are_told_apart_as_recorded(site, space):
    answer = get(site, PROFILES, workspaceId=space)
    assert not misfits(answer, loosened(answer_schema("GET", PROFILES)))
    one = get(site, PROFILE, profileId=answer["profiles"][0]["id"])
    assert one["profile"] == answer["profiles"][0]
    assert not misfits(one, loosened(answer_schema("GET", PROFILE)))
    (exchange,) = recorded("list-permission-profiles")
    theirs = exchange["response"]["profiles"][0]
    for profile in answer["profiles"]:
        assert list(profile) == list(theirs)
        assert profile["forecastPermissions"].keys() == theirs["forecastPermissions"].keys()
        assert profile["libraryFolderAccess"].keys() == theirs["libraryFolderAccess"].keys()
        assert profile["orchestrateCreateAndManagePlays"] is None


def test_profiles_are_listed_by_name_whatever_the_case(site, space):
    names = [profile["name"] for profile in profiles(site, space)]
    assert names == sorted(names, key=str.casefold)
    assert names != sorted(names)


def test_each_active_user_has_one_profile_in_each_workspace(site, users):
    active = {user["id"]: user for user in users if user["active"]}
    for found in get(site, "/v2/workspaces")["workspaces"]:
        seen = []
        for profile in profiles(site, found["id"]):
            answer = get(site, PROFILE_USERS, profileId=profile["id"])
            assert not misfits(answer, loosened(answer_schema("GET", PROFILE_USERS)))
            seen += answer["users"]
        assert Counter(user["id"] for user in seen) == Counter(list(active))
        for user in seen:
            known = active[user["id"]]
            assert user["fullName"] == f"{known['firstName']} {known['lastName']}"
            assert user["emailAddress"] == known["emailAddress"]


def test_profiles_refer_to_users_and_folders_that_there_are(site, space, users):
    folders = {folder["id"] for folder in get(site, FOLDERS, workspaceId=space)["folders"]}
    leads: set[str] = set()
    chosen: set[str] = set()
    for profile in profiles(site, space):
        leads.update(profile["callsAccess"]["teamLeadIds"] or ())
        chosen.update(profile["libraryFolderAccess"]["libraryFolderIds"] or ())
    assert leads
    assert leads <= {user["id"] for user in users}
    assert chosen
    assert chosen <= folders


def test_a_created_profile_is_as_recorded_and_another_each_time(site, space):
    (exchange,) = recorded("create-permission-profile")
    sent = exchange["request"]["data"]
    answers = [send(site, "POST", PROFILE, sent, workspaceId=space) for _ in range(2)]
    found = [good(answer)["profile"] for answer in answers]
    assert [{**profile, "id": None} for profile in found] == [
        {**exchange["response"]["profile"], "id": None}
    ] * 2
    assert len({sent["id"], *(profile["id"] for profile in found)}) == 3
    assert all(re.fullmatch(r"\d{18,19}", profile["id"]) for profile in found)
    assert not misfits(answers[0].json(), loosened(answer_schema("POST", PROFILE)))
    assert [one for one in profiles(site, space) if one["name"] == sent["name"]] == sorted(
        found, key=lambda profile: profile["id"]
    )
    assert get(site, PROFILE_USERS, profileId=found[0]["id"])["users"] == []


def test_a_profile_is_updated_member_by_member(site, space, users):
    manager = next(user["managerId"] for user in users if user["managerId"])
    level = {"permissionLevel": "managers-team", "teamLeadIds": [manager]}
    first = good(
        send(
            site,
            "POST",
            PROFILE,
            {
                "name": "Trainers",
                "description": "For a while",
                "callsAccess": level,
                "scoreCalls": True,
                "libraryFolderAccess": {"permissionLevel": "all", "manageStreams": True},
                "forecastPermissions": {"forecastAccess": {"permissionLevel": "own"}},
            },
            workspaceId=space,
        )
    )["profile"]
    assert first["callsAccess"] == level
    assert first["libraryFolderAccess"]["manageStreams"]
    assert first["libraryFolderAccess"]["manageFolderCalls"] is False
    change = {
        "id": "1",
        "name": "Trainers 2",
        "scoreCalls": False,
        "coaching": True,
        "orchestrateCreateAndManagePlays": True,
        "forecastPermissions": {"forecastEditTargets": {"permissionLevel": "all"}},
    }
    answer = send(site, "PUT", PROFILE, change, profileId=first["id"])
    second = good(answer)["profile"]
    assert not misfits(answer.json(), loosened(answer_schema("PUT", PROFILE)))
    assert second == {
        **first,
        "name": "Trainers 2",
        "scoreCalls": False,
        "coaching": True,
        "orchestrateCreateAndManagePlays": True,
        "forecastPermissions": {
            **first["forecastPermissions"],
            "forecastEditTargets": {"permissionLevel": "all", "teamLeadIds": None},
        },
    }
    assert get(site, PROFILE, profileId=first["id"])["profile"] == second
    # What was read can be written back.
    assert good(send(site, "PUT", PROFILE, second, profileId=first["id"]))["profile"] == second


@pytest.mark.parametrize(
    ("path", "name"),
    [(PROFILES, "workspaceId"), (PROFILE, "profileId"), (PROFILE_USERS, "profileId")],
)
def test_profiles_must_be_asked_for_by_an_id_that_there_is(site, path, name):
    assert refusal(send(site, "GET", path)) == (400, [f"{name}: must not be null"])
    (exchange,) = recorded("list-permission-profile-users")
    oversize = exchange["request"]["params"]["profileId"]
    as_recorded = exchange["status"], exchange["response"]["errors"]
    for given in (oversize, "abc", "-1", "9" * 19):
        assert refusal(send(site, "GET", path, **{name: given})) == as_recorded
    status, (text,) = refusal(send(site, "GET", path, **{name: "123"}))
    assert status == 400
    assert text.endswith("not found")


@pytest.mark.parametrize(
    "change",
    [
        {"callsAccess": {"permissionLevel": "some"}},
        {"callsAccess": "all"},
        {"callsAccess": {"teamLeadIds": "1"}},
        {"forecastPermissions": {"forecastAccess": {"permissionLevel": "specific-folders"}}},
        {"libraryFolderAccess": {"permissionLevel": "own"}},
        {"scoreCalls": "yes"},
        {"name": 7},
        [],
    ],
)
def test_profiles_of_other_types_are_no_json_of_gongs(site, space, change):
    body = {"name": "Odd", **change} if isinstance(change, dict) else change
    profile = profiles(site, space)[0]
    assert refusal(send(site, "POST", PROFILE, body, workspaceId=space)) == BAD_JSON
    assert refusal(send(site, "PUT", PROFILE, body, profileId=profile["id"])) == BAD_JSON
    assert profile in profiles(site, space)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"callsAccess": {"permissionLevel": "all", "teamLeadIds": ["1"]}}, "teamLeadIds"),
        ({"dealsAccess": {"permissionLevel": "managers-team", "teamLeadIds": ["1"]}}, "some users"),
        ({"libraryFolderAccess": {"permissionLevel": "none", "manageStreams": True}}, "Streams"),
        (
            {"libraryFolderAccess": {"permissionLevel": "none", "libraryFolderIds": ["1"]}},
            "libraryFolderIds",
        ),
        (
            {
                "libraryFolderAccess": {
                    "permissionLevel": "specific-folders",
                    "libraryFolderIds": ["1"],
                }
            },
            "some folders",
        ),
    ],
)
def test_profiles_that_contradict_themselves_cannot_be_processed(site, space, change, member):
    profile = profiles(site, space)[0]
    body = {"name": "Odd", **change}
    for status, answer in (
        (422, send(site, "POST", PROFILE, body, workspaceId=space)),
        (400, send(site, "PUT", PROFILE, body, profileId=profile["id"])),
    ):
        found, texts = refusal(answer)
        assert found == status
        assert member in texts[0]
    assert profile in profiles(site, space)


def test_profiles_need_a_name_and_their_library_access_a_level(site, space):
    for body, text in (
        ({}, "name: must not be null"),
        ({"name": ""}, "name: must not be null"),
        (
            {"name": "X", "libraryFolderAccess": {"manageStreams": True}},
            "libraryFolderAccess.permissionLevel: must not be null",
        ),
    ):
        assert refusal(send(site, "POST", PROFILE, body, workspaceId=space)) == (400, [text])


# Access to single calls


def grant(sandbox: Sandbox, method: str, *grants: tuple[str, list[str]]) -> Any:
    rows = [{"callId": call_id, "userIds": user_ids} for call_id, user_ids in grants]
    return send(sandbox, method, ACCESS, {"callAccessList": rows})


def accesses(sandbox: Sandbox, *call_ids: str) -> dict[str, list[str]]:
    answer = post(sandbox, ACCESS, {"callIds": list(call_ids)})
    assert not misfits(answer, loosened(answer_schema("POST", ACCESS)))
    return {
        row["callId"]: [user["userId"] for user in row["users"]] for row in answer["callAccessList"]
    }


def test_access_is_what_was_granted_here_and_not_taken_away(site, users):
    one, two = ids(get(site, CALLS))[:2]
    a, b, c = (user["id"] for user in users[:3])
    assert accesses(site, one, two) == {one: [], two: []}
    for _ in range(2):
        answer = grant(site, "PUT", (one, [a, b]), (two, [c]))
        assert list(good(answer)) == ["requestId"]
        assert accesses(site, two, one) == {two: [c], one: [a, b]}
    good(grant(site, "PUT", (one, [c])))
    for _ in range(2):
        answer = grant(site, "DELETE", (one, [a]), (two, [a, "77"]), ("12345", [a]))
        assert list(good(answer)) == ["requestId"]
        assert accesses(site, one, two) == {one: [b, c], two: [c]}
    good(grant(site, "DELETE", (one, [b, c]), (two, [c])))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("get-call-users-access", "POST"),
        ("add-call-users-access", "PUT"),
        ("remove-call-users-access", "DELETE"),
    ],
)
def test_access_to_unknown_calls_is_as_recorded(site, name, method):
    (exchange,) = recorded(name)
    answer = send(site, method, ACCESS, exchange["request"]["data"])
    assert answer.status_code == exchange["status"]
    assert answer.json().get("errors") == exchange["response"].get("errors")


def test_a_grant_with_one_unknown_call_or_user_grants_nothing(site, users):
    call_id, user_id = ids(get(site, CALLS))[0], users[0]["id"]
    answer = grant(site, "PUT", (call_id, [user_id]), ("123", [user_id]))
    assert refusal(answer) == (400, ["Some calls not found"])
    answer = grant(site, "PUT", (call_id, [user_id, "123"]))
    assert refusal(answer) == (400, ["Some users not found"])
    assert accesses(site, call_id) == {call_id: []}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({}, ["callAccessList: must not be null"]),
        (
            {"callAccessList": [{}]},
            [f"callAccessList[0].{name}: must not be null" for name in ("callId", "userIds")],
        ),
        ({"callAccessList": {}}, BAD_JSON[1]),
        ({"callAccessList": ["1"]}, BAD_JSON[1]),
        ({"callAccessList": [{"callId": "x", "userIds": []}]}, BAD_JSON[1]),
        ({"callAccessList": [{"callId": "1", "userIds": ["9" * 20]}]}, BAD_JSON[1]),
        ({"callAccessList": [{"callId": "1", "userIds": "1"}]}, BAD_JSON[1]),
        ([], BAD_JSON[1]),
    ],
)
def test_malformed_access_lists_are_refused(site, method, body, texts):
    assert refusal(send(site, method, ACCESS, body)) == (400, texts)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({}, ["filter: must not be null"]),
        ({"filter": {}}, ["filter.callIds: must not be null"]),
        ({"filter": {"callIds": ["x"]}}, BAD_JSON[1]),
    ],
)
def test_access_is_asked_for_by_call(site, body, texts):
    assert refusal(send(site, "POST", ACCESS, body)) == (400, texts)


# Creating calls


def test_a_call_as_recorded_is_created(site, rep):
    (exchange,) = recorded("upload-call")
    sent = exchange["request"]["data"]
    sent = {**sent, "primaryUser": rep["id"]}
    sent["parties"] = [{**sent["parties"][0], "userId": rep["id"]}, sent["parties"][1]]
    answer = send(site, "POST", CALLS, sent)
    assert answer.status_code == exchange["status"]
    assert answer.json().keys() == exchange["response"].keys()
    assert re.fullmatch(r"\d{18,19}", answer.json()["callId"])
    assert not misfits(answer.json(), answer_schema("POST", CALLS))


def test_all_that_is_missing_is_told_at_once(site):
    status, texts = refusal(send(site, "POST", CALLS, {}))
    assert status == 400
    required = resolved(
        document()["paths"][CALLS]["post"]["requestBody"]["content"]["application/json"]["schema"]
    )["required"]
    assert sorted(texts) == sorted(f"{name}: must not be null" for name in required)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"clientUniqueId": "x" * 2049}, "clientUniqueId: size must be between 0 and 2048"),
        ({"clientUniqueId": ""}, "clientUniqueId: must not be empty"),
        ({"purpose": "x" * 256}, "purpose: size must be between 0 and 255"),
        ({"disposition": "x" * 256}, "disposition: size must be between 0 and 255"),
        ({"parties": []}, "parties: size must be between 1"),
        ({"parties": [{"name": "A"}]}, "parties: a party must be provided for the primaryUser"),
        ({"primaryUser": "123"}, "primaryUser: user 123 was not found"),
        ({"workspaceId": "123"}, "workspaceId: workspace 123 was not found"),
        ({"actualStart": "2026-06-01"}, "actualStart: must be a date and time"),
        ({"actualStart": "2026-06-01T10:00:00"}, "actualStart: must be a date and time"),
        ({"scheduledStart": "soon"}, "scheduledStart: must be a date and time"),
        ({"actualStart": "0001-01-01T00:00:00Z"}, "actualStart: must be between the years"),
        ({"scheduledEnd": ""}, "scheduledEnd: must be a date and time"),
        ({"languageCode": "en"}, "languageCode: en is not supported"),
        ({"duration": -1}, "duration: must be a number of seconds"),
        ({"downloadMediaUrl": "ftp://x/y"}, "downloadMediaUrl: must be a URL"),
        ({"context": [{"objects": []}]}, "context[0].system: must not be null"),
        (
            {"context": [{"system": "Generic", "objects": [{"objectType": "Lead"}]}]},
            "context[0].objects[0].objectId: must not be null",
        ),
        (
            {"speakersTimeline": {"speechSegments": [{"fromTime": 0, "partyIds": []}]}},
            "speakersTimeline.speechSegments[0].toTime: must not be null",
        ),
        (
            {
                "speakersTimeline": {
                    "speechSegments": [{"fromTime": 0, "toTime": 5, "partyIds": ["?"]}]
                }
            },
            "speakersTimeline.speechSegments[0].partyIds: must be among",
        ),
    ],
)
def test_calls_that_make_no_sense_are_refused(site, new_call, change, text):
    status, texts = refusal(send(site, "POST", CALLS, {**new_call, **change}))
    assert status == 400
    assert any(found.startswith(text) for found in texts), texts


@pytest.mark.parametrize(
    "change",
    [
        {"direction": "Sideways"},
        {"primaryUser": "nobody"},
        {"primaryUser": "9" * 20},
        {"duration": "long"},
        {"parties": "all"},
        {"parties": [{"mediaChannelId": "left"}]},
        {"context": [{"system": "Pipedrive"}]},
        {"context": [{"system": "Generic", "objects": [{"objectType": "Task"}]}]},
        {"speakersTimeline": {"speechSegments": [{"fromTime": 0.5}]}},
    ],
)
def test_calls_of_other_types_are_no_json_of_gongs(site, new_call, change):
    assert refusal(send(site, "POST", CALLS, {**new_call, **change})) == BAD_JSON


@pytest.mark.parametrize(("channel", "text"), [(2, "less than or equal to 1"), (-1, "to 0")])
def test_channels_are_left_or_right(site, new_call, channel, text):
    new_call["parties"][1]["mediaChannelId"] = channel
    status, (found,) = refusal(send(site, "POST", CALLS, new_call))
    assert status == 400
    assert found.startswith("parties[1].mediaChannelId: must be")
    assert found.endswith(text)


def test_a_call_is_posted_once(site, new_call):
    call_id = create(site, new_call)
    status, (text,) = refusal(send(site, "POST", CALLS, new_call))
    assert status == 400
    assert text == (
        f"A call with clientUniqueId '{new_call['clientUniqueId']}' has already been posted "
        f"for the call {call_id}"
    )


def test_a_call_that_the_company_has_is_not_posted_again(site, new_call):
    known = next(call for call in get(site, CALLS)["calls"] if call["clientUniqueId"])
    new_call["clientUniqueId"] = known["clientUniqueId"]
    status, (text,) = refusal(send(site, "POST", CALLS, new_call))
    assert status == 400
    assert text.endswith(f"for the call {known['id']}")


def test_users_whose_calls_are_not_imported_host_none(site, users, new_call):
    other = next(user for user in users if not user["settings"]["telephonyCallsImported"])
    new_call["primaryUser"] = new_call["parties"][0]["userId"] = other["id"]
    status, (text,) = refusal(send(site, "POST", CALLS, new_call))
    assert status == 409
    assert other["id"] in text


def test_a_call_gets_the_same_id_whatever_was_posted_before():
    def posted(first: int) -> dict[str, str]:
        with Sandbox(calls=5, days=2, now=NOW, **UNLIMITED) as sandbox:
            host = next(
                user
                for user in get(sandbox, USERS)["users"]
                if user["settings"]["telephonyCallsImported"]
            )
            body = {
                "actualStart": NOW.isoformat(),
                "direction": "Unknown",
                "primaryUser": host["id"],
                "parties": [{"userId": host["id"]}],
            }
            return {
                key: create(sandbox, {**body, "clientUniqueId": key})
                for key in ["a", "b", "c"][::first]
            }

    assert posted(1) == posted(-1)


# Media and what becomes of it


def test_a_draft_is_seen_by_no_read(site, new_call):
    before = get(site, CALLS)["records"]["totalRecords"]
    call_id = create(site, new_call)
    site.clock.set(NOW)
    assert get(site, CALLS)["records"]["totalRecords"] == before
    assert refusal(send(site, "GET", f"{CALLS}/{call_id}"))[0] == 404
    for path in (EXTENSIVE, TRANSCRIPT):
        answer = send(site, "POST", path, {"filter": {"callIds": [call_id]}})
        assert refusal(answer) == (404, NO_CALLS)
    assert refusal(send(site, "POST", ACCESS, {"filter": {"callIds": [call_id]}}))[0] == 400


def test_the_life_of_an_uploaded_call(sandbox):
    host = next(
        user for user in get(sandbox, USERS)["users"] if user["settings"]["telephonyCallsImported"]
    )
    total = get(sandbox, CALLS)["records"]["totalRecords"]
    body = {
        "clientUniqueId": "recorder/7",
        "title": "Dock walk",
        "purpose": "Site visit",
        "disposition": "Connected",
        "customData": '{"batch": 7}',
        "meetingUrl": "https://meet.example/7",
        "callProviderCode": "ringcentral",
        "languageCode": "de-DE",
        "duration": 5.5,
        "scheduledStart": "2026-02-03T09:00:00+01:00",
        "actualStart": "2026-02-03T08:04:00.250Z",
        "direction": "Inbound",
        "primaryUser": host["id"],
        "parties": [
            {"name": "Bea Buyer", "emailAddress": "bea@buyers.example", "affiliation": "External"},
            {"userId": host["id"]},
            {"phoneNumber": "+15550100"},
        ],
        "context": [
            {"system": "Salesforce", "objects": [{"objectType": "Account", "objectId": "001A"}]}
        ],
    }
    call_id = create(sandbox, body)
    content = recording(180.4)
    answer = upload(sandbox, call_id, content)
    assert answer.status_code == 201
    assert answer.json().keys() == {"requestId", "callId", "url"}
    assert answer.json()["callId"] == call_id
    assert not misfits(answer.json(), answer_schema("PUT", "/v2/calls/{id}/media"))
    call = made(sandbox, call_id)
    assert (call.media_uploads, call.media.sha256) == (1, hashlib.sha256(content).hexdigest())

    sandbox.clock.advance(FOUR_MINUTES - timedelta(seconds=1))
    assert refusal(send(sandbox, "GET", f"{CALLS}/{call_id}"))[0] == 404
    # It counts already, as calls in processing do.
    assert get(sandbox, CALLS)["records"]["totalRecords"] == total + 1
    sandbox.clock.advance(1)
    shown = get(sandbox, f"{CALLS}/{call_id}")["call"]
    assert instant(shown["started"]) == instant("2026-02-03T08:04:00.250Z")
    assert instant(shown["scheduled"]) == instant("2026-02-03T08:00:00Z")
    assert {name: shown[name] for name in shown.keys() - {"started", "scheduled", "url"}} == {
        "id": call_id,
        "title": "Dock walk",
        "duration": 180,
        "primaryUserId": host["id"],
        "direction": "Inbound",
        "system": "ringcentral",
        "scope": "External",
        "media": "Audio",
        "language": "deu",
        "workspaceId": workspace(sandbox),
        "sdrDisposition": "Connected",
        "clientUniqueId": "recorder/7",
        "customData": '{"batch": 7}',
        "purpose": "Site visit",
        "meetingUrl": "https://meet.example/7",
        "isPrivate": False,
        "calendarEventId": None,
    }
    window = {
        "fromDateTime": "2026-02-03T08:04:00.250Z",
        "toDateTime": "2026-02-03T08:04:01Z",
    }
    assert get(sandbox, CALLS, **window)["calls"] == [shown]
    (seen,) = details(sandbox, EVERYTHING, **window)
    assert seen["metaData"] == shown
    assert not misfits({"calls": [seen]}, loosened(answer_schema("POST", EXTENSIVE)))
    guest, rep, caller = seen["parties"]
    assert (guest["name"], guest["emailAddress"]) == ("Bea Buyer", "bea@buyers.example")
    assert (rep["userId"], rep["emailAddress"]) == (host["id"], host["emailAddress"])
    assert caller["phoneNumber"] == "+15550100"
    assert [party["affiliation"] for party in seen["parties"]] == [
        "External",
        "Internal",
        "Unknown",
    ]
    assert seen["context"][0]["objects"][0]["objectId"] == "001A"

    only = {"callIds": [call_id]}
    assert refusal(send(sandbox, "POST", TRANSCRIPT, {"filter": only})) == (404, NO_CALLS)
    sandbox.clock.advance(FOUR_MINUTES * 10)
    (transcript,) = post(sandbox, TRANSCRIPT, only)["callTranscripts"]
    speakers = {monologue["speakerId"] for monologue in transcript["transcript"]}
    assert speakers
    assert speakers <= {party["speakerId"] for party in seen["parties"]}
    last = transcript["transcript"][-1]["sentences"][-1]
    assert last["end"] <= 180_400


def test_the_least_that_can_be_posted_becomes_a_call(site, new_call, rep):
    new_call["parties"] = [{"userId": rep["id"]}]
    call_id = create(site, new_call)
    assert upload(site, call_id).status_code == 201
    site.clock.advance(FOUR_MINUTES * 11)
    (seen,) = details(site, EVERYTHING, callIds=[call_id])
    site.clock.set(NOW)
    assert seen["metaData"]["system"] == "Upload API"
    assert seen["metaData"]["scope"] == "Internal"
    assert seen["metaData"]["title"]
    assert [party["userId"] for party in seen["parties"]] == [rep["id"]]


def test_guests_whom_the_crm_knows_bring_their_account(site, new_call):
    known = next(
        party
        for call in details(site, {"context": "Extended", "exposedFields": {"parties": True}})
        for party in call.get("parties", [])
        if party["affiliation"] == "External" and "title" in party and "context" in party
        if "emailAddress" in party and call.get("context")
    )
    new_call["parties"][1] = {"emailAddress": known["emailAddress"]}
    call_id = create(site, new_call)
    upload(site, call_id)
    site.clock.advance(FOUR_MINUTES)
    (seen,) = details(site, EVERYTHING, callIds=[call_id])
    site.clock.set(NOW)
    assert seen["parties"][1]["name"] == known["name"]
    assert {item["objectType"] for item in seen["context"][0]["objects"]} >= {"Account"}


def test_without_a_processing_time_all_is_there_at_once(new_call):
    with Sandbox(calls=3, seed=3, days=2, now=NOW, processing_minutes=0, **UNLIMITED) as sandbox:
        call_id = create(sandbox, new_call)
        upload(sandbox, call_id)
        assert get(sandbox, f"{CALLS}/{call_id}")["call"]["duration"] == 90
        assert len(post(sandbox, TRANSCRIPT, {"callIds": [call_id]})["callTranscripts"]) == 1


def test_calls_with_media_are_handled(site, new_call):
    call_id = create(site, new_call)
    assert upload(site, call_id).status_code == 201
    for content in (None, recording(70)):
        status, (text,) = refusal(upload(site, call_id, content))
        assert status == 400
        assert "has already been handled" in text
    assert made(site, call_id).media_uploads == 1
    status, (text,) = refusal(upload(site, ids(get(site, CALLS))[0]))
    assert (status, "has already been handled" in text) == (400, True)


def test_the_same_media_is_taken_once(site, new_call):
    content = recording(70)
    first = create(site, new_call)
    assert upload(site, first, content).status_code == 201
    second = create(site, {**new_call, "clientUniqueId": new_call["clientUniqueId"] + "b"})
    status, (text,) = refusal(upload(site, second, content, filename="other.wav"))
    assert status == 400
    assert "same content" in text
    assert first in text
    # It stays a draft, which other media may follow.
    assert upload(site, second).status_code == 201


def test_media_needs_its_call_its_part_and_a_type(site, new_call):
    assert refusal(upload(site, "123")) == (404, ["Call ID 123 was not found"])
    call_id = create(site, new_call)
    (exchange,) = (one for one in recorded("upload-crm-entities") if one["status"] == 400)
    text = exchange["response"]["errors"][0].replace("dataFile", "mediaFile")
    assert refusal(upload(site, call_id, part="dataFile")) == (400, [text])
    for kind, filename in (("text/plain", "a.txt"), ("application/octet-stream", "a.pdf")):
        status, (text,) = refusal(
            upload(site, call_id, b"no sound at all", kind=kind, filename=filename)
        )
        assert (status, "unsupported type" in text) == (400, True)
    status, (text,) = refusal(upload(site, call_id, b""))
    assert (status, "empty" in text) == (400, True)
    path = f"{CALLS}/{call_id}/media"
    assert refusal(send(site, "PUT", path, {})) == (415, ["Unsupported Media Type"])
    for body, kind in (
        (b"", "multipart/form-data"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"nothing of the sort", "multipart/form-data; boundary=x"),
    ):
        answer = requests.put(
            site.url + path,
            data=body,
            headers={"Content-Type": kind},
            auth=("sandbox", "sandbox"),
            timeout=20,
        )
        assert refusal(answer) == (400, ["Bad request"]), body
    assert made(site, call_id).state(NOW) == "draft"


@pytest.mark.parametrize(
    ("content", "kind", "filename"),
    [
        (b"\0\0\0\x20ftypisom" + b"1" * 2_000_000, "video/mp4", "a.mp4"),
        (b"\x1aE\xdf\xa3" + b"2" * 2_000_000, None, "a.bin"),
        (b"fLaC" + b"3" * 2_000_000, "application/octet-stream", "a.flac"),
        (b"4" * 2_000_000, None, "a.MP3"),
        (b"5" * 2_000_000, "binary/octet-stream", "a.wav"),
        (b"6" * 2_000_000, "audio/x-odd", "a"),
    ],
)
def test_types_that_gong_takes(site, new_call, content, kind, filename):
    call_id = create(site, new_call)
    answer = upload(site, call_id, content, kind=kind, filename=filename)
    assert answer.status_code == 201
    site.clock.advance(FOUR_MINUTES)
    shown = get(site, f"{CALLS}/{call_id}")["call"]
    site.clock.set(NOW)
    assert shown["duration"] == pytest.approx(125, abs=1)
    assert shown["media"] == (
        "Video" if content[:5] in {b"\0\0\0\x20f", b"\x1aE\xdf\xa32"} else "Audio"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (recording(59.9), "shorter"),
        (recording(300, silent=True), "no speech"),
        (recording(300, silent=True, width=1), "no speech"),
        (b"ID3" + b"9" * 5000, "shorter"),
    ],
)
def test_recordings_that_hold_no_call_are_dropped_without_a_word(site, new_call, content, reason):
    call_id = create(site, new_call)
    assert upload(site, call_id, content).status_code == 201
    call = made(site, call_id)
    assert reason in call.dropped
    assert call.state(NOW) == "processing"
    later = NOW + timedelta(days=2)
    site.clock.set(later)
    assert refusal(send(site, "GET", f"{CALLS}/{call_id}"))[0] == 404
    site.clock.set(NOW)
    assert call.state(later) == "dropped"
    assert "has already been handled" in refusal(upload(site, call_id))[1][0]


def test_media_may_be_fetched_from_a_url_that_is_new(site, new_call):
    url = f"https://recordings.example/{new_call['clientUniqueId']}.mp3"
    call_id = create(site, {**new_call, "downloadMediaUrl": url, "duration": 321.4})
    other = {**new_call, "clientUniqueId": new_call["clientUniqueId"] + "b"}
    status, (text,) = refusal(send(site, "POST", CALLS, {**other, "downloadMediaUrl": url}))
    assert status == 400
    assert "must be unique" in text
    assert create(site, other)
    assert "has already been handled" in refusal(upload(site, call_id))[1][0]
    assert refusal(send(site, "GET", f"{CALLS}/{call_id}"))[0] == 404
    site.clock.advance(FOUR_MINUTES)
    shown = get(site, f"{CALLS}/{call_id}")["call"]
    site.clock.set(NOW)
    assert (shown["duration"], shown["meetingUrl"]) == (321, url)


def test_a_big_upload_is_not_held_in_memory(site, new_call):
    call_id = create(site, new_call)
    head = recording(300, rate=16_000)
    block, count = head[44:] * 2, 3
    boundary = b"a-boundary"
    size = len(head) + len(block) * count

    def body() -> Iterator[bytes]:
        yield b"--" + boundary + b"\r\nContent-Disposition: form-data; "
        yield b'name="mediaFile"; filename="long.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        yield head
        for _ in range(count):
            yield from (block[at : at + 65_536] for at in range(0, len(block), 65_536))
        yield b"\r\n--" + boundary + b"--\r\n"

    expected = hashlib.sha256(head + block * count)
    tracemalloc.start()
    answer = requests.put(
        f"{site.url}{CALLS}/{call_id}/media",
        data=body(),
        headers={"Content-Type": "multipart/form-data; boundary=a-boundary"},
        auth=("sandbox", "sandbox"),
        timeout=120,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 201
    media = made(site, call_id).media
    assert (media.size, media.sha256) == (size, expected.hexdigest())
    assert size > 60_000_000
    assert peak < size / 2


@pytest.mark.parametrize("step", [1, 7, 4095, 4096, 4097, 10**6])
@pytest.mark.parametrize("silent", [False, True])
def test_a_recording_is_the_same_in_whatever_pieces_it_comes(step, silent):
    content = recording(2, rate=4000, silent=silent) + b"LIST\x04\0\0\0abcd"
    intake = Intake()
    for at in range(0, len(content), step):
        intake.feed(content[at : at + step])
    media = intake.media("audio/wav")
    assert media.sha256 == hashlib.sha256(content).hexdigest()
    assert (media.size, media.seconds, media.silent) == (len(content), 2, silent)


def test_the_length_of_an_mp3_is_read_from_its_frames():
    def seconds(content: bytes) -> float | None:
        intake = Intake()
        intake.feed(content)
        return intake.media("audio/mpeg").seconds

    frame = b"\xff\xfb\x90\x00"  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz, stereo
    tagged = frame + bytes(32) + b"Xing\0\0\0\x01" + (1000).to_bytes(4, "big")
    assert seconds(frame + bytes(159_996)) == 10
    assert seconds(tagged + bytes(5000)) == pytest.approx(1000 * 1152 / 44_100)
    assert seconds(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + frame + bytes(15_996)) == 1
    assert seconds(b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(5000)) is None


# Faults, scopes, the front page, the command


def test_a_connection_is_reset_before_gong_acts_or_after(site, new_call):
    site.faults.next("reset", path=CALLS)
    with pytest.raises(requests.ConnectionError):
        send(site, "POST", CALLS, new_call)
    before = len(site.company.uploads.created)
    site.faults.next("reset-after", path=CALLS)
    with pytest.raises(requests.ConnectionError):
        send(site, "POST", CALLS, new_call)
    assert len(site.company.uploads.created) == before + 1
    call_id = site.company.uploads.created[-1].id
    assert call_id in refusal(send(site, "POST", CALLS, new_call))[1][0]

    path = f"{CALLS}/{call_id}/media"
    for kind, uploads in (("reset", 0), ("reset-after", 1)):
        site.faults.next(kind, path=path)
        with pytest.raises(requests.ConnectionError):
            upload(site, call_id)
        assert made(site, call_id).media_uploads == uploads
    assert [entry.status for entry in site.requests if entry.path == path] == [0, 0]
    # A refusal is lost as well.
    site.faults.next("reset-after", path=path)
    with pytest.raises(requests.ConnectionError):
        upload(site, call_id)


def test_an_upload_that_breaks_off_leaves_a_draft(site, new_call):
    call_id = create(site, new_call)

    def half() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="mediaFile"\r\n\r\n' + recording(90)
        raise OSError

    with pytest.raises((OSError, requests.RequestException)):
        requests.put(
            f"{site.url}{CALLS}/{call_id}/media",
            data=half(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
            auth=("sandbox", "sandbox"),
            timeout=20,
        )
    assert made(site, call_id).media is None
    assert upload(site, call_id).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", CALLS, "api:calls:create"),
        ("PUT", f"{CALLS}/1/media", "api:calls:create"),
        ("POST", ACCESS, "api:call-user-access:read"),
        ("PUT", ACCESS, "api:call-user-access:write"),
        ("DELETE", ACCESS, "api:call-user-access:write"),
        ("GET", PROFILES, "api:permission-profile:read"),
        ("GET", PROFILE, "api:permission-profile:read"),
        ("POST", PROFILE, "api:permission-profile:write"),
        ("PUT", PROFILE, "api:permission-profile:write"),
        ("GET", PROFILE_USERS, "api:users:read"),
    ],
)
def test_each_operation_has_its_scope(method, path, scope):
    with Sandbox(calls=0, now=NOW, without_scopes=[scope], **UNLIMITED) as sandbox:
        answer = upload(sandbox, "1") if "media" in path else send(sandbox, method, path, {})
        assert refusal(answer) == (
            401,
            [f"You don't have permission to use '{scope}' in your app."],
        )


def test_the_front_page_shows_what_was_written(sandbox):
    host = next(
        user for user in get(sandbox, USERS)["users"] if user["settings"]["telephonyCallsImported"]
    )
    body = {
        "actualStart": NOW.isoformat(),
        "direction": "Inbound",
        "primaryUser": host["id"],
        "parties": [{"userId": host["id"]}, {"name": "B"}],
    }
    calls = [create(sandbox, {**body, "clientUniqueId": str(number)}) for number in range(6)]
    for call_id, seconds in zip(calls, (70, 80, 30), strict=False):
        upload(sandbox, call_id, recording(seconds))
    sandbox.clock.advance(FOUR_MINUTES)
    upload(sandbox, calls[3])
    space = workspace(sandbox)
    profile = good(send(sandbox, "POST", PROFILE, {"name": "N"}, workspaceId=space))["profile"]
    good(grant(sandbox, "PUT", (calls[0], [host["id"]])))
    send(sandbox, "POST", CALLS, {})
    page = requests.get(sandbox.url, timeout=20).text
    for state, count in (("draft", 2), ("processing", 1), ("visible", 2), ("dropped", 1)):
        assert f"<span>{state}</span> <b>{count}</b>" in page
    for text in (
        f"<td>POST /v2/calls</td><td>call {calls[5]} (draft)</td>",
        f"<td>media of call {calls[0]}, 1,120,044 bytes</td>",
        f"<td>POST {PROFILE}</td><td>permission profile {profile['id']}</td>",
        f"<td>PUT {ACCESS}</td><td>access for 1 users to 1 calls</td>",
    ):
        assert text in page, text
    assert [entry.made for entry in sandbox.requests if entry.status == 400] == [None]


def test_the_command_takes_the_processing_time():
    options = ["--calls", "1", "--host", "192.0.2.1", "--processing-minutes"]
    assert "x>=0" in CliRunner().invoke(main, [*options, "-1"]).stderr
    assert "cannot listen" in CliRunner().invoke(main, [*options, "0.5"]).stderr
