"""How Gong answers: the envelope, its errors, and request ids."""

from __future__ import annotations

import random
import string
from typing import Any

import msgspec
from starlette.responses import Response

_ALPHABET = string.digits + string.ascii_lowercase
_ids = random.SystemRandom()
NO_CALLS = "No calls found corresponding to the provided filters"


class Refusal(Exception):
    """An error answer.

    Args:
        status: HTTP status.
        texts: of the `errors` list.
        headers: beside the usual ones.
        more: members beside the list.
    """

    def __init__(
        self,
        status: int,
        *texts: str,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(*texts)
        self.status = status
        self.texts = texts
        self.headers = headers or {}
        self.more = more or {}


def new_request_id() -> str:
    """19 characters of lower-case base 36, as Gong's are."""
    return "".join(_ids.choices(_ALPHABET, k=19))


def answer(
    content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON answer with its request id, in the body and in `x-traceid`."""
    request_id = new_request_id()
    return Response(
        msgspec.json.encode({"requestId": request_id, **content}),
        status_code=status,
        headers={"x-traceid": request_id, **(headers or {})},
        media_type="application/json;charset=UTF-8",
    )


def refused(refusal: Refusal) -> Response:
    """The answer for a refusal."""
    content = {"errors": list(refusal.texts), **refusal.more}
    return answer(content, refusal.status, refusal.headers)
