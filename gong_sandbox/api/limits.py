"""The company's quota: requests a second and a day (API: rate limits)."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime, timedelta

from gong_sandbox.api.answers import Refusal


class Quota:
    """Counts arrivals, in any one second of real time and in a UTC day of the company's.

    Args:
        per_second: 0 for no limit.
        per_day: 0 for no limit.
    """

    def __init__(self, per_second: float, per_day: int) -> None:
        self.per_second = per_second
        self.per_day = per_day
        self._recent: deque[float] = deque()
        self._day: tuple[object, int] = (None, 0)

    def count(self, now: datetime) -> Refusal | None:
        """Take note of a request; 429 with `Retry-After` in whole seconds where it is too many."""
        return self._count_second() or self._count_day(now)

    def used(self, now: datetime) -> int:
        """Requests of the UTC day so far, without those that were refused as too many."""
        day, used = self._day
        return used if day == now.date() else 0

    def _count_second(self) -> Refusal | None:
        if not self.per_second:
            return None
        arrival = time.monotonic()
        span = max(1.0, 1 / self.per_second)
        while self._recent and arrival - self._recent[0] >= span:
            self._recent.popleft()
        if len(self._recent) >= max(1, int(self.per_second)):
            return limited(1)
        self._recent.append(arrival)
        return None

    def _count_day(self, now: datetime) -> Refusal | None:
        used = self.used(now)
        if self.per_day and used >= self.per_day:
            midnight = datetime.combine(
                now.date() + timedelta(days=1), datetime.min.time(), tzinfo=now.tzinfo
            )
            return limited(int((midnight - now).total_seconds()) + 1)
        self._day = (now.date(), used + 1)
        return None


def limited(seconds: int) -> Refusal:
    """The refusal of a request too many."""
    text = "API request limit exceeded"
    return Refusal(429, text, headers={"Retry-After": str(seconds)})
