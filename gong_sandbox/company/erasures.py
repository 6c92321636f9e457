"""People who are to be erased, and when that takes effect (api: data-privacy/erase-data-...)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

MOST_CALLS = 1_000  # of one person; more are taken for a mistake


@dataclass
class Erasure:
    """A request, and what it did.

    Attributes:
        email: of the person, empty where it is by number.
        phone: of the person, empty where it is by address.
        received: when it was asked for.
        due: when it takes effect.
        calls: ids of the calls that went, None before.
        stopped: whether there were so many that nothing was erased.
    """

    email: str
    phone: str
    received: datetime
    due: datetime
    calls: list[str] | None = None
    stopped: bool = False


class Erasures:
    """All requests.

    Attributes:
        asked: oldest first.
        delay: until one takes effect.
        most_calls: of one person that are erased.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Erasure] = []
        self.asked: list[Erasure] = []
        self.delay = timedelta(minutes=5)
        self.most_calls = MOST_CALLS

    def ask(self, *, email: str = "", phone: str = "", now: datetime) -> None:
        """Erase somebody after a while."""
        erasure = Erasure(email, phone, now, now + self.delay)
        with self._lock:
            self.asked.append(erasure)
            self._waiting.append(erasure)

    def due(self, now: datetime) -> list[Erasure]:
        """Those whose time has come, each once."""
        if not self._waiting:
            return []
        with self._lock:
            found = [erasure for erasure in self._waiting if erasure.due <= now]
            self._waiting = [erasure for erasure in self._waiting if erasure.due > now]
        return found
