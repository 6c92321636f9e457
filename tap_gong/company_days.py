"""Windows whose edges are days, weeks, months … of the company's time zone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_gong.windows import Slices, Window

if TYPE_CHECKING:
    import pendulum

PERIODS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_UNITS = {"DAY": "days", "WEEK": "weeks", "MONTH": "months", "QUARTER": "months", "YEAR": "years"}


def period_start(moment: pendulum.DateTime, period: str, zone: str) -> pendulum.DateTime:
    """When the period began that an instant is in, in UTC; weeks begin on Monday."""
    local = moment.in_timezone(zone)
    if period == "QUARTER":
        start = local.set(month=(local.month - 1) // 3 * 3 + 1, day=1).start_of("day")
    else:
        start = local.start_of(period.lower())
    return start.in_timezone("UTC")


def later(start: pendulum.DateTime, period: str, count: int, zone: str) -> pendulum.DateTime:
    """When the period begins that is so many after the one that begins at `start`."""
    many = count * 3 if period == "QUARTER" else count
    return start.in_timezone(zone).add(**{_UNITS[period]: many}).in_timezone("UTC")


def date_of(moment: pendulum.DateTime, zone: str) -> str:
    """The date, YYYY-MM-DD, at an instant."""
    return moment.in_timezone(zone).to_date_string()


class PeriodSlices(Slices):
    """Cuts a span into windows of whole periods.

    Args:
        span: what to cut, from the start of a period.
        period: one of `PERIODS`.
        zone: the company's time zone.
        count: periods in a window.
    """

    def __init__(self, span: Window, *, period: str, zone: str, count: int) -> None:
        super().__init__(span)
        self._period = period
        self._zone = zone
        self._count = count

    @override
    def end_of(self, start: pendulum.DateTime) -> pendulum.DateTime:
        return later(start, self._period, self._count, self._zone)

    @override
    def finished(self, window: Window, records: int) -> None:
        self._planned.popleft()
        self._span = Window(window.end, self._span.end)

    @override
    def may_cut(self, window: Window) -> bool:
        return later(window.start, self._period, 1, self._zone) < window.end

    @override
    def too_full(self, window: Window, records: int) -> None:
        self.took_too_long(window)

    @override
    def took_too_long(self, window: Window) -> None:
        self._count = max(1, self._count // 2)
        self._cut(window)
