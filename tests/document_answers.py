"""Hypothesis strategies for what Gong's document allows as an answer, and a bit more than that."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

# A field that no document has.
UNHEARD_OF = "unheardOf"

_TIMES = re.compile(
    r"(date|time|created|updated|started|scheduled|posted|modified)$", re.IGNORECASE
)
_INSIDE = ["2026-06-10T10:00:00.123-07:00", "2026-06-10T10:00:00Z", "2026-06-10T12:00:00+05:30"]
_ODD_TEXTS = [
    "",
    " ",
    "null",
    "NaN",
    "0",
    "\u0000",
    "\u202e\u2066right to left",
    "👩‍👩‍👧‍👦",
    "e\u0301 é",
    "\ufeff",
    "\u2028\n\r\t",
    "\U0010ffff",
    "\\u0000",
    '"},{"a":"',
    "=HYPERLINK(1)",
    "x" * 3000,
]
# JSON can write no half of a pair; what arrives so is tested by itself.
TEXT = st.one_of(
    st.sampled_from(_ODD_TEXTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
INT64 = st.one_of(
    st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]),
    st.integers(-(2**63), 2**63 - 1),
)
INT32 = st.integers(-(2**31), 2**31 - 1)
HUGE = st.sampled_from([2**64, -(2**70), 10**40])
NUMBER = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12),
    st.sampled_from(
        [Decimal("0.1000000000000000055511151231257827"), Decimal("1E+40"), Decimal(0)]
    ),
    INT64,
)
_ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), INT64, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXT, inner, max_size=2)),
    max_leaves=3,
)


def values(
    schema: dict[str, Any],
    name: str = "",
    *,
    always: Callable[[tuple[str, ...]], bool] = lambda _: False,
    path: tuple[str, ...] = (),
    rows: int = 2,
) -> st.SearchStrategy[Any]:
    """JSON that a resolved schema allows, with null and absence throughout.

    Args:
        schema: of the document, without `$ref`.
        name: of the field that it is of.
        always: which fields, by their path, are there and not null.
        path: of the field.
        rows: most items of a list.
    """
    if "properties" in schema:
        return _objects(schema, always, path, rows)
    if schema.get("type") == "array":
        inner = values(schema["items"], name, always=always, path=path, rows=rows)
        return st.lists(inner, max_size=rows)
    if isinstance(schema.get("additionalProperties"), dict):
        inner = values(schema["additionalProperties"], name, always=always, path=path, rows=rows)
        return st.dictionaries(TEXT, inner, max_size=rows)
    return _scalars(schema, name)


def _objects(
    schema: dict[str, Any],
    always: Callable[[tuple[str, ...]], bool],
    path: tuple[str, ...],
    rows: int,
) -> st.SearchStrategy[dict[str, Any]]:
    there: dict[str, st.SearchStrategy[Any]] = {}
    perhaps: dict[str, st.SearchStrategy[Any]] = {}
    for name, prop in schema["properties"].items():
        here = (*path, name)
        inner = values(prop, name, always=always, path=here, rows=rows)
        if always(here):
            there[name] = inner
        else:
            perhaps[name] = st.one_of(inner, st.none())
    perhaps[UNHEARD_OF] = _ANYTHING
    return st.fixed_dictionaries(there, optional=perhaps)


def _scalars(schema: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    kind = schema.get("type", "string")
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        if schema.get("format") == "int32":
            return INT32
        return INT64 if schema.get("format") == "int64" else st.one_of(INT64, HUGE)
    if kind == "number":
        return NUMBER
    if kind == "object":
        return st.dictionaries(TEXT, _ANYTHING, max_size=2)
    if schema.get("format") == "date-time":
        return st.sampled_from(_INSIDE)
    if _TIMES.search(name):
        return st.one_of(st.sampled_from(_INSIDE), TEXT)
    # Enums are open: Gong adds to them.
    return st.one_of(st.sampled_from([*schema.get("enum", []), "NEVER_SEEN"]), TEXT)
