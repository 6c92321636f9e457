"""Workspaces (API: Workspaces)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_workspaces(call: Call) -> dict[str, Any]:
    """GET /v2/workspaces."""
    return {"workspaces": call.company.workspaces()}
