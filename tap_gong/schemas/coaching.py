"""Coaching metrics (API: Coaching)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    EMAIL,
    ID,
    INSTANT,
    JOB_TITLE,
    NAME,
    OPEN_HARMLESS,
    field,
    one,
    record,
)

_PERSON = one(
    field("id", ID, "The user's id"),
    field("emailAddress", EMAIL, "E-mail address"),
    field("firstName", NAME, "First name"),
    field("lastName", NAME, "Last name"),
    field("title", JOB_TITLE, "Job title"),
)

COACHING = record(
    field("workspaceId", ID, "The workspace"),
    field("managerId", ID, "The manager's id"),
    field("reportId", ID, "Id of who reports to the manager"),
    field("from", INSTANT, "Start of the month"),
    field("to", INSTANT, "End of the month, or how far it had come"),
    field("manager", _PERSON, "The manager"),
    field("report", _PERSON, "Who reports to the manager"),
    field("metrics", OPEN_HARMLESS, "Metric -> ids, as Gong names them"),
)
