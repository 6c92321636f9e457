"""Windows of time and the bookmarks between them. Pure: no clock, no network.

A windowed stream reads `[start, end)` ranges one after the other. Its bookmark is the end of the
last window that was wholly emitted: never a cursor, which dies within the hour, and never a
record's value, because calls surface behind newer ones.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum

from gong_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# Windows are what is read at the same time, since pages of one follow each other: a short span is
# cut into several, but into long ones, since the last page of each is half empty.
_FEWEST = 380
_MOST = 980
_PARTS = 8
# So many windows are told before they are read, by however many threads, so that how fast answers
# come decides nothing.
AHEAD = 10
# Beyond this many records a window is cut anew, at the price of its first page.
TOO_FULL = 3000
_SHORTEST = timedelta(hours=1)
# A cap of 90 days on a range has been reported, though never confirmed.
_LONGEST = timedelta(days=90)
_FIRST = timedelta(days=30)


@dataclass(frozen=True)
class Window:
    """The instants from `start` to just before `end`, in UTC."""

    start: pendulum.DateTime
    end: pendulum.DateTime

    @property
    def length(self) -> timedelta:
        """How long the window lasts."""
        return timedelta(seconds=(self.end - self.start).total_seconds())

    def __contains__(self, instant: pendulum.DateTime) -> bool:
        return self.start <= instant < self.end

    def __str__(self) -> str:
        return f"[{iso(self.start)}, {iso(self.end)})"


class Slices:
    """Cuts a span into adjacent windows, each sized by what those before it held.

    Iterating yields the same stretch of time again until it is reported as `finished`.

    Args:
        span: what to cut.
        cuts: instants at which a window must end.
        expected: records that the whole span holds, as far as is known.
        most: records that a window may hold.
    """

    def __init__(
        self,
        span: Window,
        *,
        cuts: Iterable[pendulum.DateTime] = (),
        expected: int | None = None,
        most: int = _MOST,
    ) -> None:
        self._span = span
        self._whole = span
        self._expected = expected
        self._records = 0
        self._planned: deque[Window] = deque()
        self._cuts = sorted(cut for cut in cuts if cut in span)
        self._ideal = min(most, _MOST if expected is None else ideal_records(expected))
        self._length = _FIRST
        if expected is not None:
            self._length = _ideal_length(span, expected, self._ideal)

    def __iter__(self) -> Iterator[Window]:
        while window := next(iter(self.coming(1)), None):
            yield window

    def coming(self, count: int) -> list[Window]:
        """The next windows; once told, they change only by being cut."""
        while len(self._planned) < count:
            start = self._planned[-1].end if self._planned else self._span.start
            if start >= self._span.end:
                break
            self._planned.append(Window(start, min(self.end_of(start), self._span.end)))
        return list(itertools.islice(self._planned, count))

    def end_of(self, start: pendulum.DateTime) -> pendulum.DateTime:
        """Where a window that begins at an instant should end."""
        cut = next((cut for cut in self._cuts if cut > start), self._span.end)
        return min(start + self._length, cut)

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1: by records where their number is known, else by time."""
        if self._expected:
            return min(1.0, self._records / self._expected)
        return 1 - self._span.length / self._whole.length if self._whole.length else 1.0

    def finished(self, window: Window, records: int) -> None:
        """The window is done; it held or announced so many records, a hint that may be off."""
        self._planned.popleft()
        self._span = Window(window.end, self._span.end)
        self._records += records
        # A holiday must not be taken for the rule: grow twofold at most.
        ideal = _ideal_length(window, records, self._ideal)
        self._length = min(ideal, self._length * 2)

    def may_cut(self, window: Window) -> bool:
        """Whether a window is long enough to be cut smaller."""
        return window.length > _SHORTEST

    def too_full(self, window: Window, records: int) -> None:
        """The window announces more than one chain of pages should carry: make it shorter."""
        self._length = min(_ideal_length(window, records, self._ideal), window.length / 2)
        self._cut(window)

    def took_too_long(self, window: Window) -> None:
        """The window's cursor expired: read it again in halves."""
        self._length = max(window.length / 2, _SHORTEST)
        self._cut(window)

    def _cut(self, window: Window) -> None:
        """Plan the window anew; what lies behind it stays as it was told."""
        self._planned.popleft()
        pieces = []
        start = window.start
        while start < window.end:
            pieces.append(Window(start, min(self.end_of(start), window.end)))
            start = pieces[-1].end
        self._planned.extendleft(reversed(pieces))


def too_full(left: float) -> int:
    """Records beyond which a window is cut: so many that what is left of a budget would not do."""
    return int(min(TOO_FULL, max(1, left / 3) * 100))


def affordable(left: float) -> int:
    """Records that a window may be planned for with so many requests left."""
    return int(min(_MOST, max(1, left / 5) * 100))


def ideal_records(expected: int) -> int:
    """How many records a window should hold where a span holds so many."""
    return min(max(expected // _PARTS, _FEWEST), _MOST)


def count_windows(slices: Slices, span: Window, records: int) -> int:
    """How many windows a span is cut into where its records are spread evenly over it."""
    windows = 0
    for window in slices:
        windows += 1
        slices.finished(window, round(records * (window.length / span.length)))
    return windows


def _ideal_length(window: Window, records: int, ideal: int) -> timedelta:
    length = window.length * ideal / records if records else _LONGEST
    return min(max(length, _SHORTEST), _LONGEST)


@dataclass(frozen=True)
class Bookmark:
    """How far a windowed stream has come.

    Attributes:
        end: end of the last window wholly emitted.
        as_of: the clock of the run that read it.
        settled: what that run relied on a later one to read again begins here.
        since: the `start_date` from which all before `end` was read, None for the oldest record.
        read_at: when `end` was reached, which `as_of` does not tell where there is an `end_date`.
    """

    end: pendulum.DateTime
    as_of: pendulum.DateTime
    settled: pendulum.DateTime
    since: pendulum.DateTime | None = None
    read_at: pendulum.DateTime | None = None

    @classmethod
    def read(cls, state: Mapping[str, Any], stream: str) -> Bookmark | None:
        """The bookmark in a stream's state, None when it has none.

        Raises:
            SettingsError: the state holds something that is not an instant.
        """
        value = state.get("replication_key_value")
        if value is None:
            return None
        what = f"the bookmark of {stream} in the state"
        end = instant(value, what)
        as_of = instant(state.get("as_of", value), what)
        since, read_at = (
            instant(state[name], what) if name in state else None for name in ("since", "read_at")
        )
        return cls(end, as_of, instant(state.get("settled", value), what), since, read_at)

    def write(self, state: dict[str, Any]) -> None:
        """Put the bookmark into a stream's state."""
        state["replication_key_value"] = iso(self.end)
        state["as_of"] = iso(self.as_of)
        state["settled"] = iso(self.settled)
        for name, moment in (("since", self.since), ("read_at", self.read_at)):
            if moment:
                state[name] = iso(moment)
            else:
                state.pop(name, None)

    def resume_at(self, lookback: timedelta) -> pendulum.DateTime:
        """Where the next run begins so that no late call is missed.

        What lies more than `lookback` behind the clock of the run that read it is settled; all
        later is read again. An unfinished backfill, far behind, goes on exactly where it stopped.
        """
        return min(self.end, self.settled, self.as_of - lookback)


def instant(value: str, what: str) -> pendulum.DateTime:
    """Parse an ISO-8601 date or date-time; without a zone it is UTC.

    Args:
        value: the text.
        what: where it comes from, for the message.

    Raises:
        SettingsError: it is anything else.
    """
    try:
        parsed = pendulum.parse(value, exact=True) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if isinstance(parsed, pendulum.DateTime):
        return parsed.in_timezone("UTC")
    if isinstance(parsed, pendulum.Date):
        return pendulum.datetime(parsed.year, parsed.month, parsed.day)
    msg = (
        f"{what} must be an ISO-8601 date or date-time such as 2026-01-31 or "
        f"2026-01-31T00:00:00Z, not {value!r}"
    )
    raise SettingsError(msg)


def told_instant(value: Any) -> pendulum.DateTime | None:
    """An instant as an answer tells it; None where it tells none that can be read."""
    if not value:
        return None
    try:
        return instant(value, "")
    except SettingsError:
        return None


def has_zone(value: str) -> bool:
    """Whether an ISO-8601 text that `instant` accepts names its zone."""
    _, _, time = value.partition("T")
    return time.upper().endswith("Z") or "+" in time or "-" in time


def iso(moment: pendulum.DateTime) -> str:
    """An instant as Gong and the state take it: UTC, `Z`, fractions only where there are any."""
    return moment.in_timezone("UTC").isoformat().replace("+00:00", "Z")


def time_filter(window: Window) -> dict[str, str]:
    """A window as the filters of the calls operations take it."""
    return {"fromDateTime": iso(window.start), "toDateTime": iso(window.end)}


def company_days(window: Window) -> tuple[str, str]:
    """The dates, first and exclusive last, that cover a window wherever the company's clock is.

    Gong's date filters mean days of the company's zone, which may lie anywhere between UTC-12 and
    UTC+14; a day too many on either side is harmless, rows outside the window are left to its
    neighbours.
    """
    first = window.start.subtract(hours=12).date()
    last = window.end.add(hours=14).date().add(days=1)
    return first.isoformat(), last.isoformat()
