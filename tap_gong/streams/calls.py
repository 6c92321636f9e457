"""Calls, and what is known about them beside their content (API: Calls)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.errors import Refused
from tap_gong.call_source import CallSource
from tap_gong.cost import Cost
from tap_gong.nested import objects_in
from tap_gong.operations import (
    CALL_CRM_ASSOCIATIONS,
    CALL_OUTCOMES,
    CALL_USERS_ACCESS,
    CALLS_EXTENSIVE,
)
from tap_gong.run import chunks
from tap_gong.schemas.calls import (
    CALL,
    CALL_CRM_ASSOCIATION,
    CALL_OUTCOME,
    CALL_USER_ACCESS,
)
from tap_gong.settings import CALL_CONTENT
from tap_gong.source import Source
from tap_gong.stream import GongStream, Part, UpdatedStream
from tap_gong.windowed import WindowedStream
from tap_gong.windows import count_windows, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

    from tap_gong.windows import Window

# An account without a single call for so long is more likely a key without the right to see them.
_LONG = timedelta(days=30)
_SOME_UNKNOWN = "Some calls not found"


class Calls(WindowedStream):
    """Calls with participants, content, interaction, comments and CRM context."""

    name = "calls"
    summary = "Calls, with participants, trackers, topics, summaries, comments and CRM context"
    made_of = CallSource
    operation = CALLS_EXTENSIVE
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = CALL
    call_parts = ("context", *CALL_CONTENT)

    @override
    def records(self) -> Iterable[Record]:
        since = self.wanted_from()
        yield from super().records()
        is_long = since is None or self.run.end - since >= _LONG
        if is_long and not self.report.seen and not self.run.call_ids:
            self.logger.warning(
                "Gong shows no call at all%s. If there are some, the key's owner may not see them: "
                "take a key of a user with access to all calls",
                f" since {since.date()}" if since else "",
            )


class AccessSource(Source):
    """To whom access to the calls of a window was given, 100 calls a request."""

    operation = CALL_USERS_ACCESS
    follows = CallSource

    @override
    def begin_window(self, window: Window, beside: list[Source]) -> None:
        """Nothing yet: the window's calls are to be known first."""

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        source = self._tap.source(CallSource)
        calls = source.of_window(window, self.report)
        self.announced = len(calls)
        yield from self._of_lots(source.lots_of(window, calls))

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        yield from self._of_lots(list(chunks(call_ids)))

    def _of_lots(self, lots: list[list[str]]) -> Iterator[Record]:
        self.begin_lots(lots)
        for ids in lots:
            yield from self._of(ids)

    @override
    def cost(self, span: Window) -> Cost:
        calls = self._tap.source(CallSource).count_records(span)
        return Cost.of(calls, windows=count_windows(self.slices(span, ()), span, calls))

    def _of(self, ids: list[str]) -> Iterator[Record]:
        """Access to some calls; one that has just been deleted fails a whole request."""
        try:
            for page in self.filtered_pages({"callIds": ids}):
                yield from page.records
        except Refused as error:
            if _SOME_UNKNOWN not in error.texts:
                raise
            half = len(ids) // 2
            if half:
                yield from self._of(ids[:half])
                yield from self._of(ids[half:])


class CallUserAccess(WindowedStream):
    """A row for each user who was given access to a call through the API."""

    name = "call_user_access"
    summary = "Users given access to a call through the API; a request for 100 calls"
    made_of = AccessSource
    operation = CALL_USERS_ACCESS
    primary_keys: ClassVar[list[str]] = ["callId", "userId"]
    schema = CALL_USER_ACCESS
    selected_by_default = False

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        for user in objects_in(record, "users"):
            yield {"callId": record.get("callId"), **user}


class CallCrmAssociations(UpdatedStream):
    """Calls that somebody associated with accounts and deals by hand, in accounts that tell."""

    name = "call_crm_associations"
    summary = "CRM objects with which calls were associated by hand"
    operation = CALL_CRM_ASSOCIATIONS
    primary_keys: ClassVar[list[str]] = ["callId", "userId", "created"]
    schema = CALL_CRM_ASSOCIATION
    incremental = "`created`"
    changed = "created"
    known_filters = ()
    ids_may_be_numbers = True
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        start = self.bookmark.end if self.bookmark else self.run.start
        yield Part(params={"fromDateTime": iso(start)} if start else None)

    @override
    def listing(self) -> Iterable[Record]:
        for row in super().listing():
            if not self.run.call_ids or str(row.get("callId")) in self.run.call_ids:
                yield row


class CallOutcomes(GongStream):
    """Outcomes that a call may have."""

    name = "call_outcomes"
    summary = "Outcomes that a call may have"
    operation = CALL_OUTCOMES
    primary_keys: ClassVar[list[str]] = ["callOutcome"]
    schema = CALL_OUTCOME
    selected_by_default = False
