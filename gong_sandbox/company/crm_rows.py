"""Files of CRM rows (LDJSON), checked line by line as they come."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGEST = 200 * 2**20  # bytes of a file
MOST_ERRORS = 20  # listed ones

# Standard fields by object type; whatever else a row says must be in the schema to be kept.
STANDARD: dict[str, dict[str, str]] = {
    "BUSINESS_USER": {"emailAddress": "EMAILADDRESS"},
    "ACCOUNT": {"name": "STRING", "domains": "STRINGARRAY"},
    "CONTACT": {
        "accountId": "REFERENCE",
        "emailAddress": "EMAILADDRESS",
        "firstName": "STRING",
        "lastName": "STRING",
        "title": "STRING",
        "phoneNumber": "PHONENUMBER",
    },
    "DEAL": {
        "accountId": "REFERENCE",
        "ownerId": "REFERENCE",
        "name": "STRING",
        "createdDate": "DATETIME",
        "closeDate": "DATE or DATETIME",
        "status": "PICKLIST",
        "stage": "REFERENCE",
        "amount": "CURRENCY",
    },
    "LEAD": {
        "emailAddress": "EMAILADDRESS",
        "firstName": "STRING",
        "lastName": "STRING",
        "title": "STRING",
        "phoneNumber": "PHONENUMBER",
        "convertedToDealId": "REFERENCE",
        "convertedToContactId": "REFERENCE",
        "convertedToAccountId": "REFERENCE",
    },
    "STAGE": {"name": "STRING", "isActive": "BOOLEAN", "sortOrder": "INTEGER"},
}
_ALWAYS = {"objectId": "OBJECTID", "modifiedDate": "DATETIME", "url": "URL"}
_STATUSES = ("OPEN", "WON", "LOST")
_OBJECT_ID = re.compile(r"[A-Za-z0-9-]+|[^@\s]+@[^@\s]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_lines = msgspec.json.Decoder(dict[str, Any])


class Row(NamedTuple):
    """A sound line of a file; an object that is to be deleted has no content."""

    line: int
    object_id: str
    content: bytes | None


class LineError(NamedTuple):
    """What is wrong with a line, or with the whole file: that is line 0."""

    line: int
    description: str


def is_time(value: Any) -> bool:
    """Whether a value is a date-time in ISO-8601, without milliseconds."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "BOOLEAN": lambda value: isinstance(value, bool),
    "CURRENCY": _is_number,
    "DATE": _is_date,
    "DATE or DATETIME": lambda value: _is_date(value) or is_time(value),
    "DATETIME": is_time,
    "EMAILADDRESS": lambda value: _is_text(value) and bool(_EMAIL.fullmatch(value)),
    "INTEGER": lambda value: _is_number(value) and isinstance(value, int),
    "NUMBER": _is_number,
    "OBJECTID": lambda value: (
        _is_text(value) and len(value) <= 64 and bool(_OBJECT_ID.fullmatch(value))
    ),
    "PERCENT": lambda value: _is_number(value) and 0 <= value <= 100,
    "STRINGARRAY": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "URL": lambda value: _is_text(value) and bool(_URL.fullmatch(value)),
}


class RowIntake:
    """Takes a file in, piece by piece, and keeps its sound rows as compact JSON.

    Args:
        object_type: of all rows.
        schema: the custom fields, as GET /v2/crm/entity-schema shows them.
    """

    def __init__(self, object_type: str, schema: Iterable[dict[str, Any]]) -> None:
        standard = STANDARD[object_type]
        self.object_type = object_type
        self._types = {
            **_ALWAYS,
            **standard,
            **{field["uniqueName"]: field["type"] for field in schema},
        }
        self._words = {
            field["uniqueName"]: frozenset(field["orderedValueList"] or ())
            for field in schema
            if field["type"] == "PICKLIST"
        }
        if "status" in standard:
            self._words["status"] = frozenset(_STATUSES)
        self._parts: list[bytes] = []
        self._line = 0
        self._seen: set[str] = set()
        self._hash = hashlib.sha256()
        self.size = 0
        self.rows: list[Row] = []
        self.errors: list[LineError] = []
        self.error_count = 0

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self._hash.hexdigest()

    def feed(self, chunk: bytes) -> None:
        """Take the next piece; of a file that is too large nothing is kept."""
        self.size += len(chunk)
        if self.size > LARGEST:
            self._parts.clear()
            self.rows.clear()
            return
        self._hash.update(chunk)
        first, *following = chunk.split(b"\n")
        self._parts.append(first)
        for start in following:
            self._end_line()
            self._parts = [start]

    def close(self) -> None:
        """The file has ended."""
        self._end_line()
        if not self.rows and not self.error_count:
            self._fail(0, "The file holds no objects")

    def _end_line(self) -> None:
        self._line += 1
        content = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if not content or content.isspace():
            return
        try:
            row = _lines.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._fail(self._line, "The line is not a valid JSON object")
            return
        fault = self._fault(row)
        if fault:
            self._fail(self._line, fault)
            return
        object_id = row["objectId"]
        self._seen.add(object_id)
        kept = None if row.get("isDeleted") else msgspec.json.encode(self._kept(row))
        self.rows.append(Row(self._line, object_id, kept))

    def _fault(self, row: dict[str, Any]) -> str | None:
        """What is wrong with a row, in Gong's words where they are known."""
        deleted = row.get("isDeleted")
        if deleted is not None and not isinstance(deleted, bool):
            return "Field [isDeleted] is not a valid BOOLEAN"
        for name in self._mandatory(deleted=bool(deleted)):
            if row.get(name) in (None, ""):
                return f"Mandatory field [{name}] is missing or empty"
        for name, value in row.items():
            kind = self._types.get(name)
            if kind is None or value is None or value == "":
                continue
            words = self._words.get(name)
            check = _CHECKS.get(kind, _is_text)
            if not check(value) or (words is not None and value not in words):
                return f"Field [{name}] is not a valid {kind}"
        if row["objectId"] in self._seen:
            return f"Object [{row['objectId']}] is in the file already"
        return None

    def _mandatory(self, *, deleted: bool) -> tuple[str, ...]:
        if self.object_type == "STAGE":
            return ("objectId",) if deleted else ("objectId", "name")
        if self.object_type == "BUSINESS_USER" and not deleted:
            return ("objectId", "modifiedDate", "emailAddress")
        return ("objectId", "modifiedDate")

    def _kept(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row without what is not in the schema, and with the defaults of what it leaves out."""
        kept = {name: value for name, value in row.items() if name in self._types}
        if self.object_type == "ACCOUNT" and not kept.get("name"):
            kept["name"] = f"Account_#{row['objectId']}"
        elif self.object_type == "DEAL":
            for name, default in (
                ("name", f"Deal_#{row['objectId']}"),
                ("status", "OPEN"),
                ("amount", 0),
            ):
                if kept.get(name) in (None, ""):
                    kept[name] = default
        elif self.object_type == "STAGE":
            for name, preset in (("isActive", True), ("sortOrder", 1)):
                if kept.get(name) is None:
                    kept[name] = preset
        return kept

    def _fail(self, line: int, description: str) -> None:
        self.error_count += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(LineError(line, description))
