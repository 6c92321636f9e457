"""An operation that Gong filters by time, read once for all the streams that are made of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tap_gong.cost import Cost
from tap_gong.reading import read
from tap_gong.report import StreamReport
from tap_gong.windows import (
    Slices,
    Window,
    affordable,
    count_windows,
    time_filter,
    too_full,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Record

    from gong_api.operation import Operation, Page
    from tap_gong.hints import Hints
    from tap_gong.read_ahead import LeadsTo
    from tap_gong.run import Run
    from tap_gong.tap import TapGong
    from tap_gong.windowed import WindowedStream

# Beyond this, asking where the calls begin is cheaper than reading windows that may be empty.
_WORTH_ASKING = timedelta(days=90)


class TooFull(Exception):
    """A window announces more records than one chain of pages should carry."""

    def __init__(self, records: int) -> None:
        super().__init__(records)
        self.records = records


class Source:
    """What one operation has to say about each window of time.

    Attributes:
        operation: what is read.
        is_about_calls: whether `call_ids` can name its records.
        takes_hints: whether calls that automation rules have named are read before the windows.
        follows: the source whose windows it shares, and which is read before it.
        known_filters: settings among the run's filters that narrow it.
        present: the window being read, None outside of windows.
        due: the streams that get the records now being read.
        announced: records that the first pages of the present window announced.
    """

    operation: Operation
    is_about_calls: ClassVar[bool] = True
    takes_hints: ClassVar[bool] = False
    follows: ClassVar[type[Source] | None] = None
    known_filters: ClassVar[tuple[str, ...]] = (
        "workspace_ids",
        "primary_user_ids",
        "private_calls",
    )

    def __init__(self, tap: TapGong) -> None:
        self._tap = tap
        self.present: Window | None = None
        self.due: list[WindowedStream] = []
        self.announced = 0
        self._unread_report = StreamReport()

    @property
    def run(self) -> Run:
        """What this run covers."""
        return self._tap.run

    @property
    def readers(self) -> list[WindowedStream]:
        """The selected streams that are made of it."""
        return self._tap.readers_of(type(self))

    @property
    def report(self) -> StreamReport:
        """Where requests are counted: with the first of the streams made of it."""
        readers = self.readers
        return readers[0].report if readers else self._unread_report

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
        for filters in self.window_filters(window):
            for page in self.filtered_pages(filters):
                if may_cut and (page.total or 0) > too_full(self._tap.client.limiter.left):
                    raise TooFull(page.total or 0)
                may_cut = False
                yield page

    def begin_window(self, window: Window, beside: list[Source]) -> None:
        """Have the pages of a window fetched that will be read soon.

        Args:
            window: which.
            beside: all sources that it will be read from.
        """
        most = too_full(self._tap.client.limiter.left)
        leads_to = self.leads_to([source for source in beside if source.follows is type(self)])
        for filters in self.window_filters(window):
            arguments = self.arguments(filters)
            self._tap.ahead.begin(
                self.operation, **arguments, most=most, leads_to=leads_to, window=window
            )

    def leads_to(self, followers: list[Source]) -> LeadsTo | None:  # noqa: ARG002
        """What others will ask for after each page."""
        return None

    def begin_lots(self, lots: Iterable[list[str]]) -> None:
        """Have the records of some calls fetched, a request for each lot of ids."""
        for ids in lots:
            arguments = self.arguments({"callIds": ids})
            self._tap.ahead.begin(self.operation, **arguments, window=self.present, is_next=True)

    def window_filters(self, window: Window) -> Iterator[Mapping[str, Any]]:
        """The filters that together cover a window, a chain of pages each."""
        for part in self.workspaces():
            yield {**self.span_filter(window), **part, **self.more_filters()}

    def filtered_pages(self, filters: Mapping[str, Any]) -> Iterator[Page]:
        """The pages that match a filter; counts what they announce and hold."""
        report = self.report
        pages = read(self._tap.ahead, report, self.operation, **self.arguments(filters))
        for number, page in enumerate(pages):
            if number == 0:
                self.announced += page.total or 0
                report.announced += page.total or 0
            report.seen += len(page.records)
            yield page

    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        """How the operation takes a filter: by default in the body of a POST."""
        return {"body": {"filter": filters}}

    def more_filters(self) -> Mapping[str, Any]:
        """Filters beside the window and the workspace."""
        return {}

    def workspaces(self) -> list[dict[str, str]]:
        """What to add to a filter, a request each."""
        if "workspace_ids" not in self.known_filters:
            return [{}]
        return self._tap.lists.workspace_filters

    def span_filter(self, span: Window) -> Mapping[str, Any]:
        """How the operation is told a range of time."""
        return time_filter(span)

    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        """The records of the calls that the setting `call_ids` names."""
        raise NotImplementedError

    def begin_hinted(self, hints: Hints) -> None:
        """Have the calls fetched that automation rules have named."""

    def hinted_records(self, hints: Hints) -> Iterable[Record]:
        """The records of the calls that automation rules have named."""
        raise NotImplementedError

    def end_window(self, window: Window) -> None:
        """A window has been wholly emitted; its bookmarks are about to be written."""

    def after_windows(self) -> Iterable[Record]:
        """What is read when all windows are done, if anything."""
        return ()

    def remembered(self) -> dict[str, Any]:
        """Settings that a bookmark must know, since it is of no use under others."""
        return {}

    def slices(self, span: Window, cuts: Iterable[pendulum.DateTime]) -> Slices:
        """The windows that a span is read in."""
        # However small the budget, a window must fit into it, or runs would get nowhere.
        most = affordable(self._tap.client.limiter.left)
        return Slices(span, cuts=cuts, expected=self.expected_records(span), most=most)

    def begin(self, wanted: pendulum.DateTime | None) -> pendulum.DateTime:
        """Where windows begin when records are wanted from an instant on, None for all."""
        if wanted and self.run.until - wanted <= _WORTH_ASKING:
            return wanted
        earliest = self.earliest()
        return max(wanted, earliest) if wanted else earliest

    def earliest(self) -> pendulum.DateTime:
        """Before this there can be no record: the company's first call."""
        history = self._tap.lists.history
        if self.is_about_calls or history.calls:
            return history.start
        # Those who may see this may still not see a single call, from which to begin.
        return self._tap.lists.first_activity

    def expected_records(self, span: Window) -> int | None:
        """How many records a span may hold, as far as is known already."""
        return self._tap.lists.expected_calls(span)

    def end(self) -> pendulum.DateTime:
        """Where windows end."""
        return self.run.until

    def cost(self, span: Window) -> Cost:
        """What reading a span would take."""
        records = self.count_records(span)
        windows = count_windows(self.slices(span, ()), span, records)
        return Cost.of(records, windows=windows, chains=len(list(self.window_filters(span))))

    def count_records(self, span: Window) -> int:
        """How many records a span holds, as the first pages announce it."""
        total = 0
        for filters in self.window_filters(span):
            self.report.requests += 1
            page = self._tap.ahead.first_page(self.operation, **self.arguments(filters))
            total += 0 if page is None else page.total or len(page.records)
        return total
