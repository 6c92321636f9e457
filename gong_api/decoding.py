"""JSON as Gong sends it, in answers and in what automation rules post."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

_T = TypeVar("_T")

# Escapes of JSON: those that stand, and half of a character alone, as a text cut in two has it.
_ESCAPE = re.compile(
    rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\[^u]|\\u(?![dD][89a-fA-F]))|\\u[dD][89a-fA-F].."
)


def decoded(content: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    """What some JSON holds; half of a character, which no UTF-8 has, becomes the sign for that.

    Raises:
        msgspec.DecodeError: it is no JSON, or not what the decoder is for.
    """
    try:
        return decoder.decode(content)
    except msgspec.DecodeError:
        mended = _ESCAPE.sub(lambda escape: escape[1] or rb"\ufffd", content)
        if mended == content:
            raise
        return decoder.decode(mended)
