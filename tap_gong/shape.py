"""A record's last step before it is written: what is declared and selected goes out. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.singerlib import SelectionMask


@dataclass(frozen=True)
class _Node:
    """An object that a schema declares: its fields, and those of them that hold objects."""

    names: frozenset[str]
    nested: dict[str, _Node]


class Shape:
    """What a stream's records look like on their way out, compiled once.

    Attributes:
        unknown: paths of fields that came though the schema does not have them. At the top level
            they are left out, because targets make columns from the schema; nested ones pass.
        kept: unknown top-level fields pass too.
    """

    def __init__(
        self, schema: Mapping[str, Any], mask: SelectionMask, *, keeps_unknown: bool = False
    ) -> None:
        self.unknown: set[str] = set()
        self._keeps_unknown = keeps_unknown
        self._root = _node(schema) or _Node(frozenset(), {})
        self._deselected = _deselected(schema, mask, ())

    def of(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record without what is unknown or deselected; the record given stays as it is."""
        self._note_unknown([record], self._root, "")
        if not self._keeps_unknown and not record.keys() <= self._root.names:
            names = self._root.names
            record = {name: value for name, value in record.items() if name in names}
        return _without(record, self._deselected) if self._deselected else record

    def _note_unknown(self, values: list[Any], node: _Node, path: str) -> None:
        """Look at all that a record holds at one place at once: there may be thousands."""
        kinds = set(map(type, values))
        while list in kinds:
            lists = (v if type(v) is list else [v] for v in values)
            values = [*itertools.chain.from_iterable(lists)]
            kinds = set(map(type, values))
        objects = values if kinds == {dict} else [v for v in values if type(v) is dict]
        names = set().union(*objects)
        if not names <= node.names:
            self.unknown.update(path + name for name in names - node.names)
        for name, inner in node.nested.items():
            if name in names:
                parts = [part for v in objects if (part := v.get(name))]
                self._note_unknown(parts, inner, f"{path}{name}.")


def _node(schema: Mapping[str, Any]) -> _Node | None:
    """The declared object that a schema, or the items of its lists, hold; None if there is none."""
    if "items" in schema:
        return _node(schema["items"])
    properties = schema.get("properties")
    if not properties:
        return None
    nested = {name: node for name, prop in properties.items() if (node := _node(prop))}
    return _Node(frozenset(properties), nested)


def _deselected(
    schema: Mapping[str, Any], mask: SelectionMask, at: tuple[str, ...]
) -> dict[str, Any]:
    """What to leave out: field -> None for the whole of it, or the same of its own fields."""
    found: dict[str, Any] = {}
    for name, prop in schema.get("properties", {}).items():
        here = (*at, "properties", name)
        if not mask[here]:
            found[name] = None
        elif inner := _deselected(prop, mask, here):
            found[name] = inner
    return found


def _without(record: dict[str, Any], deselected: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in record.items():
        inner = deselected.get(name, ...)
        if inner is ...:
            kept[name] = value
        elif inner is not None:
            kept[name] = _without(value, inner) if isinstance(value, dict) else value
    return kept
