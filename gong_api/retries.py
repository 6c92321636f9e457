"""The one retry policy: which failures are tried again, and how long to wait between.

Tried again: 429, every 5xx (Gong's and those of the network in front of it), connections that fail
or break, truncated answers. Never: any other 4xx, which would only be refused again (API: errors,
retry policy).
"""

from __future__ import annotations

import email.utils
import logging
import random
from dataclasses import dataclass
from datetime import timezone
from typing import TYPE_CHECKING, Any, TypeVar

import backoff
import requests

from gong_api.errors import GongError, InDoubt, LimitReached, ServerFault, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gong_api.clock import Clock

_T = TypeVar("_T")

logger = logging.getLogger("gong_api")

_LONGEST_GUESS = 60.0
# Nobody means a wait of more than a year.
_LONGEST_WAIT = 366 * 24 * 3600.0
# How OpenSSL names an answer that is none of TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")

# What urllib3 says of a connection, in our words, and whether a wrong host would look the same.
_SIGNS = (
    (
        "ReadTimeoutError",
        "it fell silent in the middle of its answer, longer than request_timeout",
        False,
    ),
    ("NameResolution", "the host name could not be resolved", True),
    ("gaierror", "the host name could not be resolved", True),
    ("Connection refused", "the connection was refused", True),
    ("WinError 10061", "the connection was refused", True),
)


class Transient(Exception):
    """A try that failed in a way that may pass; its text is about this try alone.

    Attributes:
        outcome: the exception for the user when no try is left.
        retry_after: seconds that Gong asks to wait, None when it does not say.
        never_arrived: Gong cannot have acted on it.
        looks_permanent: a mistyped host fails like this too.
    """

    def __init__(
        self,
        outcome: GongError,
        *,
        what: str | None = None,
        retry_after: float | None = None,
        never_arrived: bool = False,
        looks_permanent: bool = False,
    ) -> None:
        super().__init__(what or str(outcome))
        self.outcome = outcome
        outcome.never_arrived = never_arrived
        self.retry_after = retry_after
        self.never_arrived = never_arrived
        self.looks_permanent = looks_permanent


@dataclass
class RetryPolicy:
    """How often and how patiently to try again.

    Attributes:
        max_retries: tries after the first.
        max_wait: seconds; a longer `Retry-After` ends the run instead.
        clock: waits are slept on it.
        retries: tries again so far.
        waited: seconds waited for them.
    """

    max_retries: int
    max_wait: float
    clock: Clock
    retries: int = 0
    waited: float = 0.0

    def call(self, attempt: Callable[[], _T], *, repeatable: bool = True) -> _T:
        """Run `attempt` until it returns.

        Args:
            attempt: one try.
            repeatable: doing twice what it does is the same as doing it once.

        Raises:
            LimitReached: Gong asks to wait longer than `max_wait`.
            InDoubt: it is not repeatable, and Gong may have acted on a try that failed.
            GongError: the outcome of the last try; `never_arrived` speaks of all tries.
        """
        may_have_arrived = False

        def tried() -> _T:
            nonlocal may_have_arrived
            try:
                return attempt()
            except Transient as failure:
                may_have_arrived |= not failure.never_arrived
                failure.outcome.never_arrived = not may_have_arrived
                raise
            except GongError as error:
                error.never_arrived = error.never_arrived and not may_have_arrived
                raise

        def pause(details: Mapping[str, Any]) -> None:
            try:
                self._pause(details["exception"], details["tries"])
            except GongError as error:
                error.never_arrived = not may_have_arrived
                raise

        def gives_up(failure: Exception) -> bool:
            return not repeatable and not (isinstance(failure, Transient) and failure.never_arrived)

        # backoff decides whether to try again; the wait goes through our clock, hence interval=0.
        decorated = backoff.on_exception(
            backoff.constant,
            Transient,
            interval=0,
            jitter=None,
            max_tries=self.max_retries + 1,
            giveup=gives_up,
            on_backoff=pause,
            logger=None,
        )(tried)
        try:
            return decorated()
        except Transient as last:
            if gives_up(last):
                msg = f"{last}. Gong may or may not have done it"
                raise InDoubt(msg) from last.__cause__
            raise last.outcome from last.__cause__

    def _pause(self, failure: Transient, tries: int) -> None:
        seconds = failure.retry_after
        if seconds is None:
            seconds = min(2.0 ** (tries - 1), _LONGEST_GUESS) * random.uniform(0.5, 1)  # noqa: S311
        if seconds > self.max_wait:
            # Rounded up: whoever comes back at that second is not sent away once more.
            end = (self.clock.now().add(seconds=seconds + 1)).start_of("second")
            msg = (
                f"Gong asks to wait {seconds:.0f} s, longer than max_retry_wait "
                f"({self.max_wait:.0f} s); what was done is kept, run again after "
                f"{end.to_iso8601_string()}"
            )
            raise LimitReached(msg, seconds=seconds) from failure
        logger.warning("%s; trying again in %.1f s (try %d)", failure, seconds, tries + 1)
        self.retries += 1
        self.waited += seconds
        self.clock.sleep(seconds)


def is_transient(status: int) -> bool:
    """Whether an answer's status says that trying again may help."""
    return status == 429 or status >= 500


def transient_answer(response: requests.Response, clock: Clock) -> Transient:
    """The failure behind an answer that `is_transient`."""
    what = f"Gong answered {response.status_code} to {response.request.method} {response.url}"
    what = what.partition("?")[0]
    is_refused = response.status_code == 429
    if is_refused:
        outcome: GongError = LimitReached(
            f"{what} on every try: the company's request quota is used up by others too; "
            "lower requests_per_second or run later"
        )
    else:
        outcome = ServerFault(f"{what} on every try; run again later, or ask Gong's support")
    return Transient(
        outcome,
        what=what,
        retry_after=_retry_after(response, clock),
        never_arrived=is_refused,
    )


def transient_connection(
    error: requests.RequestException, host: str, *, setting: str = "api_url"
) -> Transient:
    """The failure behind a connection that could not be made, broke, or fell silent."""
    reason, looks_permanent = _plain_reason(error)
    msg = f"No answer from {host}: {reason}. Check {setting}, the network and any proxy"
    return Transient(
        Unreachable(msg),
        never_arrived=looks_permanent or isinstance(error, requests.exceptions.ConnectTimeout),
        looks_permanent=looks_permanent,
    )


def _plain_reason(error: requests.RequestException) -> tuple[str, bool]:
    """What happened, without the URL and object addresses that urllib3 puts in its texts.

    Returns:
        The reason, and whether a wrong host would look the same.
    """
    if isinstance(error, requests.exceptions.SSLError):
        return _tls_reason(error)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "the connection timed out", False
    if isinstance(error, requests.exceptions.Timeout):
        return "it stayed silent longer than request_timeout", False
    text = repr(error)
    for sign, reason, looks_permanent in _SIGNS:
        if sign in text:
            return reason, looks_permanent
    return "the connection broke", False


def _tls_reason(error: requests.exceptions.SSLError) -> tuple[str, bool]:
    text = repr(error).upper().replace(" ", "_")
    if "CERTIFICATE" in text:
        return "its TLS certificate could not be verified", True
    if any(sign in text for sign in _NO_TLS):
        return "it does not speak TLS; is it plain http, or another port", True
    return "the TLS connection broke", False


def _retry_after(response: requests.Response, clock: Clock) -> float | None:
    """Seconds of `Retry-After`: Gong sends an integer, a proxy may send a date.

    None where it names no wait: nothing, nonsense, 0 or what is past by our clock. Trying at once,
    again and again, would use up the tries and help nobody.
    """
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, clock)
    return seconds if 0 < seconds <= _LONGEST_WAIT else None


def _until(date: str, clock: Clock) -> float:
    """Seconds until an HTTP date, 0 for what is none."""
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        # One of the old forms, which name no zone; all HTTP dates are in UTC (RFC 9110).
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - clock.now()).total_seconds()
