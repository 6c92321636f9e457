"""What reading a stream takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

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

    def plus(self, other: Cost) -> Cost:
        """The cost of both."""
        return Cost(
            self.records + other.records,
            self.requests + other.requests,
            self.windows + other.windows,
        )

    @classmethod
    def of(cls, records: int, *, windows: int = 0, chains: int = 1) -> Cost:
        """The cost of so many rows.

        Args:
            records: rows to read.
            windows: stretches of time.
            chains: of pages in each window; each may end in a page that is not full.
        """
        full = max(1, math.ceil(records / PAGE))
        return cls(records, full + chains * max(1, windows) - 1, windows)
