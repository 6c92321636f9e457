"""Ids as text: Gong's document has some as int64, and sends most of those as text after all."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def text_conversion(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Compile a schema into a function that makes text of numbers where the schema says text.

    Objects and lists are changed in place and returned.
    """
    return _conversion(schema) or _unchanged


def _conversion(schema: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """As `text_conversion`; None where there is nothing to do."""
    if "string" in schema.get("type", ()) and "number" not in schema["type"]:
        return _number_to_text
    if "properties" in schema:
        parts = {
            name: convert
            for name, prop in schema["properties"].items()
            if (convert := _conversion(prop))
        }
        return _in_object(parts) if parts else None
    if "items" in schema:
        convert = _conversion(schema["items"])
        return _in_list(convert) if convert else None
    return None


def _unchanged(value: Any) -> Any:
    return value


def _number_to_text(value: Any) -> Any:
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return str(value) if is_number else value


def _in_object(parts: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            for name, part in parts.items():
                if name in value:
                    value[name] = part(value[name])
        return value

    return convert


def _in_list(part: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, list):
            value[:] = [part(item) for item in value]
        return value

    return convert
