"""Signing requests: an access key pair, or OAuth 2.0 with refresh tokens that rotate.

Gong's refresh tokens work once. The newest one is therefore on disk before the access token that
came with it is used, only one process at a time may spend it, and an exchange that has begun is
waited for, whatever ends the run meanwhile (API: OAuth 2.0).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from gong_api.errors import GongError, InDoubt, NotSent, SettingsError
from gong_api.hosts import StayingSession, checked_url, is_gongs, redirected, unusable_certificates
from gong_api.retries import Transient, transient_answer, transient_connection
from gong_api.token_file import TokenFile, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from gong_api.clock import Clock
    from gong_api.retries import RetryPolicy

_T = TypeVar("_T")

logger = logging.getLogger("gong_api")

# Seconds: how long before its end a token is renewed, what Gong's live, and the longest believed.
_MARGIN = 120.0
_LIFETIME = 86_400.0
_LONGEST = 30 * 86_400.0
_TIMEOUT = 60.0
# Where waiting keeps a signal out, it is noticed within so many seconds.
_GLANCE = 0.5
_MOST_TEXT = 300
_SETTING = "oauth_token_url"
# By these the token endpoint says that it did nothing.
_UNDONE = {429, 503}
_WRONG_CLIENT = {"invalid_client", "unauthorized_client"}

_RECONNECT = (
    "connect the app in Gong anew and set the refresh_token that it gives. A refresh token works "
    "once: each tap, target and machine needs the same oauth_token_path, or a connection of its own"
)


class OAuth(AuthBase):
    """Signs requests with a bearer token that it keeps fresh.

    Args:
        token_url: Gong's token endpoint.
        client_id: of the integration.
        client_secret: of the integration.
        refresh_token: from the settings; the file's newer one is preferred.
        access_token: from the settings, used until Gong refuses it.
        file: where rotated tokens live.
        clock: tells when a token expires.
        retries: for what the token endpoint did not get, or did not do.
        user_agent: sent to the token endpoint.

    Raises:
        SettingsError: the file cannot be read.
    """

    def __init__(
        self,
        *,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        access_token: str,
        file: TokenFile,
        clock: Clock,
        retries: RetryPolicy,
        user_agent: str,
    ) -> None:
        self._token_url = token_url
        self._client = HTTPBasicAuth(client_id, client_secret)
        self._secrets = (client_secret, refresh_token)
        self._file = file
        self._clock = clock
        self._retries = retries
        self._user_agent = user_agent
        self._configured = Tokens(
            configured=hashlib.sha256(refresh_token.encode()).hexdigest(),
            refresh_token=refresh_token,
            access_token=access_token,
            renew_at=math.inf if access_token else 0.0,
        )
        self._tokens = self._stored() or self._configured
        # What this thread's last request was signed with.
        self._signed = threading.local()
        # A token that was given in place of a refused one; if it is refused too, so is any other.
        self._replacement: str | None = None
        self._unsaved: Tokens | None = None
        self._exchange: _Unbroken[Tokens] | None = None

    @property
    def api_base_url(self) -> str:
        """The company's own host when a token answer named it, else an empty string."""
        return self._named_host(self._tokens)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the `Authorization` header."""
        token = self._tokens.access_token
        self._signed.token = token
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def renew_if_due(self) -> None:
        """Renew the access token when it is about to end.

        Raises:
            SettingsError: Gong no longer accepts the refresh token, or the file cannot be written.
            NotSent: the token endpoint gave no answer, or none with tokens.
            LimitReached: it asks to wait for long.
        """
        tokens = self._tokens
        if self._is_due(tokens):
            self._renew(tokens.access_token)

    def renew_refused(self) -> bool:
        """Renew the access token that Gong refused to this thread's last request.

        Returns:
            Whether there is another one to try; no, if the refused one is such another.

        Raises:
            GongError: as `renew_if_due`.
        """
        refused = self._signed.token
        if refused == self._replacement:
            return False
        self._renew(refused)
        self._replacement = self._tokens.access_token
        return True

    def close(self) -> None:
        """Wait for an exchange that a thread has begun, and save what could not be saved."""
        if self._exchange is not None:
            self._exchange.finish(is_last=True)
        if self._unsaved is not None:
            with contextlib.suppress(GongError), self._file.locked():
                self._keep(self._unsaved)

    def _is_due(self, tokens: Tokens) -> bool:
        return self._clock.now().timestamp() >= tokens.renew_at

    def _renew(self, useless: str) -> None:
        """Have another access token than one, unless another thread or process already has it."""
        try:
            self._retries.call(lambda: self._renewed(useless), repeatable=False)
        except InDoubt as error:
            msg = (
                f"{str(error.__context__ or error).rstrip('.')}; the refresh token may be spent. "
                f"Run again, it is tried once more; if it is refused then, {_RECONNECT}"
            )
            raise NotSent(msg) from error

    def _renewed(self, useless: str) -> None:
        with self._file.locked():
            self._file.recover()
            stored = self._unsaved or self._stored()
            known = stored or self._configured
            if stored and stored.access_token != useless and not self._is_due(stored):
                self._tokens = stored
                return
            was_interrupted = self._file.was_interrupted
            self._file.reserve()
            self._exchange = _Unbroken(lambda: self._exchanged(known, was_interrupted))
            self._tokens = self._exchange.result()

    def _exchanged(self, known: Tokens, was_interrupted: bool) -> Tokens:
        """Spend a refresh token and keep what comes for it."""
        try:
            tokens = self._spend(known, was_interrupted)
        except (Transient, GongError) as error:
            # Where the token may be spent, the room that is left says so to the next run.
            if error.never_arrived and not was_interrupted:
                self._file.release()
            raise
        self._keep(tokens)
        return tokens

    def _keep(self, tokens: Tokens) -> None:
        """Put tokens on disk; where that fails, say so and go on with them."""
        try:
            self._file.keep(tokens)
        except OSError as error:
            self._unsaved = tokens
            reason = f"oauth_token_path {self._file.path} cannot be written: {error.strerror}"
            try:
                place = self._file.keep_elsewhere(tokens)
            except OSError as other:
                logger.critical(
                    "%s, nor can another folder (%s). The new OAuth token is in memory alone: make "
                    "room before this run ends, which tries again; else %s",
                    reason,
                    other.strerror,
                    _RECONNECT,
                )
            else:
                logger.critical(
                    "%s. The new OAuth token is in %s: move that file to oauth_token_path before "
                    "the next run, or the old token is refused",
                    reason,
                    place,
                )
        else:
            self._unsaved = None

    def _spend(self, known: Tokens, was_interrupted: bool) -> Tokens:
        """What Gong gives for a refresh token. Sent once: the answer to it may be the only one."""
        try:
            with StayingSession() as session:
                response = session.post(
                    self._token_url,
                    data={"grant_type": "refresh_token", "refresh_token": known.refresh_token},
                    auth=self._client,
                    headers={"User-Agent": self._user_agent, "Accept": "application/json"},
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            host = urlsplit(self._token_url).netloc
            failure = transient_connection(error, host, setting=_SETTING)
            if failure.looks_permanent and known is self._configured:
                # A host that never gave a token is a wrong setting, not a passing fault.
                raise NotSent(str(failure.outcome)) from error
            raise failure from error
        except OSError as error:
            raise SettingsError(unusable_certificates(error)) from error
        status = response.status_code
        if status == 429 or status >= 500:
            raise self._failed(response)
        if response.is_redirect:
            raise NotSent(redirected(response, _SETTING))
        if status >= 400:
            raise SettingsError(self._refused(response, was_interrupted))
        return self._given(response, known)

    def _failed(self, response: requests.Response) -> Transient:
        failure = transient_answer(response, self._clock)
        failure.never_arrived = response.status_code in _UNDONE
        return failure

    def _given(self, response: requests.Response, known: Tokens) -> Tokens:
        """The tokens of an answer; whatever else is odd about it, none of them is thrown away."""
        answer = _object(response)
        renewed = _text(answer.get("refresh_token")) or known.refresh_token
        access = _text(answer.get("access_token"))
        if not access:
            if renewed != known.refresh_token:
                self._keep(Tokens(known.configured, renewed, api_base_url=known.api_base_url))
            kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
            msg = (
                f"Gong's token endpoint answered {response.status_code} with {kind} that has no "
                f"access token; check {_SETTING} and any proxy"
            )
            raise Transient(NotSent(msg))
        lifetime = _lifetime(answer.get("expires_in"))
        tokens = Tokens(
            configured=self._configured.configured,
            refresh_token=renewed,
            access_token=access,
            renew_at=self._clock.now().timestamp() + lifetime - min(_MARGIN, lifetime / 2),
            api_base_url=_text(answer.get("api_base_url_for_customer")) or known.api_base_url,
        )
        host = self._named_host(tokens)
        if tokens.api_base_url and not host:
            logger.warning(
                "Gong's token answer names a host that is not Gong's (%r); it is not used. If it "
                "is right, set api_url to it",
                tokens.api_base_url[:_MOST_TEXT],
            )
        return tokens

    def _named_host(self, tokens: Tokens) -> str:
        """The host that comes with tokens, where it may have them; else an empty string."""
        try:
            host = checked_url(tokens.api_base_url)
        except SettingsError:
            return ""
        return host if is_gongs(host, self._token_url) else ""

    def _refused(self, response: requests.Response, was_interrupted: bool) -> str:
        """Why the token endpoint refused, in the OAuth envelope's words, and what to do."""
        answer = _object(response)
        error = _text(answer.get("error"))
        said = _text(answer.get("error_description")) or error or response.reason
        for secret in (*self._secrets, self._tokens.refresh_token):
            said = said.replace(secret, "…")
        said = " ".join(said.split())[:_MOST_TEXT].rstrip(".")
        refused = f"Gong refused to renew the OAuth token ({response.status_code}: {said})"
        if error in _WRONG_CLIENT or (response.status_code == 401 and error != "invalid_grant"):
            return f"{refused}. Check client_id and client_secret; no token was spent"
        if response.status_code not in {400, 403}:
            return f"{refused}. Check {_SETTING}; no token was spent"
        killed = (
            "An earlier run ended before it had Gong's answer, and the new token was lost with it: "
            if was_interrupted
            else "The refresh token is spent or revoked: "
        )
        return f"{refused}. {killed}{_RECONNECT}"

    def _stored(self) -> Tokens | None:
        """The file's tokens of this connection."""
        return self._file.read(self._configured.configured)


class _Unbroken(Generic[_T]):
    """Work in a thread of its own, whose end is waited for: here, and before the process ends.

    Args:
        work: to be done; it begins when its result is first asked for.
    """

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._outcome: Future[_T] = Future()
        # Not a daemon: where the thread that waits is one, the process still waits for this.
        self._thread = threading.Thread(target=self._run, name="gong-oauth", daemon=False)
        self._is_wanted = self._is_started = False

    def result(self) -> _T:
        """What the work returns.

        Raises:
            BaseException: what it raised; or what a signal raised meanwhile, once it is done.
        """
        self._is_wanted = True
        self.finish()
        return self._outcome.result()

    def finish(self, *, is_last: bool = False) -> None:
        """Wait for the end of work that has begun.

        Args:
            is_last: nothing else is waited for any more.

        Raises:
            BaseException: what a signal raised meanwhile.
        """
        interruption: BaseException | None = None
        is_news = is_last
        while self._is_wanted and not self._outcome.done():
            try:
                if not self._is_started:
                    self._is_started = True
                    self._thread.start()
                if is_news:
                    is_news = False
                    logger.warning("Waiting for a new OAuth token; ending now would lose it")
                wait([self._outcome], _GLANCE)
                if interruption and self._thread.ident is None:
                    break
            except BaseException as stop:  # noqa: BLE001
                # Raised below: the answer must not be lost. Nothing more is done here, since a
                # second signal would get out.
                interruption = interruption or stop
                is_news = True
        if interruption:
            raise interruption

    def _run(self) -> None:
        try:
            self._outcome.set_result(self._work())
        except BaseException as error:  # noqa: BLE001
            # Raised where the result is asked for.
            self._outcome.set_exception(error)


def _object(response: requests.Response) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _lifetime(told: Any) -> float:
    """Seconds that a token lives; what cannot be is taken for Gong's usual day."""
    try:
        seconds = float(told)
    except (TypeError, ValueError, OverflowError):
        return _LIFETIME
    return min(seconds, _LONGEST) if seconds > 0 else _LIFETIME
