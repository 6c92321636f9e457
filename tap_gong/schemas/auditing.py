"""Who did what in Gong (API: Auditing)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    EMAIL,
    FINGERPRINT,
    ID,
    INSTANT,
    NAME,
    TEXT,
    field,
    open_but,
    record,
)

_LOG_RECORD = open_but(
    "action",
    "auditId",
    "authentication",
    "callId",
    "callUrl",
    "playedFromSec",
    "playedToSec",
    "workspaceId",
)

LOG_ENTRY = record(
    field("entryHash", FINGERPRINT, "Hash of the whole entry; Gong gives it no id"),
    field("logType", TEXT, "Which log it is from"),
    field("userId", ID, "The user"),
    field("userEmailAddress", EMAIL, "The user's e-mail address"),
    field("userFullName", NAME, "The user's name"),
    field("impersonatorUserId", ID, "Who acted as the user"),
    field("impersonatorEmailAddress", EMAIL, "E-mail address of who acted as the user"),
    field("impersonatorFullName", NAME, "Name of who acted as the user"),
    field("impersonatorCompanyId", ID, "Company of who acted as the user"),
    field("eventTime", INSTANT, "When"),
    field("logRecord", _LOG_RECORD, "What happened, different for each log"),
)
