"""Calls and transcripts read together: what is missing, owed, filtered, cut and read again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from gong_api.command import RunStopped
from gong_sandbox import Sandbox
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import Output, run_tap

BOTH = {"calls", "transcripts"}
COUNTS = ("announced", "seen", "private", "unkeyed")


def sync(sandbox, state=None, streams=BOTH, **more):
    now = sandbox.clock.now().isoformat()
    return run_tap(settings(sandbox, end_date=now, **more), state=state, streams=streams)


def ids(output, stream):
    key = "id" if stream == "calls" else "callId"
    return [row[key] for row in output.records[stream]]


def late_transcript(sandbox, *, began, arrives):
    now = sandbox.clock.now()
    return sandbox.company.add_call(
        filter_time=now + began, listed_at=now - timedelta(hours=1), transcript_at=now + arrives
    ).id


def asked(sandbox, path):
    return [entry.body for entry in sandbox.requests if entry.path == path]


def test_one_schema_and_one_bookmark_for_each_stream(company, config):
    """Pins `_write_schema_message`: transcripts are written during the turn of calls."""
    output = run_tap(config, streams=BOTH)
    assert [message["stream"] for message in output.of("SCHEMA")] == ["calls", "transcripts"]
    bookmarks = output.state["bookmarks"]
    assert bookmarks["calls"] == {k: bookmarks["transcripts"][k] for k in bookmarks["calls"]}
    streams = [message["stream"] for message in output.of("RECORD")]
    assert streams == sorted(streams)


def test_a_transcript_that_is_not_ready_is_no_error_and_owed_until_it_comes(sandbox):
    call = late_transcript(sandbox, began=-timedelta(days=12), arrives=timedelta(days=3))
    first = sync(sandbox)
    assert call in ids(first, "calls")
    assert call not in ids(first, "transcripts")
    named = [c for group in first.state["bookmarks"]["transcripts"]["owed"].values() for c in group]
    assert call in named
    sandbox.clock.advance(timedelta(days=2))
    sandbox.clear_requests()
    second = sync(sandbox, first.state)
    assert call not in ids(second, "transcripts")
    by_id = [body["filter"] for body in asked(sandbox, "/v2/calls/transcript")][-1]
    assert call in by_id["callIds"]
    sandbox.clock.advance(timedelta(days=1, hours=1))
    third = sync(sandbox, second.state)
    assert call in ids(third, "transcripts")
    left = third.state["bookmarks"]["transcripts"].get("owed", {})
    assert call not in [c for group in left.values() for c in group]


def test_a_transcript_that_never_comes_is_given_up_with_one_line(sandbox, caplog):
    late_transcript(sandbox, began=-timedelta(days=12), arrives=timedelta(days=400))
    state = sync(sandbox).state
    owed = sum(len(group) for group in state["bookmarks"]["transcripts"]["owed"].values())
    sandbox.clock.advance(timedelta(days=13))
    state = sync(sandbox, state).state
    assert "given up" not in caplog.text
    sandbox.clock.advance(timedelta(days=1))
    caplog.clear()
    state = sync(sandbox, state).state
    lines = [r.getMessage() for r in caplog.records if "given up" in r.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith(f"{owed} transcripts are given up")


def test_the_wait_counts_from_first_sight_within_the_lookback(sandbox, caplog):
    """A call without a transcript is given up two weeks after it was first seen, not later."""
    call = late_transcript(sandbox, began=-timedelta(days=1), arrives=timedelta(days=400))
    state = sync(sandbox).state
    owed = state["bookmarks"]["transcripts"]["owed"]
    assert call in owed["2026-06-15T18:00:00Z"]
    sandbox.clock.advance(timedelta(days=14))
    state = sync(sandbox, state).state
    assert "given up" in caplog.text
    left = state["bookmarks"]["transcripts"].get("owed", {}).values()
    assert call not in [c for group in left for c in group]


def test_what_windows_read_again_is_not_asked_for_twice(sandbox):
    call = late_transcript(sandbox, began=-timedelta(days=1), arrives=timedelta(hours=5))
    state = sync(sandbox).state
    sandbox.clock.advance(timedelta(hours=3))
    sandbox.clear_requests()
    state = sync(sandbox, state).state
    filters = [body["filter"] for body in asked(sandbox, "/v2/calls/transcript")]
    assert sum(call in f["callIds"] for f in filters) == 1
    sandbox.clock.advance(timedelta(hours=3))
    assert call in ids(sync(sandbox, state), "transcripts")


def test_transcripts_alone_know_what_they_are_owed(sandbox):
    call = late_transcript(sandbox, began=-timedelta(days=12), arrives=timedelta(days=3))
    first = sync(sandbox, streams={"transcripts"})
    assert first.records["calls"] == []
    sandbox.clock.advance(timedelta(days=4))
    second = sync(sandbox, first.state, streams={"transcripts"})
    assert call in ids(second, "transcripts")


def test_more_owed_than_can_be_named_are_found_by_where_they_lie(sandbox, monkeypatch):
    monkeypatch.setattr("tap_gong.owed.MOST_NAMED", 2)
    calls = [
        late_transcript(sandbox, began=-timedelta(days=12, hours=n), arrives=timedelta(days=3))
        for n in range(5)
    ]
    state = sync(sandbox).state
    named = state["bookmarks"]["transcripts"].get("owed", {}).values()
    assert not set(calls) & {call for group in named for call in group}
    assert state["bookmarks"]["transcripts"]["owed_windows"]
    seen: set[str] = set()
    for _ in range(5):
        sandbox.clock.advance(timedelta(days=1))
        output = sync(sandbox, state)
        state = output.state
        seen.update(ids(output, "transcripts"))
    assert set(calls) <= seen


def test_a_stream_selected_later_gets_its_history(sandbox):
    first = sync(sandbox, streams={"calls"})
    second = sync(sandbox, first.state)
    alone = sync(sandbox, streams={"transcripts"})
    assert sorted(ids(second, "transcripts")) == sorted(ids(alone, "transcripts"))
    assert len(ids(second, "calls")) < len(ids(first, "calls"))


def test_a_window_with_too_many_calls_is_cut_before_it_is_read(company, monkeypatch):
    monkeypatch.setattr("tap_gong.windows.TOO_FULL", 90)
    company.clear_requests()
    config = settings(company, start_date="2026-01-01", end_date=NOW.isoformat())
    output = run_tap(config, streams=BOTH)
    assert len(ids(output, "calls")) == len(set(ids(output, "calls"))) == 260
    assert any(entry.body["filter"] for entry in company.requests)
    assert output.reports["calls"].announced == output.reports["calls"].seen == 260


@pytest.mark.parametrize("path", ["/v2/calls/extensive", "/v2/calls/transcript"])
def test_an_expired_cursor_restarts_its_window(sandbox, caplog, path):
    since = {"start_date": "2026-06-05"}
    expected = sync(sandbox, **since)
    sandbox.faults.next("expired-cursor", path=path)
    output = sync(sandbox, **since)
    assert set(ids(output, "calls")) == set(ids(expected, "calls"))
    assert set(ids(output, "transcripts")) == set(ids(expected, "transcripts"))
    assert "longer than a cursor lives" in caplog.text
    # What is read again counts once.
    for stream in BOTH:
        before, after = expected.reports[stream], output.reports[stream]
        assert [getattr(after, name) for name in COUNTS] == [
            getattr(before, name) for name in COUNTS
        ]


def test_a_cursor_that_really_expires_between_pages(monkeypatch):
    """More than an hour passes while the second page is on its way."""
    with Sandbox(calls=250, days=30, now=NOW, requests_per_second=0, daily_requests=0) as sandbox:
        note = sandbox.site.note
        delayed: list[object] = []

        def note_and_dawdle(entry):
            note(entry)
            # The first request counts the calls, the second is the first page of a window.
            if entry.path == "/v2/calls/extensive" and len(delayed) < 2:
                delayed.append(entry)
                sandbox.clock.advance(3601 * (len(delayed) - 1))

        sandbox.site.note = note_and_dawdle  # type: ignore[method-assign]
        output = run_tap(
            settings(sandbox, start_date="2026-05-15", end_date=NOW.isoformat()), streams=BOTH
        )
        wanted = sandbox.company.slots(datetime(2026, 5, 15, tzinfo=NOW.tzinfo), NOW, now=NOW)
        assert set(ids(output, "calls")) == {slot.id for slot in wanted}
        assert 400 in [entry.status for entry in sandbox.requests]


@pytest.mark.parametrize("fault", ["500", "reset", "truncated", "html", "429"])
def test_faults_on_the_way_lose_and_double_nothing(sandbox, monkeypatch, fault):
    monkeypatch.setattr("gong_api.clock.time.sleep", lambda _: None)
    expected = sync(sandbox)
    # HTML from a host that never answered like Gong would be taken for a wrong host.
    paths = ["/v2/calls/transcript"] if fault == "html" else ["/v2/calls/extensive"]
    for path in [*paths, "/v2/calls/transcript"]:
        sandbox.faults.next(fault, count=1, path=path)
    output = sync(sandbox)
    for stream in BOTH:
        assert ids(output, stream) == ids(expected, stream)


def test_unsorted_pages_and_ties_on_an_edge_lose_nothing(sandbox):
    """Calls at the very edge of a window belong to the later one, however many share it."""
    now = sandbox.clock.now()
    edge = now - timedelta(days=7)
    tied = [
        sandbox.company.add_call(
            filter_time=edge,
            listed_at=edge + timedelta(hours=1),
            transcript_at=edge + timedelta(hours=1),
        ).id
        for _ in range(3)
    ]
    first = run_tap(settings(sandbox, end_date=edge.isoformat()), streams=BOTH)
    second = run_tap(
        settings(sandbox, end_date=now.isoformat(), lookback_days=0),
        state=first.state,
        streams=BOTH,
    )
    assert not set(tied) & set(ids(first, "calls"))
    assert set(tied) <= set(ids(second, "calls"))


def test_back_dated_uploads_and_edits_within_the_lookback_are_seen(sandbox):
    first = sync(sandbox)
    recent = max(first.records["calls"], key=lambda call: call["started"])["id"]
    now = sandbox.clock.now()
    sandbox.company.edit(recent, title="Edited since")
    upload = sandbox.company.add_call(
        filter_time=now - timedelta(days=6), listed_at=now + timedelta(hours=1), transcript_at=None
    ).id
    sandbox.clock.advance(timedelta(hours=3))
    second = sync(sandbox, first.state)
    titles = {row["id"]: row["title"] for row in second.records["calls"]}
    assert titles[recent] == "Edited since"
    assert upload in titles


def test_totals_that_promise_more_than_comes_are_a_hint_only(sandbox):
    now = sandbox.clock.now()
    sandbox.company.add_call(
        filter_time=now - timedelta(hours=3), listed_at=now + timedelta(hours=9), transcript_at=None
    )
    output = run_tap(settings(sandbox, end_date=now.isoformat()), streams=BOTH)
    assert len(ids(output, "calls")) == 30


def test_an_empty_account_warns_that_the_key_may_see_nothing(sandbox, caplog):
    config = settings(sandbox, start_date="2019-01-01", end_date="2019-06-01")
    output = run_tap(config, streams=BOTH)
    assert output.records == {}
    assert "may not see them" in caplog.text
    # No bookmark: once the key may see calls, they are read from the start.
    assert output.state["bookmarks"]["calls"] == {}


def test_private_calls_are_left_out_with_their_transcripts_when_asked(company, config):
    slots = company.company.slots(None, None, now=NOW)
    private = {slot.id for slot in slots if slot.is_private}
    assert private
    everything = run_tap(config, streams=BOTH)
    assert private <= set(ids(everything, "calls"))
    assert private & set(ids(everything, "transcripts"))
    for streams in (BOTH, {"transcripts"}):
        without = run_tap({**config, "private_calls": "exclude"}, streams=streams)
        assert not private & set(ids(without, "calls"))
        expected = set(ids(everything, "transcripts")) - private
        assert set(ids(without, "transcripts")) == expected


@pytest.mark.parametrize("detail", ["extensive", "basic"])
def test_calls_of_some_hosts_and_their_transcripts(company, config, detail):
    slots = company.company.slots(None, None, now=NOW)
    host = slots[0].primary_user_id
    hosted = {slot.id for slot in slots if slot.primary_user_id == host}
    config = {**config, "primary_user_ids": [host], "call_detail": detail}
    for streams in (BOTH, {"transcripts"}):
        output = run_tap(config, streams=streams)
        if "calls" in streams:
            assert set(ids(output, "calls")) == hosted
        assert set(ids(output, "transcripts")) <= hosted
        assert ids(output, "transcripts")


@pytest.mark.parametrize("detail", ["extensive", "basic"])
def test_certain_calls_leave_bookmarks_alone(company, config, detail):
    wanted = [slot.id for slot in company.company.slots(None, None, now=NOW)][10:13]
    state = run_tap(config, streams=BOTH).state
    output = run_tap(
        {**config, "call_ids": [*wanted, "1234567890"], "call_detail": detail},
        state=state,
        streams={*BOTH, "answered_scorecards"},
    )
    assert sorted(ids(output, "calls")) == sorted(wanted)
    assert set(ids(output, "transcripts")) <= set(wanted)
    assert {row["callId"] for row in output.records["answered_scorecards"]} <= set(wanted)
    for stream in BOTH:
        assert output.state["bookmarks"][stream] == state["bookmarks"][stream]


@pytest.mark.parametrize("more", [{}, {"call_detail": "basic"}, {"private_calls": "exclude"}])
def test_ids_that_gong_does_not_know_are_told_in_one_line(company, config, more, caplog):
    known = company.company.slots(None, None, now=NOW)[10].id
    config = {**config, "call_ids": ["123", known, "456", "123"], **more}
    assert ids(run_tap(config, streams=BOTH), "calls") == [known]
    (line,) = [r.getMessage() for r in caplog.records if "shows no call" in r.getMessage()]
    assert "no call 123, 456;" in line


def test_a_hundred_ids_a_request(company, config):
    everything = [slot.id for slot in company.company.slots(None, None, now=NOW)]
    company.clear_requests()
    output = run_tap({**config, "call_ids": everything}, streams=BOTH)
    assert sorted(ids(output, "calls")) == sorted(everything)
    assert [len(body["filter"]["callIds"]) for body in asked(company, "/v2/calls/extensive")] == [
        100,
        100,
        60,
    ]


def test_basic_detail_asks_for_metadata_alone(company, config):
    company.clear_requests()
    output = run_tap({**config, "call_detail": "basic", "start_date": "2026-01-01"}, streams=BOTH)
    assert len(ids(output, "calls")) == 260
    assert not asked(company, "/v2/calls/extensive")
    assert not any("parties" in row for row in output.records["calls"])


def test_most_records_stop_each_stream_and_leave_bookmarks_alone(company, config):
    output = run_tap({**config, "max_records": 7})
    assert {len(rows) for stream, rows in output.records.items() if stream in BOTH} == {7}
    assert all(len(rows) <= 7 for rows in output.records.values())
    assert "replication_key_value" not in str(output.state)


def test_wider_filters_read_from_the_start_and_say_so(company, config, caplog):
    one, two = (workspace["id"] for workspace in company.company.workspaces())
    narrow = run_tap({**config, "workspace_ids": [one]}, streams=BOTH)
    assert narrow.state["bookmarks"]["calls"]["filters"] == {"workspace_ids": [one]}
    same = run_tap({**config, "workspace_ids": [one]}, streams=BOTH, state=narrow.state)
    assert len(ids(same, "calls")) < len(ids(narrow, "calls"))
    assert "from the start" not in caplog.text
    wide = run_tap({**config, "workspace_ids": [one, two]}, streams=BOTH, state=narrow.state)
    assert len(ids(wide, "calls")) == 260
    assert "under a narrower or another workspace_ids" in caplog.text
    later = run_tap(config, streams=BOTH, state=wide.state)
    assert len(ids(later, "calls")) == 260


def test_a_follower_without_its_scope_fails_alone():
    with Sandbox(
        calls=20,
        now=NOW,
        without_scopes={"api:calls:read:transcript"},
        requests_per_second=0,
    ) as sandbox:
        output = sync(sandbox)
    assert len(ids(output, "calls")) == 20
    assert "calls" in output.state["bookmarks"]
    assert "replication_key_value" not in output.state["bookmarks"].get("transcripts", {})


def test_transcripts_do_without_calls_that_may_not_be_listed(caplog):
    with Sandbox(
        calls=20,
        now=NOW,
        without_scopes={"api:calls:read:extensive", "api:calls:read:basic"},
        requests_per_second=0,
    ) as sandbox:
        output = sync(sandbox, streams={"transcripts"}, start_date="2026-01-01")
    assert ids(output, "transcripts")
    assert "cannot be listed" in caplog.text


def test_a_used_up_budget_keeps_what_was_read(company, config):
    output = Output()
    config = {**config, "start_date": "2026-03-20", "daily_request_budget": 4}
    with pytest.raises(RunStopped, match="daily_request_budget") as stop:
        run_tap(config, streams=BOTH, output=output)
    assert stop.value.exit_code == 3
    state = output.state
    seen = set(ids(output, "calls"))
    for _ in range(6):
        output = Output()
        try:
            run_tap(config, streams=BOTH, state=state, output=output)
        except RunStopped:
            state = output.state
            seen.update(ids(output, "calls"))
        else:
            seen.update(ids(output, "calls"))
            break
    assert len(seen) == 260


def test_the_state_of_a_large_company_is_small(company, config):
    assert len(json.dumps(run_tap(config).state)) < 10_000


def test_offsets_and_daylight_saving_shift_nothing():
    """Over the spring change of a zone with odd offsets, adjacent runs leave no gap or overlap."""
    now = datetime.fromisoformat("2026-03-20T12:00:00+00:00")
    with Sandbox(
        calls=120, days=30, now=now, timezone="America/St_Johns", requests_per_second=0
    ) as sandbox:
        config = settings(sandbox, lookback_days=0)
        edges = ["2026-03-08T05:29:59Z", "2026-03-08T06:30:00-02:30", now.isoformat()]
        state, seen = None, []
        for edge in edges:
            output = run_tap({**config, "end_date": edge}, state=state, streams={"calls"})
            state = output.state
            seen += ids(output, "calls")
        assert len(seen) == len(set(seen)) == 120


def test_a_call_that_sorts_behind_the_first_page_may_still_be_the_first(sandbox, monkeypatch):
    """An upload that started before the first conference was scheduled, far down the list."""
    first = sandbox.company.slots(None, None, now=NOW)[0]
    early = sandbox.company.add_call(
        filter_time=first.filter_time - timedelta(days=200),
        listed_at=first.filter_time,
        transcript_at=None,
    )
    slots = sandbox.company.slots

    def uploads_last(start, end, *, now):
        found = slots(start, end, now=now)
        if start is None or start.year > 2010 or early not in found or len(found) == 1:
            return found
        return [slot for slot in found if slot != early]

    monkeypatch.setattr(sandbox.company, "slots", uploads_last)
    assert early.id in ids(sync(sandbox), "calls")


def test_reviews_are_read_by_those_who_see_no_calls(sandbox, monkeypatch):
    monkeypatch.setattr(sandbox.company, "slots", lambda *_, **__: [])
    monkeypatch.setattr(sandbox.company, "pending", lambda *_, **__: 0)
    output = sync(sandbox, streams={"answered_scorecards"})
    assert output.records["answered_scorecards"]
