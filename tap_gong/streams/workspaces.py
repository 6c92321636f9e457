"""Workspaces (API: Workspaces)."""

from __future__ import annotations

from typing import ClassVar

from tap_gong.operations import WORKSPACES
from tap_gong.schemas.workspaces import WORKSPACE
from tap_gong.stream import GongStream


class Workspaces(GongStream):
    """The company's workspaces."""

    name = "workspaces"
    summary = "Workspaces of the company"
    operation = WORKSPACES
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = WORKSPACE
    shared = "workspaces"
