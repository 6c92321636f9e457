"""Transcripts, those included that were not ready when their call was read."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pendulum
from typing_extensions import override

from gong_api.errors import MissingScope, Refused
from tap_gong.call_source import CallSource, Speakers, hoisted, is_wanted
from tap_gong.nested import plain_in
from tap_gong.operations import CALLS_EXTENSIVE, TRANSCRIPTS
from tap_gong.owed import MOST_NAMED, Owed, Stretch
from tap_gong.run import chunks
from tap_gong.source import Source
from tap_gong.windowed import WindowedStream, whole
from tap_gong.windows import Slices, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from gong_api.operation import Page
    from tap_gong.hints import Hints
    from tap_gong.tap import TapGong


_LONG_AGO = pendulum.datetime(1970, 1, 1)
# In the state of a stream that was not selected: transcripts that came for the others.
_MISSED = "missed"


class TranscriptSource(Source):
    """Transcripts of calls; those that are not ready yet are owed, and come with a later run.

    What is owed is kept in the state of the stream `transcripts`, selected or not, for all streams
    that are made of transcripts: see `tap_gong.owed`.

    Attributes:
        speakers: callId -> who speaks in it, of the records being handed out.
    """

    operation = TRANSCRIPTS
    follows = CallSource
    takes_hints = True

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self._missing: dict[str, pendulum.DateTime] = {}
        self._read_again: set[str] = set()
        self._hinted: set[str] = set()
        self._is_warned = False
        self._looks_up_speakers = tap.run.calls is CALLS_EXTENSIVE
        self.speakers: dict[str, Speakers] = {}

    @property
    def _calls(self) -> CallSource:
        return self._tap.source(CallSource)

    @property
    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._tap.streams["transcripts"].stream_state
        return state

    @cached_property
    def owed(self) -> Owed:
        """What is owed, as the state has it."""
        return Owed.read(self._state)

    @property
    def _by_calls(self) -> bool:
        """Whether a filter is wanted that this operation lacks, but a list of calls has."""
        return bool(self.run.user_ids) or self.run.excludes_private

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        calls = self._calls_of(window) if self._by_calls else self._calls.just_read(window)
        came: set[str] = set()
        # By their ids, all pages can be asked for at once.
        rows = (
            self._pages_of_window(window, may_cut=may_cut)
            if calls is None
            else self._of_lots(self._calls.lots_of(window, calls))
        )
        for row in rows:
            came.add(row["callId"])
            if row["callId"] not in self._hinted:
                yield row
        if calls is None:
            calls = self._known_calls_of(window)
        self._missing = {call: time for call, time in calls.items() if call not in came}

    @override
    def begin_window(self, window: Window, beside: list[Source]) -> None:
        if not self._by_calls and self._calls not in beside:
            super().begin_window(window, beside)

    @override
    def end_window(self, window: Window) -> None:
        """Remember whose transcript is missing.

        What lies in the lookback will be read again anyway and is named while there is room, for
        the date at which it was first seen; what has left it must not be forgotten.
        """
        now, settled = self.run.now, self.run.settled_before
        gone = [call for call, time in self._missing.items() if time < settled]
        self.owed.note(gone, window, now)
        if self.run.lookback < self.run.transcript_wait:
            recent = [call for call, time in self._missing.items() if time >= settled]
            self.owed.note_in_lookback(recent, now)
        self._read_again.update(call for call in self._missing if call in self.owed.named)
        self._keep_owed()

    @override
    def after_windows(self) -> Iterable[Record]:
        """Ask for what is owed and was not inside this run's windows."""
        wanted = [call for call in self.owed.named if call not in self._read_again]
        wanted += [call for call in self._missed() if call not in wanted]
        yield from self._of_calls(self._wanted_ids(wanted))
        for reader in self.readers:
            if not reader.has_failed:
                reader.stream_state.pop(_MISSED, None)
        for stretch in self.owed.due_stretches(self.run.now):
            for stream in self._left_out():
                stream.forget_bookmark(stretch.window.start)
            yield from self._of_stretch(stretch)
        report = self.report
        report.given_up = self.owed.give_up(self.run.now, self.run.transcript_wait)
        if report.given_up:
            self._tap.logger.warning(
                "%d transcripts are given up: they did not come within transcript_wait_days (%d)",
                report.given_up,
                self.run.transcript_wait.days,
            )
        self._keep_owed()

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        return self._of_calls(self._wanted_ids(call_ids))

    @override
    def hinted_records(self, hints: Hints) -> Iterable[Record]:
        calls = self._hinted_calls(hints)
        for row in self._of_calls(list(calls)):
            self._hinted.add(row["callId"])
            yield row
        self._missing = {call: time for call, time in calls.items() if call not in self._hinted}
        if self._missing:
            times = self._missing.values()
            self.end_window(Window(min(times), max(times).add(seconds=1)))

    @override
    def filtered_pages(self, filters: Mapping[str, Any]) -> Iterator[Page]:
        for page in super().filtered_pages(filters):
            if any(reader.wants_speakers for reader in self.due):
                ids = [row["callId"] for row in page.records if plain_in(row, "callId")]
                self.speakers = self._speakers_of(ids)
            yield page

    def _hinted_calls(self, hints: Hints) -> dict[str, pendulum.DateTime]:
        """The calls that automation rules have named, as far as this run wants them."""
        if self._calls.hinted is not None:
            return self._calls.hinted
        # Nothing is made of calls in this run. One whose time is not known is as good as settled.
        times = {call: time or _LONG_AGO for call, time in hints.times.items()}
        for call in times:
            # Whatever Gong does not show yet is owed.
            hints.shown(call)
        return {call: times[call] for call in self._wanted_ids(list(times))}

    def _keep_owed(self) -> None:
        self.report.owed = len(self.owed)
        if not self.run.keeps_bookmarks:
            self.owed.write(self._state)

    def _of_stretch(self, stretch: Stretch) -> Iterator[Record]:
        """Read a stretch again, in windows; where a run ends, the next one goes on."""
        slices = Slices(Window(stretch.reached, stretch.window.end))
        for window in slices:
            self.announced = 0
            may_cut = slices.may_cut(window)
            rows = (
                self._of_calls(list(self._calls_of(window)))
                if self._by_calls
                else self._pages_of_window(window, may_cut=may_cut)
            )
            if not (yield from whole(self.readers[0], slices, window, rows, [self.report])):
                continue
            if self._has_failed:
                return
            slices.finished(window, self.announced)
            self.owed.looked_until(stretch, window.end, self.run.now)
            self._keep_owed()
            self.readers[0].write_state()

    def _wanted_ids(self, call_ids: list[str]) -> list[str]:
        """Those of some calls that pass the filters, which this operation does not know."""
        if not self.run.filters or not call_ids:
            return call_ids
        rows = map(hoisted, self._calls.by_id(call_ids, self.report))
        return [call["id"] for call in rows if is_wanted(call, self.run.filters)]

    def _pages_of_window(self, window: Window, *, may_cut: bool) -> Iterator[Record]:
        for row in super().window_records(window, may_cut=may_cut):
            if self._is_whole(row):
                yield row
                self._arrived(row["callId"])

    def _of_calls(self, call_ids: list[str]) -> Iterator[Record]:
        return self._of_lots(list(chunks(call_ids)))

    def _of_lots(self, lots: list[list[str]]) -> Iterator[Record]:
        self.begin_lots(lots)
        for ids in lots:
            for page in self.filtered_pages({"callIds": ids}):
                for row in page.records:
                    if self._is_whole(row):
                        yield row
                        self._arrived(row["callId"])

    def _is_whole(self, row: Record) -> bool:
        if plain_in(row, "callId"):
            return True
        self.report.unkeyed += 1
        return False

    def _arrived(self, call: str) -> None:
        """A transcript is out: it is owed no longer, save to streams that do not get it now."""
        if call not in self.owed.named or len(self.due) < len(self.readers) or self._has_failed:
            # Where a stream selected later catches up, the others get it by its id; what has failed
            # gets it with the next run.
            return
        self.report.arrived += self.owed.arrived(call)
        for stream in self._left_out():
            missed = stream.stream_state.setdefault(_MISSED, [])
            missed.append(call)
            if len(missed) > MOST_NAMED:
                stream.forget_bookmark()

    @property
    def _has_failed(self) -> bool:
        """Whether a stream that should get all transcripts lacks some."""
        return any(reader.has_failed for reader in self.readers)

    def _left_out(self) -> list[WindowedStream]:
        """Streams made of transcripts that are not selected now but were before."""
        return [
            stream
            for stream in self._tap.streams.values()
            if isinstance(stream, WindowedStream)
            and stream.made_of is type(self)
            and not stream.selected
            and stream.stream_state.get("replication_key_value")
        ]

    def _missed(self) -> list[str]:
        """What came while one of the streams was not selected."""
        found: dict[str, None] = {}
        for reader in self.readers:
            found.update(dict.fromkeys(reader.stream_state.get(_MISSED) or []))
        return list(found)

    def _speakers_of(self, call_ids: list[str]) -> dict[str, Speakers]:
        """Who speaks: known where the calls have just been read, else asked for."""
        known = self._calls.speakers
        unknown = [call for call in call_ids if call not in known]
        if not unknown or not self._looks_up_speakers or self._knows_window:
            return known
        try:
            return {**known, **self._calls.look_up_speakers(unknown, self.report)}
        except Refused as error:
            if not error.concerns_operation:
                raise
            self._looks_up_speakers = False
            self._tap.logger.warning("Transcripts come without the speakers' names: %s", error)
            return known

    @property
    def _knows_window(self) -> bool:
        """Whether the calls of the window being read are at hand."""
        return self.present is not None and self._calls.just_read(self.present) is not None

    def _known_calls_of(self, window: Window) -> dict[str, pendulum.DateTime]:
        """Calls of a window as far as they must be known.

        Only what has left the lookback is worth a list of its own.
        """
        settled = self.run.settled_before
        if window.start >= settled:
            return {}
        return self._calls_of(Window(window.start, min(window.end, settled)))

    def _calls_of(self, window: Window) -> dict[str, pendulum.DateTime]:
        """Calls of a window, each with its time, asked for if need be."""
        try:
            return self._calls.of_window(window, self.report)
        except MissingScope as error:
            if self._by_calls:
                raise
            if not self._is_warned:
                self._is_warned = True
                self._tap.logger.warning(
                    "Transcripts that come later than lookback_days may be missed, since calls "
                    "cannot be listed: %s",
                    error,
                )
            return {}
