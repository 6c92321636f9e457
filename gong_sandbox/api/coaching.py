"""Coaching (API: Coaching)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_coaching(call: Call) -> dict[str, Any]:
    """GET /v2/coaching: of one manager in one workspace; nothing of who manages nobody."""
    workspace_id, manager_id = (_id(call, name) for name in ("workspace-id", "manager-id"))
    start, end = (
        filters.instant(filters.required(call.query, name), name) for name in ("from", "to")
    )
    if start >= end:
        raise Refusal(400, "from: must be before to")
    data = call.company.coaching.wire(manager_id, workspace_id, start, end, now=call.now)
    return {"coachingData": data}


def _id(call: Call, name: str) -> str:
    value = filters.required(call.query, name)
    if not filters.is_gong_id(value):
        raise Refusal(400, f"{name}: must be an id")
    return value
