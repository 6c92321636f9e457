"""What a run would cost, told before it is run: `tap-gong --plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_gong.cost import Cost


class Plan:
    """The cost of a run.

    Args:
        costs: of each stream.
        beside: requests that belong to no stream alone, such as where the calls begin.
        rate: requests a second, 0 for no limit.
        budget: requests a day, 0 for no limit.
        spent: requests that it took to find this out.
    """

    def __init__(
        self, costs: Mapping[str, Cost], *, beside: int, rate: float, budget: int, spent: int
    ) -> None:
        self._rate = rate
        self._budget = budget
        self.costs = costs
        self.beside = beside
        self.spent = spent

    @property
    def requests(self) -> int:
        """Requests of the whole run."""
        return sum(cost.requests for cost in self.costs.values()) + self.beside

    def __str__(self) -> str:
        rows = [("stream", "windows", "records", "requests")]
        for name, cost in self.costs.items():
            rows.append((name, str(cost.windows or ""), f"{cost.records:,}", f"{cost.requests:,}"))
        rows.append(("look-ups for these", "", "", f"{self.beside:,}"))
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
