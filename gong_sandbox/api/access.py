"""Access of single users to calls (API: Calls, users-access)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_access(call: Call) -> dict[str, Any]:
    """POST /v2/calls/users-access: what was granted through the API, call by call."""
    call_ids = filters.gong_ids(filters.filter_of(call.body), "callIds", prefix="filter.")
    _check_calls(call, call_ids)
    access = call.company.access
    return {
        "callAccessList": [
            {
                "callId": call_id,
                "users": [{"userId": user_id} for user_id in access.users(call_id)],
            }
            for call_id in dict.fromkeys(call_ids)
        ]
    }


def grant_access(call: Call) -> dict[str, Any]:
    """PUT /v2/calls/users-access: all of it or, if one call or user is unknown, nothing.

    That unknown users are refused is an assumption.
    """
    grants = _access_list(call)
    _check_calls(call, [call_id for call_id, _ in grants])
    known = {user["id"] for user in call.company.users(now=call.now, include_avatars=True)}
    if not all(user_id in known for _, user_ids in grants for user_id in user_ids):
        raise Refusal(400, "Some users not found")
    for call_id, user_ids in grants:
        call.company.access.grant(call_id, user_ids)
    call.made = _summary("access", grants)
    return {}


def revoke_access(call: Call) -> dict[str, Any]:
    """DELETE /v2/calls/users-access: calls and users that have no such access are ignored."""
    grants = _access_list(call)
    for call_id, user_ids in grants:
        call.company.access.revoke(call_id, user_ids)
    call.made = _summary("no more access", grants)
    return {}


def _summary(what: str, grants: list[tuple[str, list[str]]]) -> str:
    users = sum(len(user_ids) for _, user_ids in grants)
    return f"{what} for {users} users to {len(grants)} calls"


def _access_list(call: Call) -> list[tuple[str, list[str]]]:
    """Call ids and user ids of the body.

    Raises:
        Refusal: 400.
    """
    if not isinstance(call.body, dict):
        raise Refusal(400, filters.BAD_JSON)
    given = call.body.get("callAccessList")
    if given is None:
        raise Refusal(400, "callAccessList: must not be null")
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise Refusal(400, filters.BAD_JSON)
    missing = [
        f"callAccessList[{index}].{name}: must not be null"
        for index, item in enumerate(given)
        for name in ("callId", "userIds")
        if item.get(name) is None
    ]
    if missing:
        raise Refusal(400, *missing)
    return [
        (
            filters.gong_ids({"callId": [item["callId"]]}, "callId")[0],
            filters.gong_ids(item, "userIds"),
        )
        for item in given
    ]


def _check_calls(call: Call, call_ids: list[str]) -> None:
    """Refuse calls that no read shows: unknown ones, and those that are not processed yet."""
    if not all(call.company.slot(call_id, now=call.now) for call_id in call_ids):
        raise Refusal(400, "Some calls not found")
