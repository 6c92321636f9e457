"""What one running sandbox consists of: the company and the rules it is shown under."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter

if TYPE_CHECKING:
    from datetime import datetime

    from gong_sandbox.api.faults import Faults
    from gong_sandbox.api.limits import Quota
    from gong_sandbox.api.oauth import TokenIssuer
    from gong_sandbox.clock import SandboxClock
    from gong_sandbox.company import Company
    from gong_sandbox.webhook import Webhook

# Enough for any test to look back on, without growing for ever under a benchmark.
_MOST_LOGGED = 200_000
_WRITES_LOGGED = 1000
# What a sandbox accepts unless it is told another pair: no secret, since the docs name it.
WELL_KNOWN_KEY = "sandbox"


@dataclass(frozen=True)
class RequestLogEntry:
    """One request and what became of it.

    Attributes:
        method: HTTP verb.
        path: without the query.
        query: of the URL.
        body: parsed JSON, None where there was none.
        status: of the answer, 0 where none was given.
        at: on the sandbox's clock.
        made: of a write: what it made or changed, in a few words.
        took: seconds of real time from its arrival to its answer.
        fault: that it met, see `gong_sandbox.api.faults`.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    at: datetime
    made: str | None = None
    took: float = 0
    fault: str | None = None


Numbered = tuple[int, RequestLogEntry]


@dataclass
class Site:
    """A company, its clock, its quota, and who may come in; and what it was asked so far."""

    company: Company
    clock: SandboxClock
    quota: Quota
    faults: Faults
    tokens: TokenIssuer
    access_key: str
    access_key_secret: str
    without_scopes: frozenset[str]
    page_size: int
    latency: float
    webhook: Webhook | None = None
    url: str = ""
    log: deque[RequestLogEntry] = field(default_factory=lambda: deque(maxlen=_MOST_LOGGED))
    log_lock: threading.Lock = field(default_factory=threading.Lock)
    writes: deque[Numbered] = field(default_factory=lambda: deque(maxlen=_WRITES_LOGGED))
    noted: int = 0
    desk: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    def note(self, entry: RequestLogEntry) -> None:
        """Put a request into the log."""
        with self.log_lock:
            self.log.append(entry)
            self.noted += 1
            if entry.made:
                self.writes.append((self.noted, entry))

    def latest(self, most: int) -> tuple[list[Numbered], list[Numbered]]:
        """The latest requests and the latest that wrote, newest first, numbered as they came."""
        with self.log_lock:
            requests = zip(range(self.noted, 0, -1), reversed(self.log), strict=False)
            return list(islice(requests, most)), list(islice(reversed(self.writes), most))
