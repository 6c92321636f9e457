"""Records as real sources give them, made into what Gong takes. Pure.

Names may be Gong's or snake_case, in any case of letters; nested fields may be JSON text, as SQL
gives them; ids may be numbers, numbers and flags may be text, instants native or text. What cannot
be understood is told field by field.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pendulum

from gong_api.errors import SettingsError, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEXT, ID, ID_IN_PATH, INSTANT, DAY_OR_INSTANT, NUMBER, WHOLE, FLAG, ANYTHING = (
    "text",
    "id",
    "id in path",
    "instant",
    "day or instant",
    "number",
    "whole",
    "flag",
    "anything",
)
_NOTHING: tuple[Any, ...] = (None, "")
_LONGEST_SHOWN = 60
_MANY = 20
_LARGEST = 2**63
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
# Beyond this, a float has lost digits of an id.
_EXACT = 2**53
# What spreadsheets make of long numbers.
_SCIENTIFIC = re.compile(r"\d\.\d+[eE]\+\d+")


@dataclass(frozen=True)
class Field:
    """A field of a record.

    Attributes:
        name: Gong's name for it.
        kind: TEXT, ID, ID_IN_PATH (of which a URL is made), INSTANT, DAY_OR_INSTANT, NUMBER,
            WHOLE, FLAG or ANYTHING; of an object it is of no matter.
        required: a record without it is refused.
        longest: most characters of a text.
        choices: the texts that Gong takes.
        fields: of an object.
        many: a list of them.
    """

    name: str
    kind: str = TEXT
    required: bool = False
    longest: int | None = None
    choices: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    many: bool = False


@dataclass(frozen=True)
class Understood:
    """A record that was read.

    Attributes:
        body: what Gong takes, with Gong's names; fields without a value are left out.
        problems: what is wrong, each a line that names its field.
        extra: columns that no field has.
    """

    body: dict[str, Any]
    problems: list[str]
    extra: dict[str, Any]


class Reader:
    """Reads records by their declared fields.

    Args:
        fields: of the stream.
        zone: of instants that name none; None refuses them.
    """

    def __init__(self, fields: Iterable[Field], zone: str | None = None) -> None:
        self._fields = tuple(fields)
        self._zone = zone

    def read(self, record: Mapping[str, Any]) -> Understood:
        """Make of a record what Gong takes; columns of Singer's own (`_sdc_…`) are left out."""
        problems: list[str] = []
        columns = {name: value for name, value in record.items() if not name.startswith("_sdc_")}
        extra: dict[str, Any] = {}
        body = self._object(columns, self._fields, "", problems, extra)
        return Understood(body, problems, extra)

    def _object(
        self,
        given: Mapping[str, Any],
        fields: tuple[Field, ...],
        path: str,
        problems: list[str],
        extra: dict[str, Any],
    ) -> dict[str, Any]:
        by_name = {plain(field.name): field for field in fields}
        values: dict[str, Any] = {}
        for name, value in given.items():
            field = by_name.get(plain(name))
            if field is None:
                if value not in _NOTHING:
                    extra[f"{path}{name}"] = value
            elif value not in _NOTHING and (field.name not in values or name == field.name):
                values[field.name] = value
        body: dict[str, Any] = {}
        for field in fields:
            where = f"{path}{field.name}"
            if field.name in values:
                value = self._value(values[field.name], field, where, problems, extra)
                if value is not None:
                    body[field.name] = value
            elif field.required:
                problems.append(f"{where} is required")
        return body

    def _value(
        self,
        value: Any,
        field: Field,
        where: str,
        problems: list[str],
        extra: dict[str, Any],
    ) -> Any:
        if not field.many:
            return self._one(value, field, where, problems, extra)
        items = _parsed(value)
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            problems.append(f"{where} must be a list, not {shown(value)}")
            return None
        read = (
            self._one(item, field, f"{where}[{at}]", problems, extra)
            for at, item in enumerate(items)
            if item not in _NOTHING
        )
        return [item for item in read if item is not None]

    def _one(
        self,
        value: Any,
        field: Field,
        where: str,
        problems: list[str],
        extra: dict[str, Any],
    ) -> Any:
        if field.fields:
            parsed = _parsed(value)
            if not isinstance(parsed, dict):
                problems.append(f"{where} must be an object, not {shown(value)}")
                return None
            return self._object(parsed, field.fields, f"{where}.", problems, extra)
        try:
            read = self._scalar(value, field.kind)
        except (ValueError, InvalidOperation, OverflowError) as error:
            problems.append(f"{where} {error}")
            return None
        if field.choices and read not in field.choices:
            few = len(field.choices) < _MANY
            listed = f"one of {', '.join(field.choices)}" if few else "a code that Gong knows"
            problems.append(f"{where} must be {listed}, not {shown(value)}")
        if field.longest is not None and len(str(read)) > field.longest:
            problems.append(
                f"{where} has {len(str(read))} characters; Gong takes {field.longest} at most"
            )
        return read

    def _scalar(self, value: Any, kind: str) -> Any:
        if kind == DAY_OR_INSTANT and _DAY.fullmatch(str(value).strip()):
            return str(value).strip()
        if kind in {INSTANT, DAY_OR_INSTANT}:
            return instant_text(value, self._zone)
        return _READERS[kind](value)


def plain(name: str) -> str:
    """A field's name without its style: `client_unique_id` and `clientUniqueId` are the same."""
    return name.replace("_", "").replace("-", "").lower()


def shown(value: Any) -> str:
    """A value as a message shows it: short."""
    text = masked(repr(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def instant_text(value: Any, zone: str | None) -> str:
    """An instant in ISO-8601 with its zone.

    Args:
        value: native, or a text.
        zone: of one that names none.

    Raises:
        ValueError: it is none, or names no zone and neither does `zone`.
    """
    moment = _native(value)
    if moment.tzinfo is None:
        if zone is None:
            msg = f"names no time zone: {shown(str(value))}; add one, or set default_timezone"
            raise ValueError(msg)
        moment = _localized(moment, zone)
    return moment.isoformat().replace("+00:00", "Z")


def _localized(moment: datetime, zone: str) -> datetime:
    """A local time in its zone.

    Raises:
        ValueError: clocks skip it when summer time begins.
    """
    naive = datetime.fromisoformat(moment.isoformat())
    local = naive.replace(tzinfo=ZoneInfo(zone))
    if local.astimezone(timezone.utc).astimezone(local.tzinfo).replace(tzinfo=None) != naive:
        msg = f"does not exist in {zone}, where clocks skip it: {shown(naive.isoformat())}"
        raise ValueError(msg)
    return local


def in_utc(text: str) -> str:
    """An instant as `instant_text` writes it, the same for the same moment in every zone."""
    moment = pendulum.parse(text)
    if not isinstance(moment, pendulum.DateTime):
        return text
    return moment.in_timezone("UTC").isoformat().replace("+00:00", "Z")


def _native(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    msg = (
        "must be a date and time in ISO-8601 with a zone, as 2026-06-01T10:00:00Z, not "
        f"{shown(value)}"
    )
    if not isinstance(value, str):
        raise ValueError(msg)
    text = value.strip()
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
        raise ValueError(msg)
    # Sources write a blank for the T, and +00 for +00:00.
    text = re.sub(r"([+-]\d\d)$", r"\1:00", text.replace(" ", "T", 1).replace(" ", ""))
    try:
        parsed = pendulum.parse(text)
    except ValueError:
        raise ValueError(msg) from None
    if not isinstance(parsed, pendulum.DateTime):
        raise ValueError(msg)
    try:
        parsed.astimezone(timezone.utc)
    except OverflowError:
        # The first and the last day that there are, in a zone where they are not.
        raise ValueError(msg) from None
    has_zone = text.upper().endswith("Z") or re.search(r"[+-]\d\d:?\d\d$", text)
    return parsed if has_zone else parsed.naive()


def checked_zone(name: str | None) -> str | None:
    """A time zone's name that `default_timezone` may be.

    Raises:
        SettingsError: there is no such zone.
    """
    if name:
        try:
            pendulum.timezone(name)
        except (ValueError, KeyError):
            msg = f"default_timezone {name!r} is no time zone; take one such as Europe/Berlin"
            raise SettingsError(msg) from None
    return name or None


def _parsed(value: Any) -> Any:
    """Nested values come as JSON text from SQL."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    return str(value)


def _id(value: Any) -> str:
    if isinstance(value, (bool, dict, list)):
        msg = f"must be an id, not {shown(value)}"
        raise ValueError(msg)
    if isinstance(value, (float, Decimal)) and not _is_exact(value):
        msg = f"is a number that has lost digits, {value}; give ids as text"
        raise ValueError(msg)
    text = str(int(value)) if isinstance(value, (float, Decimal)) else _text(value).strip()
    if _SCIENTIFIC.fullmatch(text):
        msg = f"has lost digits, {text}; give ids as text that no spreadsheet has touched"
        raise ValueError(msg)
    return text


def _is_exact(value: float | Decimal) -> bool:
    """Whether a number that is an id was never a float beyond what floats tell apart."""
    number = Decimal(value)
    if not number.is_finite() or number != number.to_integral_value():
        return False
    is_plain = isinstance(value, Decimal) and number.as_tuple().exponent == 0
    is_scientific = isinstance(value, Decimal) and int(number.as_tuple().exponent) > 0
    return is_plain or (not is_scientific and abs(number) < _EXACT)


def _id_in_path(value: Any) -> str:
    text = _id(value)
    if not _SEGMENT.fullmatch(text):
        msg = f"may have letters, digits, - and _ alone, not {shown(value)}"
        raise ValueError(msg)
    return text


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        msg = f"must be a number, not {shown(value)}"
        raise ValueError(msg)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        msg = f"must be a number, not {shown(value)}"
        raise ValueError(msg) from None
    if not number.is_finite() or abs(number) >= _LARGEST:
        msg = f"must be a number that is finite and has 18 digits at most, not {shown(value)}"
        raise ValueError(msg)
    if isinstance(value, (int, float, Decimal)):
        return value
    return int(number) if number == number.to_integral_value() else number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        msg = f"must be a whole number, not {shown(value)}"
        raise ValueError(msg)
    return int(number)


def _flag(value: Any) -> bool:
    flags = {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False}
    known = flags.get(str(value).strip().lower())
    if known is None:
        msg = f"must be true or false, not {shown(value)}"
        raise ValueError(msg)
    return known


_READERS = {
    TEXT: _text,
    ID: _id,
    ID_IN_PATH: _id_in_path,
    NUMBER: _number,
    WHOLE: _whole,
    FLAG: _flag,
    ANYTHING: _parsed,
}
