"""Users (API: Users)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_users(call: Call) -> dict[str, Any]:
    """GET /v2/users."""
    avatars = call.query.get("includeAvatars", "").lower() == "true"
    users = call.company.users(now=call.now, include_avatars=avatars)
    return _page(call, users, call.query.get("cursor"))


def get_user(call: Call) -> dict[str, Any]:
    """GET /v2/users/{id}."""
    for user in call.company.users(now=call.now, include_avatars=True):
        if user["id"] == call.path_params["id"]:
            return {"user": user}
    raise Refusal(404, f"User ID {call.path_params['id']} was not found")


def list_settings_history(call: Call) -> dict[str, Any]:
    """GET /v2/users/{id}/settings-history."""
    history = call.company.settings_history(call.path_params["id"], now=call.now)
    if history is None:
        raise Refusal(404, f"User ID {call.path_params['id']} was not found")
    return {"userSettingsHistory": history}


def list_users_extensive(call: Call) -> dict[str, Any]:
    """POST /v2/users/extensive."""
    given = filters.filter_of(call.body)
    start, end = filters.time_range(
        given, "createdFromDateTime", "createdToDateTime", prefix="filter."
    )
    wanted = filters.ids(given, "userIds")
    users = [
        user
        for user in call.company.users(
            now=call.now, include_avatars=bool(given.get("includeAvatars"))
        )
        if (wanted is None or user["id"] in wanted)
        and (start is None or filters.moment(user["created"]) >= start)
        and (end is None or filters.moment(user["created"]) < end)
    ]
    if not users:
        raise Refusal(404, "No users found corresponding to the provided filters")
    return _page(call, users, call.body.get("cursor"))


def _page(call: Call, users: list[dict[str, Any]], token: str | None) -> dict[str, Any]:
    served, records = page(
        sorted(users, key=lambda user: int(user["id"])),
        lambda user: [int(user["id"])],
        token=token,
        total=len(users),
        now=call.now,
        size=call.site.page_size,
    )
    return {"records": records, "users": served}
