"""The one clock: what time it is, and waiting. Injected, so that tests never sleep."""

from __future__ import annotations

import time
from typing import Protocol

import pendulum


class Clock(Protocol):
    """Time as this project uses it."""

    def now(self) -> pendulum.DateTime:
        """The present instant, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> pendulum.DateTime:
        """The present instant, in UTC."""
        return pendulum.now("UTC")

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        time.sleep(seconds)
