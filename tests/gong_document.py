"""Gong's own OpenAPI document and recorded answers, where they are at hand.

They are not part of the project: `GONG_FACTS` names the folder they are in, by default the
`shared` folder beside the checkout. Tests that need them are skipped elsewhere.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

FACTS = Path(os.environ.get("GONG_FACTS", Path(__file__).parents[2] / "shared"))


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document, or a skip."""
    path = FACTS / "gong-openapi.json"
    if not path.exists():
        pytest.skip(f"Gong's OpenAPI document is not at {path}")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    schemas = found["components"]["schemas"]
    # Newer than the document, which knows what the id of a priority is.
    priority = schemas["Priority"]["properties"]["id"]
    schemas["UpdateReminderRequest"]["properties"].setdefault("priority", priority)
    return found


def recorded(name: str) -> list[dict[str, Any]]:
    """Recorded exchanges of an operation, or a skip."""
    path = FACTS / "recorded" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"No recorded answers at {path}")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def answer_schema(method: str, path: str) -> dict[str, Any]:
    """The schema of an operation's good answer, with references resolved."""
    responses = document()["paths"][path][method.lower()]["responses"]
    good = next(response for status, response in responses.items() if status.startswith("2"))
    (content,) = good["content"].values()
    schema: dict[str, Any] = resolved(content["schema"])
    return schema


def resolved(schema: Any) -> Any:
    """A schema without `$ref`."""
    if isinstance(schema, list):
        return [resolved(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {key: resolved(value) for key, value in schema.items()}


def leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Paths to the leaf fields of a resolved schema; list items add nothing to the path."""
    if "properties" in schema:
        return set().union(
            *(leaves(prop, (*path, name)) for name, prop in schema["properties"].items())
        )
    if "items" in schema:
        return leaves(schema["items"], path)
    return {path}
