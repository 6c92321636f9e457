"""What an answer nests, taken out of it by its form: nothing is passed over because it is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_api.errors import GongError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


class Misshapen(GongError):
    """An answer holds something of another form than the API has; never says what."""

    concerns_operation = True

    def __init__(self, name: str, value: Any, wanted: str) -> None:
        found = _NAMES.get(type(value), "a number")
        super().__init__(
            f"Gong sent {found} as {name}, where {wanted} belongs; nothing of it is left out, so "
            "run again when Gong or this package has changed"
        )


def object_in(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object that a field holds; empty where it is null or missing.

    Raises:
        Misshapen: it holds something else.
    """
    value = holder.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Misshapen(name, value, "an object")
    return value


def list_in(holder: Mapping[str, Any], name: str) -> list[Any]:
    """The list that a field holds; empty where it is null or missing.

    Raises:
        Misshapen: it holds something else.
    """
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Misshapen(name, value, "a list")
    return value


def objects_in(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of the list that a field holds, which may have nulls in it.

    Raises:
        Misshapen: it holds something else.
    """
    found = [item for item in list_in(holder, name) if item is not None]
    for item in found:
        if not isinstance(item, dict):
            raise Misshapen(name, item, "a list of objects")
    return found


def plain_in(holder: Mapping[str, Any], name: str) -> Any:
    """The text, number or flag that a field holds; None where it is missing.

    Raises:
        Misshapen: it holds a list or an object.
    """
    value = holder.get(name)
    if isinstance(value, (dict, list)):
        raise Misshapen(name, value, "a single value")
    return value


def text_in(holder: Mapping[str, Any], name: str) -> str | None:
    """The text that a field holds, a number or a flag as text; None where it is missing.

    Raises:
        Misshapen: it holds a list or an object.
    """
    value = plain_in(holder, name)
    return value if value is None or isinstance(value, str) else str(value)
