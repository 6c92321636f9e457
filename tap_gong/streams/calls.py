"""Calls and transcripts (API: Calls)."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import MissingScope, NotFound
from gong_api.operation import Operation
from tap_gong.call_listing import (
    BASIC,
    EXTENSIVE,
    call_time,
    hoisted,
    is_basic,
    is_wanted,
    request,
    user_filter,
)
from tap_gong.owed import Owed, Stretch
from tap_gong.run import chunks
from tap_gong.schemas.calls import CALL, TRANSCRIPT
from tap_gong.settings import CALL_CONTENT
from tap_gong.windowed import WindowedStream, whole
from tap_gong.windows import Slices, Window, time_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Record

    from tap_gong.tap import TapGong

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
        self.operation = BASIC if is_basic(self.config) else EXTENSIVE
        self.listed: tuple[Window, dict[str, pendulum.DateTime]] | None = None

    @override
    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return request(self.operation, filters, content_selector(self.config))

    @override
    def more_filters(self) -> Mapping[str, Any]:
        return user_filter(self.operation, self.run.user_ids)

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        listed: dict[str, pendulum.DateTime] = {}
        for row in super().window_records(window, may_cut=may_cut):
            call = hoisted(row)
            if self._is_wanted(call):
                listed[call["id"]] = call_time(call)
                yield call
        self.listed = window, listed

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

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        for call in map(hoisted, self.by_id(call_ids)):
            if self._is_wanted(call):
                yield call

    def by_id(self, call_ids: list[str]) -> Iterator[dict[str, Any]]:
        """Calls as Gong answers them, whatever the filters; unknown ids are left out."""
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
        return is_wanted(call, self.run.filters)


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
        self._missing: dict[str, pendulum.DateTime] = {}
        self._read_again: set[str] = set()
        self._listings = [BASIC, EXTENSIVE] if is_basic(self.config) else [EXTENSIVE, BASIC]
        self._is_done = False

    @cached_property
    def _owed(self) -> Owed:
        return Owed.read(self.stream_state)

    @property
    def _by_calls(self) -> bool:
        """Whether a filter is wanted that this operation lacks, but a list of calls has."""
        return bool(self.run.user_ids) or self.run.excludes_private

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        calls = self._calls_of(window) if self._by_calls else {}
        came: set[str] = set()
        for row in self._of_window(window, list(calls), may_cut=may_cut):
            came.add(row["callId"])
            yield row
        if not self._by_calls:
            calls = self._known_calls_of(window)
        self._missing = {call: time for call, time in calls.items() if call not in came}

    @override
    def end_window(self, window: Window) -> None:
        """Remember whose transcript is missing.

        What lies in the lookback will be read again anyway and is named while there is room, for
        the date at which it was first seen; what has left it must not be forgotten.
        """
        now, settled = self.run.now, self.run.settled_before
        gone = [call for call, time in self._missing.items() if time < settled]
        self._owed.note(gone, window, now)
        if self.run.lookback < self.run.transcript_wait:
            recent = [call for call, time in self._missing.items() if time >= settled]
            self._owed.note_in_lookback(recent, now)
        self._read_again.update(call for call in self._missing if call in self._owed.named)
        self._keep_owed()

    @override
    def after_windows(self) -> Iterable[Record]:
        """Ask for what is owed and was not inside this run's windows."""
        if self._is_done or self.run.keeps_bookmarks:
            return
        self._is_done = True
        wanted = [call for call in self._owed.named if call not in self._read_again]
        yield from self._of_calls(self._wanted_ids(wanted))
        for stretch in self._owed.due_stretches(self.run.now):
            yield from self._of_stretch(stretch)
        self.report.given_up = self._owed.give_up(self.run.now, self.run.transcript_wait)
        if self.report.given_up:
            self.logger.warning(
                "%d transcripts are given up: they did not come within transcript_wait_days (%d)",
                self.report.given_up,
                self.run.transcript_wait.days,
            )
        self._keep_owed()

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        return self._of_calls(self._wanted_ids(call_ids))

    def _keep_owed(self) -> None:
        self.report.owed = len(self._owed)
        if not self.run.keeps_bookmarks:
            self._owed.write(self.stream_state)

    def _of_stretch(self, stretch: Stretch) -> Iterator[Record]:
        """Read a stretch again, in windows; where a run ends, the next one goes on."""
        slices = Slices(Window(stretch.reached, stretch.window.end))
        for window in slices:
            self.announced = 0
            calls = list(self._calls_of(window)) if self._by_calls else []
            rows = self._of_window(window, calls, may_cut=slices.may_cut(window))
            if not (yield from whole(self, slices, window, rows)):
                continue
            slices.finished(window, self.announced)
            self._owed.looked_until(stretch, window.end, self.run.now)
            self._keep_owed()
            self.write_state()

    def _wanted_ids(self, call_ids: list[str]) -> list[str]:
        """Those of some calls that pass the filters, which this operation does not know."""
        calls = self._tap.streams["calls"]
        if not self.run.filters or not isinstance(calls, Calls) or not call_ids:
            return call_ids
        rows = map(hoisted, calls.by_id(call_ids))
        return [call["id"] for call in rows if is_wanted(call, self.run.filters)]

    def _of_window(self, window: Window, calls: list[str], *, may_cut: bool) -> Iterator[Record]:
        if self._by_calls:
            yield from self._of_calls(calls)
            return
        for row in super().window_records(window, may_cut=may_cut):
            self.report.arrived += self._owed.arrived(row["callId"])
            yield row

    def _of_calls(self, call_ids: list[str]) -> Iterator[Record]:
        for ids in chunks(call_ids):
            for page in self.filtered_pages({"callIds": ids}):
                for row in page.records:
                    self.report.arrived += self._owed.arrived(row["callId"])
                    yield row

    def _known_calls_of(self, window: Window) -> dict[str, pendulum.DateTime]:
        """Calls of a window as far as it costs nothing to know them, or must be known.

        Without `calls` at hand, only what has left the lookback is worth a list of its own.
        """
        just_read = self._just_read(window)
        if just_read is not None:
            return just_read
        settled = self.run.settled_before
        if window.start >= settled:
            return {}
        return self._calls_of(Window(window.start, min(window.end, settled)))

    def _just_read(self, window: Window) -> dict[str, pendulum.DateTime] | None:
        """Calls of a window, each with its time, if `calls` has just read it."""
        calls = self._tap.streams["calls"]
        if isinstance(calls, Calls) and calls.listed and calls.listed[0] == window:
            return calls.listed[1]
        return None

    def _calls_of(self, window: Window) -> dict[str, pendulum.DateTime]:
        """Calls of a window, each with its time, asked for if need be."""
        just_read = self._just_read(window)
        if just_read is not None:
            return just_read
        if not self._listings:
            return {}
        try:
            rows = self._list_calls(self._listings[0], window)
            return {call["id"]: call_time(call) for call in rows}
        except MissingScope as error:
            # The credentials may be granted the other of the two scopes.
            del self._listings[0]
            if self._listings:
                return self._calls_of(window)
            if self._by_calls:
                raise
            self.logger.warning(
                "Transcripts that come later than lookback_days may be missed, since calls cannot "
                "be listed: %s",
                error,
            )
            return {}

    def _list_calls(self, operation: Operation, window: Window) -> Iterator[Record]:
        for part in self._tap.partitions.workspace_filters:
            filters = {**time_filter(window), **part, **user_filter(operation, self.run.user_ids)}
            for page in self.pages(operation=operation, **request(operation, filters)):
                for call in map(hoisted, page.records):
                    if is_wanted(call, self.run.filters):
                        yield call


def content_selector(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What to ask for beside the metadata, from `call_content` and `call_context*`."""
    selector: dict[str, Any] = {"context": settings["call_context"]}
    if settings["call_context"] == "Extended":
        selector["contextTiming"] = list(settings["call_context_timing"])
    exposed: dict[str, Any] = {}
    for part in settings["call_content"]:
        group = CALL_CONTENT[part]
        (exposed if group is None else exposed.setdefault(group, {}))[part] = True
    return {**selector, "exposedFields": exposed}
