"""A record's last step before it is written: what is declared and selected goes out. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_gong.nested import Misshapen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.singerlib import SelectionMask


@dataclass(frozen=True)
class _Node:
    """An object or a list that a schema declares.

    Attributes:
        names: of the object's fields, or of those of the list's objects; None where none are fixed.
        nested: those fields that hold objects or lists.
        kinds: what may be there.
    """

    names: frozenset[str] | None
    nested: dict[str, _Node]
    kinds: frozenset[type]


_OBJECT: frozenset[type] = frozenset({dict, type(None)})
_LIST: frozenset[type] = frozenset({list, type(None)})
_NESTED = _OBJECT | _LIST
_NOTHING = _Node(None, {}, _OBJECT)


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
        self._root = _node({**schema, "type": ["object"]}) or _NOTHING
        self._deselected = _deselected(schema, mask, ())

    def of(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record without what is unknown or deselected; the record given stays as it is.

        Raises:
            Misshapen: a field holds a single value for a list or an object, or one for the other.
        """
        self._note_unknown([record], self._root, "")
        names = self._root.names or frozenset()
        if not self._keeps_unknown and not record.keys() <= names:
            record = {name: value for name, value in record.items() if name in names}
        return _without(record, self._deselected) if self._deselected else record

    def _note_unknown(self, values: list[Any], node: _Node, path: str) -> None:
        """Look at all that a record holds at one place at once: there may be thousands."""
        kinds = set(map(type, values))
        if not kinds <= node.kinds:
            odd = next(value for value in values if type(value) not in node.kinds)
            raise Misshapen(path[:-1], odd, "a list" if list in node.kinds else "an object")
        while list in kinds:
            lists = (v if type(v) is list else [v] for v in values)
            values = [*itertools.chain.from_iterable(lists)]
            kinds = set(map(type, values))
        if kinds - _NESTED:
            if node.nested:
                odd = next(value for value in values if type(value) not in _NESTED)
                raise Misshapen(path[:-1], odd, "a list of objects")
            return
        objects = values if kinds == {dict} else [v for v in values if type(v) is dict]
        names = set().union(*objects)
        if node.names is not None and not names <= node.names:
            self.unknown.update(path + name for name in names - node.names)
        for name, inner in node.nested.items():
            if name in names:
                parts = [part for v in objects if (part := v.get(name))]
                self._note_unknown(parts, inner, f"{path}{name}.")


def _node(schema: Mapping[str, Any]) -> _Node | None:
    """What a schema declares to be nested; None where it may be a single value."""
    given = schema.get("type", ["object"] if "properties" in schema else ())
    types = {given} if isinstance(given, str) else set(given)
    if "string" in types or not types & {"array", "object"}:
        return None
    if "array" in types:
        inner = _node(schema.get("items", {})) or _NOTHING
        return _Node(inner.names, inner.nested, _LIST)
    properties = schema.get("properties") or {}
    nested = {name: node for name, prop in properties.items() if (node := _node(prop))}
    return _Node(frozenset(properties) or None, nested, _OBJECT)


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
