"""Streams that Gong filters by time, read window after window.

Streams that belong together (calls and their transcripts) are read in lockstep: all of them for
one window before the next, so that what one learns of a window is at hand for the other and then
forgotten. Memory does not grow with the length of a run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import CursorExpired, MissingScope
from tap_gong.cost import Cost
from tap_gong.stream import BookmarkedStream
from tap_gong.windows import TOO_FULL, Slices, Window, count_windows, time_filter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Record

    from gong_api.operation import Page
    from tap_gong.tap import TapGong


# Beyond this, asking where the calls begin is cheaper than reading windows that may be empty.
_WORTH_ASKING = timedelta(days=90)


class TooFull(Exception):
    """A window announces more records than one chain of pages should carry."""

    def __init__(self, records: int) -> None:
        super().__init__(records)
        self.records = records


class WindowedStream(BookmarkedStream):
    """A stream that Gong filters by time.

    Attributes:
        follows: name of the stream with which it is read in lockstep.
    """

    incremental = "windowed"
    follows: ClassVar[str | None] = None
    known_filters: ClassVar[tuple[str, ...]] = (
        "workspace_ids",
        "primary_user_ids",
        "private_calls",
    )

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self.announced = 0
        self.reached: pendulum.DateTime | None = None

    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        """The records of one window, in any order.

        Args:
            window: which.
            may_cut: whether `TooFull` may be raised before the first record.
        """
        for page in self.window_pages(window, may_cut=may_cut):
            yield from page.records

    def window_pages(self, window: Window, *, may_cut: bool) -> Iterator[Page]:
        """The pages of one window, of all workspaces that are asked for."""
        for part in self.workspaces():
            filters = {**self.span_filter(window), **part, **self.more_filters()}
            for page in self.filtered_pages(filters):
                if may_cut and (page.total or 0) > TOO_FULL:
                    raise TooFull(page.total or 0)
                may_cut = False
                yield page

    def filtered_pages(self, filters: Mapping[str, Any]) -> Iterator[Page]:
        """The pages that match a filter; counts what they announce and hold."""
        for number, page in enumerate(self.pages(**self.arguments(filters))):
            if number == 0:
                self.announced += page.total or 0
                self.report.announced += page.total or 0
            self.report.seen += len(page.records)
            yield page

    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        """How the operation takes a filter: by default in the body of a POST."""
        return {"body": {"filter": filters}}

    def more_filters(self) -> Mapping[str, Any]:
        """Filters beside the window and the workspace."""
        return {}

    def after_windows(self) -> Iterable[Record]:
        """What is read when all windows are done, if anything."""
        return ()

    def end_window(self, window: Window) -> None:
        """A window has been wholly emitted; its bookmark is about to be written."""

    @override
    def records(self) -> Iterable[Record]:
        if self.run.call_ids:
            return self.records_by_id(self.run.call_ids)
        return Lockstep(self, self._followers()).records()

    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        """The records of the calls that the setting `call_ids` names."""
        raise NotImplementedError

    def wanted_from(self) -> pendulum.DateTime | None:
        """From when on this run wants records, None for all there are."""
        start = self.run.start
        bookmark = self.bookmark
        if bookmark is None:
            return start
        resumed = bookmark.resume_at(self.run.lookback)
        return max(start, resumed) if start else resumed

    def start(self) -> pendulum.DateTime:
        """Where this run's windows begin: not before the company's first call."""
        if self.reached:
            return self.reached
        wanted = self.wanted_from()
        if wanted and self.run.end - wanted <= _WORTH_ASKING:
            return wanted
        earliest = self.earliest()
        return max(wanted, earliest) if wanted else earliest

    def earliest(self) -> pendulum.DateTime:
        """Before this there can be no record: the company's first call."""
        return self._tap.partitions.history.start

    @override
    def cost(self) -> Cost:
        if self.run.call_ids:
            return Cost.of(len(self.run.call_ids))
        span = Window(self.start(), self.run.end)
        if span.start >= span.end:
            return Cost(0, 0)
        total = 0
        for part in self.workspaces():
            filters = {**self.span_filter(span), **part, **self.more_filters()}
            page = next(iter(self.filtered_pages(filters)), None)
            total += 0 if page is None else page.total or len(page.records)
        return Cost.of(total, windows=count_windows(span, total))

    def workspaces(self) -> list[dict[str, str]]:
        """What to add to a filter, a request each."""
        if "workspace_ids" not in self.known_filters:
            return [{}]
        return self._tap.partitions.workspace_filters

    def span_filter(self, span: Window) -> Mapping[str, Any]:
        """How the operation is told a range of time."""
        return time_filter(span)

    def expected_records(self, span: Window) -> int | None:
        """How many records a span may hold, as far as is known already."""
        return self._tap.partitions.expected_calls(span)

    def _followers(self) -> list[WindowedStream]:
        """Streams to be read in lockstep with this one; none where a run only samples."""
        if self.run.keeps_bookmarks or self.ABORT_AT_RECORD_COUNT is not None:
            return []
        return [
            stream
            for stream in self._tap.streams.values()
            if isinstance(stream, WindowedStream)
            and stream.follows == self.name
            and stream.selected
        ]


class Lockstep:
    """Windowed streams read together.

    Args:
        leader: the stream whose turn it is; its records are yielded.
        followers: streams that emit theirs meanwhile, in this order.
    """

    def __init__(self, leader: WindowedStream, followers: list[WindowedStream]) -> None:
        self._leader = leader
        self._members = [leader, *followers]
        self._run = leader.run

    def records(self) -> Iterator[Record]:
        """The leader's records; the followers' are emitted between them."""
        starts = [member.start() for member in self._members]
        span = Window(min(starts), self._run.end)
        slices = Slices(
            span,
            cuts=starts,
            expected=self._leader.expected_records(span),
        )
        for window in slices:
            due = [
                member
                for member, start in zip(self._members, starts, strict=True)
                if start <= window.start and member.report.failed is None
            ]
            rows = self._window_rows(due, window, may_cut=slices.may_cut(window))
            if not (yield from whole(self._leader, slices, window, rows)):
                continue
            for member in due:
                if member.report.failed is not None:
                    continue
                member.end_window(window)
                member.report.windows += 1
                member.reached = window.end
                member.move_bookmark(window.end)
            slices.finished(window, max(member.announced for member in due))
        for member in self._members:
            if member.report.failed is None:
                yield from self._rows(member, member.after_windows())
                member.write_state()

    def _window_rows(
        self, due: list[WindowedStream], window: Window, *, may_cut: bool
    ) -> Iterator[Record]:
        for member in due:
            member.announced = 0
            # Once rows are out, cutting the window would only repeat them.
            rows = member.window_records(window, may_cut=may_cut and member is due[0])
            yield from self._rows(member, rows)

    def _rows(self, member: WindowedStream, rows: Iterable[Record]) -> Iterator[Record]:
        """Yield the leader's rows, emit a follower's."""
        if member is self._leader:
            yield from rows
            return
        try:
            member.emit(rows)
        except MissingScope as error:
            member.fail(error)


def whole(
    stream: WindowedStream, slices: Slices, window: Window, rows: Iterable[Record]
) -> Generator[Record, None, bool]:
    """Yield a window's rows.

    Returns:
        Whether they are all; False when the window has been cut and must be read anew.
    """
    try:
        yield from rows
    except TooFull as full:
        slices.too_full(window, full.records)
        return False
    except CursorExpired:
        if not slices.may_cut(window):
            raise
        slices.took_too_long(window)
        stream.report.restarted += 1
        stream.logger.warning(
            "The pages of %s took longer than a cursor lives; reading it again in halves", window
        )
        return False
    return True
