"""Logs (API: Auditing)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page
from gong_sandbox.company.audit_log import LOG_TYPES

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.activity import Event


def list_logs(call: Call) -> dict[str, Any]:
    """GET /v2/logs: one log, by time."""
    log_type = filters.required(call.query, "logType")
    if log_type not in LOG_TYPES:
        raise Refusal(400, f"logType: must be one of {', '.join(LOG_TYPES)}")
    filters.required(call.query, "fromDateTime")
    start, end = filters.time_range(dict(call.query), "fromDateTime", "toDateTime")
    log = call.company.audit_log
    events = log.events(log_type, start, end, now=call.now) if start else []
    if not events:
        raise Refusal(404, "No logs found corresponding to the provided filters")
    served, records = page(
        events,
        _key,
        token=call.query.get("cursor"),
        total=len(events),
        now=call.now,
        size=call.site.page_size,
    )
    entries = [log.wire(log_type, event, now=call.now) for event in served]
    return {"records": records, "logEntries": entries}


def _key(event: Event) -> list[Any]:
    return [event.time.timestamp(), event.user_id, event.name, event.call_id]
