"""From a rule's delivery to the tap: events in order, and the calls named there first."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import timedelta

import pendulum
import pytest

from gong_api.clock import SystemClock
from gong_api.errors import SettingsError
from gong_sandbox import Sandbox
from gong_webhook.inbox import Inbox, event_id
from tap_gong.hints import _named
from tap_gong.tap import TapGong
from tap_gong.windows import instant
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import Output, run_tap
from tests.webhook.receiver_run import payload

BOTH = {"calls", "transcripts"}
EVENTS = {"automation_events"}
# Metadata alone is quickly made.
BARE = {"call_content": [], "call_context": "None"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "in box.db"


@pytest.fixture
def inbox(path):
    with contextlib.closing(Inbox(path, SystemClock())) as inbox:
        yield inbox


def ids(output, stream):
    key = {"calls": "id", "automation_events": "eventId"}.get(stream, "callId")
    return [row[key] for row in output.records[stream]]


def put(inbox, *numbers, **more):
    bodies = [payload(number, **more) for number in numbers]
    for body in bodies:
        inbox.put(body, is_test=bool(more.get("isTest")))
    return [event_id(body) for body in bodies]


# The stream.


@pytest.fixture
def events(company, path):
    def read(state=None, **more):
        config = settings(company, automation_inbox=str(path), **more)
        return run_tap(config, state=state, streams=EVENTS)

    return read


def test_events_are_read_once_each_by_every_tap(inbox, events):
    first = put(inbox, 1, 2)
    put(inbox, 9, isTest=True)
    output = events()
    assert ids(output, "automation_events") == first
    more = put(inbox, 3, 1)[:1]
    again = events(output.state)
    assert ids(again, "automation_events") == more
    assert not events(again.state).records
    # Another tap has a bookmark of its own.
    assert ids(events(), "automation_events") == first + more
    row = output.records["automation_events"][0]
    assert row["callId"] == row["callData"]["metaData"]["id"] == f"{1:019d}"
    assert instant(row["received"], "received") <= pendulum.now()


def test_the_bookmark_moves_with_what_has_been_written(inbox, events, monkeypatch):
    monkeypatch.setattr("tap_gong.streams.automation._LOT", 3)
    wanted = put(inbox, *range(10))
    messages = events().messages
    seen: list[str] = []
    states = 0
    for message in messages:
        if message["type"] == "RECORD":
            seen.append(message["record"]["eventId"])
        elif "automation_events" in message.get("value", {}).get("bookmarks", {}):
            states += 1
            state = message["value"]
            reached = state["bookmarks"]["automation_events"]["sequence"]
            assert reached <= len(seen)
            assert seen[:reached] + ids(events(state), "automation_events") == wanted
    assert states >= 4


def test_the_bookmark_stays_before_an_event_that_could_not_be_written(inbox, events, monkeypatch):
    monkeypatch.setattr("tap_gong.streams.automation._LOT", 2)
    state = events().state
    put(inbox, 1)
    state = events(state).state
    inbox.put(b'{"callData": {"parties": {"of": "another form"}}}', is_test=False)
    put(inbox, 2, 3)
    output = events(state)
    assert output.failed == ["automation_events"]
    assert not output.records
    bookmarks = (output.state or state)["bookmarks"]
    assert bookmarks["automation_events"] == state["bookmarks"]["automation_events"]


def test_what_gong_adds_is_kept_as_it_is(inbox, events):
    call = {"metaData": {"id": 12345678901234567890, "mood": "good"}, "vibe": {"x": 1.25}}
    inbox.put(json.dumps({"callData": call, "origin": ["rule"]}).encode(), is_test=False)
    inbox.put(b'{"hello": "world"}', is_test=False)
    known, strange = events().records["automation_events"]
    assert known["callId"] == known["callData"]["metaData"]["id"] == "12345678901234567890"
    assert known["callData"]["metaData"]["mood"] == "good"
    assert float(known["callData"]["vibe"]["x"]) == 1.25
    assert known["origin"] == ["rule"]
    assert strange["hello"] == "world"
    assert strange["callId"] is None


def test_text_cut_in_the_middle_of_a_character_passes(inbox, events):
    body = rb'{"callData": {"metaData": {"id": "7", "title": "a\ud83d"}}}'
    assert _named(body.decode()) == ("7", None)
    inbox.put(body, is_test=False)
    (row,) = events().records["automation_events"]
    assert row["callData"]["metaData"] == {"id": "7", "title": "a\ufffd"}


@pytest.mark.parametrize("choice", ["hash", "drop"])
def test_personal_data_leaves_events_too(inbox, events, choice):
    call = {
        "metaData": {"id": "7", "title": "Call with Ada"},
        "parties": [{"id": "1", "name": "Ada Byron", "emailAddress": "ada@example.com"}],
        "content": {"scorecardsAnswers": [{"reviewer": "Grace Hopper"}]},
        "guests": ["Mary Shelley"],
    }
    body = {"callData": call, "invitedBy": "Joan Clarke"}
    inbox.put(json.dumps(body).encode(), is_test=False)
    output = events(personal_data=choice, personal_data_salt="0123456789abcdef")
    (row,) = output.records["automation_events"]
    assert row["callId"] == "7"
    assert row["callData"]["parties"][0]["id"] == "1"
    written = json.dumps(row)
    for known in ("Ada Byron", "ada@example.com", "Grace", "Mary", "Joan"):
        assert known not in written
    assert event_id(json.dumps(body).encode()) not in written
    assert row["eventId"]


def test_filters_hold_for_events_too(inbox, events, company, caplog):
    public, _ = put(inbox, 1)[0], put(inbox, 2, isPrivate=True)
    narrow = events(private_calls="exclude")
    assert ids(narrow, "automation_events") == [public]
    wide = events(narrow.state)
    assert len(ids(wide, "automation_events")) == 2
    assert "under a narrower or another private_calls" in caplog.text
    assert ids(events(call_ids=[f"{1:019d}"]), "automation_events") == [public]
    workspace = company.company.workspaces()[0]["id"]
    assert not events(workspace_ids=[workspace]).records


def test_a_sample_moves_no_bookmark(inbox, events):
    put(inbox, 1, 2)
    output = events(max_records=1)
    assert len(ids(output, "automation_events")) == 1
    assert "sequence" not in output.state.get("bookmarks", {}).get("automation_events", {})


def test_another_inbox_in_its_place_is_read_from_its_start(inbox, path, events, caplog):
    put(inbox, *range(5))
    state = events().state
    inbox.close()
    for file in path.parent.glob("in box.db*"):
        file.unlink()
    with contextlib.closing(Inbox(path, SystemClock())) as other:
        wanted = put(other, 7, 8)
        assert ids(events(state), "automation_events") == wanted
    assert "not the inbox that its bookmark was made for" in caplog.text


def test_an_inbox_put_back_from_a_backup_is_read_from_its_start(inbox, path, events):
    first = put(inbox, 1, 2)
    with contextlib.closing(sqlite3.connect(path)) as db:
        backup = "\n".join(db.iterdump())
    put(inbox, 3)
    state = events().state
    inbox.close()
    for file in path.parent.glob("in box.db*"):
        file.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(backup)
    assert ids(events(state), "automation_events") == first


def test_what_was_removed_unread_is_told(inbox, events, caplog):
    put(inbox, 1, 2, 3)
    state = events().state
    inbox.remove_before(pendulum.now().add(seconds=1))
    assert not events(state).records
    assert "removed events" not in caplog.text
    put(inbox, 4, 5)
    inbox.remove_before(pendulum.now().add(seconds=1))
    last = put(inbox, 6)
    assert ids(events(state), "automation_events") == last
    assert "had not read" in caplog.text


def test_the_whole_again_on_full_table(inbox, company, path):
    wanted = put(inbox, 1, 2)
    config = settings(company, automation_inbox=str(path))
    catalog = TapGong(config=config).catalog_dict
    for entry in catalog["streams"]:
        is_it = entry["tap_stream_id"] == "automation_events"
        entry["replication_method"] = "FULL_TABLE"
        entry["metadata"][-1]["metadata"]["selected"] = is_it
        for part in entry["metadata"]:
            if part["breadcrumb"] == []:
                part["metadata"].update(selected=is_it, **{"replication-method": "FULL_TABLE"})
    state: dict[str, object] = {}
    for _ in range(2):
        output = Output()
        tap = TapGong(config=config, catalog=catalog, state=state, message_writer=output)
        tap.sync_all()
        tap.close()
        assert ids(output, "automation_events") == wanted
        state = output.state


def test_without_an_inbox_it_is_empty_and_says_so(company, caplog):
    assert not run_tap(settings(company), streams=EVENTS).records
    assert "automation_events stays empty: set automation_inbox" in caplog.text


def test_an_inbox_that_cannot_be_read_is_named_before_anything_is_read(
    company, path, inbox, monkeypatch
):
    monkeypatch.setattr("gong_webhook.inbox.PATIENCE", 0.05)
    (path.parent / "text").write_text("no inbox " * 500)
    (path.parent / "empty").touch()
    (path.parent / "damaged").write_bytes(b"SQLite format 3\x00" + b"\x07" * 8000)
    cases = {
        "missing": "does not exist; it is the file that `gong-webhook --inbox` writes",
        "text": "is damaged, or no inbox",
        "empty": "cannot be read",
        "damaged": "is damaged, or no inbox",
        "": "does not exist",
    }
    for name, said in cases.items():
        tap = TapGong(config=settings(company, automation_inbox=str(path.parent / name)))
        with pytest.raises(SettingsError, match=said) as error:
            tap.check()
        assert "\n" not in str(error.value)
    with pytest.raises(SettingsError, match="automation_hints needs automation_inbox"):
        TapGong(config=settings(company, automation_hints=True)).check()
    inbox._db.execute("pragma journal_mode = delete")
    inbox._db.execute("begin exclusive")
    with pytest.raises(SettingsError, match="held it for too long; run again"):
        TapGong(config=settings(company, automation_inbox=str(path))).check()
    inbox._db.execute("rollback")


@pytest.mark.parametrize("hints", [False, True])
def test_an_inbox_that_is_damaged_later_fails_what_needs_it(inbox, path, company, hints):
    put(inbox, *range(3))
    config = settings(
        company,
        automation_inbox=str(path),
        automation_hints=hints,
        start_date="2026-06-10T00:00:00Z",
        end_date=NOW.isoformat(),
    )
    output = Output()
    tap = TapGong(config=config, message_writer=output)
    for stream in tap.streams.values():
        stream.selected = stream.name in {"automation_events", "calls", "workspaces"}
    tap.check()
    inbox._db.execute("drop table events")
    tap.sync_all()
    assert set(tap.failed) == ({"calls", "automation_events"} if hints else EVENTS)
    tap.close()
    assert output.records["workspaces"]
    assert bool(output.records["calls"]) is not hints
    with pytest.raises(SettingsError, match="cannot be read"):
        TapGong(config=config).check()


# Hints.


class Rule:
    """A sandbox whose calls are put into an inbox when they have been processed."""

    def __init__(self, sandbox, inbox, path):
        self.sandbox = sandbox
        self._inbox = inbox
        self.path = path

    def processed(self, slot):
        times = {name: getattr(slot, name).isoformat() for name in ("scheduled", "started")}
        call = {"metaData": {"id": slot.id, **times}}
        assert self._inbox.put(json.dumps({"callData": call}).encode(), is_test=False)
        return slot.id

    def call(self, *, ago=timedelta(hours=2), transcript=timedelta(0), **more):
        """A call that has just been listed, its transcript after so long, None for never."""
        now = self.sandbox.clock.now()
        arrives = None if transcript is None else now + transcript
        slot = self.sandbox.company.add_call(
            filter_time=now - ago, listed_at=now, transcript_at=arrives, **more
        )
        return self.processed(slot)

    def run(self, state=None, streams=BOTH, **more):
        now = self.sandbox.clock.now() + timedelta(seconds=1)
        config = settings(
            self.sandbox,
            end_date=now.isoformat(),
            automation_inbox=str(self.path),
            **{"automation_hints": True, **BARE, **more},
        )
        self.sandbox.clear_requests()
        return run_tap(config, state=state, streams=streams)

    def by_id(self):
        """Paths that were asked for by ids, and for how many."""
        return [
            (entry.path.rpartition("/")[2], len(entry.body["filter"]["callIds"]))
            for entry in self.sandbox.requests
            if "callIds" in entry.body["filter"]
        ]


@pytest.fixture
def rule(inbox, path):
    with Sandbox(
        calls=30,
        days=20,
        seed=3,
        now=NOW,
        requests_per_second=0,
        daily_requests=0,
    ) as sandbox:
        yield Rule(sandbox, inbox, path)


def windows_of(output):
    """The bookmarks of the windows."""
    return {
        name: {key: value for key, value in state.items() if key != "hints"}
        for name, state in output.state["bookmarks"].items()
    }


def test_a_hundred_calls_cost_two_requests_and_come_first(rule):
    state = rule.run().state
    rule.sandbox.clock.advance(timedelta(hours=1))
    named = [rule.call() for _ in range(100)]
    output = rule.run(state)
    assert rule.by_id()[:2] == [("extensive", 100), ("transcript", 100)]
    assert len([asked for asked in rule.by_id() if asked[0] == "extensive"]) == 1
    assert set(ids(output, "calls")[:100]) == set(named)
    assert set(ids(output, "transcripts")[:100]) == set(named)
    # What the windows find again is not written twice.
    assert len(ids(output, "calls")) == len(set(ids(output, "calls")))
    assert len(ids(output, "transcripts")) == len(set(ids(output, "transcripts")))


def test_a_run_for_hints_alone_costs_three_requests(rule):
    """`lookback_days` 0, a state of its own: beside the hints, a page of what is new."""
    state = rule.run(lookback_days=0).state
    rule.sandbox.clock.advance(timedelta(minutes=5))
    nothing = rule.run(state, lookback_days=0)
    assert len(rule.sandbox.requests) == 1
    named = [rule.call() for _ in range(3)]
    rule.sandbox.clock.advance(timedelta(minutes=5))
    output = rule.run(nothing.state, lookback_days=0)
    assert rule.by_id() == [("extensive", 3), ("transcript", 3)]
    assert len(rule.sandbox.requests) == 3
    assert sorted(ids(output, "calls")) == sorted(ids(output, "transcripts")) == sorted(named)
    rule.sandbox.clock.advance(timedelta(minutes=5))
    later = rule.run(output.state, lookback_days=0)
    assert not later.records
    assert rule.by_id() == []


def test_the_windows_end_as_they_would_without_hints(rule):
    state = rule.run().state
    rule.sandbox.clock.advance(timedelta(hours=1))
    rule.call(ago=timedelta(days=9), transcript=timedelta(days=2))
    rule.call()
    with_hints = rule.run(state)
    without = rule.run(state, automation_hints=False)
    owed = windows_of(with_hints)["transcripts"].pop("owed")
    assert windows_of(with_hints)["calls"] == windows_of(without)["calls"]
    assert len([call for group in owed.values() for call in group]) >= 1


def test_a_call_behind_the_lookback_comes_by_its_hint_and_its_transcript_is_owed(rule):
    state = rule.run().state
    rule.sandbox.clock.advance(timedelta(hours=1))
    call = rule.call(ago=timedelta(days=9), transcript=timedelta(days=2))
    output = rule.run(state)
    assert call in ids(output, "calls")
    assert call not in ids(output, "transcripts")
    # It has just been asked for.
    assert [path for path, _ in rule.by_id() if path == "transcript"].count("transcript") >= 1
    owed = output.state["bookmarks"]["transcripts"]["owed"]
    assert call in [name for group in owed.values() for name in group]
    rule.sandbox.clock.advance(timedelta(days=2))
    later = rule.run(output.state)
    assert call in ids(later, "transcripts")
    assert call not in ids(later, "calls")
    assert "owed" not in later.state["bookmarks"]["transcripts"] or call not in str(
        later.state["bookmarks"]["transcripts"]["owed"]
    )


def test_tables_of_calls_and_of_transcripts_come_too(rule):
    streams = {"call_parties", "transcript_texts", "call_user_access"}
    state = rule.run(streams=streams).state
    rule.sandbox.clock.advance(timedelta(hours=1))
    call = rule.call(ago=timedelta(days=9))
    output = rule.run(state, streams=streams, call_content=["parties"])
    assert rule.by_id()[:2] == [("extensive", 1), ("transcript", 1)]
    assert call in ids(output, "call_parties")
    (text,) = [row["text"] for row in output.records["transcript_texts"] if row["callId"] == call]
    assert "Speaker 1" not in text


def test_transcripts_alone_cost_no_request_for_calls(rule):
    state = rule.run(streams={"transcripts"}).state
    rule.sandbox.clock.advance(timedelta(hours=1))
    ready = rule.call(ago=timedelta(days=9))
    late = rule.call(ago=timedelta(days=9), transcript=timedelta(days=1))
    output = rule.run(state, streams={"transcripts"})
    assert rule.by_id()[0] == ("transcript", 2)
    assert ready in ids(output, "transcripts")
    assert late in str(output.state["bookmarks"]["transcripts"]["owed"])


def test_a_call_that_gong_does_not_show_yet_is_asked_for_again_for_a_day(rule, monkeypatch):
    state = rule.run().state
    rule.sandbox.clock.advance(timedelta(hours=1))
    now = rule.sandbox.clock.now()
    slot = rule.sandbox.company.add_call(
        filter_time=now - timedelta(days=9),
        listed_at=now + timedelta(hours=1),
        transcript_at=now + timedelta(hours=1),
    )
    rule.processed(slot)
    output = rule.run(state)
    assert slot.id not in ids(output, "calls")
    assert slot.id in str(output.state["bookmarks"]["calls"]["hints"]["unseen"])
    rule.sandbox.clock.advance(timedelta(hours=2))
    later = rule.run(output.state)
    assert slot.id in ids(later, "calls")
    assert slot.id in ids(later, "transcripts")
    assert "unseen" not in later.state["bookmarks"]["calls"]["hints"]

    class NextDay(SystemClock):
        def now(self):
            return super().now().add(hours=25)

    rule.sandbox.company.delete(slot.id)
    monkeypatch.setattr(TapGong, "clock", NextDay())
    over = rule.run(output.state)
    assert rule.by_id()[0] == ("extensive", 1)
    assert "unseen" not in over.state["bookmarks"]["calls"]["hints"]


@pytest.mark.parametrize("streams", [BOTH, {"transcripts"}], ids=["both", "transcripts"])
def test_hints_obey_the_filters(rule, streams):
    narrow = {"private_calls": "exclude", "start_date": (NOW - timedelta(days=8)).isoformat()}
    state = rule.run(streams=streams, **narrow).state
    rule.sandbox.clock.advance(timedelta(hours=1))
    private = rule.call(is_private=True)
    early = rule.call(ago=timedelta(days=9))
    wanted = rule.call()
    output = rule.run(state, streams=streams, **narrow)
    for stream in streams:
        assert wanted in ids(output, stream)
        assert not {private, early} & set(ids(output, stream))
    assert private not in str(output.state["bookmarks"]["transcripts"].get("owed"))
    # What a rule told to lie outside the range is neither asked for, nor waited for.
    by_id = [entry.body["filter"].get("callIds") for entry in rule.sandbox.requests]
    assert early not in str(by_id)
    assert early not in str([state["hints"] for state in output.state["bookmarks"].values()])


def test_hints_leave_samples_and_chosen_calls_alone(rule):
    state = rule.run().state
    rule.sandbox.clock.advance(timedelta(hours=1))
    other = rule.sandbox.company.slots(None, None, now=NOW)[0].id
    call = rule.call(ago=timedelta(days=9))
    chosen = rule.run(state, call_ids=[other])
    assert ids(chosen, "calls") == [other]
    sample = rule.run(state, max_records=1)
    assert ids(sample, "calls") == [call]
    for output in (chosen, sample):
        kept = output.state["bookmarks"]["calls"]["hints"] if output.state else None
        assert kept in (None, state["bookmarks"]["calls"]["hints"])
    assert call in ids(rule.run(state), "calls")


def test_a_stream_that_fails_is_given_its_hints_again(rule):
    state = rule.run().state
    rule.sandbox.clock.advance(timedelta(hours=1))
    call = rule.call(ago=timedelta(days=9))
    rule.sandbox.site.without_scopes = frozenset({"api:calls:read:transcript"})
    output = rule.run(state)
    assert output.failed == ["transcripts"]
    assert call in ids(output, "calls")
    before, after = (some["bookmarks"] for some in (state, output.state))
    assert after["transcripts"]["hints"] == before["transcripts"]["hints"]
    assert after["calls"]["hints"] != before["calls"]["hints"]
    rule.sandbox.site.without_scopes = frozenset()
    assert call in ids(rule.run(output.state), "transcripts")


def test_basic_calls_come_by_their_ids_too(rule):
    state = rule.run(call_detail="basic").state
    rule.sandbox.clock.advance(timedelta(hours=1))
    call = rule.call(ago=timedelta(days=9))
    output = run_tap(
        settings(
            rule.sandbox,
            end_date=(NOW + timedelta(hours=2)).isoformat(),
            automation_inbox=str(rule.path),
            automation_hints=True,
            call_detail="basic",
        ),
        state=state,
        streams=BOTH,
    )
    assert call in ids(output, "calls")
    assert call in ids(output, "transcripts")


def test_the_plan_counts_them(rule):
    def plan():
        config = settings(
            rule.sandbox,
            start_date="2026-06-10",
            end_date=NOW.isoformat(),
            automation_inbox=str(rule.path),
            automation_hints=True,
        )
        tap = TapGong(config=config)
        for stream in tap.streams.values():
            stream.selected = stream.name in BOTH
        planned = tap.plan()
        tap.close()
        return planned.requests

    before = plan()
    for _ in range(3):
        rule.call(ago=timedelta(days=3))
    assert plan() - before == 2


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ("{}", ""),
        ('{"callData": null}', ""),
        ('{"callData": []}', ""),
        ('{"callData": {"metaData": null}}', ""),
        ('{"callData": {"metaData": {"id": 7}}}', "7"),
        ('{"callData": {"metaData": {"id": "7", "started": "soon"}}}', "7"),
    ],
)
def test_a_payload_that_is_not_as_expected_is_no_hint_and_no_error(body, call):
    assert _named(body) == (call, None)
