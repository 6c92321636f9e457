"""Which calls there are: the way to see which were deleted (API: Calls)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.call_source import CallSource, call_time, hoisted, request
from tap_gong.cost import Cost
from tap_gong.operations import CALLS
from tap_gong.schemas.calls import CALL_INDEX_ENTRY
from tap_gong.shared_lists import BEFORE_ALL_CALLS
from tap_gong.source import TooFull
from tap_gong.stream import BookmarkedStream, Part
from tap_gong.windowed import whole
from tap_gong.windows import (
    AHEAD,
    Slices,
    Window,
    affordable,
    count_windows,
    instant,
    iso,
    time_filter,
    too_full,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pendulum
    from singer_sdk.helpers.types import Record

    from tap_gong.tap import TapGong


class CallIndex(BookmarkedStream):
    """Sweeps through the whole history, whatever the filters; Gong announces deletions nowhere.

    A sweep may take several runs. What an earlier one saw and the newest whole one did not is
    gone. ACTIVATE_VERSION says so to targets that know it; for others, each row tells which sweep
    saw it last and which was the newest whole one by then.

    State: `sweep` = {"started", "reached"} while one is under way, `newest_whole_sweep`.
    """

    name = "call_index"
    summary = "Ids of all calls there are, to find those deleted; a request for 100 calls"
    operation = CALLS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = CALL_INDEX_ENTRY
    incremental = "sweep"
    selected_by_default = False

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        # The row read last waits for the next: the last of all says that the sweep is whole.
        self._held: Record = {}
        self._held_time = BEFORE_ALL_CALLS
        self._seen = 0

    @override
    def begin(self) -> None:
        """Nothing: windows are planned when it is the stream's turn."""

    @override
    def cost(self) -> Cost:
        span = Window(self._tap.lists.history.start, self.run.until)
        calls = self._tap.source(CallSource).count_records(span)
        return Cost.of(calls, windows=count_windows(self._slices(span), span, calls))

    @override
    def records(self) -> Iterator[Record]:
        if self.run.call_ids:
            self.logger.warning("call_index is left alone: call_ids asks for a part of the calls")
            return
        state = dict(self.stream_state) if self.replication_method == "INCREMENTAL" else {}
        sweep = state.get("sweep") or {"started": iso(min(self.run.now, self.run.present))}
        what = "the sweep of call_index in the state"
        started = instant(sweep["started"], what)
        reached = sweep.get("reached")
        begin = instant(reached, what) if reached else self._tap.lists.history.start
        span = Window(min(begin, started), started)
        whole_sweep = state.get("newest_whole_sweep")
        self._stream_version = int(started.timestamp() * 1000)
        slices = self._slices(span)
        for window in slices:
            most = too_full(self.client.limiter.left)
            for coming in slices.coming(AHEAD):
                self._tap.ahead.begin(CALLS, **request(CALLS, time_filter(coming)), most=most)
            rows = self._window(window, started, whole_sweep, may_cut=slices.may_cut(window))
            if not (yield from whole(self, slices, window, rows, [self.report])):
                continue
            slices.finished(window, self._seen)
            self.report.share = slices.share
            reached = self._held_time if self._held else window.end
            self._keep({"started": iso(started), "reached": iso(reached)}, whole_sweep)
        if not self._held:
            # A key that sees no call must not make targets drop those that are there.
            self._keep(None, whole_sweep)
            return
        # Tells targets without ACTIVATE_VERSION that the sweep is whole.
        yield {**self._held, "newestWholeSweep": iso(started)}
        self._keep(None, iso(started))
        self._write_activate_version_message(self._stream_version)

    def _slices(self, span: Window) -> Slices:
        return Slices(
            span,
            expected=self._tap.lists.expected_calls(span),
            most=affordable(self.client.limiter.left),
        )

    def _window(
        self,
        window: Window,
        started: pendulum.DateTime,
        whole_sweep: str | None,
        *,
        may_cut: bool,
    ) -> Iterator[Record]:
        self._seen = 0
        stamp = {"sweepStartedAt": iso(started), "newestWholeSweep": whole_sweep}
        for page in self.pages(Part(**request(CALLS, time_filter(window)))):
            total = page.total or 0
            if may_cut and not self._seen and total > too_full(self.client.limiter.left):
                raise TooFull(total)
            for call in map(hoisted, page.records):
                self._seen += 1
                if not call.get("id"):
                    self.report.unkeyed += 1
                    continue
                if self._held:
                    yield self._held
                told = {name: call.get(name) for name in ("id", "started", "isPrivate")}
                self._held, self._held_time = {**told, **stamp}, call_time(call)

    def _keep(self, sweep: dict[str, str] | None, whole_sweep: str | None) -> None:
        """Write down how far the sweep has come, and a STATE message."""
        if self.run.keeps_bookmarks:
            return
        for name, value in (("sweep", sweep), ("newest_whole_sweep", whole_sweep)):
            if value is None:
                self.stream_state.pop(name, None)
            else:
                self.stream_state[name] = value
        self.write_state()
