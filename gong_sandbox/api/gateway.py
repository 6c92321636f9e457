"""What every request passes before and after its handler: log, faults, quota, authentication."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import HTMLResponse, Response

from gong_sandbox.api.answers import Refusal, answer, refused
from gong_sandbox.api.cursors import expired
from gong_sandbox.api.filters import BAD_JSON
from gong_sandbox.api.limits import limited
from gong_sandbox.api.site import RequestLogEntry, Site

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from gong_sandbox.company import Company

Handler = Callable[["Call"], "dict[str, Any]"]

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
        body: parsed JSON, None where there is none.
    """

    site: Site
    now: datetime
    query: dict[str, str]
    path_params: dict[str, str]
    body: Any

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
    """

    def __init__(self, handler: Handler, scope: str) -> None:
        self._handler = handler
        self._scope = scope

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        site: Site = request.app.state.site
        content = await request.body()
        body = _json(content)
        response = await self._respond(site, request, content, body)
        status = 0 if isinstance(response, Broken) else response.status_code
        query = dict(request.query_params)
        site.note(
            RequestLogEntry(request.method, request.url.path, query, body, status, site.clock.now())
        )
        return response

    async def _respond(self, site: Site, request: Request, content: bytes, body: Any) -> Response:
        fault = site.faults.draw(request.url.path)
        if fault == "stall":
            await asyncio.sleep(_STALL)
        if site.latency:
            await asyncio.sleep(site.latency)
        try:
            # Refused requests count too: the quota guards Gong's doors, not its data.
            site.quota.count(site.clock.now())
            authenticate(site, request.headers.get("authorization"))
            _refuse_at_once(fault)
            response = answer(self._answer(site, request, content, body))
        except Refusal as refusal:
            return refused(refusal)
        return _spoiled(fault, response)

    def _answer(self, site: Site, request: Request, content: bytes, body: Any) -> dict[str, Any]:
        if request.method != "GET":
            kind = request.headers.get("content-type", "")
            if not kind.startswith("application/json"):
                raise Refusal(415, "Unsupported Media Type")
            if body is None and content.strip() != b"null":
                raise Refusal(400, BAD_JSON)
        call = Call(
            site=site,
            now=site.clock.now(),
            query=dict(request.query_params),
            path_params={name: str(value) for name, value in request.path_params.items()},
            body=body,
        )
        call.needs_scope(self._scope)
        return self._handler(call)


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
    if fault == "reset":
        return Broken(body, 0)
    return response


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
