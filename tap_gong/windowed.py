"""Streams that are read window after window.

All streams made of one source, and of those that follow it (calls, their transcripts, and the
tables made of either), are read in lockstep: all of them for one window before the next. What one
learns of a window is at hand for the others and then forgotten, a page is asked for once however
many streams are made of it, and memory does not grow with the length of a run.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import CursorExpired, GongError
from tap_gong.cost import Cost
from tap_gong.hints import Hints
from tap_gong.nested import Misshapen
from tap_gong.shared_lists import BEFORE_ALL_CALLS
from tap_gong.source import Source, TooFull
from tap_gong.stream import BookmarkedStream
from tap_gong.windows import AHEAD, Slices, Window, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    import pendulum
    from singer_sdk.helpers.types import Record

    from tap_gong.report import StreamReport
    from tap_gong.tap import TapGong


class WindowedStream(BookmarkedStream):
    """A stream made of the records of a source.

    Attributes:
        made_of: the source.
        call_parts: names of `call_content`, and `context`, that it is made of.
        wants_speakers: whether names of speakers are looked up for it.
    """

    incremental = "windowed"
    made_of: ClassVar[type[Source]]
    call_parts: ClassVar[tuple[str, ...]] = ()
    wants_speakers: ClassVar[bool] = False

    @property
    def tap(self) -> TapGong:
        """The tap that it is a stream of."""
        return self._tap

    @property
    def source(self) -> Source:
        """The source, shared by all streams made of it."""
        return self._tap.source(self.made_of)

    @property
    @override
    def filters(self) -> dict[str, Any]:
        known = self.made_of.known_filters
        chosen = {name: value for name, value in self.run.filters.items() if name in known}
        return {**chosen, **self.source.remembered()}

    @property
    def is_possible(self) -> bool:
        """Whether the settings let Gong's answers hold what it is made of."""
        return True

    def rows(self, record: Record) -> Iterable[Record]:
        """What a record of the source yields for this stream: by default itself."""
        return (record,)

    @override
    def records(self) -> Iterable[Record]:
        if self not in self.source.readers:
            return ()
        return self._tap.lockstep(self).records(self)

    @override
    def begin(self) -> None:
        """Nothing: the lockstep has its windows fetched."""

    @property
    @override
    def limit(self) -> int | None:
        # The lockstep counts for each of its streams.
        return None

    @property
    def is_full(self) -> bool:
        """Whether `max_records` are reached."""
        most = self.run.max_records
        return most is not None and self.report.records >= most

    @property
    def may_go_on(self) -> bool:
        """Whether the stream can and should be read further."""
        return self.report.failed is None and not self.is_full

    def wanted_from(self) -> pendulum.DateTime | None:
        """From when on this run wants records, None for all there are."""
        start = self.run.start
        bookmark = self.bookmark
        if bookmark is None:
            return start
        resumed = bookmark.resume_at(self.run.lookback)
        return max(start, resumed) if start else resumed

    @property
    @override
    def since(self) -> pendulum.DateTime | None:
        return self._since

    @functools.cached_property
    def _since(self) -> pendulum.DateTime | None:
        bookmark, start = self.bookmark, self.run.start
        if bookmark is None:
            return start and min(start, self.start())
        if start and start > bookmark.end and (begin := min(start, self.start())) > bookmark.end:
            self.logger.warning(
                "%s is not read from %s to start_date (%s), now or later; if that is wanted, set a "
                "start_date before its bookmark and run again with the state before this run",
                self.name,
                iso(bookmark.end),
                iso(start),
            )
            return begin
        # Slices of all there is begin before all calls.
        if bookmark.since and (start or BEFORE_ALL_CALLS) < bookmark.since:
            self.logger.warning(
                "%s has been read from %s on; for what %s before that, run with `--full-refresh` "
                "or without its bookmark",
                self.name,
                iso(bookmark.since),
                f"start_date ({iso(start)}) names" if start else "lies",
            )
        return bookmark.since

    def start(self) -> pendulum.DateTime:
        """Where this run's windows begin."""
        return self.source.begin(self.wanted_from())

    @override
    def cost(self) -> Cost:
        source = self.source
        if self is not next(iter(source.readers), self):
            return Cost(0, 0)
        if self.run.call_ids and source.is_about_calls:
            return Cost.of(len(self.run.call_ids))
        span = Window(min(reader.start() for reader in source.readers), source.end())
        cost = source.cost(span) if span.start < span.end else Cost(0, 0)
        hinted = self._tap.lockstep(self).count_hinted() if source.takes_hints else 0
        return cost.plus(Cost.of(hinted)) if hinted else cost


class Lockstep:
    """Windowed streams read together.

    The stream whose turn it is yields its rows to the SDK; the others emit theirs meanwhile.

    Args:
        members: the streams.
        sources: what they are made of, in the order in which a window is read.
    """

    def __init__(self, members: list[WindowedStream], sources: list[Source]) -> None:
        self._members = members
        self._tap = members[0].tap
        self._sources = sources
        self._run = members[0].run
        self._leader = members[0]
        self._is_done = False

    def records(self, leader: WindowedStream) -> Iterator[Record]:
        """Read all members, once; yields the leader's rows."""
        if self._is_done:
            return
        self._is_done = True
        self._leader = leader
        try:
            yield from self._all_records()
            for source in self._sources:
                self._tap.ahead.forget(source.operation)
        except GongError as error:
            # What is asked for before the windows, such as the time zone, concerns all of them.
            if not error.concerns_operation:
                raise
            for member in self._members:
                if member.report.failed is None:
                    member.fail(error)

    def _all_records(self) -> Iterator[Record]:
        if self._run.call_ids and self._sources[0].is_about_calls:
            for source in self._sources:
                readers = self._readers(source, self._members)
                read = functools.partial(source.records_by_id, self._run.call_ids)
                yield from self._feed(read, source, readers)
            return
        yield from self._hinted()
        yield from self._windows()
        if self._run.keeps_bookmarks:
            return
        for source in self._sources:
            source.present = None
            readers = self._readers(source, self._members)
            if readers:
                yield from self._feed(source.after_windows, source, readers)
        self._leader.write_state()

    def begin(self) -> None:
        """Plan the windows, and have the first of them fetched before the streams' turn."""
        if self._run.call_ids or not self._sources[0].is_about_calls:
            return
        try:
            if self._hints and self._hints.times:
                # They come first: the windows are begun when these have been read.
                self._sources[0].begin_hinted(self._hints)
            else:
                self._begin_windows()
        except GongError as error:
            # It is these streams' alone, and comes again in their turn.
            if not error.concerns_operation:
                raise

    @functools.cached_property
    def _hints(self) -> Hints | None:
        """What automation rules have named; None where that is of no use."""
        inbox = self._tap.inbox if self._tap.takes_hints else None
        members = self._hinted_members()
        if inbox is None or not members:
            return None
        hints = Hints(inbox, (member.stream_state for member in members))
        hints.leave_out(self._run.covers)
        return hints

    def count_hinted(self) -> int:
        """How many calls automation rules have named."""
        return len(self._hints.times) if self._hints else 0

    def _hinted_members(self) -> list[WindowedStream]:
        return [member for member in self._members if member.source.takes_hints]

    def _hinted(self) -> Iterator[Record]:
        """The calls that automation rules have named; the windows' bookmarks stay."""
        hints = self._hints
        if hints is None:
            return
        members = self._hinted_members()
        for source in self._sources if hints.times else ():
            readers = self._readers(source, members)
            if readers:
                read = functools.partial(source.hinted_records, hints)
                yield from self._feed(read, source, readers)
        if hints.times:
            self._leader.logger.info(
                "%d calls named by automation rules were asked for first; %d of them Gong does not "
                "show yet",
                len(hints.times),
                len(hints.unseen(self._run.present)),
            )
        if self._run.keeps_bookmarks:
            return
        for member in members:
            if member.report.failed is None:
                hints.write(member.stream_state, self._run.present)
        self._leader.write_state()

    def begin_anew(self) -> None:
        """Plan the windows again: the history is longer than was thought."""
        for planned in ("_starts", "_slices"):
            self.__dict__.pop(planned, None)
        for source in self._sources:
            self._tap.ahead.forget(source.operation)
        self.begin()

    @functools.cached_property
    def _starts(self) -> dict[str, pendulum.DateTime]:
        return {member.name: member.start() for member in self._members}

    @functools.cached_property
    def _slices(self) -> Slices:
        starts, first = self._starts.values(), self._sources[0]
        return first.slices(Window(min(starts), first.end()), starts)

    def _windows(self) -> Iterator[Record]:
        starts, slices = self._starts, self._slices
        for window in slices:
            due = [
                member
                for member in self._members
                if starts[member.name] <= window.start and member.may_go_on
            ]
            if all(not member.may_go_on for member in self._members):
                return
            self._begin_windows()
            rows = self._window_rows(due, window, may_cut=slices.may_cut(window))
            reports = [source.report for source in self._sources]
            if not (yield from whole(self._leader, slices, window, rows, reports)):
                self._tap.ahead.forget_window(window)
                continue
            for source in self._sources:
                if self._readers(source, due):
                    source.end_window(window)
            slices.finished(window, max(source.announced for source in self._sources))
            for member in due:
                if member.report.failed is None:
                    member.report.windows += 1
                    member.report.share = slices.share
                    member.move_bookmark(window.end)
            self._leader.write_state()

    def _begin_windows(self) -> None:
        """Have the windows to come fetched, as many as can be under way."""
        for window in self._slices.coming(AHEAD):
            due = [member for member in self._members if self._starts[member.name] <= window.start]
            beside = [source for source in self._sources if self._readers(source, due)]
            for source in beside:
                source.begin_window(window, beside)

    def _window_rows(
        self, due: list[WindowedStream], window: Window, *, may_cut: bool
    ) -> Iterator[Record]:
        for source in self._sources:
            source.present = window
            source.announced = 0
            readers = self._readers(source, due)
            if readers:
                # Once rows are out, cutting the window would only repeat them.
                read = functools.partial(source.window_records, window, may_cut=may_cut)
                may_cut = False
                yield from self._feed(read, source, readers)

    @staticmethod
    def _readers(source: Source, members: list[WindowedStream]) -> list[WindowedStream]:
        return [
            member for member in members if member.source is source and member.report.failed is None
        ]

    def _leader_may_go_on(self, _: Record) -> bool:
        return not self._leader.is_full

    def _feed(
        self,
        read: Callable[[], Iterable[Record]],
        source: Source,
        readers: list[WindowedStream],
    ) -> Iterator[Record]:
        """Hand each record to the streams made of it."""
        source.due = readers
        try:
            for record in read():
                for reader in readers:
                    rows = _own_rows(reader, record)
                    if reader is self._leader:
                        yield from itertools.takewhile(self._leader_may_go_on, rows)
                    else:
                        reader.emit(rows)
                if all(reader.is_full for reader in readers):
                    return
        except CursorExpired:
            raise
        except GongError as error:
            if not error.concerns_operation:
                raise
            for reader in readers:
                reader.fail(error)
            self._forget(source)

    def _forget(self, source: Source) -> None:
        """Drop what was begun of a source that fails."""
        for other in self._sources:
            # What was to be asked for by its ids will be asked for in another way.
            if other is source or other.follows is type(source):
                self._tap.ahead.forget(other.operation)


def _own_rows(reader: WindowedStream, record: Record) -> Iterator[Record]:
    """What a stream makes of a record; a part of another form fails that stream alone."""
    if reader.has_failed:
        return
    try:
        yield from reader.rows(record)
    except Misshapen as error:
        reader.fail(error)


def whole(
    stream: BookmarkedStream,
    slices: Slices,
    window: Window,
    rows: Iterable[Record],
    reports: Iterable[StreamReport],
) -> Generator[Record, None, bool]:
    """Yield a window's rows; those of a window that is read anew count once in the reports.

    Returns:
        Whether they are all; False when the window has been cut and must be read anew.
    """
    counted = [(report, report.of_rows) for report in reports]
    try:
        yield from rows
    except TooFull as full:
        slices.too_full(window, full.records)
    except CursorExpired:
        if not slices.may_cut(window):
            raise
        slices.took_too_long(window)
        stream.report.restarted += 1
        stream.logger.warning(
            "The pages of %s took longer than a cursor lives; reading it again in halves", window
        )
    else:
        return True
    for report, of_rows in counted:
        report.count_anew(of_rows)
    return False
