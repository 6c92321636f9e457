"""What a run would cost, told before it is run: `tap-gong --plan`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_gong.tap import TapGong

PAGE = 100


@dataclass(frozen=True)
class Cost:
    """What reading one stream would take.

    Attributes:
        records: rows to read, as Gong announces them.
        requests: pages to ask for.
        windows: stretches of time, 0 for streams that are not windowed.
    """

    records: int
    requests: int
    windows: int = 0

    @classmethod
    def of(cls, records: int, *, windows: int = 0) -> Cost:
        """The cost of so many rows; each window may end in a page that is not full."""
        return cls(records, max(1, math.ceil(records / PAGE) + max(0, windows - 1)), windows)


class Plan:
    """The cost of each selected stream, at the price of a page or so each.

    Args:
        tap: with its settings, selection and state.
    """

    def __init__(self, tap: TapGong) -> None:
        self._rate = float(tap.config["requests_per_second"])
        self._budget = int(tap.config["daily_request_budget"])
        self.costs = {name: stream.cost() for name, stream in tap.selected.items()}
        self.spent = tap.client.limiter.used

    @property
    def requests(self) -> int:
        """Requests of the whole run."""
        return sum(cost.requests for cost in self.costs.values())

    def __str__(self) -> str:
        rows = [("stream", "windows", "records", "requests")]
        for name, cost in self.costs.items():
            rows.append((name, str(cost.windows or ""), f"{cost.records:,}", f"{cost.requests:,}"))
        rows.append(("all", "", "", f"{self.requests:,}"))
        widths = [max(len(row[at]) for row in rows) for at in range(4)]
        lines = [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        if self._rate:
            minutes = self.requests / self._rate / 60
            lines.append(f"{minutes:,.1f} minutes at {self._rate:g} requests a second")
        if self._budget:
            days = self.requests / self._budget
            lines.append(f"{days:,.2f} days of a budget of {self._budget:,} requests")
        lines.append(f"({self.spent} requests to find this out)")
        return "\n".join(lines)
