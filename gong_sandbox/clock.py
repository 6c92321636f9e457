"""The sandbox's clock: the real one, or one that stands where it is put."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone


class SandboxClock:
    """Tells the company's time.

    Args:
        now: stand still at this instant; None to follow real time.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._frozen = _plain(now) if now else None

    def now(self) -> datetime:
        """The present instant, in UTC."""
        with self._lock:
            return self._frozen or datetime.now(timezone.utc)

    def set(self, now: datetime) -> None:
        """Stand still at an instant."""
        with self._lock:
            self._frozen = _plain(now)

    def advance(self, by: timedelta | float) -> None:
        """Move on by a time, or by so many seconds, and stand still there."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self.set(self.now() + step)


def _plain(moment: datetime) -> datetime:
    """In UTC and of the standard library: pendulum's lose their zone in arithmetic here."""
    return datetime.fromtimestamp(moment.timestamp(), tz=timezone.utc)
