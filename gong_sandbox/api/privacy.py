"""What is held of one person (API: Data privacy)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def get_data_for_email(call: Call) -> dict[str, Any]:
    """GET /v2/data-privacy/data-for-email-address: not for the company's own people."""
    email = filters.email(call.query, "emailAddress")
    if call.company.user(email, now=call.now):
        raise Refusal(400, f"emailAddress: {email} belongs to an internal user")
    return call.company.data_for_email(email, now=call.now)


def get_data_for_phone(call: Call) -> dict[str, Any]:
    """GET /v2/data-privacy/data-for-phone-number."""
    phone = filters.required(call.query, "phoneNumber")
    if not phone.startswith("+") or not any(letter.isdecimal() for letter in phone):
        raise Refusal(400, "phoneNumber: must start with + and the country code")
    return call.company.data_for_phone(phone, now=call.now)
