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

    @classmethod
    def of(cls, records: int, *, windows: int = 0) -> Cost:
        """The cost of so many rows; each window may end in a page that is not full."""
        return cls(records, max(1, math.ceil(records / PAGE) + max(0, windows - 1)), windows)
