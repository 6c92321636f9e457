"""A schema for records that nobody has declared, from some of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    ((float, Decimal), "number"),
    (str, "string"),
)


def inferred(rows: Iterable[Any], keys: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of an object that each row fits; what is always null may be text.

    Args:
        rows: some records.
        keys: fields that every record has, whether or not these do.
    """
    schema: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}
    merged = _of(list(rows))
    schema["properties"] = {**{key: _nullable({"string"}) for key in keys}}
    schema["properties"].update(merged.get("properties", {}))
    return schema


def _of(values: list[Any]) -> dict[str, Any]:
    """The schema of some values of one field."""
    types: set[str] = set()
    objects = [value for value in values if isinstance(value, dict)]
    lists = [value for value in values if isinstance(value, list)]
    for value in values:
        types.update(next(([name] for kind, name in _TYPES if isinstance(value, kind)), []))
    if "number" in types:
        types.discard("integer")
    if objects:
        types.add("object")
    if lists:
        types.add("array")
    schema = _nullable(types or {"string"})
    if objects:
        names = dict.fromkeys(name for value in objects for name in value)
        schema["properties"] = {name: _of([value.get(name) for value in objects]) for name in names}
        schema["additionalProperties"] = True
    if lists:
        schema["items"] = _of([item for value in lists for item in value])
    return schema


def _nullable(types: set[str]) -> dict[str, Any]:
    return {"type": [*sorted(types), "null"]}
