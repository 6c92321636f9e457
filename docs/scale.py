"""Arithmetic and a simulation of what many calls and companies take, for docs/scale.md.

Nothing is measured here. What a call costs is in `scale.json` (`python -m benchmarks.scale`) and
in the table of performance.md (`make bench`).
"""

from __future__ import annotations

import heapq
import json
import math
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS = Path(__file__).parent
PER_SECOND = 3
PER_DAY = 10_000
DAY = 24 * 60 * 60
# Companies, and the calls of all of them together.
FLEETS = ((1, 1_000_000), (200, 1_000_000), (1, 100_000_000), (200, 100_000_000))
WORKERS = (1, 2, 4, 8)
_SEED = 7


@dataclass(frozen=True)
class Costs:
    """What calls take.

    Attributes:
        requests: for the history of so many calls and their transcripts.
        lists: requests for all that is no history.
        later: requests of a run that finds next to nothing new, lists left out.
        cpu: seconds for a call and its transcript.
        memory: bytes of a tap at its peak.
        size: bytes that the tap writes for a call and its transcript.
    """

    requests: Callable[[float], int]
    lists: int
    later: int
    cpu: float
    memory: float
    size: float

    @classmethod
    def read(cls) -> Costs:
        """What was measured."""
        measured: dict[str, Any] = json.loads((DOCS / "scale.json").read_text(encoding="utf-8"))
        many = measured["history"][-1]
        each = many["requests"] / many["calls"]
        page = (DOCS / "performance.md").read_text(encoding="utf-8")
        speed = _figure(page, r"([\d,]+) calls and transcripts a second of CPU")
        content = measured["content"]
        return cls(
            requests=lambda calls: math.ceil(each * calls),
            lists=measured["requests_of_lists"],
            later=many["requests_an_hour_later"],
            cpu=2 / speed,
            memory=_figure(page, r"([\d,]+) MB at the peak \|\n\| time of") * 1e6,
            size=content["bytes_of_messages"] / content["calls"],
        )


def _figure(page: str, pattern: str) -> float:
    found = re.search(pattern, page)
    if found is None:
        msg = f"docs/performance.md has no {pattern!r}"
        raise ValueError(msg)
    return float(found[1].replace(",", ""))


def fleets_table() -> str:
    """Markdown: what each fleet takes."""
    costs = Costs.read()
    rows = [
        ("calls", "companies", "requests", "days of quota", "CPU", "memory of a tap", "written"),
    ]
    for companies, calls in FLEETS:
        each = costs.requests(calls / companies) + costs.lists
        rows.append(
            (
                f"{calls:,}",
                str(companies),
                f"{each * companies:,}",
                _days(each),
                _hours(calls * costs.cpu),
                f"{costs.memory / 1e6:,.0f} MB",
                _bytes(calls * costs.size),
            )
        )
    return _markdown(rows)


def _days(requests: int) -> str:
    if requests <= PER_DAY:
        minutes = requests / PER_SECOND / 60
        return f"{minutes:,.0f} min of one" if minutes >= 1 else "< 1 min of one"
    return f"{requests / PER_DAY:,.1f}"


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f} h" if hours >= 10 else f"{seconds / 60:,.0f} min"


def _bytes(size: float) -> str:
    return f"{size / 1e12:,.1f} TB" if size >= 1e12 else f"{size / 1e9:,.0f} GB"


def cadence_table() -> str:
    """Markdown: what it takes to keep up, by how often each company is read."""
    costs = Costs.read()
    rows = [("runs a day", "requests a day", "share of the quota")]
    for runs in (1, 24, 96):
        requests = runs * (costs.later + costs.lists)
        rows.append((str(runs), f"{requests:,}", f"{requests / PER_DAY:.1%}"))
    return _markdown(rows)


def workers_table() -> str:
    """Markdown: days until a fleet of companies of unequal sizes is read, by its workers."""
    costs = Costs.read()
    companies, calls = FLEETS[-1]
    needs = [costs.requests(size) + costs.lists for size in sizes(companies, calls)]
    rows = [("workers", "days until all is read", "half of the companies", "workers busy")]
    for workers in WORKERS:
        done, busy = simulate(needs, workers)
        half = sorted(done)[len(done) // 2 - 1]
        rows.append((str(workers), f"{max(done):,.1f}", f"{half:,.1f}", f"{busy:.0%}"))
    return _markdown(rows)


def sizes(companies: int, calls: int) -> list[float]:
    """Calls of each company, log-normally spread: few are large, many are small."""
    rng = random.Random(_SEED)
    weights = [rng.lognormvariate(0, 1.2) for _ in range(companies)]
    return [calls * weight / sum(weights) for weight in weights]


def simulate(needs: Sequence[int], workers: int) -> tuple[list[float], float]:
    """Play through a backfill, day by day, those that need most first.

    A worker reads one company at a time at its 3 requests a second; when the company's quota of the
    day is used up, it turns to the next one.

    Args:
        needs: requests of each company.
        workers: how many read at once.

    Returns:
        After how many days each company was done, and the share of the time, until the last one
        was, that workers were busy.
    """
    left = dict(enumerate(needs))
    done: dict[int, float] = {}
    day = 0
    while left:
        free = [float(day * DAY)] * workers
        for company in sorted(left, key=lambda one: (-left[one], one)):
            begin = heapq.heappop(free)
            time = (day + 1) * DAY - begin
            requests = min(left[company], PER_DAY, int(time * PER_SECOND))
            left[company] -= requests
            heapq.heappush(free, begin + requests / PER_SECOND)
            if not left[company]:
                done[company] = (begin + requests / PER_SECOND) / DAY
                del left[company]
        day += 1
    last = max(done.values())
    return list(done.values()), sum(needs) / PER_SECOND / DAY / (workers * last)


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join((head, "|" + "---|" * len(rows[0]), *body)) + "\n"
