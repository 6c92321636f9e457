"""The few types that Gong's fields have, and which of them hold personal data.

A field that does has a type that says so, by an annotation in its schema: the one place where
`personal_data` and the docs find it. Ids are no personal data: who may read them learns nothing
without Gong or the CRM.
"""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th
from typing_extensions import override

# The annotation, and what it may say.
MARK = "x-personal-data"
PERSONAL = ("e-mail address", "phone number", "name", "job title", "address", "link", "fingerprint")
FREE = "free text"
CRM = "CRM values"
UNDECLARED = "undeclared"
HARMLESS = "none"
# Beside UNDECLARED: names of the values that are harmless.
KNOWN = "x-harmless"


class Marked(th.StringType):
    """Text, with what it tells of a person."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark

    @property
    @override
    def type_dict(self) -> dict[str, Any]:
        return {"type": ["string"], MARK: self._mark}


ID = th.StringType
TEXT = th.StringType
INSTANT = th.DateTimeType
SECONDS = th.NumberType
WHOLE_SECONDS = th.IntegerType
COUNT = th.IntegerType
FLAG = th.BooleanType
SCALAR = th.CustomType({"type": ["string", "number", "boolean", "null"]})
EMAIL = Marked("e-mail address")
PHONE = Marked("phone number")
NAME = Marked("name")
JOB_TITLE = Marked("job title")
ADDRESS = Marked("address")
# A page that is a person's own: it often has the name in it.
PERSONAL_LINK = Marked("link")
# A hash without salt of what holds personal data: who knows the rest could find it by trying.
FINGERPRINT = Marked("fingerprint")
# What somebody wrote, or said. It may name people and is kept.
FREE_TEXT = Marked(FREE)
# A date, or an instant, as Gong writes it.
DAY = th.StringType
# Whatever JSON it may be.
ANYTHING = th.CustomType(
    {"type": ["string", "number", "boolean", "object", "array", "null"], "items": {}}
)
# An object with names that Gong does not fix.
_OPEN = {"type": ["object", "null"], "additionalProperties": True}
# The same, with nothing of persons in it.
OPEN_HARMLESS = th.CustomType({**_OPEN, MARK: HARMLESS})
# The fields of a CRM object by their names: `tap_gong.crm_values` tells which are personal.
OPEN_CRM = th.CustomType({**_OPEN, MARK: CRM})


def open_but(*harmless: str) -> th.CustomType:
    """An object of which only some values are known to tell nothing of persons."""
    return th.CustomType({**_OPEN, MARK: UNDECLARED, KNOWN: list(harmless)})


def field(name: str, kind: Any, description: str) -> th.Property[Any]:
    """A field of a record."""
    return th.Property(name, kind, description=description)


def record(*fields: th.Property[Any]) -> dict[str, Any]:
    """The JSON schema of a stream's records."""
    return th.PropertiesList(*fields).to_dict()


def one(*fields: th.Property[Any]) -> th.ObjectType:
    """A nested object."""
    return th.ObjectType(*fields)


def many(*fields: th.Property[Any]) -> th.ArrayType[Any]:
    """A list of nested objects."""
    return th.ArrayType(th.ObjectType(*fields))


def crm_values(*fields: th.Property[Any]) -> th.CustomType:
    """The fields of a CRM object, as a list of names and values."""
    return th.CustomType({**many(*fields).type_dict, MARK: CRM})


def listed(kind: Any) -> th.ArrayType[Any]:
    """A list of plain values."""
    return th.ArrayType(kind)
