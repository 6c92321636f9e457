"""The sandbox's company: deterministic, on an absolute time line, and true to the wire."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gong_sandbox.company import Company
from gong_sandbox.company.arcs import _PHONE_ARCS, ARCS
from gong_sandbox.company.scripts import pools
from tests.gong_document import document

NOW = datetime(2025, 7, 14, 19, 20, tzinfo=timezone.utc)
# Keys that the real API sends although its description does not know them.
UNDOCUMENTED = {
    "UserMetadata": {"conferencingProviders"},
    "Question": {"updaterUserId", "created", "updated"},
}


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(calls=500, now=NOW)


@pytest.fixture(scope="module")
def slots(company):
    return company.slots(None, None, now=NOW)


@pytest.fixture(scope="module")
def details(company, slots):
    return [company.extensive(slot, now=NOW) for slot in slots]


@pytest.fixture(scope="module")
def transcripts(company, slots):
    return {slot.id: company.transcript(slot) for slot in slots}


def sentences(transcript: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(m["speakerId"], s) for m in transcript for s in m["sentences"]]


# The time line


@pytest.mark.parametrize("calls", [1, 7, 250])
@pytest.mark.parametrize("days", [1, 30, 400])
def test_exactly_that_many_calls_are_listed(calls, days):
    assert len(Company(calls=calls, days=days, now=NOW).slots(None, None, now=NOW)) == calls


def test_slots_are_ordered_unique_and_visible(slots):
    assert slots == sorted(slots, key=lambda slot: (slot.filter_time, slot.id))
    assert len({slot.id for slot in slots}) == len(slots)
    for slot in slots:
        assert re.fullmatch(r"[1-9]\d{17,18}", slot.id)
        assert slot.ended < slot.listed_at <= NOW
        assert slot.transcript_at is None or slot.transcript_at >= slot.listed_at
        assert slot.filter_time in {slot.scheduled, slot.started}


def test_range_is_half_open(company, slots):
    start, end = slots[100].filter_time, slots[200].filter_time
    found = company.slots(start, end, now=NOW)
    assert found == [slot for slot in slots if start <= slot.filter_time < end]


def test_calls_appear_and_none_disappears():
    company = Company(calls=200, days=20, now=NOW)
    before = {slot.id: slot for slot in company.slots(None, None, now=NOW)}
    pending = company.pending(None, None, now=NOW)
    for hours in (1, 5, 24, 100, 900):
        later = NOW + timedelta(hours=hours)
        after = {slot.id: slot for slot in company.slots(None, None, now=later)}
        assert before.items() <= after.items()
        before = after
    assert len(before) > 200 + pending


def test_lateness_is_as_a_real_company_sees_it():
    company = Company(calls=4000, days=90, now=NOW)
    late = [slot.listed_at - slot.ended for slot in company.slots(None, None, now=NOW)]
    share = sum(delay > timedelta(hours=6) for delay in late) / len(late)
    assert 0.005 < share < 0.03
    assert any(delay > timedelta(days=1) for delay in late)
    silent = [s for s in company.slots(None, None, now=NOW) if s.transcript_at is None]
    assert 0.01 < len(silent) / len(late) < 0.03


def test_pending_calls_have_ended_but_are_not_listed():
    company = Company(calls=2000, days=10, now=NOW)
    assert company.pending(None, None, now=NOW) > 0
    assert company.pending(None, NOW - timedelta(days=8), now=NOW) == 0


def test_same_seed_shows_the_same_past_whenever_looked_at():
    one = Company(seed=3, calls=150, days=30, now=NOW)
    two = Company(seed=3, calls=150, days=30, now=NOW + timedelta(days=6, hours=3))
    look = NOW + timedelta(days=40)
    theirs = {slot.id: slot for slot in two.slots(None, None, now=look)}
    both = [slot for slot in one.slots(None, None, now=look) if slot.id in theirs]
    assert len(both) >= 100
    for slot in both[::3]:
        assert theirs[slot.id] == slot
        assert one.extensive(slot, now=look) == two.extensive(slot, now=look)
        assert one.transcript(slot) == two.transcript(slot)
    assert one.users(now=look) == two.users(now=look)
    assert one.scorecards() == two.scorecards()
    assert one.trackers() == two.trackers()
    reviews = {r["answeredScorecardId"]: r for r in one.answered_scorecards(now=look)}
    for review in two.answered_scorecards(now=look):
        if review["answeredScorecardId"] in reviews:
            assert reviews[review["answeredScorecardId"]] == review


def test_another_seed_is_another_company(slots):
    other = Company(seed=2, calls=500, now=NOW)
    assert not {s.id for s in slots} & {s.id for s in other.slots(None, None, now=NOW)}


def test_business_hours_of_the_company(company, slots):
    zone = ZoneInfo(company.timezone)
    hours = [slot.started.astimezone(zone).hour for slot in slots]
    assert all(7 <= hour <= 18 for hour in hours)
    weekend = sum(slot.started.astimezone(zone).weekday() > 4 for slot in slots)
    assert weekend / len(slots) < 0.08


def test_offsets_follow_daylight_saving():
    company = Company(calls=300, days=300, now=NOW)
    for slot in company.slots(None, None, now=NOW):
        offset = "-08:00" if "2024-11-04" <= f"{slot.started:%F}" < "2025-03-09" else "-07:00"
        assert company.basic(slot, now=NOW)["started"].endswith(offset)
    fractions = {
        len(company.basic(slot, now=NOW)["started"]) for slot in company.slots(None, None, now=NOW)
    }
    assert fractions == {25, 29}


# Changes that tests make


def test_edit_delete_and_add():
    company = Company(calls=50, now=NOW)
    first, second, *_ = company.slots(None, None, now=NOW)
    company.edit(first.id, title="Renamed", isPrivate=True)
    assert company.basic(first, now=NOW)["title"] == "Renamed"
    assert company.extensive(first, now=NOW)["metaData"]["title"] == "Renamed"
    edited = company.slot(first.id, now=NOW)
    assert edited is not None
    assert edited.is_private
    company.delete(second.id)
    assert company.slot(second.id, now=NOW) is None
    assert len(company.slots(None, None, now=NOW)) == 49
    shows = NOW + timedelta(hours=2)
    added = company.add_call(
        filter_time=first.filter_time + timedelta(days=2),
        listed_at=shows,
        transcript_at=shows + timedelta(hours=1),
    )
    assert company.slot(added.id, now=NOW) is None
    assert company.pending(None, None, now=NOW) >= 1
    assert company.slot(added.id, now=shows) == added
    assert added in company.slots(None, first.filter_time + timedelta(days=3), now=shows)
    assert company.transcript(added)


# The wire


SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, str),  # ids travel as strings
    "number": (int, float),
    "boolean": (bool,),
    "object": (str, int, float, bool),  # without properties: the value of a CRM field
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a scalar has the type, format and enum of its schema."""
    kind = schema["type"]
    if not isinstance(value, SCALARS[kind]) or (
        isinstance(value, bool) and kind not in {"boolean", "object"}
    ):
        return False
    if kind == "integer" and isinstance(value, str) and not re.fullmatch(r"-?\d+", value):
        return False
    if schema.get("format") == "date-time" and not re.search(r"[+-]\d\d:\d\d$", str(value)):
        return False
    return value in schema.get("enum", [value])


def misfits(name: str, value: Any, schema: dict[str, Any] | None = None) -> list[str]:
    """Where a record leaves the description of that schema; null is allowed anywhere."""
    if schema is None:
        schema = document()["components"]["schemas"][name]
    if value is None:
        return []
    if "$ref" in schema:
        return misfits(schema["$ref"].rpartition("/")[2], value)
    if schema["type"] == "array":
        return [fault for item in value for fault in misfits(name, item, schema["items"])]
    if "properties" in schema:
        known = schema["properties"]
        return [
            fault for key in value.keys() & known for fault in misfits(key, value[key], known[key])
        ] + [f"{name}.{key}" for key in value.keys() - known - UNDOCUMENTED.get(name, set())]
    return [] if fits(value, schema) else [f"{name} = {value!r}"]


def test_calls_fit_the_description(company, slots, details):
    for slot, call in zip(slots, details, strict=True):
        assert not misfits("CallBasicData", company.basic(slot, now=NOW))
        assert not misfits("CallData", call)
        assert call["metaData"] == company.basic(slot, now=NOW)


def test_transcripts_fit_the_description(transcripts):
    for call_id, transcript in transcripts.items():
        assert not misfits("CallTranscript", {"callId": call_id, "transcript": transcript})


def test_the_rest_fits_the_description(company):
    for name, records in (
        ("UserMetadata", company.users(now=NOW, include_avatars=True)),
        ("WorkspaceMetadata", company.workspaces()),
        ("Scorecard", company.scorecards()),
        ("KeywordTracker", company.trackers()),
        ("LibraryFolder", company.folders()),
        ("AnsweredScorecard", company.answered_scorecards(now=NOW)),
        (
            "LibraryFolderListOfCallsResponse",
            [company.folder_content(folder["id"], now=NOW) for folder in company.folders()],
        ),
    ):
        assert records
        for record in records:
            assert not misfits(name, record)


def test_basic_has_all_keys_and_null_for_unknown(company, slots):
    calls = [company.basic(slot, now=NOW) for slot in slots]
    assert {len(call) for call in calls} == {20}
    for key in ("sdrDisposition", "clientUniqueId", "customData", "purpose", "calendarEventId"):
        assert {call[key] is None for call in calls} == {True, False}
    for call in calls:
        phone = call["media"] == "Audio"
        assert not phone or call["scheduled"] == call["started"]
        assert phone == (call["direction"] != "Conference")
    assert 0.2 < sum(c["sdrDisposition"] is not None for c in calls) / len(calls) < 0.32
    assert sum(c["scope"] == "Internal" for c in calls) > 20


def test_absent_is_not_null_in_details(details):
    for call in details:
        for party in call.get("parties", []):
            assert {"id", "speakerId", "affiliation", "methods"} <= party.keys()
            assert None not in [value for key, value in party.items() if key != "speakerId"]
            assert (party["affiliation"] == "Internal") == ("userId" in party)
        silent = call["metaData"]["language"] == "zxx"
        assert silent == ("content" not in call) == ("interaction" not in call)
        assert ("context" in call) == (call["metaData"]["scope"] == "External")
        assert call["collaboration"] == {} or call["collaboration"]["publicComments"]
        assert None not in call.values()
    contents = [call["content"] for call in details if "content" in call]
    for key in ("brief", "outline", "highlights", "keyPoints", "callOutcome"):
        assert {key in content for content in contents} == {True, False}
    assert any("\n" in content.get("brief", "") for content in contents)


def test_parties_are_sometimes_missing():
    company = Company(calls=800, now=NOW)
    details = (company.extensive(s, now=NOW) for s in company.slots(None, None, now=NOW))
    missing = sum("parties" not in call for call in details)
    assert 0 < missing < 20


def test_artificial_parts_come_with_the_transcript(company, slots):
    slot = next(s for s in slots if s.transcript_at and s.transcript_at < NOW)
    early = company.extensive(slot, now=slot.listed_at)["content"]
    assert not {"brief", "outline", "highlights", "keyPoints"} & early.keys()
    assert {"trackers", "topics", "structure"} <= early.keys()
    late = company.extensive(slot, now=slot.transcript_at)["content"]
    assert {"brief", "outline", "highlights", "keyPoints"} & late.keys()


def test_context_shows_now_and_then(details):
    stages = set()
    moved = 0
    for call in details:
        for system in call.get("context", []):
            seen: dict[str, dict[str, str]] = {}
            for thing in system["objects"]:
                fields = {field["name"]: field["value"] for field in thing["fields"]}
                if thing["objectType"] == "Account":
                    assert {"Name", "Website", "Industry", "BillingCountry"} <= fields.keys()
                    continue
                stages.add(fields["StageName"])
                assert isinstance(fields["IsClosed"], bool)
                assert isinstance(fields["Amount"], int | float)
                assert None in fields.values()
                seen.setdefault(thing["objectId"], {})[thing["timing"]] = fields["StageName"]
            for stage in seen.values():
                assert stage.keys() == {"Now", "TimeOfCall"}
                moved += stage["Now"] != stage["TimeOfCall"]
    assert len(stages) >= 6
    assert moved > 50


# The conversation and what is computed from it


def test_every_pool_is_there_and_used():
    arcs = [*ARCS.values(), *_PHONE_ARCS.values()]
    assert {name for arc in arcs for part in arc for name in part.pools} == set(pools())


def test_sentences_fill_the_call(slots, transcripts):
    for slot in slots:
        lines = sentences(transcripts[slot.id])
        assert bool(lines) == (slot.transcript_at is not None)
        clock = 0
        for _, sentence in lines:
            assert clock <= sentence["start"] < sentence["end"]
            clock = sentence["end"]
            assert not re.search(r"[{}\[\]|]|  | [,.]|^\W?$", sentence["text"]), sentence
            assert not re.search(r"\b(an?|the|our|your) (an?|the|our|your)\b", sentence["text"])
        assert clock <= slot.duration * 1000
        assert not lines or clock >= slot.duration * 800


def test_length_follows_duration(slots, transcripts):
    hours = [s for s in slots if s.duration > 2700]
    assert all(120 <= len(sentences(transcripts[slot.id])) <= 330 for slot in hours)


def test_transcripts_differ(slots, transcripts):
    texts = [" ".join(s["text"] for _, s in sentences(transcripts[x.id])) for x in slots]
    spoken = [text for text in texts if text]
    long = [text for text in spoken if len(text) > 3000]
    assert len(set(long)) == len(long)
    assert len(set(spoken)) > len(spoken) * 0.97


def test_speakers_are_the_parties_that_spoke(details, transcripts):
    for call in details:
        spoke = {m["speakerId"] for m in transcripts[call["metaData"]["id"]]}
        if "parties" in call:
            assert {p["speakerId"] for p in call["parties"]} - {None} == spoke
            ids = [p["id"] for p in call["parties"]]
            assert len(ids) == len(set(ids))
            assert not spoke & set(ids)
        for speaker in call.get("interaction", {}).get("speakers", []):
            assert speaker["talkTime"] <= call["metaData"]["duration"]


def test_topics_are_those_of_the_transcript(details, transcripts):
    for call in details:
        if "content" in call:
            monologues = transcripts[call["metaData"]["id"]]
            named = {m["topic"] for m in monologues} - {None}
            assert named == {t["name"] for t in call["content"]["topics"] if t["duration"]} | {
                t["name"]
                for t in call["content"]["topics"]
                if not t["duration"] and t["name"] in named
            }
            total = sum(part["duration"] for part in call["content"]["structure"])
            assert total <= call["metaData"]["duration"] + 1


def test_keyword_trackers_agree_with_transcripts(company, details, transcripts):
    definitions = {t["trackerId"]: t for t in company.trackers()}
    hits = 0
    for call in details[::3]:
        if "parties" not in call or "content" not in call:
            continue
        ours = {p["speakerId"] for p in call["parties"] if "userId" in p}
        lines = sentences(transcripts[call["metaData"]["id"]])
        keyword = [t for t in call["content"]["trackers"] if t["type"] == "KEYWORD"]
        workspace = call["metaData"]["workspaceId"]
        assert {t["id"] for t in keyword} == {
            t["trackerId"] for t in definitions.values() if t["workspaceId"] == workspace
        }
        for tracker in keyword:
            expected = count(definitions[tracker["id"]], lines, ours)
            assert {p["phrase"]: p["count"] for p in tracker["phrases"]} == expected
            assert tracker["count"] == sum(expected.values()) == len(tracker["occurrences"])
            hits += tracker["count"]
            for hit in tracker["occurrences"]:
                assert any(
                    speaker == hit["speakerId"]
                    and s["start"] - 10 <= hit["startTime"] * 1000 <= s["end"] + 10
                    for speaker, s in lines
                )
        smart = [t for t in call["content"]["trackers"] if t["type"] == "SMART"]
        assert smart
        assert all("phrases" not in t for t in smart)
    assert hits > 700


def count(
    definition: dict[str, Any], lines: list[tuple[str, dict[str, Any]]], ours: set[str]
) -> dict[str, int]:
    """How often each keyword is said, by the definition alone."""
    found: dict[str, int] = {}
    for words in definition["languageKeywords"]:
        ending = "(s|es|d|ed|ing)?" if words["includeRelatedForms"] else ""
        for keyword in words["keywords"]:
            pattern = re.compile(rf"\b{re.escape(keyword)}{ending}\b", re.IGNORECASE)
            number = 0
            for speaker, sentence in lines:
                if definition["affiliation"] != "Anyone" and (
                    (definition["affiliation"] == "Company") != (speaker in ours)
                ):
                    continue
                if definition["partOfQuestion"] and not sentence["text"].endswith("?"):
                    continue
                limit = definition["saidAtInterval"]
                if limit and sentence["start"] >= limit * 60_000:
                    continue
                number += len(pattern.findall(sentence["text"]))
            if number:
                found[keyword] = number
    return found


def test_questions_are_those_of_the_transcript(details, transcripts):
    for call in details:
        if "interaction" in call:
            asked = sum(
                s["text"].endswith("?") for _, s in sentences(transcripts[call["metaData"]["id"]])
            )
            assert sum(call["interaction"]["questions"].values()) == asked
            assert ("video" in call["interaction"]) == (call["metaData"]["media"] == "Video")


def test_competitors_are_talked_about(company, details):
    mentions = sum(
        t["count"]
        for call in details
        for t in call.get("content", {}).get("trackers", [])
        if t["name"] == "Competitors"
    )
    assert mentions > 100


# People, settings, reviews, library


def test_users(company):
    users = company.users(now=NOW)
    assert len(users) == 28
    assert len(company.users(now=NOW, include_avatars=True)) == 29
    ids = {user["id"] for user in users}
    assert all(user["managerId"] is None or user["managerId"] in ids for user in users)
    assert {user["active"] for user in users} == {True, False}
    assert any("," in user["lastName"] for user in users)
    assert all(user["emailAddress"].isascii() for user in users)


def test_everyone_named_on_a_call_exists(company, details):
    ids = {user["id"] for user in company.users(now=NOW)}
    workspaces = {workspace["id"] for workspace in company.workspaces()}
    for call in details:
        assert call["metaData"]["primaryUserId"] in ids | {None}
        assert call["metaData"]["workspaceId"] in workspaces
        hosts = {p.get("userId") for p in call.get("parties", [])}
        if call["metaData"]["primaryUserId"] and "parties" in call:
            assert call["metaData"]["primaryUserId"] in hosts
        for comment in call["collaboration"].get("publicComments", []):
            assert comment["commenterUserId"] in ids
            assert set(re.findall(r"@\[[^\]]+\]\((\d+)\)", comment["comment"])) <= ids


def test_reviews(company, slots):
    reviews = company.answered_scorecards(now=NOW)
    cards = {card["scorecardId"]: card for card in company.scorecards()}
    assert 0.15 < len(reviews) / len(slots) < 0.3
    times = [datetime.fromisoformat(review["reviewTime"]) for review in reviews]
    assert times == sorted(times)
    assert times[-1] <= NOW
    known = {slot.id for slot in slots}
    for review in reviews:
        card = cards[review["scorecardId"]]
        assert review["callId"] in known
        assert (review["reviewerUserId"] is None) == (review["reviewMethod"] == "AUTOMATIC")
        assert [a["questionId"] for a in review["answers"]] == [
            q["questionId"] for q in card["questions"]
        ]
    assert {review["reviewMethod"] for review in reviews} == {"MANUAL", "AUTOMATIC"}
    later = company.answered_scorecards(now=NOW + timedelta(days=3))
    assert len(later) > len(reviews)
    part = company.answered_scorecards(now=NOW, review_from=times[20], review_to=times[40])
    assert part == reviews[20:40]


def test_library(company, slots):
    workspaces = [workspace["id"] for workspace in company.workspaces()]
    for workspace in workspaces:
        roots = [f for f in company.folders(workspace) if f["parentFolderId"] is None]
        assert len(roots) == 1
    assert len(company.folders()) == sum(len(company.folders(w)) for w in workspaces)
    known = {slot.id for slot in slots}
    sizes, twice, notes = [], 0, set()
    for folder in company.folders():
        content = company.folder_content(folder["id"], now=NOW)
        assert {key: folder[key] for key in ("id", "name", "updated")}.items() <= content.items()
        ids = [call["id"] for call in content["calls"]]
        assert set(ids) <= known
        sizes.append(len(ids))
        twice += len(ids) - len(set(ids))
        notes |= {"note" in call for call in content["calls"]}
        assert all(datetime.fromisoformat(call["created"]) <= NOW for call in content["calls"])
    assert min(sizes) == 0
    assert max(sizes) == 15
    assert twice == 1
    assert notes == {True, False}
    assert company.folder_content("1", now=NOW) is None
