"""The library of calls worth hearing (API: Library)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    FREE_TEXT,
    ID,
    INSTANT,
    TEXT,
    WHOLE_SECONDS,
    field,
    one,
    record,
)

FOLDER = record(
    field("id", ID, "The folder's id"),
    field("name", FREE_TEXT, "Name"),
    field("parentFolderId", ID, "The folder it is in, null for a root"),
    field("createdBy", ID, "The user who made it"),
    field("updated", INSTANT, "When it last changed"),
    field("workspaceId", ID, "The workspace it was listed for"),
)

FOLDER_CALL = record(
    field("folderId", ID, "The folder"),
    field("id", ID, "The call"),
    field("fromSec", WHOLE_SECONDS, "Where the snippet begins, 0 for a whole call"),
    field("title", FREE_TEXT, "Title of the call"),
    field("note", FREE_TEXT, "Note left in the folder"),
    field("addedBy", ID, "The user who put it there"),
    field("created", INSTANT, "When it was put there"),
    field("url", TEXT, "Page of the call, or of the snippet, in Gong"),
    field(
        "snippet",
        one(
            field("fromSec", WHOLE_SECONDS, "Seconds from the start of the call"),
            field("toSec", WHOLE_SECONDS, "Seconds from the start of the call"),
        ),
        "Part of the call, null for a whole call",
    ),
)
