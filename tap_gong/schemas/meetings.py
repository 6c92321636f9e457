"""Gong's meeting integration (API: Meetings)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    EMAIL,
    FLAG,
    FREE_TEXT,
    TEXT,
    field,
    record,
)

MEETING_INTEGRATION_STATUS = record(
    field("email", EMAIL, "The user's e-mail address"),
    field("exists", FLAG, "Gong knows the user"),
    field("valid", FLAG, "Meetings can be created for the user"),
    field("userFacingError", FREE_TEXT, "What is wrong, in words for the user"),
    field("fixUrl", TEXT, "Where it can be mended"),
    field("helpUrl", TEXT, "Where it is explained"),
)
