"""Windows by days, weeks and months of the company's time zone."""

from __future__ import annotations

from datetime import timedelta

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gong.company_days import PERIODS, PeriodSlices, date_of, later, period_start
from tap_gong.windows import Window

ZONES = st.sampled_from(
    ["America/Los_Angeles", "Asia/Tokyo", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati"]
)
MOMENTS = st.datetimes(
    min_value=pendulum.naive(2015, 1, 1), max_value=pendulum.naive(2035, 1, 1)
).map(lambda naive: pendulum.instance(naive, tz="UTC"))


@given(MOMENTS, st.sampled_from(PERIODS), ZONES)
def test_a_period_holds_the_instant_and_begins_at_midnight_there(moment, period, zone):
    start = period_start(moment, period, zone)
    assert start <= moment < later(start, period, 1, zone)
    local = start.in_timezone(zone)
    assert (local.hour, local.minute) == (0, 0) or period == "DAY"
    if period == "WEEK":
        assert local.weekday() == 0
    if period == "QUARTER":
        assert local.month in {1, 4, 7, 10}
    if period in {"MONTH", "QUARTER", "YEAR"}:
        assert local.day == 1


@given(MOMENTS, st.integers(1, 400), st.sampled_from(PERIODS), ZONES, st.integers(1, 40))
def test_windows_are_whole_periods_that_touch(moment, days, period, zone, count):
    start = period_start(moment, period, zone)
    end = period_start(moment.add(days=days), period, zone)
    slices = PeriodSlices(Window(start, end), period=period, zone=zone, count=count)
    edges = [start]
    for window in slices:
        assert window.start == edges[-1]
        assert period_start(window.end, period, zone) == window.end
        edges.append(window.end)
        slices.finished(window, 0)
    assert edges[-1] == end


def test_a_window_whose_cursor_expired_is_read_in_halves_but_never_below_a_period():
    zone = "America/Los_Angeles"
    start = period_start(pendulum.datetime(2026, 3, 1, 12), "DAY", zone)
    slices = PeriodSlices(Window(start, start.add(days=30)), period="DAY", zone=zone, count=4)
    first = next(iter(slices))
    assert slices.may_cut(first)
    slices.took_too_long(first)
    slices.took_too_long(first)
    one = next(iter(slices))
    assert one.length == timedelta(days=1)
    assert not slices.may_cut(one)


@pytest.mark.parametrize(
    ("zone", "date"), [("America/Los_Angeles", "2026-06-14"), ("Asia/Tokyo", "2026-06-15")]
)
def test_dates_are_the_companys(zone, date):
    assert date_of(pendulum.datetime(2026, 6, 15, 1), zone) == date
