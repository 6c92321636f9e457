"""Which values of CRM objects are personal data. Pure.

The fields of a CRM are as its owner made them, so that no declaration can tell. The rule is meant
to leave nothing of a person that can be told by the type of the object, by the name of the field
or by the look of the value, and to leave accounts and deals as they are.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from gong_api.contact_details import EMAIL, PHONE

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Types of objects that are persons: Contact, Lead, User, BUSINESS_USER, Partner_Contact__c.
_PERSONS = ("contact", "lead", "user", "person", "people", "prospect", "employee", "candidate")
# An object with one of these is a person, such as a Salesforce person account.
_OF_PERSON = ("firstname", "lastname", "middlename", "surname", "givenname", "familyname")
# Parts of names of fields that hold contact details.
_DETAILS = (
    *_OF_PERSON,
    *("mail", "phone", "mobile", "linkedin", "twitter", "facebook", "skype", "whatsapp"),
    *("address", "street", "postal", "zipcode", "postcode", "birth", "salutation", "jobtitle"),
)
# The same as words, since they are parts of others.
_DETAIL_WORDS = {"cell", "fax", "zip"}
# Whose fields hold a name, unless they end with an id: OwnerName, Primary_Contact__c, CreatedBy.
_ROLES = (
    *("owner", "contact", "champion", "sponsor", "buyer", "decisionmaker", "manager"),
    *("executive", "representative", "createdby", "modifiedby", "assigned", "signer", "signatory"),
)
_ROLE_WORDS = {"rep", "ae", "sdr", "bdr", "csm", "assignee", "requester", "approver"}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_PHONE_WITHOUT_PLUS = re.compile(r"\(?\d[\d\s().\-/]{7,}\d")
_DIGITS_OF_PHONE = range(9, 16)


def is_person(object_type: Any, names: Iterable[str]) -> bool:
    """Whether an object is about a person.

    Args:
        object_type: as Gong has it.
        names: of the object's fields.
    """
    kind = str(object_type or "").lower()
    return any(word in kind for word in _PERSONS) or any(map(_is_name_part, names))


def is_personal(name: str, value: Any, *, of_person: bool) -> bool:
    """Whether a field's value is personal data.

    Args:
        name: of the field.
        value: of any JSON type.
        of_person: whether the object is about a person: all is personal then that can be.
    """
    if value is None or isinstance(value, bool):
        return False
    if of_person:
        return True
    holds = _holds(name)
    if holds == "details":
        return True
    texts = [*_texts(value)]
    return any(map(_looks_personal, texts)) or (holds == "name" and any(map(_may_be_name, texts)))


@functools.lru_cache(maxsize=10_000)
def _holds(name: str) -> str | None:
    """What a field's name says that it holds of a person: details, a name, or nothing."""
    letters, words = _letters(name), [word.lower() for word in _WORD.findall(name)]
    if any(part in letters for part in _DETAILS) or not _DETAIL_WORDS.isdisjoint(words):
        return "details"
    is_id = bool(words) and (words[-1] in {"id", "ids"} or words[-2:] == ["id", "c"])
    is_role = any(part in letters for part in _ROLES) or not _ROLE_WORDS.isdisjoint(words)
    return "name" if is_role and not is_id else None


@functools.lru_cache(maxsize=10_000)
def _is_name_part(name: str) -> bool:
    return any(part in _letters(name) for part in _OF_PERSON)


def _letters(name: str) -> str:
    """A field's name without what is between its words."""
    return "".join(filter(str.isalpha, name.lower()))


def _texts(value: Any) -> Iterable[str]:
    """The texts that a value holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _looks_personal(text: str) -> bool:
    """Whether a text has an e-mail address or a phone number in it."""
    if ("@" in text and EMAIL.search(text)) or ("+" in text and PHONE.search(text)):
        return True
    text = text.strip()
    if _INSTANT.match(text) or _NUMBER.fullmatch(text) or not _PHONE_WITHOUT_PLUS.fullmatch(text):
        return False
    return sum(map(str.isdigit, text)) in _DIGITS_OF_PHONE


def _may_be_name(text: str) -> bool:
    return any(map(str.isalpha, text)) and not _INSTANT.match(text)
