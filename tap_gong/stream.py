"""How a stream gets its records: the bases that the streams' declarations build on.

One record's way: Gong's answer -> `GongClient.pages` -> `records()` of a stream -> `get_records`
-> `post_process` -> the SDK's selection, maps and RECORD message.
"""

from __future__ import annotations

import itertools
import logging
import sys
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Metadata
from typing_extensions import override

from gong_api.command import RunStopped
from gong_api.errors import GongError, MissingScope, NothingFound
from tap_gong.cost import Cost
from tap_gong.report import StreamReport
from tap_gong.run import widens
from tap_gong.schemas.ids import text_conversion
from tap_gong.windows import Bookmark, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog

    from gong_api.client import GongClient
    from gong_api.operation import Operation, Page
    from tap_gong.run import Run
    from tap_gong.tap import TapGong

# A list row changed within this time of being read could share its instant with one read before.
_SAME_INSTANT = timedelta(minutes=1)


class GongStream(Stream):
    """A stream that reads one operation.

    Subclasses declare `name`, `summary`, `operation`, `primary_keys` and `schema`, and either use
    `records` as it is or say what to ask for.
    """

    name: str
    operation: Operation
    summary: ClassVar[str]
    incremental: ClassVar[str] = ""
    # Gong's document has some ids as int64; they are strings here all the same.
    ids_may_be_numbers: ClassVar[bool] = False

    # Answers are JSON already: only the root has anything to conform.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.ROOT_ONLY

    _tap: TapGong
    _schema_is_written = False

    @cached_property
    def report(self) -> StreamReport:
        """What this stream did in this run."""
        return StreamReport()

    @property
    def client(self) -> GongClient:
        """The tap's connection, shared by all streams."""
        return self._tap.client

    @property
    def run(self) -> Run:
        """What this run covers."""
        return self._tap.run

    def records(self) -> Iterable[Record]:
        """The stream's records, in any order."""
        for page in self.pages():
            yield from page.records

    def pages(
        self,
        *,
        operation: Operation | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[Page]:
        """Pages of the stream's operation, or of another that it needs.

        None where nothing matches the filters.
        """
        operation = operation or self.operation
        self.report.requests += 1
        try:
            for page in self.client.pages(operation, params=params, body=body):
                yield page
                self.report.requests += bool(page.cursor)
        except NothingFound:
            return

    def cost(self) -> Cost:
        """What reading the stream would take, found out with a page."""
        page = next(iter(self.pages()), None)
        return Cost.of(0 if page is None else page.total or len(page.records))

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        if self.report.failed:
            return
        try:
            for row in itertools.islice(self.records(), self.run.max_records):
                self.report.records += 1
                yield row
        except MissingScope as error:
            self.fail(error)
        except GongError as error:
            raise RunStopped(error) from error

    def fail(self, error: GongError) -> None:
        """This stream cannot be read; the others go on, the run ends with exit code 1."""
        self.report.failed = str(error)
        self.logger.error("%s is left out: %s", self.name, error)

    def emit(self, rows: Iterable[Record]) -> None:
        """Write records outside this stream's own turn: another stream is being synced."""
        self._write_schema_message()
        for row in rows:
            record = self.post_process(row)
            if record is not None:
                self._write_record_message(record)
                self.report.records += 1

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take selection and replication method from a catalog; keys and bookmarks are ours."""
        keys = list(self.primary_keys)
        super().apply_catalog(catalog)
        self.primary_keys = keys
        self.replication_key = None
        for key in keys:
            if ("properties", key) in self.metadata:
                self.metadata["properties", key].inclusion = Metadata.InclusionType.AUTOMATIC

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        if self.ids_may_be_numbers:
            self._numbers_to_text(row)
        return row

    @cached_property
    def _numbers_to_text(self) -> Callable[[Any], Any]:
        return text_conversion(self.schema)

    @override
    def _write_schema_message(self) -> None:
        # Private: a stream that has emitted during another's turn comes to its own turn with its
        # SCHEMA already sent, and some targets begin anew at a second one. Pinned by
        # tests/test_lockstep.py.
        if not self._schema_is_written:
            self._schema_is_written = True
            super()._write_schema_message()

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        # `--test` ends each stream after one record by an exception, and a reader that goes away
        # by another; the SDK calls both unhandled. Errors that end a run are RunStopped and never
        # come this way.
        is_handled = self.ABORT_AT_RECORD_COUNT is not None or isinstance(
            sys.exc_info()[1], BrokenPipeError
        )
        if level == logging.ERROR and is_handled:
            return
        super().log(message, *args, level=level, **kwargs)


class BookmarkedStream(GongStream):
    """A stream whose bookmark is not a value of its records.

    Attributes:
        known_filters: settings among the run's filters that narrow this stream.
    """

    known_filters: ClassVar[tuple[str, ...]] = ()
    _has_warned = False

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self.forced_replication_method = "INCREMENTAL"

    @property
    def bookmark(self) -> Bookmark | None:
        """How far earlier runs came; None on a first run and on a full refresh.

        None also where filters are wider now than they were: what was passed over lies behind it.
        """
        if self.replication_method != "INCREMENTAL":
            return None
        bookmark = Bookmark.read(self.stream_state, self.name)
        if bookmark and widens(self.filters, self.stream_state.get("filters") or {}):
            if not self._has_warned:
                self._has_warned = True
                self.logger.warning(
                    "%s is read from the start: workspace_ids, primary_user_ids or private_calls "
                    "are wider than when its bookmark was made",
                    self.name,
                )
            return None
        return bookmark

    @property
    def filters(self) -> dict[str, Any]:
        """The run's filters that this stream knows; empty when none narrows it."""
        chosen = self.run.filters
        return {name: chosen[name] for name in self.known_filters if name in chosen}

    def move_bookmark(self, end: pendulum.DateTime) -> None:
        """Everything before `end` has been emitted: write that down, and a STATE message."""
        if self.run.keeps_bookmarks:
            return
        state = self.stream_state
        # A run with an `end_date` still to come has not seen what will happen until then.
        present = self._tap.clock.now().start_of("second")
        as_of = min(self.run.now, present)
        Bookmark(min(end, present), as_of, settled=as_of - self.run.lookback).write(state)
        state.pop("filters", None)
        if self.filters:
            state["filters"] = self.filters
        self.write_state()

    def write_state(self) -> None:
        """Write a STATE message, if anything has changed since the last."""
        self._tap.state_writer.write_state(self.tap_state)

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        # Private: the SDK would take the greatest record value, compared as text, for the
        # bookmark. Pinned by tests/test_state.py.
        return


class UpdatedStream(BookmarkedStream):
    """A whole list with an `updated` field: rows unchanged since the bookmark are not repeated."""

    incremental = "`updated`"
    known_filters = ("workspace_ids",)

    def listing(self) -> Iterable[Record]:
        """The whole list."""
        return super().records()

    @override
    def records(self) -> Iterable[Record]:
        known = self.bookmark
        newest = known.end if known else None
        for row in self.listing():
            text = row.get("updated")
            updated = instant(text, f"updated in {self.name}") if text else None
            if updated is None or known is None or updated > known.end:
                yield row
            if updated and (newest is None or updated > newest):
                newest = updated
        if newest:
            self.move_bookmark(min(newest, self.run.now - _SAME_INSTANT))
