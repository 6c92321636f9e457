"""Tables made of nested data: whole, without requests of their own, with bookmarks of their own."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from tap_gong.streams import STREAMS
from tap_gong.streams.call_tables import CallTable
from tap_gong.streams.transcripts import TranscriptStream, clock_time
from tap_gong.tap import TapGong
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap

CALL_TABLES = {stream.name for stream in STREAMS if issubclass(stream, CallTable)}
TRANSCRIPT_TABLES = {"transcript_sentences", "transcript_texts"}
TABLES = (
    CALL_TABLES
    | TRANSCRIPT_TABLES
    | {"scorecard_questions", "tracker_keywords", "answered_scorecard_answers"}
)
PARENTS = {"calls", "transcripts", "scorecards", "trackers", "answered_scorecards"}


def paths(sandbox):
    return [entry.path for entry in sandbox.requests]


def bodies(sandbox, path):
    return [entry.body for entry in sandbox.requests if entry.path == path]


@pytest.fixture(scope="module")
def run(company):
    """What a run of parents and tables wrote, and the paths that it asked for."""
    company.clear_requests()
    config = settings(company, end_date=NOW.isoformat())
    output = run_tap(config, streams=PARENTS | TABLES)
    return output, paths(company)


@pytest.fixture(scope="module")
def everything(run):
    return run[0]


def test_the_tables_of_the_contract_are_there():
    assert len(CALL_TABLES) == 13
    assert len(TABLES) == 18
    assert {s.name for s in STREAMS if issubclass(s, TranscriptStream)} == {
        "transcripts",
        *TRANSCRIPT_TABLES,
    }


def test_tables_cost_no_request(company, config, run):
    output, asked = run
    company.clear_requests()
    run_tap(config, streams=PARENTS)
    assert sorted(asked) == sorted(paths(company))
    assert {stream for stream in TABLES if output.records[stream]} == TABLES


def test_each_stream_has_one_schema_and_few_states(everything):
    named = [message["stream"] for message in everything.of("SCHEMA")]
    assert sorted(named) == sorted(PARENTS | TABLES)
    assert len(everything.of("STATE")) < 20


@pytest.mark.parametrize(
    ("table", "nested"),
    [
        ("call_parties", lambda call: call.get("parties")),
        ("call_trackers", lambda call: call["content"].get("trackers")),
        ("call_topics", lambda call: call["content"].get("topics")),
        ("call_structure", lambda call: call["content"].get("structure")),
        ("call_key_points", lambda call: call["content"].get("keyPoints")),
        ("call_speakers", lambda call: call["interaction"].get("speakers")),
        ("call_comments", lambda call: call["collaboration"].get("publicComments")),
        ("call_interaction_stats", lambda call: call["interaction"].get("interactionStats")),
        ("call_videos", lambda call: call["interaction"].get("video")),
    ],
)
def test_a_table_holds_what_the_calls_hold(everything, table, nested):
    added = {"callId", "index", "emailDomain"}
    rows = [
        (row["callId"], {k: v for k, v in row.items() if k not in added})
        for row in everything.records[table]
    ]
    expected = []
    for call in everything.records["calls"]:
        full = {"content": {}, "interaction": {}, "collaboration": {}, **call}
        expected += [(call["id"], item) for item in nested(full) or []]
    if table == "call_trackers":
        # When each came up is in a table of its own.
        rows, expected = (
            [(c, without_occurrences(t)) for c, t in some] for some in (rows, expected)
        )
    assert expected
    assert rows == expected


def without_occurrences(tracker):
    phrases = [{k: p[k] for k in ("phrase", "count")} for p in tracker.get("phrases") or []]
    told = {k: v for k, v in tracker.items() if k not in {"occurrences", "phrases"}}
    return {**told, "phrases": phrases}


def test_domains_of_participants(everything):
    for party in everything.records["call_parties"]:
        address = party.get("emailAddress")
        assert party["emailDomain"] == (address.rpartition("@")[2].lower() if address else None)


def test_crm_objects_of_calls_and_of_participants(everything):
    rows = everything.records["call_context_objects"]
    calls = {
        (call["id"], system["system"], found["objectType"], found["objectId"])
        for call in everything.records["calls"]
        for system in call.get("context") or []
        for found in system["objects"]
    }
    assert calls == {
        (row["callId"], row["system"], row["objectType"], row["objectId"])
        for row in rows
        if row["partyId"] == ""
    }
    assert any(row["partyId"] for row in rows)
    assert any(row["fields"] for row in rows)
    assert all(row["timing"] is not None for row in rows)


def test_occurrences_of_trackers(everything):
    expected = sum(
        len(part.get("occurrences") or [])
        for call in everything.records["calls"]
        for tracker in (call.get("content") or {}).get("trackers") or []
        for part in [tracker, *(tracker.get("phrases") or [])]
    )
    rows = everything.records["call_tracker_occurrences"]
    assert len(rows) == expected > 0
    assert any(row["phrase"] for row in rows)


def test_outlines_and_highlights_item_by_item(everything):
    for table, part in (("call_outline", "outline"), ("call_highlights", "highlights")):
        expected = [
            (call["id"], item["text"])
            for call in everything.records["calls"]
            for group in (call.get("content") or {}).get(part) or []
            for item in group["items"]
        ]
        assert expected
        assert [(row["callId"], row["text"]) for row in everything.records[table]] == expected


def test_sentences_carry_the_speakers_of_the_call(everything):
    speakers = {
        (call["id"], party["speakerId"]): (party.get("name"), party.get("affiliation"))
        for call in everything.records["calls"]
        for party in call.get("parties") or []
        if party.get("speakerId")
    }
    said = [
        (row["callId"], sentence["text"], monologue["speakerId"])
        for row in everything.records["transcripts"]
        for monologue in row["transcript"]
        for sentence in monologue["sentences"]
    ]
    rows = everything.records["transcript_sentences"]
    assert [(row["callId"], row["text"], row["speakerId"]) for row in rows] == said
    named = [row for row in rows if speakers.get((row["callId"], row["speakerId"]), (None,))[0]]
    assert len(named) > len(rows) / 2
    for row in named:
        name, affiliation = speakers[row["callId"], row["speakerId"]]
        assert (row["speakerName"], row["affiliation"]) == (name, affiliation)
        assert row["startTime"] == clock_time(row["start"])


def test_a_call_as_text_is_a_paragraph_for_each_monologue(everything):
    transcripts = {row["callId"]: row["transcript"] for row in everything.records["transcripts"]}
    for row in everything.records["transcript_texts"]:
        paragraphs = row["text"].split("\n\n")
        assert len(paragraphs) == len(transcripts[row["callId"]])
        for paragraph, monologue in zip(paragraphs, transcripts[row["callId"]], strict=True):
            said = " ".join(sentence["text"] for sentence in monologue["sentences"])
            head = paragraph.removesuffix(said)
            assert len(head) + len(said) == len(paragraph)
            assert re.fullmatch(r"\[\d\d:\d\d:\d\d\] [^:]+: ", head)
    texts = "".join(row["text"] for row in everything.records["transcript_texts"])
    assert re.search(r"^\[00:0\d:\d\d\] [A-Z]\w+ [\w' -]+ \(Internal\): ", texts, re.MULTILINE)


def test_times_on_the_clock():
    assert clock_time(0) == "00:00:00"
    assert clock_time(83_999) == "00:01:23"
    assert clock_time(36_000_000) == "10:00:00"
    assert clock_time(None) is None


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_is_the_same_without_its_parent(everything, company, config, table):
    company.clear_requests()
    output = run_tap(config, streams={table})
    assert set(output.records) == {table}
    assert output.records[table] == everything.records[table]
    assert table in output.state["bookmarks"]


def test_only_what_a_table_needs_is_asked_for(company, config):
    company.clear_requests()
    run_tap(config, streams={"call_topics"})
    assert bodies(company, "/v2/calls/extensive")[-1]["contentSelector"] == {
        "context": "None",
        "exposedFields": {"content": {"topics": True}},
    }


def test_names_of_speakers_take_a_request_for_each_page_when_calls_are_not_read(company, config):
    company.clear_requests()
    run_tap(config, streams={"transcripts"})
    plain = paths(company)
    company.clear_requests()
    run_tap(config, streams={"transcripts", "transcript_sentences", "transcript_texts"})
    more = paths(company)
    assert more.count("/v2/calls/transcript") == plain.count("/v2/calls/transcript") == 3
    looked_up = [b for b in bodies(company, "/v2/calls/extensive") if "callIds" in b["filter"]]
    assert len(more) - len(plain) == len(looked_up) == 3
    for body in looked_up:
        assert 0 < len(body["filter"]["callIds"]) <= 100
        assert body["contentSelector"]["exposedFields"] == {"parties": True}


def test_sentences_come_without_names_where_calls_may_not_be_read(caplog):
    from gong_sandbox import Sandbox

    with Sandbox(
        calls=30,
        days=20,
        seed=3,
        now=NOW,
        requests_per_second=0,
        daily_requests=0,
        without_scopes={"api:calls:read:extensive"},
    ) as sandbox:
        config = settings(sandbox, end_date=NOW.isoformat(), start_date="2026-06-01")
        output = run_tap(config, streams={"transcript_sentences"})
    assert output.records["transcript_sentences"]
    assert not any(row["speakerName"] for row in output.records["transcript_sentences"])
    assert "api:calls:read:extensive" in caplog.text
    assert output.failed == []


def test_a_table_selected_later_gets_its_history(company, config):
    first = run_tap(config, streams={"calls", "transcripts"})
    alone = run_tap(config, streams={"call_topics"})
    company.clear_requests()
    output = run_tap(config, state=first.state, streams={"calls", "transcripts", "call_topics"})
    assert output.records["call_topics"] == alone.records["call_topics"]
    # The calls themselves are only read again for their lookback.
    assert len(output.records["calls"]) < len(first.records["calls"])
    pages = [json.dumps(body, sort_keys=True) for body in bodies(company, "/v2/calls/extensive")]
    assert len(set(pages)) == len(pages)


def test_an_owed_transcript_reaches_every_table_made_of_it(sandbox):
    now = sandbox.clock.now()
    call = sandbox.company.add_call(
        filter_time=now - timedelta(days=12),
        listed_at=now - timedelta(hours=1),
        transcript_at=now + timedelta(days=1),
    ).id
    streams = {"calls", "transcript_sentences", "transcript_texts"}
    first = run_tap(settings(sandbox, end_date=now.isoformat()), streams=streams)
    assert call not in {row["callId"] for row in first.records["transcript_texts"]}
    sandbox.clock.advance(timedelta(days=2))
    later = sandbox.clock.now().isoformat()
    second = run_tap(settings(sandbox, end_date=later), state=first.state, streams=streams)
    (text,) = (row for row in second.records["transcript_texts"] if row["callId"] == call)
    sentences = [row for row in second.records["transcript_sentences"] if row["callId"] == call]
    assert text["text"]
    assert any(row["speakerName"] for row in sentences)


def owed_call(sandbox, *, days):
    now = sandbox.clock.now()
    return sandbox.company.add_call(
        filter_time=now - timedelta(days=days),
        listed_at=now - timedelta(hours=1),
        transcript_at=now + timedelta(days=1),
    ).id


def run_of(sandbox, streams, state=None, **more):
    later = sandbox.clock.now().isoformat()
    return run_tap(settings(sandbox, end_date=later, **more), state=state, streams=streams)


def odd_transcript(sandbox, patch, call, odd):
    """From now on, one transcript is of another form."""
    told = sandbox.company.transcript
    patch.setattr(
        sandbox.company, "transcript", lambda slot: odd if slot.id == call else told(slot)
    )


NO_LIST: dict[str, str] = {"of": "another form"}
NO_TEXT = [{"sentences": [{"text": ["of another form"]}]}]


def test_a_stream_that_was_left_out_meanwhile_misses_no_owed_transcript(sandbox):
    call = owed_call(sandbox, days=40)
    both = {"calls", "transcripts", "transcript_sentences"}
    for without in ("transcript_sentences", "transcripts"):
        run = run_of(sandbox, both)
        state = run.state
        sandbox.clock.advance(timedelta(days=2))
        state = run_of(sandbox, both - {without}, state).state
        sandbox.clock.advance(timedelta(days=1))
        last = run_of(sandbox, both, state)
        assert call in {row["callId"] for row in last.records[without]}, without
        assert "missed" not in last.state["bookmarks"][without]
        sandbox.clock.advance(timedelta(days=-3))


def test_what_was_missed_stays_so_until_it_is_written(sandbox, monkeypatch):
    call = owed_call(sandbox, days=40)
    both = {"transcripts", "transcript_texts"}
    state = run_of(sandbox, both).state
    sandbox.clock.advance(timedelta(days=2))
    state = run_of(sandbox, {"transcript_texts"}, state).state
    assert state["bookmarks"]["transcripts"]["missed"] == [call]
    with monkeypatch.context() as patch:
        odd_transcript(sandbox, patch, call, NO_LIST)
        failed = run_of(sandbox, both, state)
    assert "transcripts" in failed.failed
    last = run_of(sandbox, both, failed.state)
    assert call in {row["callId"] for row in last.records["transcripts"]}
    assert "missed" not in last.state["bookmarks"]["transcripts"]


def test_a_table_that_catches_up_takes_no_owed_transcript_away(sandbox):
    call = owed_call(sandbox, days=20)
    first = run_of(sandbox, {"calls", "transcripts"})
    sandbox.clock.advance(timedelta(days=2))
    second = run_of(sandbox, {"calls", "transcripts", "transcript_texts"}, first.state)
    for stream in ("transcripts", "transcript_texts"):
        assert call in {row["callId"] for row in second.records[stream]}, stream
    assert call not in str(second.state["bookmarks"]["transcripts"].get("owed"))


@pytest.mark.parametrize(
    ("streams", "odd"),
    [({"transcripts"}, NO_LIST), ({"transcripts", "transcript_texts"}, NO_TEXT)],
    ids=["alone", "beside another"],
)
def test_an_owed_transcript_that_could_not_be_written_stays_owed(
    sandbox, monkeypatch, streams, odd
):
    call = owed_call(sandbox, days=40)
    state = run_of(sandbox, streams).state
    sandbox.clock.advance(timedelta(days=2))
    with monkeypatch.context() as patch:
        odd_transcript(sandbox, patch, call, odd)
        failed = run_of(sandbox, streams, state)
    assert failed.failed
    assert call in str(failed.state["bookmarks"]["transcripts"]["owed"])
    last = run_of(sandbox, streams, failed.state)
    for stream in failed.failed:
        assert call in {row["callId"] for row in last.records[stream]}
    assert call not in str(last.state["bookmarks"]["transcripts"].get("owed"))


def test_a_stretch_whose_transcripts_could_not_be_written_is_read_again(sandbox, monkeypatch):
    monkeypatch.setattr("tap_gong.owed.MOST_NAMED", 0)
    call = owed_call(sandbox, days=40)
    state = run_of(sandbox, {"transcripts"}).state
    assert state["bookmarks"]["transcripts"]["owed_windows"]
    sandbox.clock.advance(timedelta(days=2))
    with monkeypatch.context() as patch:
        odd_transcript(sandbox, patch, call, NO_LIST)
        failed = run_of(sandbox, {"transcripts"}, state)
    assert failed.failed == ["transcripts"]
    last = run_of(sandbox, {"transcripts"}, failed.state)
    assert call in {row["callId"] for row in last.records["transcripts"]}


@pytest.mark.parametrize("more", [{"call_detail": "basic"}, {"call_content": ["parties"]}])
def test_a_table_of_what_is_not_asked_for_keeps_its_bookmark_back(sandbox, caplog, more):
    narrow = run_of(sandbox, {"calls", "call_topics"}, **more)
    assert narrow.records["call_topics"] == []
    assert "call_topics stays empty" in caplog.text
    assert "replication_key_value" not in narrow.state["bookmarks"].get("call_topics", {})
    wide = run_of(sandbox, {"calls", "call_topics"}, narrow.state)
    assert wide.records["call_topics"] == run_of(sandbox, {"call_topics"}).records["call_topics"]


def test_speakers_have_names_beside_tables_that_need_no_participants(everything, company, config):
    output = run_tap(config, streams={"call_topics", "transcript_sentences"})
    assert output.records["transcript_sentences"] == everything.records["transcript_sentences"]


def test_rows_without_ids_have_keys_of_their_own():
    from tap_gong.streams import call_tables

    call = {
        "id": "1",
        "parties": [None, {"name": "a"}, {"name": "b", "id": None}, {"id": "p"}],
        "interaction": {"speakers": [{"talkTime": 1}, {"talkTime": 2}]},
        "content": {
            "trackers": [
                {
                    "id": "t",
                    "occurrences": [{"startTime": 1}],
                    "phrases": [
                        {"phrase": None, "occurrences": [{"startTime": 2}]},
                        {"phrase": "x", "occurrences": [{"startTime": 3}]},
                        {"phrase": "x", "occurrences": [{"startTime": 4}, None]},
                    ],
                }
            ]
        },
    }
    for table in (
        call_tables.CallParties,
        call_tables.CallSpeakers,
        call_tables.CallTrackerOccurrences,
    ):
        rows = list(table(TapGong(config={"api_url": "sandbox"})).rows(call))
        keys = [tuple(row[key] for key in table.primary_keys) for row in rows]
        assert len(keys) == len(set(keys)) > 1


def test_max_records_and_call_ids_hold_for_tables(company, config):
    output = run_tap({**config, "max_records": 7}, streams={"calls", "call_topics", "call_parties"})
    assert {name: len(rows) for name, rows in output.records.items()} == dict.fromkeys(
        ("calls", "call_topics", "call_parties"), 7
    )
    wanted = [slot.id for slot in company.company.slots(None, None, now=NOW)[:3]]
    company.clear_requests()
    output = run_tap({**config, "call_ids": wanted}, streams={"calls", "call_parties"})
    assert {row["callId"] for row in output.records["call_parties"]} <= set(wanted)
    assert paths(company) == ["/v2/calls/extensive"]


def test_rows_of_a_scorecard_a_review_and_a_tracker(everything):
    questions = [
        (card["scorecardId"], question["questionId"])
        for card in everything.records["scorecards"]
        for question in card["questions"]
    ]
    rows = everything.records["scorecard_questions"]
    assert [(row["scorecardId"], row["questionId"]) for row in rows] == questions
    answers = sum(len(review["answers"]) for review in everything.records["answered_scorecards"])
    assert len(everything.records["answered_scorecard_answers"]) == answers
    keywords = [
        (tracker["trackerId"], word)
        for tracker in everything.records["trackers"]
        for language in tracker["languageKeywords"]
        for word in language["keywords"]
    ]
    rows = everything.records["tracker_keywords"]
    assert [(row["trackerId"], row["keyword"]) for row in rows] == keywords
