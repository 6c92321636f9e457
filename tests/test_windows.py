"""Windows cover time without gap or overlap, and bookmarks lose nothing however runs end."""

from __future__ import annotations

import itertools
from datetime import date, timedelta, timezone

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gong_api.errors import SettingsError
from tap_gong.windows import (
    Bookmark,
    Slices,
    Window,
    company_days,
    has_zone,
    instant,
    iso,
    told_instant,
)

EPOCH = pendulum.datetime(2026, 1, 1)
seconds = st.integers(min_value=0, max_value=400 * 86400)
instants = seconds.map(lambda s: EPOCH.add(seconds=s))


@given(
    start=instants,
    length=st.integers(1, 800 * 86400),
    cuts=st.lists(instants, max_size=3),
    seen=st.lists(st.tuples(st.sampled_from(["ok", "full", "late"]), st.integers(0, 10**6))),
)
def test_slices_cover_the_span_without_gap_or_overlap(start, length, cuts, seen):
    span = Window(start, start.add(seconds=length))
    slices = Slices(span, cuts=cuts)
    happened = iter(seen)
    reached = span.start
    for window in slices:
        assert window.start == reached
        assert window.start < window.end <= span.end
        assert window.length <= timedelta(days=90)
        assert not any(window.start < cut < window.end for cut in cuts)
        how, records = next(happened, ("ok", 0))
        if how == "ok" or not slices.may_cut(window):
            slices.finished(window, records)
            reached = window.end
        elif how == "full":
            slices.too_full(window, records)
        else:
            slices.took_too_long(window)
    assert reached == span.end


def test_an_empty_span_has_no_windows():
    assert list(Slices(Window(EPOCH, EPOCH))) == []


def test_windows_shrink_where_calls_are_dense_and_grow_carefully_where_they_are_not():
    slices = Slices(Window(EPOCH, EPOCH.add(days=5000)))
    windows = iter(slices)
    first = next(windows)
    assert first.length == timedelta(days=30)
    slices.finished(first, 29_400)
    second = next(windows)
    assert second.length == timedelta(days=1)
    slices.finished(second, 0)
    assert next(windows).length == timedelta(days=2)
    for window in itertools.islice(windows, 20):
        slices.finished(window, 0)
    assert next(windows).length == timedelta(days=90)


def test_what_is_known_of_the_whole_sizes_the_first_window():
    span = Window(EPOCH, EPOCH.add(days=60))
    assert next(iter(Slices(span, expected=9800))).length == timedelta(days=6)
    assert next(iter(Slices(span, expected=4000))).length == timedelta(days=7.5)
    assert next(iter(Slices(span, expected=380))).length == timedelta(days=60)
    assert next(iter(Slices(span, expected=6000, most=100))).length == timedelta(days=1)


def test_windows_to_come_are_told_and_stay_as_they_were_told():
    slices = Slices(Window(EPOCH, EPOCH.add(days=100)))
    first, second, third, fourth = slices.coming(9)
    assert (first.length, fourth.length) == (timedelta(days=30), timedelta(days=10))
    slices.too_full(first, 9800)
    assert slices.coming(99)[-3:] == [second, third, fourth]
    pieces = slices.coming(99)[:-3]
    assert (pieces[0].start, pieces[-1].end) == (first.start, first.end)
    slices.finished(pieces[0], 980)
    assert slices.coming(1) == [pieces[1]]


def test_a_full_window_is_cut_to_size_before_it_is_read():
    slices = Slices(Window(EPOCH, EPOCH.add(days=30)))
    window = next(iter(slices))
    slices.too_full(window, 19_600)
    smaller = next(iter(slices))
    assert smaller.start == window.start
    assert smaller.length == timedelta(days=1.5)


@given(
    gaps=st.lists(st.integers(1, 20 * 86400), min_size=1, max_size=12),
    reached=st.lists(st.floats(0, 1), min_size=12, max_size=12),
    lookback=st.integers(0, 14),
    call=st.integers(0, 60 * 86400),
    late=st.integers(0, 14 * 86400),
)
def test_a_call_that_surfaces_within_the_lookback_is_read_however_runs_end(
    gaps, reached, lookback, call, late
):
    """Runs at arbitrary times, each ending after an arbitrary share of its range, then a whole one.

    A call that began at `call` and surfaced `late` seconds afterwards must have been inside some
    window that was read after it surfaced.
    """
    back = timedelta(days=lookback)
    began = EPOCH.add(seconds=call)
    surfaced = began.add(seconds=min(late, int(back.total_seconds())))
    bookmark: Bookmark | None = None
    now = EPOCH
    read = False
    runs = [*zip(gaps, reached, strict=False), (90 * 86400, 1.0)]
    for gap, share in runs:
        now = now.add(seconds=gap)
        start = bookmark.resume_at(back) if bookmark else EPOCH
        end = start.add(seconds=int((now - start).total_seconds() * share))
        if end > start:
            read = read or (began in Window(start, end) and surfaced <= now)
            state: dict[str, object] = {}
            Bookmark(end, as_of=now, settled=now - back).write(state)
            bookmark = Bookmark.read(state, "calls")
    assert read


def test_an_unfinished_backfill_does_not_pay_for_the_lookback():
    later = EPOCH.add(days=200)
    bookmark = Bookmark(EPOCH, as_of=later, settled=later.subtract(days=7))
    assert bookmark.resume_at(timedelta(days=7)) == EPOCH


def test_a_bookmark_that_is_no_instant_is_named():
    with pytest.raises(SettingsError, match="bookmark of calls"):
        Bookmark.read({"replication_key_value": "yesterday"}, "calls")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31T10:00:00", "2026-01-31T10:00:00Z"),
        ("2026-05-21T03:20:35.722564", "2026-05-21T03:20:35.722564Z"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        ("2026-01-31T10:00:00.5-07:00", "2026-01-31T17:00:00.500000Z"),
        ("2026-01-31T10:00:00+05:30", "2026-01-31T04:30:00Z"),
    ],
)
def test_instants_are_read_as_utc(text, expected):
    assert iso(instant(text, "start_date")) == expected


@pytest.mark.parametrize("text", ["", "6 months ago", "P1D", "10:00", "2026-13-01", "01/02/2026"])
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(SettingsError, match="start_date must be an ISO-8601 date"):
        instant(text, "start_date")


def test_a_zone_is_recognised():
    assert has_zone("2026-01-31T10:00:00Z")
    assert has_zone("2026-01-31T10:00:00-07:00")
    assert has_zone("2026-01-31T10:00:00+05:30")
    assert not has_zone("2026-01-31T10:00:00")
    assert not has_zone("2026-01-31")


@given(start=instants, length=st.integers(1, 10**6), offset=st.integers(-12 * 4, 14 * 4))
def test_company_days_cover_the_window_in_every_zone(start, length, offset):
    window = Window(start, start.add(seconds=length))
    zone = timezone(timedelta(minutes=15 * offset))
    first, last = (date.fromisoformat(day) for day in company_days(window))
    assert first <= window.start.astimezone(zone).date()
    assert window.end.subtract(microseconds=1).astimezone(zone).date() < last


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_that_utc_does_not_have_is_refused(text):
    with pytest.raises(SettingsError, match="start_date must be an ISO-8601"):
        instant(text, "start_date")
    assert told_instant(text) is None
