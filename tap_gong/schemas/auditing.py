"""Who did what in Gong (API: Auditing)."""

from __future__ import annotations

from tap_gong.schemas.types import ID, INSTANT, OPEN, TEXT, field, record

LOG_ENTRY = record(
    field("entryHash", TEXT, "Hash of the whole entry; Gong gives it no id"),
    field("logType", TEXT, "Which log it is from"),
    field("userId", ID, "The user"),
    field("userEmailAddress", TEXT, "The user's e-mail address"),
    field("userFullName", TEXT, "The user's name"),
    field("impersonatorUserId", ID, "Who acted as the user"),
    field("impersonatorEmailAddress", TEXT, "E-mail address of who acted as the user"),
    field("impersonatorFullName", TEXT, "Name of who acted as the user"),
    field("impersonatorCompanyId", ID, "Company of who acted as the user"),
    field("eventTime", INSTANT, "When"),
    field("logRecord", OPEN, "What happened, different for each log"),
)
