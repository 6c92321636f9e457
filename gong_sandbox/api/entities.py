"""Questions about CRM entities to Gong's AI (API: Entities), for which credits must be bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call

_NO_CREDITS = "Not enough credits to complete the operation"  # an assumption


def ask_entity(_: Call) -> dict[str, Any]:
    """GET /v2/entities/ask-entity: the company has no credits."""
    raise Refusal(402, _NO_CREDITS)


def get_brief(_: Call) -> dict[str, Any]:
    """GET /v2/entities/get-brief: the company has no credits."""
    raise Refusal(402, _NO_CREDITS)
