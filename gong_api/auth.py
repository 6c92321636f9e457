"""Signing requests: an access key pair, or OAuth 2.0 with refresh tokens that rotate.

Gong's refresh tokens work once. The newest one is therefore on disk before the access token that
came with it is used, and only one process at a time may spend it (API: OAuth 2.0).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from gong_api.errors import NotSent, SettingsError

if TYPE_CHECKING:
    from gong_api.clock import Clock

_EXPIRY_MARGIN = 120.0
_REFRESH_TIMEOUT = 60.0


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the token file holds.

    Attributes:
        configured: SHA-256 of the settings' refresh token that this chain began with, so that a
            newly configured token (a reconnection) wins over the file.
        expires_at: epoch seconds.
        api_base_url: the company's own host, as the token answer names it.
    """

    configured: str
    refresh_token: str
    access_token: str = ""
    expires_at: float = 0.0
    api_base_url: str = ""


class _TokenAnswer(msgspec.Struct):
    """What the token endpoint answers, as far as it is needed."""

    access_token: str
    refresh_token: str
    expires_in: float | None = None
    api_base_url_for_customer: str | None = None


class OAuth(AuthBase):
    """Signs requests with a bearer token that it keeps fresh.

    Args:
        token_url: Gong's token endpoint.
        client_id: of the integration.
        client_secret: of the integration.
        refresh_token: from the settings; the file's newer one is preferred.
        access_token: from the settings, used until Gong refuses it.
        path: where rotated tokens live (mode 0600).
        clock: tells when a token expires.
        user_agent: sent to the token endpoint.
    """

    def __init__(
        self,
        *,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        access_token: str,
        path: Path,
        clock: Clock,
        user_agent: str,
    ) -> None:
        self._token_url = token_url
        self._client = HTTPBasicAuth(client_id, client_secret)
        self._path = path
        self._clock = clock
        self._user_agent = user_agent
        self._configured = Tokens(
            configured=hashlib.sha256(refresh_token.encode()).hexdigest(),
            refresh_token=refresh_token,
            access_token=access_token,
            expires_at=float("inf") if access_token else 0.0,
        )
        self._tokens = self._stored() or self._configured

    @property
    def api_base_url(self) -> str:
        """The company's own host when a token answer named it, else an empty string."""
        return self._tokens.api_base_url

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the `Authorization` header."""
        request.headers["Authorization"] = f"Bearer {self._tokens.access_token}"
        return request

    def renew_if_due(self) -> None:
        """Refresh the access token when it is about to end.

        Raises:
            GongError: as `refresh`.
        """
        token = self._tokens
        if self._clock.now().timestamp() >= token.expires_at - _EXPIRY_MARGIN:
            self.refresh(token.access_token)

    @property
    def access_token(self) -> str:
        """The token in use."""
        return self._tokens.access_token

    def refresh(self, refused: str) -> None:
        """Replace the access token in use, unless another thread or process already has.

        Args:
            refused: the token that is of no use any more.

        Raises:
            SettingsError: Gong no longer accepts the refresh token, or the file cannot be written.
            NotSent: the token endpoint did not answer; the token may or may not be spent.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self._path}.lock", timeout=2 * _REFRESH_TIMEOUT):
                stored = self._stored()
                if stored and stored.access_token and stored.access_token != refused:
                    self._tokens = stored
                    return
                self._tokens = self._exchange((stored or self._configured).refresh_token)
                self._store(self._tokens)
        except filelock.Timeout as error:
            msg = f"Another process has been renewing the OAuth token for long; is {error} stale?"
            raise NotSent(msg) from error
        except OSError as error:
            msg = f"oauth_token_path {self._path} cannot be written: {error.strerror}"
            raise SettingsError(msg) from error

    def _exchange(self, refresh_token: str) -> Tokens:
        """Spend a refresh token. Sent once: a repeat could spend a token that already worked."""
        try:
            response = requests.post(
                self._token_url,
                data={"grant_type": "refresh_token", "refresh_token": refresh_token},
                auth=self._client,
                headers={"User-Agent": self._user_agent},
                timeout=_REFRESH_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            msg = (
                "Gong's token endpoint did not answer, so the refresh token may be spent. "
                "Run again; if that is refused too, reconnect the app and set refresh_token anew"
            )
            raise NotSent(msg) from error
        if response.status_code in {400, 401, 403}:
            raise SettingsError(_refused_exchange(response))
        try:
            response.raise_for_status()
            answer = msgspec.json.decode(response.content, type=_TokenAnswer)
        except (requests.HTTPError, msgspec.DecodeError) as error:
            msg = (
                f"Gong's token endpoint answered {response.status_code} without tokens; run again. "
                "If the refresh token is refused then, reconnect the app"
            )
            raise NotSent(msg) from error
        return Tokens(
            configured=self._configured.configured,
            refresh_token=answer.refresh_token,
            access_token=answer.access_token,
            expires_at=self._clock.now().timestamp() + (answer.expires_in or 86400),
            api_base_url=(answer.api_base_url_for_customer or "").rstrip("/"),
        )

    def _stored(self) -> Tokens | None:
        """The file's tokens, unless the settings have been reconnected since."""
        try:
            tokens = msgspec.json.decode(self._path.read_bytes(), type=Tokens)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, OSError) as error:
            msg = f"The token file {self._path} cannot be read ({error}); delete it and reconnect"
            raise SettingsError(msg) from error
        return tokens if tokens.configured == self._configured.configured else None

    def _store(self, tokens: Tokens) -> None:
        """Replace the file in one step, readable by its owner alone."""
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(tokens))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise


def _refused_exchange(response: requests.Response) -> str:
    """Why the token endpoint refused, in the OAuth envelope's words."""
    try:
        answer = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    reason = answer.get("error_description") or answer.get("error") or response.reason
    return (
        f"Gong refused to renew the OAuth token ({response.status_code}: {reason}). "
        "Check client_id and client_secret; if they are right, reconnect the app and set the new "
        "refresh_token"
    )
