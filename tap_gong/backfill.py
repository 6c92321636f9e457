"""A backfill in parts: ranges of equal cost, read anywhere in any order, and their states joined.

Pure: what is counted, and by whom, is the caller's.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import operator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum

from gong_api.errors import SettingsError
from tap_gong.hints import HINTS, hinted_to_all, read_by_all
from tap_gong.owed import Owed
from tap_gong.windows import Bookmark, Window, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

logger = logging.getLogger("tap-gong")

# The share of a part by which each of its ends may be off, and how many counts a part is worth.
_FINENESS = 20
_COUNTS = 12
_SHORTEST = timedelta(hours=1)
_AGES_AGO = pendulum.datetime(1, 1, 1)


@dataclass(frozen=True)
class Part:
    """A range of a backfill.

    Attributes:
        window: which.
        records: about how many calls it holds.
    """

    window: Window
    records: int


def equal_parts(span: Window, parts: int, count: Callable[[Window], int]) -> list[Part]:
    """Cut a span into adjacent ranges that hold about as many records each.

    Args:
        span: what to cut; it must last as many seconds as there are parts.
        parts: how many.
        count: how many records a range holds; asked a few times a part.
    """
    counts = _Counts(span, count, most=parts * _COUNTS)
    share = counts.total / parts
    cuts = [span.start]
    for number in range(1, parts):
        cut = counts.instant(share * number, within=share / _FINENESS).start_of("second")
        # However few records there are, no two cuts are one.
        soonest = cuts[-1] + timedelta(seconds=1)
        latest = span.end - timedelta(seconds=parts - number)
        cuts.append(min(max(cut, soonest), latest))
    cuts.append(span.end)
    return [
        Part(Window(start, end), round(counts.before(end) - counts.before(start)))
        for start, end in itertools.pairwise(cuts)
    ]


_instant = operator.itemgetter(0)
_number = operator.itemgetter(1)


class _Counts:
    """How many records of a span lie before an instant, counted where it matters.

    Args:
        span: all of it.
        count: how many records a range holds.
        most: how often to ask, after the first time.
    """

    def __init__(self, span: Window, count: Callable[[Window], int], most: int) -> None:
        self._count = count
        self._left = most
        # Instants, in their order, each with how many lie before it.
        self._known = [(span.start, 0), (span.end, count(span))]

    @property
    def total(self) -> int:
        """Of the span."""
        _, records = self._known[-1]
        return records

    def instant(self, records: float, *, within: float) -> pendulum.DateTime:
        """An instant before which so many records lie, give or take a few.

        It is found by halving the range that it is in until there are as many before one of the
        range's ends, or it is so short that they may be taken as evenly spread.
        """
        while True:
            after = max(1, bisect.bisect_left(self._known, records, key=_number))
            (start, before), (end, more) = self._known[after - 1 : after + 1]
            off, nearest = min((records - before, start), (more - records, end))
            if off <= within:
                return nearest
            if end - start <= _SHORTEST or not self._left:
                return start + (end - start) * ((records - before) / (more - before))
            self._halve(after)

    def before(self, instant: pendulum.DateTime) -> float:
        """About how many records lie before an instant."""
        after = max(1, bisect.bisect_left(self._known, instant, key=_instant))
        (start, before), (end, more) = self._known[after - 1 : after + 1]
        return before + (more - before) * ((instant - start) / (end - start))

    def _halve(self, after: int) -> None:
        """Count the first half of the range that ends with an instant."""
        self._left -= 1
        (start, before), (end, most) = self._known[after - 1 : after + 1]
        middle = start + (end - start) / 2
        # Calls may come and go between two counts.
        found = min(before + self._count(Window(start, middle)), most)
        self._known.insert(after, (middle, found))


def merged(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of a run that had read all that some runs read.

    A stream's ranges are joined from the earliest on, in whatever order they are given; what lies
    behind a gap is left for the next run to read again, and said in the log.

    Raises:
        SettingsError: a bookmark is malformed, or two were made under different filters.
    """
    given = [state.get("bookmarks") or {} for state in states]
    names = dict.fromkeys(name for bookmarks in given for name in bookmarks)
    joined = {}
    for name in names:
        known = [bookmarks[name] for bookmarks in given if name in bookmarks]
        joined[name] = _joined(name, [bookmark for bookmark in known if bookmark], len(states))
    return {"bookmarks": joined}


def _joined(name: str, known: list[dict[str, Any]], states: int) -> dict[str, Any]:
    """One stream's state, of those that several runs left; `states` is how many runs there were."""
    read = [(Bookmark.read(state, name), state) for state in known]
    ranges = [(bookmark, state) for bookmark, state in read if bookmark]
    if not ranges:
        return _without_ranges(name, known)
    if len(ranges) < states:
        logger.warning(
            "%s: %d of %d states have no bookmark of it; if those runs were to read it, run them "
            "to their end and merge again, or what they were to read may be missing",
            name,
            states - len(ranges),
            states,
        )
    ranges.sort(key=lambda entry: (entry[0].since or _AGES_AGO, entry[0].end))
    _check_filters(name, [state for _, state in ranges])
    chain = list(_chain(name, [bookmark for bookmark, _ in ranges]))
    last = max(chain, key=lambda bookmark: (bookmark.end, bookmark.as_of))
    newest = next(state for bookmark, state in ranges if bookmark == last)
    relied_on = [bookmark.settled for bookmark in chain if not _is_settled(bookmark)]
    settled = min(relied_on, default=last.settled)
    state = dict(newest)
    state.pop(HINTS, None)
    state.update(hinted_to_all(known))
    replace(last, since=chain[0].since, settled=settled).write(state)
    return _owed_to_all(state, known)


def _owed_to_all(state: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream's state with all that it owes by what several runs left of it."""
    Owed.joined([Owed.read(part) for part in known]).write(state)
    missed = dict.fromkeys(call for part in known for call in part.get("missed") or [])
    if missed:
        state["missed"] = list(missed)
    return state


def _without_ranges(name: str, known: list[dict[str, Any]]) -> dict[str, Any]:
    """One stream's state, where it reads a sequence of events, or sweeps over all there is."""
    if any("sequence" in state for state in known):
        _check_filters(name, known)
        return read_by_all(known)
    # `transcripts` keeps what is owed to the tables made of it though it was not selected itself.
    furthest = max(known, key=_sweep, default={})
    return _owed_to_all(dict(furthest), known)


def _sweep(state: dict[str, Any]) -> tuple[str, str]:
    """How far a sweep of all calls has come, in a form that can be compared."""
    reached = (state.get("sweep") or {}).get("reached")
    return str(state.get("newest_whole_sweep") or ""), str(reached or "")


def _chain(name: str, ranges: list[Bookmark]) -> Iterator[Bookmark]:
    """The ranges, sorted by their beginning, as far as they touch."""
    end = ranges[0].end
    for bookmark in ranges:
        if (bookmark.since or _AGES_AGO) > end:
            logger.warning(
                "%s: nothing was read from %s to %s; the next run goes on there, and reads what "
                "lies behind again",
                name,
                iso(end),
                iso(bookmark.since or end),
            )
            return
        end = max(end, bookmark.end)
        yield bookmark


def _is_settled(bookmark: Bookmark) -> bool:
    """Whether a range was read so long after its end that nothing of it will come late."""
    lookback = bookmark.as_of - bookmark.settled
    return (bookmark.read_at or bookmark.as_of) - lookback >= bookmark.end


def _check_filters(name: str, states: list[dict[str, Any]]) -> None:
    first, *others = [state.get("filters") or {} for state in states]
    other = next((filters for filters in others if filters != first), first)
    differing = sorted(name for name in {*first, *other} if first.get(name) != other.get(name))
    if differing:
        msg = (
            f"--merge-state: {name} was read under different filters ({first} and {other}); merge "
            f"states of runs with the same {', '.join(differing)}"
        )
        raise SettingsError(msg)
