"""Workspaces (API: Workspaces)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.partitions import WORKSPACES
from tap_gong.schemas.workspaces import WORKSPACE
from tap_gong.stream import GongStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record


class Workspaces(GongStream):
    """The company's workspaces."""

    name = "workspaces"
    summary = "Workspaces of the company"
    operation = WORKSPACES
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = WORKSPACE

    @override
    def records(self) -> Iterable[Record]:
        yield from ({**workspace} for workspace in self._tap.partitions.workspaces)
