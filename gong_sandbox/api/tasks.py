"""Engage tasks (API: Engage)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.company.tasks import ACTIONS, CRM_TYPE, STATUSES, TYPES

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_tasks(call: Call) -> dict[str, Any]:
    """POST /v2/tasks: of one user, not paged; somebody without tasks has none, not 404."""
    given = filters.filter_of(call.body)
    user_id = filters.required(given, "userId", prefix="filter.")
    if not user_id.isdecimal() or len(user_id) > 20:
        raise Refusal(400, "filter.userId: must be an id of up to 20 digits")
    types = filters.choices(given, "types", TYPES)
    filters.choices(given, "taskAction", ACTIONS)
    statuses = filters.choices(given, "status", STATUSES)
    workspace = given.get("workspaceId") or None
    tasks = [
        {name: value for name, value in task.items() if name != "workspaceId"}
        for task in call.company.tasks_of(user_id, now=call.now)
        if task["type"] in types
        and task["status"] in statuses
        and workspace in {None, task["workspaceId"]}
    ]
    return {"tasks": tasks, "crmType": CRM_TYPE}
