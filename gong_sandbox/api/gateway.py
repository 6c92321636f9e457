"""What every request passes before and after its handler: log, faults, quota, authentication."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from gong_sandbox.api.answers import Refusal, answer, refused
from gong_sandbox.api.cursors import expired
from gong_sandbox.api.filters import BAD_JSON
from gong_sandbox.api.limits import limited
from gong_sandbox.api.site import RequestLogEntry, Site

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.datastructures import QueryParams
    from starlette.types import Receive, Scope, Send

    from gong_sandbox.company import Company

Handler = Callable[["Call"], "dict[str, Any]"]
# What a handler gets as the body of a request, or the refusal of one that cannot be read.
Reader = Callable[[Request], Awaitable[Any]]

_STALL = 300
_HOURS = 4 * 3600


@dataclass
class Call:
    """A request as a handler sees it.

    Attributes:
        site: the sandbox.
        now: on its clock.
        query: of the URL.
        path_params: of the path.
        body: parsed JSON, None where there is none; of an upload, what is kept of the file.
        content_type: of the body, as the header says.
        status: of a good answer.
        made: what a write made or changed, in a few words.
        fault: that it meets.
    """

    site: Site
    now: datetime
    query: QueryParams
    path_params: dict[str, str]
    body: Any
    content_type: str
    status: int = 200
    made: str | None = None
    fault: str | None = None

    @property
    def company(self) -> Company:
        """The company that is asked about."""
        return self.site.company

    def needs_scope(self, scope: str) -> None:
        """Refuse credentials that were not granted a scope.

        Raises:
            Refusal: 401, as Gong does, naming it.
        """
        if scope in self.site.without_scopes:
            raise Refusal(401, f"You don't have permission to use '{scope}' in your app.")


class Operation:
    """An operation of the API as an ASGI endpoint.

    Args:
        handler: answers a `Call`.
        scope: what the credentials must be granted.
        read: takes the body in.
    """

    def __init__(self, handler: Handler, scope: str, read: Reader | None = None) -> None:
        self._handler = handler
        self._scope = scope
        self._read = read or read_json

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        began = time.monotonic()
        site: Site = request.app.state.site
        # Refused requests count too: the quota guards Gong's doors, not its data.
        too_many = site.quota.count(site.clock.now())
        try:
            body = await self._read(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        call = Call(
            site=site,
            now=site.clock.now(),
            query=request.query_params,
            path_params={name: str(value) for name, value in request.path_params.items()},
            body=body,
            content_type=request.headers.get("content-type", ""),
        )
        response = await self._respond(request, call, too_many)
        site.note(
            RequestLogEntry(
                method=request.method,
                path=request.url.path,
                query=dict(request.query_params),
                body=body if self._read is read_json and not isinstance(body, Refusal) else None,
                status=0 if isinstance(response, Broken) else response.status_code,
                at=site.clock.now(),
                made=call.made,
                took=time.monotonic() - began,
                fault=call.fault,
            )
        )
        return response

    async def _respond(self, request: Request, call: Call, too_many: Refusal | None) -> Response:
        site = call.site
        fault = site.faults.draw(request.url.path)
        if fault == "stall":
            await asyncio.sleep(_STALL)
        if site.latency:
            await asyncio.sleep(site.latency)
        try:
            if too_many:
                raise too_many
            authenticate(site, request.headers.get("authorization"))
            call.fault = fault
            if fault == "reset":
                return Broken(b"", 0)
            _refuse_at_once(fault)
            call.now = site.clock.now()
            # One at a time, beside the loop: arrivals are noted when they arrive, however long an
            # answer takes to make.
            response = await to_thread.run_sync(self._answer, call, limiter=site.desk)
        except Refusal as refusal:
            return Broken(b"", 0) if fault == "reset-after" else refused(refusal)
        return _spoiled(fault, response)

    def _answer(self, call: Call) -> Response:
        if isinstance(call.body, Refusal):
            raise call.body
        call.needs_scope(self._scope)
        call.company.settle(call.now)
        content = self._handler(call)
        return answer(content, call.status)


async def read_json(request: Request) -> Any:
    """The parsed body, None where there is none, or the refusal of one that is no JSON."""
    content = await request.body()
    body = _json(content)
    if request.method != "GET":
        kind = request.headers.get("content-type", "")
        if not kind.startswith("application/json"):
            return Refusal(415, "Unsupported Media Type")
        if body is None and content.strip() != b"null":
            return Refusal(400, BAD_JSON)
    return body


async def read_optional_json(request: Request) -> Any:
    """As `read_json`, but what is sent without a body need not be declared JSON."""
    return await read_json(request) if await request.body() else None


class Broken(Response):
    """An answer that breaks off: after nothing at all, or in the middle of its body."""

    def __init__(self, whole: bytes, sent: int) -> None:
        super().__init__(whole, media_type="application/json;charset=UTF-8")
        self._sent = sent

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send a part, then close the connection."""
        if self._sent:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            part = bytes(self.body)[: self._sent]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)
        # ASGI has no way to hang up; uvicorn's request cycle, whose method `receive` is, has.
        receive.__self__.transport.abort()  # type: ignore[attr-defined]


def authenticate(site: Site, header: str | None) -> None:
    """Check an `Authorization` header.

    Raises:
        Refusal: 401.
    """
    challenge = {"WWW-Authenticate": 'Basic realm="Gong.io API"'}
    if not header:
        raise Refusal(401, 'Missing mandatory header "Authorization"', headers=challenge)
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer" and site.tokens.is_good(value, site.clock.now()):
        return
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(value)
        except ValueError:
            given = b""
        if hmac.compare_digest(given, f"{site.access_key}:{site.access_key_secret}".encode()):
            return
    text = "Validate credentials failed. Please check your credentials and try again."
    raise Refusal(401, text, headers=challenge)


def _refuse_at_once(fault: str | None) -> None:
    """Faults that Gong itself puts into words."""
    if fault in {"429", "429-hours"}:
        raise limited(1 if fault == "429" else _HOURS)
    if fault == "expired-cursor":
        raise expired()
    if fault in {"500", "502", "503", "504", "522"}:
        raise Refusal(int(fault), "Internal server error occurred")


def _spoiled(fault: str | None, response: Response) -> Response:
    """Faults on the way back: the request has been dealt with."""
    body = bytes(response.body)
    if fault == "html":
        return HTMLResponse("<html><body>Checking your browser</body></html>")
    if fault == "no-list":
        return answer({})
    if fault == "truncated":
        return Broken(body, max(1, len(body) // 2))
    if fault == "reset-after":
        return Broken(body, 0)
    return response


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
