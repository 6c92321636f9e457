"""A backfill in parts: ranges of equal cost, read anywhere in any order, and their states joined.

Pure: what is counted, and by whom, is the caller's.
"""

from __future__ import annotations

import heapq
import itertools
import logging
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

# How fine the counts are against a part, and how many of them a part is worth at most.
_GRAINS = 8
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
        count: how many records a range holds; asked a dozen times a part at most.
    """
    total = count(span)
    grains = _grains(span, total, parts, count)
    cuts = [span.start]
    for number in range(1, parts):
        cut = _instant_of(grains, total * number / parts).start_of("second")
        # However few records there are, no two cuts are one.
        soonest = cuts[-1] + timedelta(seconds=1)
        latest = span.end - timedelta(seconds=parts - number)
        cuts.append(min(max(cut, soonest), latest))
    cuts.append(span.end)
    windows = [Window(start, end) for start, end in itertools.pairwise(cuts)]
    return [Part(window, round(_records_in(grains, window))) for window in windows]


def _grains(span: Window, total: int, parts: int, count: Callable[[Window], int]) -> list[Part]:
    """Ranges so small that records may be taken as evenly spread over each."""
    heap = [(-total, span.start, span)]
    for _ in range(parts * _COUNTS):
        records, _, fullest = heap[0]
        if parts == 1 or -records <= total / parts / _GRAINS or fullest.length <= _SHORTEST:
            break
        middle = fullest.start + fullest.length / 2
        first, second = Window(fullest.start, middle), Window(middle, fullest.end)
        in_first = min(count(first), -records)
        heapq.heapreplace(heap, (-in_first, first.start, first))
        heapq.heappush(heap, (records + in_first, second.start, second))
    return sorted((Part(window, -records) for records, _, window in heap), key=_start)


def _start(part: Part) -> pendulum.DateTime:
    return part.window.start


def _instant_of(grains: Sequence[Part], records: float) -> pendulum.DateTime:
    """The instant before which so many records lie."""
    for grain in grains:
        if grain.records and records <= grain.records:
            return grain.window.start + grain.window.length * (records / grain.records)
        records -= grain.records
    return grains[-1].window.end


def _records_in(grains: Sequence[Part], window: Window) -> float:
    return sum(
        grain.records * max(_overlap(grain.window, window) / grain.window.length, 0)
        for grain in grains
    )


def _overlap(one: Window, other: Window) -> timedelta:
    both = Window(max(one.start, other.start), min(one.end, other.end))
    return both.length


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
