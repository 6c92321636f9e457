"""Meetings (API: Meetings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call

_MOST_USERS = 100


def get_integration_status(call: Call) -> dict[str, Any]:
    """POST /v2/meetings/integration/status: in the order of the addresses."""
    emails = filters.texts(call.body, "emails")
    if len(emails) > _MOST_USERS:
        raise Refusal(400, f"emails: must hold up to {_MOST_USERS} addresses")
    return {"users": [call.company.meetings.status(email, now=call.now) for email in emails]}
