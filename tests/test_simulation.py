"""Fourteen three-hourly runs of a company whose calls and transcripts come late: none is missed."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

import pytest

from gong_sandbox import Sandbox
from tests.conftest import settings
from tests.singer_run import Output, run_tap

RUNS = 14
EVERY = timedelta(hours=3)
BEGIN = datetime.fromisoformat("2026-03-06T15:00:00+00:00")
ZONES = {
    "-07:00": "America/Phoenix",
    "+00:00": "UTC",
    "+02:00": "Africa/Johannesburg",
    "+05:30": "Asia/Kolkata",
}
STREAMS = {"calls", "transcripts"}


@pytest.fixture(params=list(ZONES.values()), ids=list(ZONES))
def busy(request):
    """A company in some zone; beside its own late calls, some by minutes to a day."""
    with Sandbox(
        calls=70,
        days=12,
        seed=11,
        now=BEGIN,
        timezone=request.param,
        requests_per_second=0,
        daily_requests=0,
    ) as sandbox:
        rng = random.Random(request.param)
        for run in range(-4, RUNS):
            began = BEGIN + run * EVERY + timedelta(minutes=rng.randrange(180))
            listed = began + timedelta(minutes=rng.choice([30, 90, 400, 1440]))
            sandbox.company.add_call(
                filter_time=began,
                listed_at=listed,
                transcript_at=listed + timedelta(minutes=rng.choice([5, 200, 1440])),
            )
        yield sandbox


def expected(sandbox):
    """Calls that are listed, and those with a transcript, at the clock's present."""
    now = sandbox.clock.now()
    slots = sandbox.company.slots(None, None, now=now)
    return (
        {slot.id for slot in slots},
        {slot.id for slot in slots if slot.transcript_at and slot.transcript_at <= now},
    )


def emitted(outputs):
    return (
        {row["id"] for output in outputs for row in output.records["calls"]},
        {row["callId"] for output in outputs for row in output.records["transcripts"]},
    )


def pages_that_exist(sandbox, state, config):
    """Requests that cannot be spared: full pages of what the windows hold, and ids owed."""
    now = sandbox.clock.now()
    bookmark = (state or {}).get("bookmarks", {}).get("calls", {})
    start = None
    if bookmark:
        as_of = datetime.fromisoformat(bookmark["as_of"].replace("Z", "+00:00"))
        start = as_of - timedelta(days=config["lookback_days"])
    calls = len(sandbox.company.slots(start, now, now=now))
    groups = (state or {}).get("bookmarks", {}).get("transcripts", {}).get("owed", {}).values()
    owed = sum(len(group) for group in groups)
    return 2 * max(1, math.ceil(calls / 100)) + math.ceil(owed / 100)


@pytest.mark.parametrize("lookback_days", [7, pytest.param(2, marks=pytest.mark.slow)])
def test_no_call_and_no_transcript_is_missed(busy, lookback_days):
    state = None
    outputs = []
    floor = 0
    for run in range(RUNS):
        config = settings(busy, end_date=busy.clock.now().isoformat(), lookback_days=lookback_days)
        floor += pages_that_exist(busy, state, config)
        outputs.append(run_tap(config, state=state, streams=STREAMS))
        state = outputs[-1].state
        if run < RUNS - 1:
            busy.clock.advance(EVERY)
    assert emitted(outputs) == expected(busy)
    assert len(busy.requests) <= 1.5 * floor


@pytest.mark.parametrize(
    "busy",
    [ZONES["-07:00"], pytest.param(ZONES["+05:30"], marks=pytest.mark.slow)],
    indirect=True,
)
def test_killed_at_any_instant_of_every_run_but_the_last(busy):
    rng = random.Random(5)
    state: dict[str, object] = {}
    outputs = []
    for run in range(RUNS):
        last = run == RUNS - 1
        config = settings(busy, end_date=busy.clock.now().isoformat())
        output = Output(break_after=None if last else rng.randrange(1, 160))
        outputs.append(output)
        try:
            run_tap(config, state=state, streams=STREAMS, output=output)
        except BrokenPipeError:
            assert not last
        state = output.state or state
        if not last:
            busy.clock.advance(EVERY)
    assert emitted(outputs) == expected(busy)


@pytest.mark.parametrize(
    ("calls", "days", "more", "most"),
    [
        (10_000, 365, {}, 220),
        # A first window of thirty days holds more than a chain of pages should carry.
        pytest.param(
            10_500,
            29,
            {"start_date": (BEGIN - timedelta(days=60)).isoformat()},
            235,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["a year", "one window"],
)
def test_ten_thousand_calls_with_transcripts_take_their_pages(calls, days, more, most):
    with Sandbox(
        calls=calls, days=days, now=BEGIN, requests_per_second=0, daily_requests=0
    ) as sandbox:
        # What calls and transcripts hold is of no interest here, and takes the sandbox long.
        sandbox.company.extensive = lambda slot, *, now: {  # type: ignore[method-assign]
            "metaData": sandbox.company.basic(slot, now=now)
        }
        sandbox.company.transcript = lambda _: []  # type: ignore[method-assign,assignment]
        config = settings(sandbox, end_date=BEGIN.isoformat(), daily_request_budget=0, **more)
        output = run_tap(config, streams=STREAMS)
        assert len({row["id"] for row in output.records["calls"]}) == calls
        assert len(output.records["calls"]) == calls
        assert len(sandbox.requests) <= most
