"""The request limiter: no more requests a second, nor in a run, than the company's quota allows.

Gong counts 3 requests a second and 10,000 a day per company (API: rate limits). Every attempt
counts, retries too.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from pyrate_limiter import InMemoryBucket, MonotonicClock, Rate, RateItem

from gong_api.errors import LimitReached

if TYPE_CHECKING:
    from gong_api.clock import Clock

# Gong counts arrivals, we count departures: a request that travels slower than the one three
# places behind it must not make four arrive within the second.
_JITTER_MS = 30


class RequestLimiter:
    """Lets one request pass at a time, at most `per_second`, at most `budget` in all.

    Args:
        per_second: requests a second, 0 for no limit.
        budget: requests this run may make, 0 for no limit.
        clock: waits are slept on it.

    Attributes:
        used: requests let through.
        waited: seconds spent waiting.
    """

    def __init__(self, *, per_second: float, budget: int, clock: Clock) -> None:
        self._bucket = InMemoryBucket([_rate(per_second)]) if per_second else None
        self._monotonic = MonotonicClock()
        self._budget = budget
        self._clock = clock
        self.used = 0
        self.waited = 0.0

    def take(self) -> None:
        """Wait for the next request's turn.

        Raises:
            LimitReached: the run's budget is used up.
        """
        if self._budget and self.used >= self._budget:
            msg = (
                f"daily_request_budget is used up ({self.used} requests); what was read is kept, "
                "run again when the quota is renewed or raise the setting"
            )
            raise LimitReached(msg)
        if self._bucket:
            self._wait(self._bucket)
        self.used += 1

    def _wait(self, bucket: InMemoryBucket) -> None:
        while True:
            turn = RateItem("request", self._monotonic.now())
            bucket.leak(turn.timestamp)
            if bucket.put(turn):
                return
            wait = bucket.waiting(turn)
            seconds = max(1, wait if isinstance(wait, int) else 0) / 1000
            self._clock.sleep(seconds)
            self.waited += seconds


def _rate(per_second: float) -> Rate:
    """A whole number of requests in a whole number of milliseconds: 2.5/s is 5 in 2,000 ms."""
    requests = Fraction(str(per_second)).limit_denominator(10_000)
    return Rate(requests.numerator, 1000 * requests.denominator + _JITTER_MS)
