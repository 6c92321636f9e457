"""A backfill in parts: together they are the whole, and an ordinary run goes on from there."""

from __future__ import annotations

import bisect
import itertools
import json
import random
from datetime import timedelta
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gong_api.errors import SettingsError
from tap_gong.backfill import equal_parts, merged
from tap_gong.windows import Bookmark, Window, instant, iso
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap

BEGIN = pendulum.datetime(2024, 1, 1)
SPAN = Window(BEGIN, BEGIN.add(days=400))
LIST_STREAMS = {"users", "workspaces", "trackers", "scorecards"}


def counter(minutes):
    """Counts records that lie so many minutes behind the beginning of the span."""
    times = sorted(BEGIN.add(minutes=minute) for minute in minutes)
    asked = []

    def count(window):
        asked.append(window)
        return bisect.bisect_left(times, window.end) - bisect.bisect_left(times, window.start)

    return count, asked


@given(
    minutes=st.lists(st.integers(0, 400 * 24 * 60 - 1), max_size=300),
    parts=st.integers(1, 12),
)
def test_parts_are_adjacent_and_the_whole(minutes, parts):
    count, asked = counter(minutes)
    cut = equal_parts(SPAN, parts, count)
    assert len(cut) == parts
    assert cut[0].window.start == SPAN.start
    assert cut[-1].window.end == SPAN.end
    for one, other in itertools.pairwise(cut):
        assert one.window.start < one.window.end == other.window.start
    assert len(asked) <= 12 * parts + 1


@pytest.mark.parametrize("parts", [2, 4, 10])
@pytest.mark.parametrize("shape", [1, 3], ids=["evenly", "ever more calls"])
def test_parts_hold_about_as_much_each(parts, shape):
    rng = random.Random(parts)
    minutes = [int(rng.random() ** (1 / shape) * 400 * 24 * 60) for _ in range(5000)]
    count, asked = counter(minutes)
    cut = equal_parts(SPAN, parts, count)
    assert len(asked) <= 5 * parts
    for part in cut:
        assert abs(count(part.window) - 5000 / parts) <= 0.1 * 5000 / parts
        assert abs(part.records - count(part.window)) <= 0.1 * 5000 / parts


def state(since, end, *, read_at=None, stream="calls", **more):
    """A state as a run over a range leaves it; days of the year 2026."""
    ends = pendulum.datetime(2026, 1, 1).add(days=end)
    as_of = min(ends, read_at or ends)
    bookmark: dict[str, object] = {}
    Bookmark(
        ends,
        as_of,
        settled=as_of.subtract(days=7),
        since=pendulum.datetime(2026, 1, 1).add(days=since),
        read_at=read_at,
    ).write(bookmark)
    return {"bookmarks": {stream: {**bookmark, **more}}}


LATER = pendulum.datetime(2026, 11, 1)


@given(order=st.permutations(range(4)))
def test_states_are_joined_in_whatever_order_they_come(order):
    states = [state(at, at + 10, read_at=LATER) for at in (0, 10, 20, 30)]
    joined = merged([states[at] for at in order])["bookmarks"]["calls"]
    assert joined["since"] == "2026-01-01T00:00:00Z"
    assert joined["replication_key_value"] == joined["as_of"] == "2026-02-10T00:00:00Z"
    assert joined["settled"] == "2026-02-03T00:00:00Z"


def test_behind_a_gap_nothing_counts_as_read(caplog):
    joined = merged([state(0, 10), state(20, 30)])["bookmarks"]["calls"]
    assert joined["replication_key_value"] == "2026-01-11T00:00:00Z"
    assert "calls: nothing was read from 2026-01-11T00:00:00Z to 2026-01-21T00:00:00Z" in (
        caplog.text
    )


def test_a_range_read_before_its_calls_had_all_come_is_read_again():
    """Two halves of a month, each read when it ended: a call of the first may have come since."""
    first = state(0, 15, read_at=pendulum.datetime(2026, 1, 16))
    second = state(15, 30, read_at=pendulum.datetime(2026, 1, 31))
    joined = Bookmark.read(merged([first, second])["bookmarks"]["calls"], "calls")
    assert joined
    assert joined.resume_at(timedelta(days=7)) == pendulum.datetime(2026, 1, 9)


def test_what_ranges_owe_is_owed_together():
    owed = state(0, 10, stream="transcripts", owed={"2026-01-11T00:00:00Z": ["1", "2"]})
    more = state(
        10,
        20,
        stream="transcripts",
        owed={"2026-01-21T00:00:00Z": ["2", "3"]},
        missed=["9"],
    )
    joined = merged([owed, more])["bookmarks"]["transcripts"]
    assert joined["owed"] == {"2026-01-11T00:00:00Z": ["1", "2"], "2026-01-21T00:00:00Z": ["3"]}
    assert joined["missed"] == ["9"]


def test_what_is_owed_is_kept_where_transcripts_themselves_were_not_selected():
    at = "2026-01-11T00:00:00Z"
    first = {"owed": {at: ["1", "2"]}}
    second = {
        "owed": {at: ["3"]},
        "owed_windows": [{"from": at, "to": at, "since": at, "looked": at, "calls": 9}],
        "missed": ["9"],
    }
    states = [{"bookmarks": {"transcripts": owed}} for owed in (first, second)]
    joined = merged(states)["bookmarks"]["transcripts"]
    assert joined == {**second, "owed": {at: ["1", "2", "3"]}}


@given(order=st.permutations(range(3)))
def test_of_an_inbox_that_is_read_which_all_runs_have_read(order):
    events = [
        {"inbox": "a", "sequence": 9},
        {"inbox": "a", "sequence": 4},
        {"inbox": "a", "sequence": 7},
    ]
    states = [{"bookmarks": {"automation_events": events[at]}} for at in order]
    assert merged(states)["bookmarks"]["automation_events"] == {"inbox": "a", "sequence": 4}


def test_of_several_inboxes_all_is_read_again():
    states: list[dict[str, Any]] = [
        {"bookmarks": {"automation_events": {"inbox": name, "sequence": 9}}} for name in "ab"
    ]
    assert merged(states)["bookmarks"]["automation_events"] == {}


def test_hints_that_any_range_missed_are_followed_again():
    at = "2026-01-20T00:00:00Z"
    first = {"inbox": "a", "sequence": 4, "unseen": {at: ["1", "2"]}}
    second = {"inbox": "a", "sequence": 9, "unseen": {at: ["2", "3"]}}
    joined = merged([state(0, 10, hints=first), state(10, 20, hints=second), state(20, 30)])
    wanted = {"inbox": "a", "sequence": 4, "unseen": {at: ["1", "2", "3"]}}
    assert joined["bookmarks"]["calls"]["hints"] == wanted


def test_states_made_under_different_filters_do_not_fit():
    users = {"primary_user_ids": ["9"]}
    narrowed = state(10, 20, filters={"workspace_ids": ["1"], **users})
    with pytest.raises(SettingsError, match=r"different filters.*the same workspace_ids$"):
        merged([state(0, 10, filters=users), narrowed])


def test_slices_read_apart_are_the_whole_and_the_next_run_goes_on(
    tap_gong, company, config, tmp_path, caplog
):
    base = settings(company, end_date=NOW.isoformat(), lookback_days=5)
    planned = tap_gong(base, "--plan", "--slices", "3")
    assert planned.code == 0, planned.log
    slices = [json.loads(line) for line in planned.out.splitlines()]
    assert len(slices) == 3
    for part in slices:
        assert "access_key" not in part
        assert part["lookback_days"] == 5
    read: list[str] = []
    transcripts: list[str] = []
    names = []
    for at, part in reversed(list(enumerate(slices))):
        output = run_tap({**base, **part}, streams={"calls", "transcripts"})
        ids = [row["id"] for row in output.records["calls"]]
        assert 60 <= len(ids) <= 115
        read += ids
        transcripts += [row["callId"] for row in output.records["transcripts"]]
        names.append(f"state-{at}.json")
        (tmp_path / names[-1]).write_text(json.dumps(output.state))
    slots = company.company.slots(None, NOW, now=NOW)
    assert sorted(read) == sorted(slot.id for slot in slots)
    assert sorted(transcripts) == sorted(
        slot.id for slot in slots if slot.transcript_at and slot.transcript_at <= NOW
    )
    joined = tap_gong(None, "--merge-state", *names)
    assert joined.code == 0, joined.log
    company.clear_requests()
    caplog.clear()
    last = run_tap(base, streams={"calls", "transcripts"}, state=json.loads(joined.out))
    assert "has been read from" not in caplog.text
    recent = company.company.slots(NOW - timedelta(days=5), NOW, now=NOW)
    assert {row["id"] for row in last.records["calls"]} == {slot.id for slot in recent}


@pytest.mark.parametrize(
    "content",
    [
        '{"bookmarks": {"calls": {}}}\n{"bookmarks": {"calls": {"x": 1}}}\n',
        '{\n  "bookmarks": {\n    "calls": {"x": 1}\n  }\n}\n',
        '{"singer_state": {"bookmarks": {"calls": {"x": 1}}}}',
    ],
    ids=["as a target prints them", "with line breaks", "as Meltano shows it"],
)
def test_states_come_in_several_forms(tap_gong, tmp_path, content):
    (tmp_path / "state.json").write_text(content)
    done = tap_gong(None, "--merge-state", "state.json")
    assert json.loads(done.out) == {"bookmarks": {"calls": {"x": 1}}}


@pytest.mark.parametrize("empty", ["{}", '{"bookmarks": {}}'])
def test_a_state_of_nothing_adds_nothing(tap_gong, tmp_path, empty):
    (tmp_path / "empty.json").write_text(empty)
    (tmp_path / "state.json").write_text('{"bookmarks": {"calls": {"x": 1}}}')
    for files in (["empty.json", "state.json"], ["state.json", "empty.json"]):
        done = tap_gong(None, "--merge-state", *files)
        assert done.code == 0, done.log
        assert json.loads(done.out) == {"bookmarks": {"calls": {"x": 1}}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--slices", "3"], "--slices goes with --plan"),
        (["surprise.json"], "'surprise.json' belongs to no option"),
        (["--merge-state", "missing.json"], "--merge-state missing.json cannot be read"),
        (["--merge-state", "config.json"], 'must look like {"bookmarks"'),
    ],
)
def test_what_does_not_fit_is_told(tap_gong, tmp_path, arguments, message):
    (tmp_path / "config.json").write_text("[1]")
    done = tap_gong({"bookmarks": 3}, *arguments)
    assert done.code == 1
    assert message in done.log
    assert "Traceback" not in done.log


def test_an_earlier_start_date_says_what_would_read_it(company, config, caplog):
    first = run_tap({**config, "start_date": iso(instant("2026-06-01", ""))}, streams={"calls"})
    run_tap({**config, "start_date": "2026-05-01"}, streams={"calls"}, state=first.state)
    assert "calls has been read from 2026-06-01T00:00:00Z on" in caplog.text


def test_without_a_start_date_what_would_read_the_rest_is_said_too(company, config, caplog):
    first = run_tap({**config, "start_date": "2026-06-01"}, streams={"calls"})
    output = run_tap(config, streams={"calls"}, state=first.state)
    assert "calls has been read from 2026-06-01T00:00:00Z on" in caplog.text
    assert output.state["bookmarks"]["calls"]["since"] == "2026-06-01T00:00:00Z"
    caplog.clear()
    run_tap(config, streams={"calls"}, state=run_tap(config, streams={"calls"}).state)
    assert "has been read from" not in caplog.text


def test_a_start_date_behind_the_bookmark_leaves_a_gap_and_says_so(company, config, caplog):
    early = {**config, "start_date": "2026-05-01", "end_date": "2026-05-20"}
    state = run_tap(early, streams={"calls"}).state
    late = {**config, "start_date": "2026-06-01"}
    output = run_tap(late, streams={"calls"}, state=state)
    assert "calls is not read from 2026-05-20T00:00:00Z to start_date" in caplog.text
    assert output.state["bookmarks"]["calls"]["since"] == "2026-06-01T00:00:00Z"
    caplog.clear()
    # A start_date that stays leaves no gap, nor does one that follows what was read.
    again = run_tap(late, streams={"calls"}, state=output.state)
    run_tap({**config, "start_date": "2026-06-14"}, streams={"calls"}, state=again.state)
    assert "is not read from" not in caplog.text


@pytest.mark.parametrize("lacking", [{}, {"calls": {}}, {"calls": {"owed": {}}}])
def test_a_state_without_a_bookmark_that_others_have_is_told(caplog, lacking):
    joined = merged([{"bookmarks": lacking}, state(10, 20)])
    assert joined["bookmarks"]["calls"]["since"] == "2026-01-11T00:00:00Z"
    assert "calls: 1 of 2 states have no bookmark of it" in caplog.text
    caplog.clear()
    merged([state(0, 10), state(10, 20)])
    assert not caplog.text
