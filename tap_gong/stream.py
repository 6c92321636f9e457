"""How a stream gets its records: the bases that the streams' declarations build on.

One record's way: Gong's answer -> `GongClient.pages` -> `records()` of a stream here ->
`get_records` -> `post_process` -> the SDK's selection, maps and RECORD message.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from typing_extensions import override

from gong_api.command import RunStopped
from gong_api.errors import GongError, MissingScope, NothingFound
from tap_gong.schemas.ids import text_conversion
from tap_gong.windows import Bookmark, Density, Window, instant, iso, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Context, Record

    from gong_api.client import GongClient
    from gong_api.operation import Operation, Page
    from tap_gong.tap import TapGong

# A list row changed within this time of being read could share its instant with one read before.
_SAME_INSTANT = timedelta(minutes=1)


class GongStream(Stream):
    """A stream that reads one operation.

    Subclasses declare `name`, `operation`, `primary_keys`, `schema`, and either use `records` as
    it is or say what to ask for.
    """

    operation: ClassVar[Operation]
    summary: ClassVar[str]
    incremental: ClassVar[str] = ""
    # Gong's document has some ids as int64; they are strings here all the same.
    ids_may_be_numbers: ClassVar[bool] = False

    # Answers are JSON already: only the root has anything to conform.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.ROOT_ONLY

    _tap: TapGong

    @property
    def client(self) -> GongClient:
        """The tap's connection, shared by all streams."""
        return self._tap.client

    def records(self) -> Iterable[Record]:
        """The stream's records, in any order."""
        for page in self.pages():
            yield from page.records

    def pages(
        self,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[Page]:
        """Pages of the stream's operation; none where nothing matches the filters."""
        try:
            yield from self.client.pages(self.operation, path=path, params=params, body=body)
        except NothingFound:
            return

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        try:
            yield from self.records()
        except MissingScope as error:
            self._tap.stream_failed(self, error)
        except GongError as error:
            raise RunStopped(error) from error

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        if self.ids_may_be_numbers:
            self._numbers_to_text(row)
        return row

    @cached_property
    def _numbers_to_text(self) -> Callable[[Any], Any]:
        return text_conversion(self.schema)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        # `--test` ends each stream after one record by an exception, which the SDK then reports
        # as unhandled. Errors that end a run are RunStopped and never come this way.
        if self.ABORT_AT_RECORD_COUNT is not None and level == logging.ERROR:
            return
        super().log(message, *args, level=level, **kwargs)


class BookmarkedStream(GongStream):
    """A stream whose bookmark is not a value of its records."""

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self.forced_replication_method = "INCREMENTAL"

    @property
    def bookmark(self) -> Bookmark | None:
        """How far earlier runs came; None on a first run and on a full refresh."""
        if self.replication_method != "INCREMENTAL":
            return None
        return Bookmark.read(self.stream_state, self.name)

    def move_bookmark(self, end: pendulum.DateTime) -> None:
        """Everything before `end` has been emitted: write that down, and a STATE message."""
        Bookmark(end, as_of=self._tap.run.now).write(self.stream_state)
        self._tap.state_writer.write_state(self.tap_state)

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        # Private: the SDK would take the greatest record value, compared as text, for the
        # bookmark. Pinned by tests/test_state.py.
        return


class WindowedStream(BookmarkedStream):
    """A stream that Gong filters by time, read window after window."""

    incremental = "windowed"

    def window_records(self, window: Window) -> Iterable[Record]:
        """The records of one window, in any order.

        Subclasses that let `window_pages` read the operation have nothing to add.
        """
        for page in self.window_pages(window):
            yield from page.records

    def window_pages(self, window: Window) -> Iterator[Page]:
        """The pages of one window, of all workspaces that are asked for."""
        for workspace in self._tap.partitions.workspace_filters:
            body = {**self.request_body(), "filter": {**time_filter(window), **workspace}}
            for number, page in enumerate(self.pages(body=body)):
                if number == 0:
                    self._announced += page.total or 0
                yield page

    def request_body(self) -> Mapping[str, Any]:
        """What the body of the request holds beside the filter."""
        return {}

    @override
    def records(self) -> Iterable[Record]:
        run = self._tap.run
        span = Window(self._start(), run.end)
        density = Density()
        for window in slices(span, density):
            self._announced = 0
            yield from self.window_records(window)
            density.observe(window, self._announced)
            self.move_bookmark(window.end)

    _announced = 0

    def _start(self) -> pendulum.DateTime:
        run = self._tap.run
        bookmark = self.bookmark
        if bookmark is None:
            return run.start or self._tap.partitions.oldest_call
        start = bookmark.resume_at(run.lookback)
        return max(start, run.start) if run.start else start


class UpdatedStream(BookmarkedStream):
    """A whole list with an `updated` field: rows unchanged since the bookmark are not repeated."""

    incremental = "`updated`"

    def listing(self) -> Iterable[Record]:
        """The whole list."""
        return super().records()

    @override
    def records(self) -> Iterable[Record]:
        known = self.bookmark
        newest = known.end if known else None
        for row in self.listing():
            updated = (
                instant(row["updated"], f"updated in {self.name}") if row.get("updated") else None
            )
            if updated is None or known is None or updated > known.end:
                yield row
            if updated and (newest is None or updated > newest):
                newest = updated
        if newest:
            self.move_bookmark(min(newest, self._tap.run.now - _SAME_INSTANT))


def time_filter(window: Window) -> dict[str, str]:
    """A window as the filters of the calls operations take it."""
    return {"fromDateTime": iso(window.start), "toDateTime": iso(window.end)}
