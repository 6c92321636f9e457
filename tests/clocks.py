"""Clocks on which waiting takes no time, and the instant at which tests take place."""

from __future__ import annotations

from datetime import datetime, timezone

import pendulum

NOW = datetime(2026, 6, 15, 18, tzinfo=timezone.utc)


class Hasty:
    """The machine's clock, on which waiting takes no time."""

    def __init__(self) -> None:
        self.waited = 0.0

    def now(self) -> pendulum.DateTime:
        return pendulum.now("UTC").add(seconds=self.waited)

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


class Frozen(Hasty):
    """A clock that only waiting moves, from `NOW` on."""

    def now(self) -> pendulum.DateTime:
        return pendulum.instance(NOW).add(seconds=self.waited)
