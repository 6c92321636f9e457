"""Gong's meeting integration (API: Meetings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.operations import MEETING_INTEGRATION_STATUS as OPERATION
from tap_gong.run import chunks
from tap_gong.schemas.meetings import MEETING_INTEGRATION_STATUS
from tap_gong.stream import GongStream, Part

if TYPE_CHECKING:
    from collections.abc import Iterable


class MeetingIntegrationStatus(GongStream):
    """Whether meetings can be created for each user."""

    name = "meeting_integration_status"
    summary = "Whether Gong can create meetings for a user; a request for 100 users"
    operation = OPERATION
    primary_keys: ClassVar[list[str]] = ["email"]
    schema = MEETING_INTEGRATION_STATUS
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        for emails in chunks(self._tap.lists.owner_emails):
            yield Part(body={"emails": emails})
