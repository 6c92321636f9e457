"""Reading what a request asks for, and refusing what makes no sense, in Gong's words."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pendulum

from gong_sandbox.api.answers import Refusal
from gong_sandbox.company.posted import missing

if TYPE_CHECKING:
    from collections.abc import Mapping

_Body = TypeVar("_Body")
BAD_JSON = "Json parse error, verify Json format matches the API description."
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def posted(body: Any, kind: type[_Body]) -> _Body:
    """A body as a structure, with everything in it that must be there.

    Raises:
        Refusal: 400, with one text for each thing that is missing.
    """
    try:
        found = msgspec.convert(body, kind)
    except msgspec.ValidationError:
        raise Refusal(400, BAD_JSON) from None
    faults = [f"{path}: must not be null" for path in missing(found)]
    if faults:
        raise Refusal(400, *faults)
    return found


def filter_of(body: Any) -> dict[str, Any]:
    """The mandatory `filter` of a POST body.

    Raises:
        Refusal: 400.
    """
    if not isinstance(body, dict):
        raise Refusal(400, BAD_JSON)
    chosen = body.get("filter")
    if chosen is None:
        raise Refusal(400, "filter: must not be null")
    if not isinstance(chosen, dict):
        raise Refusal(400, BAD_JSON)
    return chosen


def part(given: dict[str, Any], name: str) -> dict[str, Any]:
    """An object within an object, empty where not given.

    Raises:
        Refusal: 400, it is no object.
    """
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(400, BAD_JSON)
    return value


def time_range(
    given: dict[str, Any], first: str, last: str, *, prefix: str = ""
) -> tuple[datetime | None, datetime | None]:
    """Two ISO-8601 date-times, None where not given.

    Raises:
        Refusal: 400, one is malformed or they are out of order.
    """
    start, end = (_instant(given.get(name), prefix + name) for name in (first, last))
    if start and end and start >= end:
        raise Refusal(400, f"{prefix}{first}: must be before {last}")
    return start, end


def day(given: dict[str, Any], name: str) -> date | None:
    """A date, YYYY-MM-DD, None where not given.

    Raises:
        Refusal: 400, it is malformed.
    """
    value = given.get(name)
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise Refusal(400, f"filter.{name}: must be a date of the form YYYY-MM-DD") from None


def required_day(given: dict[str, Any], name: str) -> date:
    """A date, YYYY-MM-DD, that must be there.

    Raises:
        Refusal: 400, it is missing or malformed.
    """
    found = day(given, name)
    if found is None:
        raise Refusal(400, f"filter.{name}: must not be null")
    return found


def ids(given: dict[str, Any], name: str, *, prefix: str = "filter.") -> set[str] | None:
    """A list of ids, None where not given or empty.

    Raises:
        Refusal: 400, it is not a list of texts, or one of them is no id.
    """
    value = given.get(name)
    if not value:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refusal(400, BAD_JSON)
    if not all(item.isdigit() and len(item) <= 20 for item in value):
        raise Refusal(400, f"{prefix}{name}: must hold ids of up to 20 digits")
    return set(value)


def choice(given: dict[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    """One of a closed set of words.

    Raises:
        Refusal: 400.
    """
    value = given.get(name)
    if value is None:
        return default
    if value not in allowed:
        raise Refusal(400, BAD_JSON)
    return str(value)


def required(given: Mapping[str, Any], name: str, *, prefix: str = "") -> str:
    """A text that must be there.

    Raises:
        Refusal: 400, it is missing, empty or no text.
    """
    value = given.get(name)
    if value is None or value == "":
        raise Refusal(400, f"{prefix}{name}: must not be null")
    if not isinstance(value, str):
        raise Refusal(400, BAD_JSON)
    return value


def email(given: Mapping[str, Any], name: str) -> str:
    """An address that must be there.

    Raises:
        Refusal: 400, it is missing or no address.
    """
    value = required(given, name)
    check_email(value)
    return value


def check_email(text: str | None) -> None:
    """Refuse a text that is no address; what was left out is none either way.

    Raises:
        Refusal: 400.
    """
    if text is not None and not _EMAIL.fullmatch(text):
        raise Refusal(400, f"{text} is not a valid email address")


def texts(body: Any, name: str) -> list[str]:
    """A list of texts in a body that must be there.

    Raises:
        Refusal: 400, it is missing or no such list.
    """
    if not isinstance(body, dict):
        raise Refusal(400, BAD_JSON)
    value = body.get(name)
    if value is None:
        raise Refusal(400, f"{name}: must not be null")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refusal(400, BAD_JSON)
    return value


def choices(given: dict[str, Any], name: str, allowed: tuple[str, ...]) -> set[str]:
    """Some of a closed set of words, at least one.

    Raises:
        Refusal: 400.
    """
    value = given.get(name)
    if not value:
        raise Refusal(400, f"filter.{name}: must not be {'null' if value is None else 'empty'}")
    if not isinstance(value, list) or not all(item in allowed for item in value):
        raise Refusal(400, BAD_JSON)
    return set(value)


def is_gong_id(text: str) -> bool:
    """Whether a text is a number as ids are: of 63 bits at most."""
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < 2**63


def gong_ids(given: dict[str, Any], name: str, *, prefix: str = "") -> list[str]:
    """A list of ids that must be there, though it may be empty.

    Raises:
        Refusal: 400, it is missing or no list of ids.
    """
    value = given.get(name)
    if value is None:
        raise Refusal(400, f"{prefix}{name}: must not be null")
    if not isinstance(value, list) or not all(
        isinstance(item, str) and is_gong_id(item) for item in value
    ):
        raise Refusal(400, BAD_JSON)
    return value


def instant(text: str | None, name: str) -> datetime:
    """A date-time that must be there.

    Raises:
        Refusal: 400, it is missing or malformed.
    """
    found = _instant(text, name)
    if found is None:
        raise Refusal(400, f"{name}: must be a date and time in ISO-8601 format")
    return found


def moment(text: str) -> datetime:
    """An instant as the company writes it."""
    return _instant(text, "") or datetime.max.replace(tzinfo=timezone.utc)


def _instant(value: Any, name: str) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        parsed = pendulum.parse(value, exact=True) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if not isinstance(parsed, pendulum.DateTime) or "T" not in value:
        raise Refusal(400, f"{name}: must be a date and time in ISO-8601 format")
    return datetime.fromtimestamp(parsed.timestamp(), tz=timezone.utc).replace(
        microsecond=parsed.microsecond
    )
