"""Faults on demand: what goes wrong between a client and Gong.

Behind `html`, `no-list`, `truncated` and `reset-after` Gong has acted on the request; of those that
it refuses, and behind `reset`, which breaks the connection at once, it has not.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

KINDS = (
    "429",
    "429-hours",
    "500",
    "502",
    "503",
    "504",
    "522",
    "html",
    "no-list",
    "truncated",
    "reset",
    "reset-after",
    "stall",
    "expired-cursor",
)


@dataclass
class _Planned:
    kind: str
    count: int
    path: str | None


class Faults:
    """Decides which request meets which fault.

    Args:
        every: `KIND:EVERY`: every EVERY-th API request meets KIND.

    Raises:
        ValueError: a kind is unknown, or the number is none.
    """

    def __init__(self, every: tuple[str, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._seen = 0
        self._every = [self._parsed(text) for text in every]
        self._planned: list[_Planned] = []

    def next(self, kind: str, *, count: int = 1, path: str | None = None) -> None:
        """The next `count` requests (to `path`, if given) meet a fault."""
        self._checked(kind)
        with self._lock:
            self._planned.append(_Planned(kind, count, path))

    def draw(self, path: str) -> str | None:
        """The fault for a request that has just come in."""
        with self._lock:
            self._seen += 1
            for planned in self._planned:
                if planned.path in {None, path}:
                    planned.count -= 1
                    if not planned.count:
                        self._planned.remove(planned)
                    return planned.kind
            return next((kind for kind, n in self._every if self._seen % n == 0), None)

    def told(self) -> list[str]:
        """What is set, a line each."""
        with self._lock:
            planned = [
                f"{fault.kind} for the next {fault.count} requests"
                + (f" to {fault.path}" if fault.path else "")
                for fault in self._planned
            ]
            return planned + [f"{kind} for one request in {n}" for kind, n in self._every]

    def _parsed(self, text: str) -> tuple[str, int]:
        kind, _, every = text.partition(":")
        self._checked(kind)
        if not every.isdigit() or int(every) < 1:
            msg = f"{text!r}: write KIND:EVERY with a whole number, such as 500:20"
            raise ValueError(msg)
        return kind, int(every)

    @staticmethod
    def _checked(kind: str) -> None:
        if kind not in KINDS:
            msg = f"no fault {kind!r}; there are {', '.join(KINDS)}"
            raise ValueError(msg)
