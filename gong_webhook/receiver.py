"""The receiver: an ASGI application that takes deliveries into an inbox.

A request's way: who sends it is known -> its body is read -> the body is what was signed -> it is
JSON -> it is on disk -> 200. Whatever stops on the way is answered with 4xx or 503, and leaves a
count in the log.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Route

from gong_api.decoding import decoded
from gong_webhook.inbox import InboxFault
from gong_webhook.verification import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from gong_api.clock import Clock
    from gong_webhook.inbox import Inbox
    from gong_webhook.verification import Verifier

logger = logging.getLogger("gong-webhook")

# Bytes of a body. That of a long call, with each time that a tracker came up, is a tenth of it.
MOST_BYTES = 10 * 2**20
# Seconds that a body may take to come.
_SLOWEST = 30
# Seconds between two lines that say the same of refused requests.
_QUIET = 1.0
_PRUNE_EVERY = 3600

_decoder = msgspec.json.Decoder(Any)


class Receiver:
    """Takes deliveries.

    Args:
        inbox: where they go.
        verifier: who may deliver.
        clock: says how old an event is.
        keep_days: events older than this are removed; None keeps all.
    """

    def __init__(
        self, inbox: Inbox, verifier: Verifier, clock: Clock, *, keep_days: int | None = None
    ) -> None:
        self._inbox = inbox
        self._verifier = verifier
        self._clock = clock
        self._keep_days = keep_days
        # The inbox belongs to one thread at a time, and waiting for the disk to no event loop.
        self._desk = CapacityLimiter(1)
        self._taken: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def application(self) -> Starlette:
        """The ASGI application: POST anywhere delivers, GET /health tells how it is."""
        return Starlette(
            routes=[
                Route("/health", self._health, methods=["GET"]),
                Route("/{path:path}", self._receive, methods=["POST"]),
            ],
            lifespan=self._lifespan,
        )

    async def _receive(self, request: Request) -> JSONResponse:
        try:
            with anyio.fail_after(_SLOWEST):
                body = await self._verified_body(request)
            is_test = await to_thread.run_sync(_is_test, body)
            put = partial(self._inbox.put, body, is_test=is_test)
            is_new = await to_thread.run_sync(put, limiter=self._desk)
        except Refusal as refusal:
            return self._refuse(refusal.status, refusal.reason)
        except TimeoutError:
            return self._refuse(408, f"whose body took longer than {_SLOWEST} s")
        except ClientDisconnect:
            return self._refuse(400, "that broke off")
        except InboxFault as fault:
            # Not an answer that lets Gong take the call for delivered.
            logger.error("A delivery is not taken: %s", fault)
            return JSONResponse({"error": "the inbox cannot be written"}, status_code=503)
        self._taken["repeated" if not is_new else "tests" if is_test else "new"] += 1
        return JSONResponse({"received": True})

    async def _verified_body(self, request: Request) -> bytes:
        """The body of a delivery of Gong's; nobody else's is held.

        Raises:
            Refusal: 401 or 413.
            ClientDisconnect: the sender is gone.
        """
        try:
            promised = self._verifier.check_sender(
                request.scope["path"],
                request.query_params.getlist("secret"),
                request.headers.get("authorization"),
            )
        except Refusal:
            await _drain(request)
            raise
        pieces: list[bytes] = []
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size <= MOST_BYTES:
                pieces.append(piece)
                continue
            # The rest passes by, so that the sender reads the answer.
            pieces.clear()
            if size > 2 * MOST_BYTES:
                break
        if size > MOST_BYTES:
            raise Refusal(413, f"larger than {MOST_BYTES} bytes")
        body = b"".join(pieces)
        self._verifier.check_body(promised, body)
        return body

    def _refuse(self, status: int, reason: str) -> JSONResponse:
        self._refused[reason] += 1
        now = time.monotonic()
        if now - self._told.get(reason, -_QUIET) >= _QUIET:
            self._told[reason] = now
            logger.warning("Refused a request %s; %d so far", reason, self._refused[reason])
        return JSONResponse({"error": "refused"}, status_code=status)

    async def _health(self, _: Request) -> JSONResponse:
        try:
            await to_thread.run_sync(self._inbox.check, limiter=self._desk)
        except InboxFault as fault:
            logger.error("%s", fault)
            return JSONResponse({"status": "the inbox cannot be written"}, status_code=503)
        return JSONResponse({"status": "ok"})

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            if self._keep_days is not None:
                tasks.start_soon(self._prune, self._keep_days)
            yield
            tasks.cancel_scope.cancel()
        self._inbox.close()
        logger.info("Stopped; %s", self)

    async def _prune(self, days: int) -> None:
        while True:
            until = self._clock.now().subtract(days=days)
            remove = partial(self._inbox.remove_before, until)
            try:
                removed = await to_thread.run_sync(remove, limiter=self._desk)
            except InboxFault as fault:
                logger.error("Old events are not removed: %s", fault)
            else:
                if removed:
                    logger.info("Removed %d events older than %d days", removed, days)
            await anyio.sleep(_PRUNE_EVERY)

    def __str__(self) -> str:
        taken = self._taken
        refused = ", ".join(f"{n} {reason}" for reason, n in self._refused.items())
        return (
            f"{taken['new']} events, {taken['tests']} tests and {taken['repeated']} repeated "
            f"deliveries taken; refused: {refused or 'none'}"
        )


async def _drain(request: Request) -> None:
    """Let a body that is not wanted pass by, so that its sender reads the answer."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            return


def _is_test(body: bytes) -> bool:
    """Whether a delivery was sent to try the rule out.

    Raises:
        Refusal: 400, it is no JSON object.
    """
    try:
        payload: Any = decoded(body, _decoder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise Refusal(400, "that is no JSON object")
    return payload.get("isTest") is True
