"""What the CSV files of target-csv hold, against what the tap wrote."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pendulum

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def read_csv(path: Path) -> list[dict[str, str]]:
    """A file's rows."""
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_same(
    found: Iterable[dict[str, str]], rows: Iterable[dict[str, Any]], stream: str
) -> None:
    """Every cell says what its record says, row by row."""
    for cells, row in zip(found, rows, strict=True):
        for name, value in flat(row, cells).items():
            wanted = as_text(value)
            text = cells[name]
            assert (from_text(text, wanted) if text else "") == wanted, (stream, name)


def as_text(value: Any) -> Any:
    """A value as the CSV files have it, so that it can be told from the text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.loads(json.dumps(value, default=float))


def flat(row: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    """A record with the objects in it spread over columns, as the file has them."""
    spread = {}
    for name, value in row.items():
        if name in cells or not isinstance(value, dict):
            spread[name] = value
        else:
            spread.update({f"{name}__{part}": inner for part, inner in value.items()})
    return spread


def from_text(text: str, value: Any) -> Any:
    """What a CSV cell says, read as what it should be."""
    if isinstance(value, bool):
        return {"True": True, "False": False, "true": True, "false": False}[text]
    if isinstance(value, (int, float)):
        return float(text)
    if isinstance(value, str):
        # The loader parses instants and writes them with a blank.
        is_instant = text != value and text.replace(" ", "T", 1)[:16] == value[:16]
        return value if is_instant and pendulum.parse(text) == pendulum.parse(value) else text
    return json.loads(text)
