"""What is posted to the company: the shapes of bodies, and what is missing from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


class Posted(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An object of a body; keys that nobody knows are ignored, those left out are None.

    Attributes:
        REQUIRED: what must be there and not empty.
    """

    REQUIRED: ClassVar[frozenset[str]] = frozenset()


def missing(value: Any, at: str = "") -> Iterator[str]:
    """The paths of what is required and not there, in the order of the fields."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from missing(item, f"{at}[{index}]")
    elif isinstance(value, msgspec.Struct):
        required: frozenset[str] = getattr(value, "REQUIRED", frozenset())
        for field in msgspec.structs.fields(value):
            inner = getattr(value, field.name)
            path = f"{at}.{field.encode_name}" if at else field.encode_name
            if (inner is None or inner == "") and field.name in required:
                yield path
            yield from missing(inner, path)
