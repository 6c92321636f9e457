"""The OAuth 2.0 token endpoint: refresh tokens work once, access tokens for a day."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

LIFETIME = 86_400
_SCOPE = "api:calls:read:basic api:calls:read:extensive api:calls:read:transcript api:users:read"


@dataclass
class TokenIssuer:
    """Issues and checks tokens.

    Attributes:
        client_id: of the one registered app.
        client_secret: of the one registered app.
        refresh_token: the one the app starts with.
    """

    client_id: str = "sandbox-app"
    client_secret: str = "sandbox-app-secret"  # noqa: S105
    refresh_token: str = "sandbox-refresh-token"  # noqa: S105
    _unspent: set[str] = field(default_factory=set)
    _access: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._unspent.add(self.refresh_token)

    def is_good(self, access_token: str, now: datetime) -> bool:
        """Whether an access token is one of ours and still good."""
        return self._access.get(access_token, 0) > now.timestamp()

    def spend(self, refresh_token: str, now: datetime) -> dict[str, object] | None:
        """New tokens for a refresh token; None where it was spent or never issued."""
        with self._lock:
            if refresh_token not in self._unspent:
                return None
            self._unspent.remove(refresh_token)
            return self._issue(now)

    def authorize(self, now: datetime) -> dict[str, object]:
        """Tokens for a person who has just connected the app."""
        with self._lock:
            return self._issue(now)

    def _issue(self, now: datetime) -> dict[str, object]:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._access[access] = now.timestamp() + LIFETIME
        self._unspent.add(refresh)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": LIFETIME,
            "scope": _SCOPE,
            "token_type": "bearer",
        }


async def token(request: Request) -> Response:
    """POST /oauth2/generate-customer-token: parameters in the query or as a form."""
    site = request.app.state.site
    issuer: TokenIssuer = site.tokens
    if _client(request) != (issuer.client_id, issuer.client_secret):
        return _error(401, "invalid_client", "Client authentication failed")
    given = dict(request.query_params)
    if "form" in request.headers.get("content-type", ""):
        form = (await request.body()).decode(errors="replace")
        given |= dict(_pairs(form))
    now = site.clock.now()
    if given.get("grant_type") == "authorization_code" and given.get("code"):
        tokens: dict[str, object] | None = issuer.authorize(now)
    elif given.get("grant_type") == "refresh_token":
        tokens = issuer.spend(given.get("refresh_token", ""), now)
    else:
        return _error(400, "unsupported_grant_type", "Unsupported grant type")
    if tokens is None:
        return _error(400, "invalid_grant", "Token has been expired or revoked.")
    return _json(200, {**tokens, "api_base_url_for_customer": site.url})


def _pairs(form: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl  # noqa: PLC0415

    return parse_qsl(form)


def _client(request: Request) -> tuple[str, str] | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None
    return name, secret


def _error(status: int, error: str, description: str) -> Response:
    return _json(status, {"error": error, "error_description": description})


def _json(status: int, content: dict[str, object]) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
