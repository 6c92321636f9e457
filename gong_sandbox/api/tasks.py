"""Engage tasks (API: Engage)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.company.posted import Posted
from gong_sandbox.company.tasks import ACTIONS, CRM_TYPE, STATUSES, TYPES, priority_of
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


class TaskChange(Posted, frozen=True):
    """The body of PATCH /v2/tasks/{taskId}; that `priority` is its id is an assumption."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"user_id"})
    user_id: str | None = None
    status: Literal["OPEN", "DONE", "DISMISSED"] | None = None
    due_date: str | None = None
    priority: int | None = None


def update_task(call: Call) -> dict[str, Any]:
    """PATCH /v2/tasks/{taskId}: answers as POST /v2/tasks does, with the one task."""
    given = filters.posted(call.body, TaskChange)
    if not filters.is_gong_id(given.user_id or ""):
        raise Refusal(400, filters.BAD_JSON)
    zone = call.company.zone
    changes: dict[str, Any] = {}
    if given.status is not None:
        changes["status"] = given.status
    if given.due_date is not None:
        changes["dueDate"] = stamp(filters.instant(given.due_date, "dueDate"), zone)
    if given.priority is not None:
        changes["priority"] = priority_of(given.priority)
        if changes["priority"] is None:
            raise Refusal(400, f"priority: {given.priority} was not found")
    task_id = int(call.path_params["taskId"])
    if task_id not in _tasks_by_id(call, given.user_id):
        raise Refusal(404, "TaskId not found")
    if changes:
        call.company.tasks.change(task_id, **changes, updated=stamp(call.now, zone))
        call.made = f"changes to task {task_id}: {', '.join(changes)}"
    return {"tasks": [_tasks_by_id(call, given.user_id)[task_id]], "crmType": CRM_TYPE}


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
        _shown(task)
        for task in call.company.tasks_of(user_id, now=call.now)
        if task["type"] in types
        and task["status"] in statuses
        and workspace in {None, task["workspaceId"]}
    ]
    return {"tasks": tasks, "crmType": CRM_TYPE}


def _tasks_by_id(call: Call, user_id: str | None) -> dict[int, dict[str, Any]]:
    tasks = call.company.tasks_of(user_id or "", now=call.now)
    return {task["id"]: _shown(task) for task in tasks}


def _shown(task: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in task.items() if name != "workspaceId"}
