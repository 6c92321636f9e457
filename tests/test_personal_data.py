"""Nothing of a person leaves the tap that `personal_data` keeps back."""

from __future__ import annotations

import copy
import json
import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gong_api.contact_details import EMAIL, PHONE, hidden
from gong_api.errors import SettingsError
from gong_sandbox import Sandbox
from tap_gong.crm_values import is_person, is_personal
from tap_gong.personal_data import PersonalData, marked_fields
from tap_gong.schemas.types import FREE, MARK, PERSONAL
from tap_gong.settings import CALL_CONTENT
from tap_gong.streams import STREAMS
from tap_gong.tap import TapGong
from tests.answering_server import AnsweringServer
from tests.clocks import NOW
from tests.conftest import settings
from tests.gong_document import leaves
from tests.singer_run import Output, run_tap
from tests.test_streams import subjects
from tests.webhook.receiver_run import inbox_of

if TYPE_CHECKING:
    from tap_gong.stream import GongStream

SALT = "a salt of a company's own"
BY_NAME: dict[str, Any] = {stream.name: stream for stream in STREAMS}


@pytest.fixture(scope="module")
def people():
    """A company of this module's own, whose clock stands still."""
    with Sandbox(
        calls=50, days=20, seed=11, now=NOW, requests_per_second=0, daily_requests=0
    ) as sandbox:
        data = sandbox.company
        users = [user["id"] for user in data.users(now=NOW)[:2]]
        data.access.grant(data.slots(None, None, now=NOW)[0].id, users)
        yield sandbox


@pytest.fixture(scope="module")
def everything(people):
    """Settings for all streams, those included that look up persons."""
    config = subjects(people)
    config["crm_object_ids"] += config["crm_prospect_ids"][:40]
    return {
        **config,
        "include_avatars": True,
        "call_content": list(CALL_CONTENT),
        "call_context_timing": ["Now", "TimeOfCall"],
        "personal_data_salt": SALT,
    }


@contextmanager
def logged():
    """Lines of the log, of all levels."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def run_all(config):
    """Read all streams, selected by a catalog, so that SCHEMA messages are whole."""
    catalog = TapGong(config=config).catalog_dict
    for entry in catalog["streams"]:
        for part in entry["metadata"]:
            part["metadata"]["selected"] = True
    output = Output()
    tap = TapGong(config=config, catalog=catalog, message_writer=output)
    tap.sync_all()
    tap.conclude("done", None)
    output.failed = tap.failed
    return output


@pytest.fixture(scope="module")
def runs(everything, people, tmp_path_factory):
    """What each choice writes, and its log."""
    found = {}
    inbox = inbox_of(people, tmp_path_factory.mktemp("inbox"))

    def run(choice):
        if choice not in found:
            with logged() as lines:
                output = run_all({**everything, "automation_inbox": inbox, "personal_data": choice})
            found[choice] = output, lines
        return found[choice]

    return run


@pytest.fixture(scope="module")
def company_people(people):
    """Names and numbers of every person whom the company knows."""
    data = people.company
    found = set()
    for user in data.users(now=NOW, include_avatars=False):
        found |= {user["firstName"], user["lastName"], user.get("phoneNumber")}
    for slot in data.slots(None, None, now=NOW):
        for party in data.extensive(slot, now=NOW).get("parties", []):
            found |= {party.get("phoneNumber"), party.get("name")}
    for account in data._book.accounts:
        for contact in account.contacts:
            found |= {contact.first, contact.last, contact.phone}
    return People(found)


class People:
    """What persons can be told by, word by word."""

    _word = re.compile(r"[\w'-]+")

    def __init__(self, known):
        words = {word for text in known if text for word in self._word.findall(text)}
        assert len(words) > 150
        # What stands in names but names nobody.
        self._words = words - {"St", "MBA", "CSCP"}

    def search(self, text):
        """Whether a text names somebody, or has an e-mail address or a phone number in it."""
        is_named = not self._words.isdisjoint(self._word.findall(text))
        return is_named or EMAIL.search(text) or PHONE.search(text)


def texts(value, path=()):
    """Every text in a JSON value with the names that lead to it; the names too."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield (*path, "a name"), name
            yield from texts(part, (*path, name))
    elif isinstance(value, list):
        for part in value:
            yield from texts(part, path)
    elif value is not None:
        yield path, str(value)


def free_texts():
    return {
        (name, *path)
        for name, stream in BY_NAME.items()
        for path, mark in marked_fields(stream.schema)
        if mark == FREE
    }


def test_the_company_has_people_to_hide(runs, company_people):
    output, _ = runs("keep")
    found = {
        stream
        for stream, rows in output.records.items()
        if any(company_people.search(text) for _, text in texts(rows))
    }
    personal = {
        name
        for name, stream in BY_NAME.items()
        if any(mark != FREE for _, mark in marked_fields(stream.schema))
    }
    # Job titles, and what else is not searched for here, are in the others.
    assert personal - found <= {"crm_objects"}
    assert set(output.records) == set(BY_NAME)


@pytest.mark.parametrize("choice", ["drop", "hash"])
def test_nobody_of_the_company_is_in_what_leaves(runs, company_people, choice):
    output, _ = runs(choice)
    assert not output.failed
    free = free_texts()
    # Each text is looked at once.
    seen = set()
    for message in output.messages:
        if message["type"] == "RECORD":
            seen.update(texts(message["record"], (message["stream"],)))
        else:
            seen.update(texts(message))
    told = {(path, text) for path, text in seen if company_people.search(text)}
    met = {path for path, _ in told if path in free}
    assert {(path, text) for path, text in told if path not in free} == set()
    # The exception is needed: free text does name people.
    assert ("calls", "title") in met
    assert set(output.records) == set(BY_NAME)


@pytest.mark.parametrize("choice", ["drop", "hash"])
def test_nobody_of_the_company_is_in_the_log(runs, company_people, choice):
    _, lines = runs(choice)
    lines = [unquote(line) for line in lines]
    assert any("GET /v2/flows HTTP" in line for line in lines)
    told = [line for line in lines if company_people.search(line)]
    assert told == []


def closed(schema):
    """A schema that refuses what it does not declare."""
    schema = dict(schema)
    if schema.get("properties"):
        schema["properties"] = {name: closed(p) for name, p in schema["properties"].items()}
        schema["additionalProperties"] = False
    if "items" in schema:
        schema["items"] = closed(schema["items"])
    return schema


@pytest.mark.parametrize("choice", ["drop", "hash"])
def test_records_are_what_the_schema_says_and_keys_are_unique(runs, choice):
    output, _ = runs(choice)
    sent = {message["stream"]: message for message in output.of("SCHEMA")}
    before, _ = runs("keep")
    for name, rows in output.records.items():
        validator = jsonschema.Draft202012Validator(closed(sent[name]["schema"]))
        for row in rows[:60]:
            validator.validate(row)
        keys = [tuple(row[key] for key in sent[name]["key_properties"]) for row in rows]
        assert len(set(keys)) == len(keys)
        assert len(rows) == len(before.records[name])


def test_what_is_dropped_is_in_no_schema(runs):
    output, _ = runs("drop")
    for message in output.of("SCHEMA"):
        there = leaves(message["schema"])
        keys = set(message["key_properties"])
        for path, mark in marked_fields(BY_NAME[message["stream"]].schema):
            if mark in PERSONAL:
                assert (path in there) == (path[0] in keys), path
        assert MARK not in json.dumps(message)


def test_hashes_are_the_same_in_every_stream_and_run(runs, everything):
    output, _ = runs("hash")
    plain, _ = runs("keep")
    rows = output.records
    pairs = zip(plain.records["users"], rows["users"], strict=True)
    person = PersonalData("hash", SALT)
    for before, after in pairs:
        assert after["emailAddress"] == person.hashed(before["emailAddress"])
        assert after["emailAliases"] == [person.hashed(a) for a in before["emailAliases"]]
        assert re.fullmatch("[0-9a-f]{32}", after["emailAddress"])
    users = {row["id"]: row["emailAddress"] for row in rows["users"]}
    ours = [row for row in rows["call_parties"] if row.get("userId") in users]
    assert ours
    assert all(row["emailAddress"] == users[row["userId"]] for row in ours)
    names = {row["speakerId"]: row["name"] for row in rows["call_parties"] if row.get("name")}
    said = [row for row in rows["transcript_sentences"] if row["speakerId"] in names]
    assert {row["speakerName"] for row in said} <= set(names.values())
    assert {row["email"] for row in rows["meeting_integration_status"]} <= set(users.values())
    again = run_tap({**everything, "personal_data": "hash"}, streams={"users"})
    assert again.records["users"] == rows["users"]
    other = PersonalData("hash", "another company's salt")
    assert other.hashed("a@b.example") != person.hashed("a@b.example")


def test_labels_of_speakers(runs):
    texts_of = {
        choice: [row["text"] for row in runs(choice)[0].records["transcript_texts"]]
        for choice in ("keep", "hash", "drop")
    }
    assert all(re.match(r"\[[\d:-]+\] Speaker 1\b", text) for text in texts_of["drop"])
    assert any(re.match(r"\[[\d:-]+\] [0-9a-f]{32} \(Internal\)", t) for t in texts_of["hash"])
    assert not any(" Speaker 1 (Internal)" in text for text in texts_of["keep"])


def test_what_is_not_personal_stays(runs):
    plain, _ = runs("keep")
    output, _ = runs("drop")
    for name in ("call_topics", "call_speakers", "call_trackers", "workspaces", "flows"):
        assert output.records[name] == plain.records[name]
    kept = {"callId", "id", "userId", "speakerId", "affiliation", "emailDomain", "methods"}
    assert kept <= set().union(*output.records["call_parties"])
    deals = [r for r in output.records["call_context_objects"] if r["objectType"] == "Opportunity"]
    before = [r for r in plain.records["call_context_objects"] if r["objectType"] == "Opportunity"]
    assert deals == before
    known = {"callId", "action", "auditId", "workspaceId", "callUrl", "playedFromSec"}
    assert known <= set().union(*(row["logRecord"] for row in output.records["logs"]))


def test_a_catalog_decides_nothing_about_it(people):
    config = settings(people, end_date=NOW.isoformat(), personal_data="drop")
    catalog = TapGong(config=config).catalog_dict
    assert "emailAddress" in json.dumps(catalog)
    tap = TapGong(config=config, catalog=catalog)
    treat = cast("GongStream", tap.streams["users"]).without_personal_data
    assert treat
    assert treat({"id": "1", "firstName": "A"}) == {"id": "1"}
    assert "emailAddress" not in json.dumps(tap.mapper.stream_maps["users"][0].raw_schema)


def test_stream_maps_see_what_is_left(everything):
    maps = {"users": {"id": "id", "who": "emailAddress"}}
    config = {**everything, "personal_data": "hash", "stream_maps": maps}
    flat = {"flattening_enabled": True, "flattening_max_depth": 2}
    output = run_tap({**config, **flat}, streams={"users", "answered_scorecards"})
    assert all(re.fullmatch("[0-9a-f]{32}", row["who"]) for row in output.records["users"])
    assert output.records["answered_scorecards"]


@pytest.mark.parametrize("more", [{}, {"personal_data": "keep"}])
def test_keeping_costs_nothing(people, more):
    tap = TapGong(config=settings(people, **more))
    streams = cast("list[GongStream]", [*tap.streams.values()])
    assert all(stream.without_personal_data is None for stream in streams)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"personal_data": "hash"}, "personal_data_salt is not set"),
        (
            {"personal_data": "drop", "custom_streams": [{"name": "new", "path": "/v2/new"}]},
            "new needs a schema",
        ),
        (
            {
                "personal_data": "drop",
                "custom_streams": [
                    {"name": "new", "path": "/v2/new", "schema": {"who": {MARK: "person"}}}
                ],
            },
            "x-personal-data of who in new must be one of e-mail address",
        ),
    ],
)
def test_settings_that_would_not_do(people, more, told):
    with pytest.raises(SettingsError, match=told):
        TapGong(config=settings(people, **more))


def test_a_short_salt_is_told_without_being_shown(people, caplog):
    _ = TapGong(
        config=settings(people, personal_data="drop", personal_data_salt="peppery")
    ).personal_data
    assert "personal_data_salt is short" in caplog.text
    assert "peppery" not in caplog.text


def test_a_personal_key_is_hashed_even_with_drop_and_no_salt(people, caplog):
    tap = TapGong(config=settings(people, personal_data="drop"))
    tap.check()
    assert "personal_data_salt" not in caplog.text
    tap.streams["meeting_integration_status"].selected = True
    tap.check()
    assert "the keys of meeting_integration_status" in caplog.text
    treat = tap.streams["meeting_integration_status"].without_personal_data  # type: ignore[attr-defined]
    row = treat({"email": "anna@x.example"})
    assert set(row["email"]) <= set("0123456789abcdef")
    assert row == treat({"email": "ANNA@x.example"})


def test_gongs_words_are_logged_without_persons(company_people):
    def answer(method, path, query, body):
        return 400, {"requestId": "r1", "errors": ["User anna.ruiz@x.example, +1 302 555 3322"]}

    with AnsweringServer(answer) as server, logged() as lines:
        config = settings(server)
        keeping = TapGong(config=config)
        hiding = TapGong(config={**config, "personal_data": "drop"})
        for tap in (keeping, hiding):
            tap.streams["users"].selected = True
            list(tap.streams["users"].get_records(None))
    assert "anna.ruiz@x.example" in str(keeping.reports["users"].failed)
    failed = str(hiding.reports["users"].failed)
    assert "User [e-mail address], [phone number]" in failed
    assert failed in lines[-1]


CUSTOM = {
    "name": "things",
    "path": "/v2/things",
    "records_path": "things",
    "primary_keys": ["id"],
    "schema": {
        "id": {"type": "string"},
        "pin": {"type": "integer", MARK: "phone number"},
        "by": {"type": "object", "properties": {"name": {"type": "string", MARK: "name"}}},
        "open": {"type": "object"},
        "plain": {"type": "string"},
    },
}


@pytest.mark.parametrize("choice", ["drop", "hash"])
def test_custom_streams_say_themselves_what_is_personal(choice):
    row = {
        "id": "1",
        "pin": 1234,
        "by": {"name": "Anna", "mail": "a@b.example"},
        "open": {"who": "Anna"},
        "plain": "x",
        "new": "Anna",
    }

    def answer(method, path, query, body):
        return 200, {"requestId": "r", "things": [row]}

    with AnsweringServer(answer) as server:
        config = settings(
            server,
            personal_data=choice,
            personal_data_salt=SALT,
            custom_streams=[CUSTOM],
        )
        output = run_tap(config, streams={"things"})
    (record,) = output.records["things"]
    (message,) = output.of("SCHEMA")
    jsonschema.validate(record, closed(message["schema"]))
    if choice == "drop":
        assert record == {"id": "1", "open": {}, "plain": "x"}
        return
    hashed = PersonalData("hash", SALT).hashed
    assert record == {
        "id": "1",
        "pin": hashed(1234),
        "by": {"name": hashed("Anna")},
        "open": {"who": hashed("Anna")},
        "plain": "x",
    }


def test_what_gong_adds_goes_wherever_it_is():
    call = {
        "id": "1",
        "new": "Anna",
        "parties": [{"id": "2", "nickname": "Anna", "methods": ["Invitee", {"who": "Anna"}]}],
        "content": {"brief": "b", "callOutcome": "Anna"},
        "title": None,
    }
    before = copy.deepcopy(call)
    treat = PersonalData("drop", "").of_records(BY_NAME["calls"].schema, ["id"])
    assert treat
    assert treat(call) == {
        "id": "1",
        "parties": [{"id": "2", "methods": ["Invitee"]}],
        "content": {"brief": "b"},
        "title": None,
    }
    assert call == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna.Ruiz@x.example", " anna.ruiz@X.example"),
        ("+1 (302) 555-3322", "+13025553322"),
        ("Zoë", "Zoe\u0308"),
    ],
)
def test_the_same_in_another_spelling_has_the_same_hash(one, other):
    hashed = PersonalData("hash", SALT).hashed
    assert hashed(one) == hashed(other)


def test_hashes_of_what_is_no_text():
    hashed = PersonalData("hash", SALT).hashed
    assert hashed(None) is None
    assert hashed("") == ""
    assert hashed("\ud800") != hashed("\ud801")
    assert hashed([None, "a", {"b": 1}]) == [None, hashed("a"), {"b": hashed("1")}]
    assert hashed(True) == hashed("true")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("choice", ["drop", "hash"])
@hypothesis_settings(max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(BY_NAME)))
def test_any_json_goes_through_and_nothing_personal_comes_out(choice, data, name):
    stream = BY_NAME[name]
    record = {field: data.draw(JSON) for field in stream.schema["properties"]}
    person = PersonalData(choice, SALT)
    treat = person.of_records(stream.schema, stream.primary_keys)
    assert treat
    treated = treat(record)
    for path, mark in marked_fields(stream.schema):
        if mark not in PERSONAL or len(path) > 1:
            continue
        if choice == "drop" and path[0] not in stream.primary_keys:
            assert path[0] not in treated
        else:
            assert treated[path[0]] == person.hashed(record[path[0]])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OwnerName", "Anna Ruiz", True),
        ("OwnerId", "0055f00000kwy4yAAC", False),
        ("hubspot_owner_id", "75371277487", False),
        ("Primary_Contact__c", "Anna Ruiz", True),
        ("num_associated_contacts", "3", False),
        ("notes_last_contacted", "2026-04-15T17:47:42Z", False),
        ("CreatedBy", "Anna Ruiz", True),
        ("CreatedDate", "2026-04-15", False),
        ("PersonMobilePhone", 13025553322, True),
        ("BillingStreet", "1 Main St", True),
        ("BillingCountry", "Germany", False),
        ("Fax", "555 1234", True),
        ("CancellationReason", "Price", False),
        ("StageName", "Proposal", False),
        ("Amount", "1234567890.00", False),
        ("Amount", 120000, False),
        ("CloseDate", "2026-06-15", False),
        ("AccountNumber", "93325316516", False),
        ("Notes", "ask anna.ruiz@x.example", True),
        ("Notes", "call +1 302 555 3322", True),
        ("Hotline", "(302) 555-3322", True),
        ("Website", "https://www.kestrel.example", False),
        ("domains", ["kestrel.example"], False),
        ("backup", [{"to": "anna@x.example"}], True),
        ("HasOptedOutOfEmail", True, False),
        ("Email", None, False),
    ],
)
def test_values_of_accounts_and_deals(name, value, expected):
    assert is_personal(name, value, of_person=False) is expected


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        ("Contact", [], True),
        ("LEAD", [], True),
        ("BUSINESS_USER", [], True),
        ("Partner_Contact__c", [], True),
        ("Account", ["Name", "Industry"], False),
        ("Account", ["FirstName", "PersonEmail"], True),
        ("Opportunity", ["Name", "StageName"], False),
        (None, [], False),
    ],
)
def test_objects_that_are_persons(kind, names, expected):
    assert is_person(kind, names) is expected


def test_addresses_and_numbers_are_hidden_in_a_text():
    text = "User <anna@x.example> (+44 20 7946 0449), call 5121327842853682480, 2026-04-15"
    assert hidden(text) == (
        "User <[e-mail address]> ([phone number]), call 5121327842853682480, 2026-04-15"
    )


# Names of fields that may hold something of a person.
_LOOKS_PERSONAL = re.compile(
    r"e-?mail|phone|name|title|address|street|city|zip|country$|state$|birth|gender|avatar|picture"
    r"|photo|linkedin|twitter|profile$|mailbox|^from$|subject|contact|creator$|author|owner|sender"
    r"|recipient|extension|salutation|ip$|agent$|hash$|meetingurl|personal|nick|speakername|text"
    r"|comment|note|description|body|brief",
    re.IGNORECASE,
)
# Those that hold nothing of a person, and what they hold.
NOT_PERSONAL = {
    "a thing's name": {
        *("calls.content.structure.name", "calls.content.trackers.name"),
        *("calls.content.topics.name", "calls.content.callOutcome.name"),
        *("calls.interaction.interactionStats.name", "calls.interaction.video.name"),
        *("automation_events.callData.content.structure.name",),
        *("automation_events.callData.content.trackers.name",),
        *("automation_events.callData.content.topics.name",),
        *("automation_events.callData.content.callOutcome.name",),
        *("automation_events.callData.interaction.interactionStats.name",),
        *("automation_events.callData.interaction.video.name",),
        *("call_trackers.name", "call_tracker_occurrences.trackerName", "call_topics.name"),
        *("call_structure.name", "call_interaction_stats.name", "call_videos.name"),
        *("workspaces.name", "permission_profiles.name", "scorecards.scorecardName"),
        *("trackers.trackerName", "briefs.briefName", "answered_scorecards.scorecardName"),
        *("interaction_stats.personInteractionStats.name", "crm_integrations.name"),
        *("crm_entity_schemas.uniqueName", "crm_entity_schemas.name"),
        *("tasks.account.name", "tasks.priority.name", "tasks.contact.data.companyName"),
        "tasks.additionalContacts.data.companyName",
        *("email_address_references.customerEngagement.eventName",),
    },
    "a definition": {
        *("scorecards.questions.questionText", "scorecard_questions.questionText"),
        *("scorecards.questions.answerOptions.text", "scorecard_questions.answerOptions.text"),
    },
    "an instant": {"coaching.from"},
    "a domain of a company": {"call_parties.emailDomain"},
    "a hash made by Gong": {
        "email_address_references.emails.messageHash",
        "phone_number_references.emails.messageHash",
    },
}


def all_fields(schema, path=()):
    while "items" in schema:
        schema = schema["items"]
    for name, prop in schema.get("properties", {}).items():
        yield (*path, name), prop
        if MARK not in prop:
            yield from all_fields(prop, (*path, name))


def test_every_field_that_looks_personal_is_marked_or_known_not_to_be():
    excused = set().union(*NOT_PERSONAL.values())
    looking = set()
    for stream in BY_NAME.values():
        marked = {path for path, _ in marked_fields(stream.schema)}
        for path, prop in all_fields(stream.schema):
            is_text = not {"boolean", "integer", "object"} & set(prop["type"])
            is_text &= "properties" not in prop.get("items", {})
            is_id = re.search(r"Ids?$|^calls[A-Z]", path[-1])
            if is_text and not is_id and path not in marked and _LOOKS_PERSONAL.search(path[-1]):
                looking.add(".".join((stream.name, *path)))
    assert looking - excused == set()
    assert excused - looking == set()


def test_every_mark_means_something():
    for stream in BY_NAME.values():
        for path, mark in marked_fields(stream.schema):
            assert mark in {*PERSONAL, FREE, "none", "CRM values", "undeclared"}, path
