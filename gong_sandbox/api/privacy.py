"""What is held of one person (API: Data privacy)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def get_data_for_email(call: Call) -> dict[str, Any]:
    """GET /v2/data-privacy/data-for-email-address: not for the company's own people."""
    return call.company.data_for_email(_email(call), now=call.now)


def get_data_for_phone(call: Call) -> dict[str, Any]:
    """GET /v2/data-privacy/data-for-phone-number."""
    return call.company.data_for_phone(_phone(call), now=call.now)


def erase_data_for_email(call: Call) -> dict[str, Any]:
    """POST /v2/data-privacy/erase-data-for-email-address: later, and whether known or not."""
    email = _email(call)
    call.company.erasures.ask(email=email, now=call.now)
    call.made = f"erasure of {email}"
    return {}


def erase_data_for_phone(call: Call) -> dict[str, Any]:
    """POST /v2/data-privacy/erase-data-for-phone-number: later, and whether known or not."""
    phone = _phone(call)
    call.company.erasures.ask(phone=phone, now=call.now)
    call.made = f"erasure of {phone}"
    return {}


def _email(call: Call) -> str:
    email = filters.email(call.query, "emailAddress")
    if call.company.user(email, now=call.now):
        raise Refusal(400, f"emailAddress: {email} belongs to an internal user")
    return email


def _phone(call: Call) -> str:
    phone = filters.required(call.query, "phoneNumber")
    if not phone.startswith("+") or not any(letter.isdecimal() for letter in phone):
        raise Refusal(400, "phoneNumber: must start with + and the country code")
    return phone
