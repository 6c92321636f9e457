"""How a stream gets its records: the bases that the streams' declarations build on.

One record's way: Gong's answer -> `GongClient.pages` -> `records()` of a stream -> `get_records`
-> `post_process` -> `Shape.of` -> `personal_data` -> the SDK's stream maps and RECORD message.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.singerlib import Metadata, RecordMessage
from typing_extensions import override

from gong_api.command import RunStopped
from gong_api.errors import GongError, NothingFound, Refused, ServerFault
from tap_gong.cost import Cost
from tap_gong.nested import Misshapen
from tap_gong.reading import read
from tap_gong.report import StreamReport
from tap_gong.run import widened
from tap_gong.schemas.ids import text_conversion
from tap_gong.shape import Shape
from tap_gong.windows import Bookmark, told_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog

    from gong_api.client import GongClient
    from gong_api.operation import Operation, Page
    from tap_gong.run import Run
    from tap_gong.tap import TapGong

# A list row changed within this time of being read could share its instant with one read before.
_SAME_INSTANT = timedelta(minutes=1)


@dataclass(frozen=True)
class Part:
    """A request, or a chain of pages, of those that make up a stream.

    Attributes:
        path: values for the path's placeholders.
        params: of the query string.
        body: of a POST, or of a GET that Gong wants one for.
        stamp: fields to add to each row, which does not say whose it is.
    """

    path: Mapping[str, str] | None = None
    params: Mapping[str, Any] | None = None
    body: Any = None
    stamp: Mapping[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """What is asked."""
        return {"path": self.path, "params": self.params, "body": self.body}


class GongStream(Stream):
    """A stream that reads one operation.

    Subclasses declare `name`, `summary`, `operation`, `primary_keys` and `schema`, and say with
    `parts` what to ask for, if it is more than the operation as it is.
    """

    name: str
    operation: Operation
    summary: str
    incremental: ClassVar[str] = ""
    # Name of the list in `SharedLists` that the stream is made of, where others need it too.
    shared: ClassVar[str | None] = None
    # Gong's document has some ids as int64; they are strings here all the same.
    ids_may_be_numbers: ClassVar[bool] = False
    # Without a licence for the product behind it, Gong fails instead of refusing.
    fails_unlicensed: ClassVar[bool] = False
    keeps_unknown_fields: ClassVar[bool] = False
    # Its operation answers with pages, which can be read ahead.
    is_list: ClassVar[bool] = True

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

    def parts(self) -> Iterable[Part]:
        """What to ask for: by default the operation as it is."""
        return (Part(),)

    def records(self) -> Iterable[Record]:
        """The stream's records, in any order."""
        if self.shared:
            yield from self.shared_rows(self.shared)
            return
        yield from self.each_part(self.part_rows)

    def part_rows(self, part: Part) -> Iterator[Record]:
        """The rows of one of the requests that make up the stream."""
        for page in self.pages(part):
            for row in page.records:
                yield {**row, **part.stamp}

    def each_part(self, rows_of: Callable[[Part], Iterable[Record]]) -> Iterator[Record]:
        """The rows of all parts; one that Gong refuses by itself costs no other its rows.

        A folder or a user may have gone since it was listed. The stream then fails at its end.
        """
        parts = list(self.parts())
        refused: list[GongError] = []
        for number, part in enumerate(parts):
            if self.is_list and number:
                # What the first was refused, the others would be too.
                for coming in parts[number : number + self._tap.ahead.concurrency]:
                    self._tap.ahead.begin(self.operation, **coming.request)
            try:
                yield from rows_of(part)
            except Refused as error:
                if len(parts) == 1 or error.status not in {400, 404}:
                    raise
                refused.append(error)
        if refused:
            msg = f"{len(refused)} of {len(parts)} requests were refused; the first: {refused[0]}"
            self.fail(GongError(msg))

    def shared_rows(self, name: str) -> list[Record]:
        """A list that streams share; its requests are the first's to read it."""
        lists = self._tap.lists
        before = lists.requests
        rows: list[Record] = getattr(lists, name)
        self.report.requests += lists.requests - before
        return rows

    def begin(self) -> None:
        """Have fetched, before the stream's turn, what needs nothing else to be asked first."""
        if self.shared:
            self._tap.lists.begin(self.shared)
        elif self.is_list and type(self).parts is GongStream.parts:
            self._tap.ahead.begin(self.operation)

    def pages(self, part: Part) -> Iterator[Page]:
        """Pages of the stream's operation; none where nothing matches the filters."""
        return read(self._tap.ahead, self.report, self.operation, **part.request)

    def answer(self, part: Part) -> dict[str, Any]:
        """The answer of an operation that is no list, `{}` where nothing matches."""
        self.report.requests += 1
        try:
            return self.client.request(
                self.operation.method, self.operation.path, params=part.params, body=part.body
            )
        except NothingFound:
            return {}

    def cost(self) -> Cost:
        """What reading the stream would take: the pages of a single list, or a request a part."""
        if self.shared:
            rows = self.shared_rows(self.shared)
            return Cost(len(rows), self.report.requests)
        parts = list(self.parts())
        if len(parts) != 1:
            return Cost(0, len(parts))
        page = self._tap.ahead.first_page(self.operation, **parts[0].request)
        return Cost.of(0 if page is None else page.total or len(page.records))

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        if self.report.failed:
            return
        try:
            self._tap.begin()
            for row in itertools.islice(self.records(), self.limit):
                if self.has_failed:
                    # A row before it could not be written. Others may be read along with it.
                    continue
                self.report.records += 1
                yield row
        except GongError as error:
            if not self.is_alone_with(error):
                raise RunStopped(error) from error
            self.fail(error)

    @property
    def limit(self) -> int | None:
        """How many records this run wants, None for all."""
        return self.run.max_records

    def is_alone_with(self, error: GongError) -> bool:
        """Whether an error is this stream's alone, so that the others can go on."""
        if isinstance(error, ServerFault):
            return self.fails_unlicensed
        return error.concerns_operation

    @property
    def has_failed(self) -> bool:
        """Whether rows of it are missing."""
        return self.report.failed is not None

    def fail(self, error: GongError) -> None:
        """This stream cannot be read; the others go on, the run ends with exit code 1."""
        self.report.failed = str(error)
        self.logger.error("%s is not whole: %s", self.name, error)

    def emit(self, rows: Iterable[Record]) -> None:
        """Write records outside this stream's own turn: another stream is being synced."""
        self._write_schema_message()
        most = self.run.max_records
        for row in rows:
            if self.has_failed or (most is not None and self.report.records >= most):
                return
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

    @cached_property
    def shape(self) -> Shape:
        """What leaves this stream of a record."""
        return Shape(self.effective_schema, self.mask, keeps_unknown=self.keeps_unknown_fields)

    @cached_property
    def without_personal_data(self) -> Callable[[Record], Record] | None:
        """What `personal_data` makes of a record; None where all is kept."""
        # By the schema as it is declared: a catalog knows no marks.
        return self._tap.personal_data.of_records(self.schema, self.primary_keys)

    @override
    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage]:
        # Private: the SDK walks through each record twice, for what is deselected and for types
        # that JSON does not have, which answers that are JSON cannot hold. Pinned by
        # tests/test_shape.py.
        try:
            record = self.shape.of(record)
        except Misshapen as error:
            self.fail(error)
            return
        if self.without_personal_data:
            record = self.without_personal_data(record)
        for stream_map in self.stream_maps:
            mapped = stream_map.transform(record)
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias,
                    record=mapped,
                    version=self._stream_version,
                    time_extracted=datetime.now(timezone.utc),
                )

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        if self.ids_may_be_numbers:
            self._numbers_to_text(row)
        for key, stand_in in self._key_stand_ins:
            if row.get(key) is None:
                row[key] = stand_in
        return row

    @cached_property
    def _key_stand_ins(self) -> list[tuple[str, Any]]:
        """What to put where a part of the key is null: targets refuse such rows, or double them."""
        declared = self.schema["properties"]
        types = {key: declared.get(key, {}).get("type", "string") for key in self.primary_keys}
        return [(key, "" if "string" in types[key] else 0) for key in self.primary_keys]

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
        # `--test` ends each stream after one record by an exception, which the SDK calls unhandled.
        # Errors that end a run are RunStopped and never come this way.
        if level == logging.ERROR and self.ABORT_AT_RECORD_COUNT is not None:
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
        return None if bookmark and self.is_wider_now() else bookmark

    def is_wider_now(self) -> bool:
        """Whether filters let pass what they kept out when the bookmark was made; warns once."""
        wider = widened(self.filters, self.stream_state.get("filters") or {})
        if wider and not self._has_warned:
            self._has_warned = True
            self.logger.warning(
                "%s is read from the start: its bookmark was made under a narrower or another %s",
                self.name,
                " and ".join(wider),
            )
        return bool(wider)

    @property
    def filters(self) -> dict[str, Any]:
        """The run's filters that this stream knows; empty when none narrows it."""
        chosen = self.run.filters
        return {name: chosen[name] for name in self.known_filters if name in chosen}

    @property
    def since(self) -> pendulum.DateTime | None:
        """The `start_date` from which all before the bookmark was read; None where all was."""
        return None

    def move_bookmark(self, end: pendulum.DateTime) -> None:
        """Everything before `end` has been emitted: write that down for the next STATE message.

        What has failed stays where it was: rows of it are missing.
        """
        if self.run.keeps_bookmarks or self.has_failed:
            return
        state = self.stream_state
        # A run with an `end_date` still to come has not seen what will happen until then.
        present = self._tap.clock.now().start_of("second")
        as_of = min(self.run.now, present)
        since = self.since
        Bookmark(
            min(end, present),
            as_of,
            settled=as_of - self.run.lookback,
            since=since,
            read_at=present if since else None,
        ).write(state)
        state.pop("filters", None)
        if self.filters:
            state["filters"] = self.filters

    def forget_bookmark(self, start: pendulum.DateTime | None = None) -> None:
        """Something behind it must be read again: from an instant on, or all."""
        bookmark = Bookmark.read(self.stream_state, self.name)
        if bookmark is None or start is None:
            for name in ("replication_key_value", "as_of", "settled", "since", "read_at"):
                self.stream_state.pop(name, None)
            return
        settled = min(bookmark.settled, start)
        replace(bookmark, settled=settled).write(self.stream_state)

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
    known_filters: ClassVar[tuple[str, ...]] = ("workspace_ids",)
    # The field that tells when a row changed.
    changed: str = "updated"

    def listing(self) -> Iterable[Record]:
        """The whole list."""
        return super().records()

    def rows(self, row: Record) -> Iterable[Record]:
        """What a row of the list yields for this stream: by default itself."""
        return (row,)

    @override
    def records(self) -> Iterable[Record]:
        known = self.bookmark
        newest = known.end if known else None
        for row in self.listing():
            updated = told_instant(row.get(self.changed))
            if updated is None or known is None or updated > known.end:
                yield from self.rows(row)
            if updated and (newest is None or updated > newest):
                newest = updated
        if newest:
            self.move_bookmark(min(newest, self.run.now - _SAME_INSTANT))
            self.write_state()
