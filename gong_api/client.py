"""The one HTTP path to Gong: every request of tap and target goes through `GongClient.request`.

limiter -> authentication -> connection pool -> answer or exception, tried again by the one retry
policy.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter

from gong_api.auth import OAuth
from gong_api.decoding import decoded
from gong_api.errors import (
    HTML,
    BadCredentials,
    MissingList,
    NotSent,
    SettingsError,
    Unreachable,
    breaks_off,
    media_type,
    refusal,
)
from gong_api.hosts import StayingSession, redirected, unusable_certificates
from gong_api.operation import Page, Sheet
from gong_api.retries import (
    Transient,
    is_transient,
    transient_answer,
    transient_connection,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests.auth import AuthBase

    from gong_api.clock import Clock
    from gong_api.limiter import RequestLimiter
    from gong_api.operation import Operation
    from gong_api.retries import RetryPolicy

logger = logging.getLogger("gong_api")

# Ids beyond 2^53 and amounts keep their exact value: integers are unbounded, fractions decimal.
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_skimmer = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder(decimal_format="number")

# An answer without a body, and how much of a list tells it from the next one.
_NOTHING = b"{}"
_BEGINNING = 4096

_T = TypeVar("_T")


@dataclass(frozen=True)
class Content:
    """What a request carries.

    Attributes:
        data: bytes, or an iterable of them that knows its length.
        kind: the media type.
    """

    data: Any
    kind: str


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut queries, which may hold an e-mail address, from what urllib3 tells of requests."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args
        )
    return True


class RepeatedPage(Unreachable):
    """Gong answered with a page that was just read: an endless loop."""


class GongClient:
    """A connection to one company.

    Args:
        base_url: scheme and host, without a trailing slash.
        auth: signs each request.
        limiter: paces all requests of the process.
        retries: the retry policy.
        clock: tells the time.
        timeout: seconds, to connect and between bytes.
        user_agent: how we introduce ourselves.
        follows_token: use the host that an OAuth token answer names instead of `base_url`.
        connections: how many threads may send at once.
        hides_persons: errors tell Gong's words without e-mail addresses and phone numbers.
    """

    def __init__(
        self,
        *,
        base_url: str,
        auth: AuthBase,
        limiter: RequestLimiter,
        retries: RetryPolicy,
        clock: Clock,
        timeout: float,
        user_agent: str,
        follows_token: bool = False,
        connections: int = 1,
        hides_persons: bool = False,
    ) -> None:
        self._follows_token = follows_token
        self.base_url = base_url
        self.limiter = limiter
        self.retries = retries
        self.clock = clock
        self._auth = auth
        # Adding it again changes nothing.
        logging.getLogger("urllib3.connectionpool").addFilter(_without_queries)
        self._timeout = timeout
        self._session = StayingSession()
        self._session.mount(base_url, HTTPAdapter(pool_maxsize=connections))
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
        # Credentials come from the settings alone, never from ~/.netrc.
        self._session.auth = auth
        self._met = False
        self._hides_persons = hides_persons

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        content: Callable[[], Content] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """Send a request and return Gong's answer.

        Args:
            method: HTTP verb.
            path: below the host.
            params: of the query string.
            body: sent as JSON when not None.
            content: makes the content of each try anew, in place of `body`.
            headers: beside ours.
            repeatable: sending it twice does the same as sending it once.

        Raises:
            Refused: Gong refused it (see `gong_api.errors`).
            InDoubt: it is not repeatable and its answer was lost.
            ServerFault: Gong failed on every try.
            Unreachable: there was no answer, or not one of Gong's.
            LimitReached: the quota is used up; stop and run again later.
        """
        if content is None and body is not None:
            encoded = _encoded(body)

            def content() -> Content:
                return encoded

        def attempt() -> dict[str, Any]:
            response = self._attempt(method, path, params, content() if content else None, headers)
            return self._read(response, _decode)

        return self._answer(attempt, repeatable=repeatable)

    def _answer(self, attempt: Callable[[], _T], *, repeatable: bool = True) -> _T:
        auth = self._auth
        if not isinstance(auth, OAuth):
            return self.retries.call(attempt, repeatable=repeatable)
        try:
            return self.retries.call(attempt, repeatable=repeatable)
        except BadCredentials:
            # The token may have been revoked or outlived; a fresh one gets one chance.
            if not auth.renew_refused():
                raise
            return self.retries.call(attempt, repeatable=repeatable)

    def pages(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[Page]:
        """Read a list, page after page.

        The cursor goes where Gong looks for it: into the query of a GET, into the top level of a
        POST's body; everything else is repeated unchanged (API: cursors and paging).

        Args:
            operation: what to call.
            path: values for the path's placeholders.
            params: of the query string.
            body: of a POST.

        Raises:
            RepeatedPage: a page came back twice, or with the cursor that led to it.
            GongError: as `request`.
        """
        for sheet in self.sheets(operation, path=path, params=params, body=body):
            yield read_sheet(sheet)

    def sheets(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[Sheet]:
        """The same pages as they arrive, known to be JSON but not yet read."""
        places = {name: quote(value, safe="") for name, value in (path or {}).items()}
        url = operation.path.format_map(places)
        is_get = operation.method == "GET"
        cursor: str | None = None
        previous: bytes | None = None
        seen: set[str] = set()
        while True:
            turn = {"cursor": cursor} if cursor else {}
            asked = {**(params or {}), **turn} if is_get else params
            content = None if is_get else _encoded({**(body or {}), **turn})

            def attempt(
                asked: Mapping[str, Any] | None = asked, content: Content | None = content
            ) -> Sheet:
                response = self._attempt(operation.method, url, asked, content, None)
                return self._read(response, functools.partial(_skim, operation))

            sheet = self._answer(attempt)
            is_repeated = cursor and sheet.begins != b"[]" and sheet.begins == previous
            if sheet.cursor in seen or is_repeated:
                msg = f"{operation} answers with the same page again and again; stopped"
                raise RepeatedPage(msg)
            yield sheet
            cursor, previous = sheet.cursor, sheet.begins
            if not cursor:
                return
            seen.add(cursor)

    def close(self) -> None:
        """Give the pooled connections back; an OAuth token that is being renewed is waited for."""
        if isinstance(self._auth, OAuth):
            self._auth.close()
        self._session.close()

    def _attempt(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        content: Content | None,
        headers: Mapping[str, str] | None,
    ) -> requests.Response:
        if not path.startswith("/"):
            # It would be the end of the host's name.
            msg = f"the path {path!r} must begin with a slash"
            raise SettingsError(msg)
        kind = {} if content is None else {"Content-Type": content.kind}
        url = self._base_url() + path
        prepared = self._session.prepare_request(
            requests.Request(
                method,
                url,
                params=params,
                data=None if content is None else content.data,
                headers={**(headers or {}), **kind},
            )
        )
        self.limiter.take()
        # Of the environment: proxies, and the certificates of a company that has its own.
        environment = self._session.merge_environment_settings(url, {}, None, None, None)
        try:
            # A redirect to another host would lose the credentials or leak them.
            response = self._session.send(
                prepared, timeout=self._timeout, allow_redirects=False, **environment
            )
        except requests.RequestException as error:
            raise self._unless_stranger(transient_connection(error, self._host)) from error
        except OSError as error:
            raise SettingsError(unusable_certificates(error)) from error
        if is_transient(response.status_code):
            raise transient_answer(response, self.clock)
        if response.is_redirect:
            raise NotSent(redirected(response, "api_url"))
        if response.status_code >= 400:
            if breaks_off(response):
                # Its words are lost, and they tell an empty window from a wrong path.
                msg = f"{_said(response)} that breaks off"
                raise Transient(Unreachable(msg), never_arrived=True)
            raise refusal(response, hides_persons=self._hides_persons)
        return response

    def _read(self, response: requests.Response, read: Callable[[requests.Response], _T]) -> _T:
        try:
            answer = read(response)
        except Transient as failure:
            raise self._unless_stranger(failure) from failure.__cause__
        self._met = True
        return answer

    def _base_url(self) -> str:
        """The host: with OAuth, a token answer may have named the company's own."""
        if not isinstance(self._auth, OAuth):
            return self.base_url
        self._auth.renew_if_due()
        named = self._auth.api_base_url if self._follows_token else ""
        return named or self.base_url

    @property
    def _host(self) -> str:
        return urlsplit(self.base_url).netloc

    def _unless_stranger(self, failure: Transient) -> Exception:
        """A host that never answered like Gong is a wrong setting, not a passing fault."""
        return failure if self._met or not failure.looks_permanent else failure.outcome


def _encoded(body: Any) -> Content:
    return Content(_encoder.encode(body), "application/json")


def _decode(response: requests.Response) -> dict[str, Any]:
    """The whole answer."""
    return _parsed(response, _decoder)


def _parsed(
    response: requests.Response, decoder: msgspec.json.Decoder[dict[str, Any]]
) -> dict[str, Any]:
    try:
        return decoded(_NOTHING if response.status_code == 204 else response.content, decoder)
    except msgspec.ValidationError as error:
        msg = f"{urlsplit(response.url).netloc} answered JSON that is not Gong's; check api_url"
        raise Unreachable(msg) from error
    except RecursionError as error:
        msg = f"{urlsplit(response.url).netloc} answered JSON that is nested too deep to be read"
        raise Unreachable(msg) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{_said(response)} that is not JSON; check api_url"
        raise Transient(Unreachable(msg), looks_permanent=media_type(response) == HTML) from error


def _said(response: requests.Response) -> str:
    host = urlsplit(response.url).netloc
    return f"{host} answered {response.status_code} with {media_type(response)}"


class _Paging(msgspec.Struct):
    """The member `records` of an answer."""

    cursor: Any = None
    totalRecords: Any = None  # noqa: N815


_paging_decoder = msgspec.json.Decoder(_Paging)


def _paging(operation: Operation, member: msgspec.Raw | None) -> tuple[int | None, str | None]:
    """How many rows there are in all, and the cursor of the next page.

    Raises:
        MissingList: the cursor is none.
    """
    try:
        told = _Paging() if member is None else _paging_decoder.decode(member)
    except msgspec.ValidationError:
        # What else may be there says nothing of pages.
        told = _Paging()
    if told.cursor is not None and not isinstance(told.cursor, str):
        msg = f"{operation} answered with a cursor that is no text; the pages behind it are missing"
        raise MissingList(msg)
    total = told.totalRecords
    return (total if type(total) is int else None), told.cursor or None


def _skim(operation: Operation, response: requests.Response) -> Sheet:
    """What the answer of a list says of itself; that it is JSON is certain then."""
    members = _parsed(response, _skimmer)
    total, cursor = _paging(operation, members.get("records"))
    rows = members.get(operation.records.partition(".")[0], b"")
    return Sheet(
        operation,
        response.content or _NOTHING,
        total=total,
        cursor=cursor,
        begins=bytes(memoryview(rows)[:_BEGINNING]),
    )


def read_sheet(sheet: Sheet) -> Page:
    """The page that a sheet holds.

    Raises:
        MissingList: its list is not there.
        Unreachable: it is none of Gong's.
    """
    operation = sheet.operation
    try:
        answer = decoded(sheet.content, _decoder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{operation} answered text that cannot be read: {error}; check api_url"
        raise Unreachable(msg) from error
    records: Any = answer
    for name in operation.records.split("."):
        records = records.get(name, ...) if isinstance(records, dict) else ...
    if records is ...:
        records = answer.get(operation.documented, ...)
    if records is not None and not isinstance(records, list):
        if "requestId" in answer:
            msg = f"{operation} answered without its list of {operation.records}; not in this Gong?"
            raise MissingList(msg)
        msg = f"{operation} answered without its list of {operation.records}; check api_url"
        raise Unreachable(msg)
    if records and not all(type(row) is dict for row in records):
        msg = f"{operation} answered a list of {operation.records} with rows that are no objects"
        raise MissingList(msg)
    return Page(records=records or [], total=sheet.total, cursor=sheet.cursor, answer=answer)
