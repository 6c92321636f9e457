"""Definitions made in Gong's settings (API: Settings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.operation import Operation
from tap_gong.schemas.settings import SCORECARD, TRACKER
from tap_gong.stream import UpdatedStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record


class Scorecards(UpdatedStream):
    """Scorecards and their questions."""

    name = "scorecards"
    summary = "Scorecards and their questions"
    operation = Operation(
        "GET", "/v2/settings/scorecards", "scorecards", "api:settings:scorecards:read"
    )
    primary_keys: ClassVar[list[str]] = ["scorecardId"]
    schema = SCORECARD
    ids_may_be_numbers = True

    @override
    def listing(self) -> Iterable[Record]:
        wanted = {
            workspace.get("workspaceId") for workspace in self._tap.partitions.workspace_filters
        }
        for scorecard in super().listing():
            if wanted == {None} or str(scorecard.get("workspaceId")) in wanted:
                yield scorecard


class Trackers(UpdatedStream):
    """Keyword trackers; Gong does not list smart trackers."""

    name = "trackers"
    summary = "Keyword trackers and what they listen for"
    operation = Operation(
        "GET", "/v2/settings/trackers", "keywordTrackers", "api:settings:trackers:read"
    )
    primary_keys: ClassVar[list[str]] = ["trackerId"]
    schema = TRACKER

    @override
    def listing(self) -> Iterable[Record]:
        for workspace in self._tap.partitions.workspace_filters:
            for page in self.pages(params=workspace):
                yield from page.records
