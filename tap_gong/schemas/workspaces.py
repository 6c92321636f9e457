"""Workspaces (API: Workspaces)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    FREE_TEXT,
    ID,
    TEXT,
    field,
    record,
)

WORKSPACE = record(
    field("id", ID, "The workspace's id"),
    field("name", TEXT, "Name"),
    field("description", FREE_TEXT, "Description"),
)
