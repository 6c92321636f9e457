"""Listing calls: two operations that answer the same calls, and what to make of a row of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum

from gong_api.operation import Operation
from tap_gong.windows import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

EXTENSIVE = Operation("POST", "/v2/calls/extensive", "calls", "api:calls:read:extensive")
BASIC = Operation("GET", "/v2/calls", "calls", "api:calls:read:basic")

_BEFORE_ALL = pendulum.datetime(1970, 1, 1)


def is_basic(settings: Mapping[str, Any]) -> bool:
    """Whether `call_detail` asks for the operation that has metadata alone."""
    return settings.get("call_detail") == "basic"


def hoisted(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its `metaData` at the top level, and the rest as Gong nests it.

    Both the metadata and the call have a member `media`; the call's, which holds the links to the
    recording, becomes `mediaUrls`. A call of GET /v2/calls is flat already.
    """
    metadata = call.pop("metaData", None)
    if metadata is None:
        return call
    links = call.pop("media", None)
    record = {**metadata, **call}
    if links:
        record["mediaUrls"] = links
    return record


def call_time(call: Mapping[str, Any]) -> pendulum.DateTime:
    """A call's time in the sense of Gong's filters, or earlier.

    Gong goes by when a web conference was scheduled and when any other call started; the record
    does not say which of them it is.
    """
    times = [instant(call[name], name) for name in ("scheduled", "started") if call.get(name)]
    return min(times, default=_BEFORE_ALL)


def is_wanted(call: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether a call passes a run's filters, of which not every operation has all."""
    users, workspaces = filters.get("primary_user_ids"), filters.get("workspace_ids")
    if filters.get("private_calls") == "exclude" and call.get("isPrivate"):
        return False
    if workspaces and str(call.get("workspaceId")) not in workspaces:
        return False
    return not users or call.get("primaryUserId") in users


def user_filter(operation: Operation, user_ids: list[str]) -> dict[str, Any]:
    """The filter by host, where the operation has it."""
    return {"primaryUserIds": user_ids} if user_ids and operation is EXTENSIVE else {}


def request(
    operation: Operation, filters: Mapping[str, Any], selector: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """How an operation that lists calls takes its filters."""
    if operation is BASIC:
        return {"params": filters}
    return {"body": {"filter": filters, **({"contentSelector": selector} if selector else {})}}
