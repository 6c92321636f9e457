"""The few types that Gong's fields have."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

ID = th.StringType
TEXT = th.StringType
INSTANT = th.DateTimeType
SECONDS = th.NumberType
WHOLE_SECONDS = th.IntegerType
COUNT = th.IntegerType
FLAG = th.BooleanType
SCALAR = th.CustomType({"type": ["string", "number", "boolean", "null"]})
# A date, or an instant, as Gong writes it.
DAY = th.StringType
# Whatever JSON it may be.
ANYTHING = th.CustomType(
    {"type": ["string", "number", "boolean", "object", "array", "null"], "items": {}}
)
# An object with names that Gong does not fix.
OPEN = th.CustomType({"type": ["object", "null"], "additionalProperties": True})


def field(name: str, kind: Any, description: str) -> th.Property[Any]:
    """A field of a record."""
    return th.Property(name, kind, description=description)


def record(*fields: th.Property[Any]) -> dict[str, Any]:
    """The JSON schema of a stream's records."""
    return th.PropertiesList(*fields).to_dict()


def one(*fields: th.Property[Any]) -> th.ObjectType:
    """A nested object."""
    return th.ObjectType(*fields)


def many(*fields: th.Property[Any]) -> th.ArrayType[Any]:
    """A list of nested objects."""
    return th.ArrayType(th.ObjectType(*fields))


def listed(kind: Any) -> th.ArrayType[Any]:
    """A list of plain values."""
    return th.ArrayType(kind)
