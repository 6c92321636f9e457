"""Calls and transcripts (API: Calls)."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import MissingScope, NotFound
from gong_api.operation import Operation
from tap_gong.owed import Owed
from tap_gong.run import chunks
from tap_gong.schemas.calls import CALL, TRANSCRIPT
from tap_gong.windowed import WindowedStream, time_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_gong.tap import TapGong
    from tap_gong.windows import Window

EXTENSIVE = Operation("POST", "/v2/calls/extensive", "calls", "api:calls:read:extensive")
BASIC = Operation("GET", "/v2/calls", "calls", "api:calls:read:basic")

# Where each part of a call, as the setting `call_content` names it, is asked for.
_CONTENT = frozenset(
    {
        "structure",
        "topics",
        "trackers",
        "trackerOccurrences",
        "brief",
        "outline",
        "highlights",
        "callOutcome",
        "keyPoints",
    }
)
_INTERACTION = frozenset({"speakers", "video", "personInteractionStats", "questions"})

# An account without a single call for so long is more likely a key without the right to see them.
_LONG = timedelta(days=30)


class Calls(WindowedStream):
    """Calls with participants, content, interaction, comments and CRM context."""

    name = "calls"
    summary = "Calls, with participants, trackers, topics, summaries, comments and CRM context"
    operation = EXTENSIVE
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = CALL

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        if self.config["call_detail"] == "basic":
            self.operation = BASIC
        self.listed: tuple[Window, list[str]] | None = None

    @override
    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return request(self.operation, filters, content_selector(self.config))

    @override
    def more_filters(self) -> Mapping[str, Any]:
        return user_filter(self.operation, self.run.user_ids)

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        ids: list[str] = []
        for row in super().window_records(window, may_cut=may_cut):
            call = hoisted(row)
            if self._is_wanted(call):
                ids.append(call["id"])
                yield call
        self.listed = window, ids

    @override
    def records(self) -> Iterable[Record]:
        began = None if self.run.call_ids else self.start()
        yield from super().records()
        if began and not self.report.seen and self.run.end - began >= _LONG:
            self.logger.warning(
                "Gong shows no call at all from %s to %s. If there are some, the key's owner may "
                "not see them: take a key of a user with access to all calls",
                began.date(),
                self.run.end.date(),
            )

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        for call in map(hoisted, self._by_id(call_ids)):
            if self._is_wanted(call):
                yield call

    def _by_id(self, call_ids: list[str]) -> Iterator[dict[str, Any]]:
        if self.operation is EXTENSIVE:
            for ids in chunks(call_ids):
                for page in self.filtered_pages({"callIds": ids}):
                    yield from page.records
            return
        for call_id in call_ids:
            self.report.requests += 1
            try:
                yield self.client.request("GET", f"/v2/calls/{call_id}")["call"]
            except NotFound:
                self.logger.warning("Gong knows no call %s", call_id)

    def _is_wanted(self, call: Record) -> bool:
        """Whether the filters that the operation lacks let a call pass; counts private ones."""
        self.report.private += bool(call.get("isPrivate"))
        return is_wanted(call, self.run.user_ids, excludes_private=self.run.excludes_private)


class Transcripts(WindowedStream):
    """Transcripts of calls; those that are not ready yet are owed, and come with a later run.

    State beside the bookmark: see `tap_gong.owed`.
    """

    name = "transcripts"
    summary = "What was said: monologues and sentences with their times"
    operation = Operation(
        "POST", "/v2/calls/transcript", "callTranscripts", "api:calls:read:transcript"
    )
    primary_keys: ClassVar[list[str]] = ["callId"]
    schema = TRANSCRIPT
    incremental = "windowed, owed"
    follows = "calls"

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self._missing: list[str] = []
        self._asked = False

    @cached_property
    def _owed(self) -> Owed:
        return Owed.read(self.stream_state)

    @property
    def _by_calls(self) -> bool:
        """Whether a filter is wanted that this operation lacks, but a list of calls has."""
        return bool(self.run.user_ids) or self.run.excludes_private

    @override
    def before_windows(self) -> Iterable[Record]:
        if self._asked or self.run.keeps_bookmarks:
            return
        self._asked = True
        before = len(self._owed.named)
        yield from self._of_calls(list(self._owed.named))
        for stretch in self._owed.due_stretches(self.run.now):
            yield from self._of_window(
                stretch.window, self._calls_of(stretch.window), may_cut=False
            )
            self._owed.looked_at(stretch, self.run.now)
        self.report.arrived = before - len(self._owed.named)
        self.report.given_up = self._owed.give_up(self.run.now, self.run.transcript_wait)
        if self.report.given_up:
            self.logger.warning(
                "%d transcripts are given up: they did not come within transcript_wait_days (%d)",
                self.report.given_up,
                self.run.transcript_wait.days,
            )
        self._keep_owed()

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        # The next run reads all of the lookback again; only what lies before it can be missed.
        is_last_look = window.end <= self.run.settled_before
        calls = self._calls_of(window) if is_last_look or self._by_calls else None
        came: set[str] = set()
        for row in self._of_window(window, calls, may_cut=may_cut):
            came.add(row["callId"])
            yield row
        self._missing = [call for call in calls or () if call not in came] if is_last_look else []

    @override
    def end_window(self, window: Window) -> None:
        self._owed.note(self._missing, window, self.run.now)
        self._keep_owed()

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        return self._of_calls(call_ids)

    def _keep_owed(self) -> None:
        self.report.owed = len(self._owed)
        if not self.run.keeps_bookmarks:
            self._owed.write(self.stream_state)

    def _of_window(
        self, window: Window, calls: list[str] | None, *, may_cut: bool
    ) -> Iterator[Record]:
        if self._by_calls:
            yield from self._of_calls(calls or [])
            return
        for row in super().window_records(window, may_cut=may_cut):
            self._owed.arrived([row["callId"]])
            yield row

    def _of_calls(self, call_ids: list[str]) -> Iterator[Record]:
        for ids in chunks(call_ids):
            for page in self.filtered_pages({"callIds": ids}):
                self._owed.arrived(row["callId"] for row in page.records)
                yield from page.records

    def _calls_of(self, window: Window) -> list[str] | None:
        """Ids of the calls of a window: from `calls` when it has just read it, else asked for."""
        calls = self._tap.streams["calls"]
        if isinstance(calls, Calls) and calls.listed and calls.listed[0] == window:
            return calls.listed[1]
        try:
            return list(self._list_calls(window))
        except MissingScope as error:
            if self._by_calls:
                raise
            self.logger.warning(
                "Transcripts that come later than lookback_days may be missed, since calls cannot "
                "be listed: %s",
                error,
            )
            return None

    def _list_calls(self, window: Window) -> Iterator[str]:
        operation = BASIC if self.config["call_detail"] == "basic" else EXTENSIVE
        for part in self._tap.partitions.workspace_filters:
            filters = {
                **time_filter(window),
                **part,
                **user_filter(operation, self.run.user_ids),
            }
            for page in self.pages(operation=operation, **request(operation, filters)):
                for call in map(hoisted, page.records):
                    if is_wanted(
                        call, self.run.user_ids, excludes_private=self.run.excludes_private
                    ):
                        yield call["id"]


def hoisted(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its `metaData` at the top level, and the rest as Gong nests it.

    Both the metadata and the call have a member `media`; the call's, which holds the links to the
    recording, becomes `mediaUrls`. A call of GET /v2/calls is flat already.
    """
    metadata = call.pop("metaData", None)
    if metadata is None:
        return call
    links = call.pop("media", None)
    record = {**metadata, **call}
    if links:
        record["mediaUrls"] = links
    return record


def is_wanted(call: Mapping[str, Any], user_ids: list[str], *, excludes_private: bool) -> bool:
    """Whether a call passes the filters that not every operation has."""
    if excludes_private and call.get("isPrivate"):
        return False
    return not user_ids or call.get("primaryUserId") in user_ids


def user_filter(operation: Operation, user_ids: list[str]) -> dict[str, Any]:
    """The filter by host, where the operation has it."""
    return {"primaryUserIds": user_ids} if user_ids and operation is EXTENSIVE else {}


def request(
    operation: Operation, filters: Mapping[str, Any], selector: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """How an operation that lists calls takes its filters."""
    if operation is BASIC:
        return {"params": filters}
    return {"body": {"filter": filters, **({"contentSelector": selector} if selector else {})}}


def content_selector(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What to ask for beside the metadata, from `call_content` and `call_context*`."""
    parts = set(settings["call_content"])
    selector: dict[str, Any] = {"context": settings["call_context"]}
    if settings["call_context"] == "Extended":
        selector["contextTiming"] = list(settings["call_context_timing"])
    selector["exposedFields"] = {
        "parties": "parties" in parts,
        "content": dict.fromkeys(sorted(parts & _CONTENT), True),
        "interaction": dict.fromkeys(sorted(parts & _INTERACTION), True),
        "collaboration": {"publicComments": "publicComments" in parts},
        "media": "media" in parts,
    }
    return selector
