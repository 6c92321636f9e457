"""Coaching metrics (API: Coaching)."""

from __future__ import annotations

from tap_gong.schemas.types import ID, INSTANT, OPEN, TEXT, field, one, record

_PERSON = one(
    field("id", ID, "The user's id"),
    field("emailAddress", TEXT, "E-mail address"),
    field("firstName", TEXT, "First name"),
    field("lastName", TEXT, "Last name"),
    field("title", TEXT, "Job title"),
)

COACHING = record(
    field("workspaceId", ID, "The workspace"),
    field("managerId", ID, "The manager's id"),
    field("reportId", ID, "Id of who reports to the manager"),
    field("from", INSTANT, "Start of the month"),
    field("to", INSTANT, "End of the month, or how far it had come"),
    field("manager", _PERSON, "The manager"),
    field("report", _PERSON, "Who reports to the manager"),
    field("metrics", OPEN, "Metric -> ids, as Gong names them"),
)
