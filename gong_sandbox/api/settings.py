"""Scorecards, trackers and briefs (API: Settings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_scorecards(call: Call) -> dict[str, Any]:
    """GET /v2/settings/scorecards."""
    return {"scorecards": call.company.scorecards()}


def list_trackers(call: Call) -> dict[str, Any]:
    """GET /v2/settings/trackers: of one workspace, or of all."""
    return {"keywordTrackers": call.company.trackers(_workspace(call))}


def list_briefs(call: Call) -> dict[str, Any]:
    """GET /v2/settings/briefs: of one workspace, or of all."""
    return {"briefs": call.company.briefs(_workspace(call), now=call.now)}


def _workspace(call: Call) -> str | None:
    wanted = call.query.get("workspaceId") or None
    if wanted and wanted not in {workspace["id"] for workspace in call.company.workspaces()}:
        raise Refusal(404, "Workspace not found")
    return wanted
