"""Cursors: signed tokens that say where the next page starts and when the chain ends.

A chain lives one hour from its first page; later pages do not renew it (API: cursors).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gong_sandbox.api.answers import Refusal

LIFETIME = timedelta(hours=1)
_KEY = b"a sandbox has no secrets"
_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=").decode()


class Cursor(msgspec.Struct, frozen=True, rename="camel"):
    """What a cursor holds.

    Attributes:
        exp: epoch seconds at which the chain ends.
        total: `totalRecords` of the first page, repeated on all.
        page_number: of the page it leads to.
        after: sort key of the last row served.
    """

    exp: float
    total: int
    page_number: int
    after: list[Any]

    def token(self) -> str:
        """The signed text."""
        body = base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()
        return f"{_HEADER}.{body}.{_sign(f'{_HEADER}.{body}')}"


def read(token: str, now: datetime) -> Cursor:
    """The cursor in a token.

    Raises:
        Refusal: 400, it has expired or is not one of ours.
    """
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(signed).encode(), signature.encode()):
        raise Refusal(400, "cursor is invalid")
    body = signed.partition(".")[2]
    padded = body + "=" * (-len(body) % 4)
    cursor = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Cursor)
    if now.timestamp() >= cursor.exp:
        raise expired()
    return cursor


def expired() -> Refusal:
    """The refusal of a cursor whose hour is over; Gong's status for it is not documented."""
    return Refusal(400, "The provided cursor has expired")


def _sign(text: str) -> str:
    digest = hmac.new(_KEY, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
