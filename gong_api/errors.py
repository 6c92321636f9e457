"""What can go wrong with Gong, as exceptions whose text is meant for the user.

GongError
├── SettingsError        a setting is missing, malformed or unsafe; nothing was sent
├── Unreachable          no usable answer after every try (name, connection, time-out, garbage)
│   ├── NotSent          the request was never made: a redirect, no OAuth token
│   └── MissingList      an answer of Gong's that is not the one this operation gives
├── Refused              Gong answered with an error that trying again does not change
│   ├── BadCredentials   401: the key, the token or the host is wrong
│   ├── MissingScope     401/403: the credentials lack a scope (`.scope` when Gong names it)
│   ├── NothingFound     404: no row matches the filters; an empty window, not a fault
│   ├── CursorExpired    4xx: a cursor chain took longer than its hour
│   └── NotFound         404: an unknown id or path
├── ServerFault          5xx on every try
├── InDoubt              a write whose answer was lost and that must not be sent twice
└── LimitReached         stop cleanly and run again later (`.seconds` to wait, when known)

Each is one line that says what happened, why, and what to do. No message holds a secret or an
answer's body: only Gong's own `errors` texts and its request id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from gong_api.contact_details import hidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

_SCOPE = re.compile(r"permission to use '(?P<scope>[^']+)'")
_NOTHING_FOUND = re.compile(r"\bno\b.*\bfound\b.*provided filters", re.IGNORECASE)
_CURSOR_EXPIRED = re.compile(r"cursor has expired", re.IGNORECASE)
_MOST_TEXT = 500
HTML = "text/html"
_URL = re.compile(
    r"""(?P<scheme>\b[\w+.-]+://)(?:[^\s/?#'"]*@)?(?P<rest>[^\s?'"]*)(?P<query>\?[^\s'"]*)?"""
)


class GongError(Exception):
    """Base of everything this package raises on purpose.

    Attributes:
        concerns_operation: whether it is one operation that fails, so that others may still do.
        never_arrived: Gong cannot have acted on the request, since it did not get it or refused it.
    """

    concerns_operation: bool = False
    never_arrived: bool = False


class SettingsError(GongError):
    """A setting is missing, malformed or unsafe."""

    never_arrived = True


class Unreachable(GongError):
    """Gong could not be reached, or what answered is not Gong."""


class NotSent(Unreachable):
    """What should come before a request, or lead it to Gong, failed."""

    never_arrived = True


class MissingList(Unreachable):
    """Gong answered, but not with the list that the operation is about."""

    concerns_operation = True


class ServerFault(GongError):
    """Gong failed on every try."""


class InDoubt(GongError):
    """Gong may have done what was asked for, or not; asking again could do it twice."""


class LimitReached(GongError):
    """The quota is used up: what was done is kept, the rest is for the next run.

    Attributes:
        seconds: how long Gong asks to wait, None when it is our own budget that ended.
    """

    never_arrived = True

    def __init__(self, message: str, *, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Refused(GongError):
    """Gong refused a request.

    Attributes:
        status: HTTP status.
        texts: the strings of Gong's `errors` list, possibly empty.
        request_id: Gong's id of the request, for its support.
    """

    never_arrived = True

    def __init__(self, message: str, *, status: int, texts: list[str], request_id: str) -> None:
        super().__init__(message)
        self.status = status
        self.texts = texts
        self.request_id = request_id
        # What is not in Gong's envelope comes from something else that answers in its place.
        self.concerns_operation = bool(texts or request_id)


class BadCredentials(Refused):
    """The credentials are wrong, or right for another host."""

    def __init__(self, message: str, *, status: int, texts: list[str], request_id: str) -> None:
        super().__init__(message, status=status, texts=texts, request_id=request_id)
        self.concerns_operation = False


class MissingScope(Refused):
    """The credentials are good but not for this operation."""

    scope: str | None = None


class NothingFound(Refused):
    """No row matches the filters."""


class CursorExpired(Refused):
    """The chain of pages took longer than a cursor lives."""


class NotFound(Refused):
    """The id or the path is unknown."""


def masked(text: str) -> str:
    """A text whose URLs show neither user nor query, where passwords and signatures are."""
    return _URL.sub(lambda url: f"{url['scheme']}{url['rest']}{'?…' if url['query'] else ''}", text)


def refusal(response: requests.Response, *, hides_persons: bool = False) -> Refused:
    """Turn a 4xx answer into the exception that fits it (API: error envelope, gong status table).

    Args:
        response: the answer.
        hides_persons: Gong's words are told without e-mail addresses and phone numbers.

    The envelope is `{"requestId": str, "errors": [str, ...]}`; anything else, a proxy's page
    for instance, yields no texts.
    """
    answer = _object(response)
    texts, request_id = _envelope(answer or {})
    text = masked("; ".join(texts)[:_MOST_TEXT])
    kind = _kind(response.status_code, text, is_gongs=answer is not None)
    where = f"{response.request.method} {_path(response)}"
    who = "Gong" if answer is not None else urlsplit(response.url).netloc
    said = f"{who} answered {response.status_code} to {where}: {text or response.reason}"
    scope = _SCOPE.search(text)
    shown = _shown_to_users(answer or {})
    if answer is None:
        media = media_type(response)
        shown = f"That is {media} and none of Gong's answers; does a proxy or a firewall send it?"
    advice = {
        BadCredentials: (
            "Check access_key and access_key_secret (or the OAuth settings), and api_url: a "
            "company's key may work only on its own host, which Gong shows under Company "
            "settings > API"
        ),
        MissingScope: (
            f"Grant the scope {scope['scope']} to the app and reconnect"
            if scope
            else "The key's owner, or the company's licence, does not cover this operation"
        ),
        NotFound: "Check the id, and api_url",
    }.get(kind, "" if answer is not None else "Check api_url, the network and any proxy")
    message = ". ".join(part.rstrip(".") for part in (said, shown, advice) if part)
    message = message.replace("?. ", "? ")
    if hides_persons:
        message = hidden(message)
    if request_id:
        message = f"{message} (Gong request {request_id})"
    error = kind(message, status=response.status_code, texts=texts, request_id=request_id)
    if isinstance(error, MissingScope) and scope:
        error.scope = scope["scope"]
    return error


def media_type(response: requests.Response) -> str:
    """What an answer says that it is."""
    return response.headers.get("Content-Type", "no content type").partition(";")[0].strip()


def breaks_off(response: requests.Response) -> bool:
    """Whether an answer says that it is JSON, and is not: its end is missing."""
    if media_type(response) != "application/json" or not response.content:
        return False
    try:
        msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return False


def _kind(status: int, text: str, *, is_gongs: bool) -> type[Refused]:
    """The leaf for a status and Gong's text; a missing scope is a 401 with a telling text."""
    if _CURSOR_EXPIRED.search(text):
        return CursorExpired
    if status == 404:
        return NothingFound if _NOTHING_FOUND.search(text) else NotFound
    if (status in {402, 403} and is_gongs) or (status == 401 and _SCOPE.search(text)):
        return MissingScope
    return BadCredentials if status == 401 else Refused


def _object(response: requests.Response) -> dict[str, Any] | None:
    """The answer, None where it is no JSON object: then it is not Gong that answers."""
    try:
        answer: Any = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return answer if isinstance(answer, dict) else None


def _envelope(answer: Mapping[str, Any]) -> tuple[list[str], str]:
    errors = answer.get("errors")
    texts = [str(text) for text in errors] if isinstance(errors, list) else []
    return texts, str(answer.get("requestId") or "")


def _shown_to_users(answer: Mapping[str, Any]) -> str:
    """What meetings say beside the errors: words for the user, and where to mend it."""
    where = answer.get("fixUrl") or answer.get("helpUrl")
    parts = (answer.get("userFacingError"), f"See {where}" if where else None)
    return ". ".join(str(part).rstrip(".") for part in parts if part)


def _path(response: requests.Response) -> str:
    """The path without its query, which may hold an e-mail address or a phone number."""
    return (response.request.path_url or "").partition("?")[0]
