"""A sandbox that runs: the application on a port, in a thread of this process."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn
from typing_extensions import Self

from gong_sandbox.api.app import SCOPES, application
from gong_sandbox.api.faults import Faults
from gong_sandbox.api.limits import Quota
from gong_sandbox.api.oauth import TokenIssuer
from gong_sandbox.api.site import WELL_KNOWN_KEY, Site
from gong_sandbox.clock import SandboxClock
from gong_sandbox.company import Company
from gong_sandbox.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from types import TracebackType

    from gong_sandbox.api.site import RequestLogEntry

_START_TIMEOUT = 20
_SWITCH_INTERVAL = 0.0005


class Sandbox:
    """A local Gong with a made-up company.

    Args:
        calls: calls that are listed when it starts.
        seed: another seed, another company.
        days: over how many days the calls are spread, about.
        now: the company's clock stands still here; None to follow real time.
        counted_at: `calls` are listed at this instant, and later ones beside them; None for when it
            starts. Sandboxes with the same one never lose a call to each other.
        timezone: the company's, as an IANA name.
        host: to listen on.
        port: to listen on, 0 for a free one.
        requests_per_second: of the quota, 0 for no limit.
        daily_requests: of the quota, 0 for no limit.
        latency: seconds before each answer.
        page_size: rows a page.
        faults: `KIND:EVERY`, see `gong_sandbox.api.faults`.
        processing_minutes: from the upload of a call's media until the call is listed; its
            transcript takes ten times as long.
        without_scopes: scopes that credentials do not have.
        access_key: of the key pair that is accepted.
        access_key_secret: of the key pair that is accepted.
        webhook: URL to post each call to when it has been processed, as an automation rule does.

    Raises:
        OSError: the port is taken.
        ValueError: a fault or a scope is not one.
    """

    def __init__(
        self,
        *,
        calls: int = 500,
        seed: int = 1,
        days: int = 90,
        now: datetime | None = None,
        counted_at: datetime | None = None,
        timezone: str = "America/Los_Angeles",
        host: str = "127.0.0.1",
        port: int = 0,
        requests_per_second: float = 3,
        daily_requests: int = 10_000,
        latency: float = 0,
        page_size: int = 100,
        faults: Iterable[str] = (),
        processing_minutes: float = 4,
        without_scopes: Iterable[str] = (),
        access_key: str = WELL_KNOWN_KEY,
        access_key_secret: str = WELL_KNOWN_KEY,
        webhook: str | None = None,
    ) -> None:
        lacking = frozenset(without_scopes)
        if lacking - SCOPES:
            msg = (
                f"there is no scope {', '.join(sorted(lacking - SCOPES))}; there are "
                f"{', '.join(sorted(SCOPES))}"
            )
            raise ValueError(msg)
        self.clock = SandboxClock(now)
        self.company = Company(
            seed=seed,
            calls=calls,
            days=days,
            now=counted_at or self.clock.now(),
            timezone=timezone,
            processing_minutes=processing_minutes,
        )
        self.faults = Faults(tuple(faults))
        self.webhook = Webhook(webhook, self.company, self.clock) if webhook else None
        self._tokens = TokenIssuer()
        self.site = Site(
            company=self.company,
            clock=self.clock,
            quota=Quota(requests_per_second, daily_requests),
            faults=self.faults,
            tokens=self._tokens,
            access_key=access_key,
            access_key_secret=access_key_secret,
            without_scopes=lacking,
            page_size=page_size,
            latency=latency,
            webhook=self.webhook,
        )
        self._address = (host, port)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.site.url

    @property
    def access_key(self) -> str:
        """Of the key pair that is accepted."""
        return self.site.access_key

    @property
    def access_key_secret(self) -> str:
        """Of the key pair that is accepted."""
        return self.site.access_key_secret

    @property
    def client_id(self) -> str:
        """Of the registered OAuth app."""
        return self._tokens.client_id

    @property
    def client_secret(self) -> str:
        """Of the registered OAuth app."""
        return self._tokens.client_secret

    @property
    def refresh_token(self) -> str:
        """The refresh token that the OAuth app starts with."""
        return self._tokens.refresh_token

    @property
    def requests(self) -> list[RequestLogEntry]:
        """The requests so far."""
        with self.site.log_lock:
            return list(self.site.log)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self.site.log_lock:
            self.site.log.clear()
            self.site.writes.clear()

    def start(self) -> Self:
        """Listen, in a thread of its own."""
        listener = self._listen()
        server = self._server = self._make_server()
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="gong-sandbox", daemon=True
        )
        self._thread.start()
        waiting = threading.Event()
        for _ in range(_START_TIMEOUT * 200):
            if server.started:
                if self.webhook:
                    self.webhook.start()
                return self
            waiting.wait(0.005)
        msg = f"the sandbox did not start within {_START_TIMEOUT} s"
        raise TimeoutError(msg)

    def run(self, ready: Callable[[Sandbox], None]) -> None:
        """Listen until interrupted, in this thread.

        Args:
            ready: called once the port is ours.
        """
        listener = self._listen()
        ready(self)
        if self.webhook:
            self.webhook.start()
        self._make_server().run(sockets=[listener])

    def stop(self, *, wait: bool = True) -> None:
        """Stop listening.

        Args:
            wait: until it has; else that is the case a fifth of a second later.
        """
        if self.webhook:
            self.webhook.stop()
        if self._server and self._thread:
            self._server.should_exit = True
            self._server.force_exit = True
            if wait:
                self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(wait=False)

    def _listen(self) -> socket.socket:
        # Arrivals are counted by the second: making an answer must not hold up noting one.
        sys.setswitchinterval(_SWITCH_INTERVAL)
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Only a socket that says it is TCP gets TCP_NODELAY from asyncio; without it, a client that
        # keeps its connection waits 40 ms for each answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            # From here on clients can connect, though they are answered a moment later.
            listener.listen()
        except OSError:
            listener.close()
            raise
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.site.url = f"http://{shown}:{listener.getsockname()[1]}"
        return listener

    def _make_server(self) -> uvicorn.Server:
        config = uvicorn.Config(
            application(self.site),
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            http="h11",
            ws="none",
        )
        return uvicorn.Server(config)
