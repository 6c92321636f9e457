"""One record's way to Gong: understood, checked, looked up in the ledger, sent, written down."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.sinks import BatchSink, RecordSink, Sink
from typing_extensions import override

from gong_api.command import RunStopped
from gong_api.errors import GongError, InDoubt, MissingScope, Refused, masked
from target_gong.fields import Field, Reader, Understood, checked_zone
from target_gong.ledger import DONE, IN_DOUBT, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gong_api.client import GongClient
    from target_gong.ledger import Ledger, Row
    from target_gong.target import TargetGong

_INDEX = re.compile(r"\[\d+\]")


class Rejected(GongError):
    """A record that cannot be sent as it is.

    Attributes:
        key: of the record, as far as it can be told.
    """

    concerns_operation = True
    never_arrived = True

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class Unresolved(GongError):
    """It cannot be found out whether Gong has acted on a record whose answer was lost."""


@dataclass(frozen=True)
class Write:
    """A record, ready to be sent.

    Attributes:
        key: of the record in its stream.
        body: by Gong's names.
        deletes: the record says that it is gone (`_sdc_deleted_at`).
        local: members that are ours and not Gong's, such as `mediaFile`.
    """

    key: str
    body: dict[str, Any]
    deletes: bool = False
    local: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def hash(self) -> str:
        """Of the content."""
        return content_hash({"body": self.body, "deletes": self.deletes, "local": self.local})


class Writing(Sink):
    """What all sinks have in common.

    Subclasses declare `stream`, `summary`, `fields` and `scope`.

    Attributes:
        stream: the stream's name here, whatever the source calls it.
        summary: what becomes of a record, in a line.
        operations: what is called.
        scope: what the credentials must be granted.
        fields: of a record.
        local_fields: those that are not Gong's, which are kept apart from the body.
        key_fields: fields that make a record's key; the first that is there, or all joined.
        deletes: whether `_sdc_deleted_at` deletes, which must be allowed.
        needs: fields that a record must have unless it deletes; one of those that are in a tuple.
    """

    stream: ClassVar[str]
    summary: ClassVar[str]
    operations: ClassVar[str]
    scope: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    local_fields: ClassVar[tuple[str, ...]] = ()
    deletes: ClassVar[bool] = False
    needs: ClassVar[tuple[str | tuple[str, ...], ...]] = ()
    # Every record destroys something, and must be allowed to.
    destructive: ClassVar[bool] = False
    _target: TargetGong

    # Deleted rows are told by `_sdc_deleted_at`, which the SDK would take away otherwise.
    include_sdc_metadata_properties = True

    def __init__(self, target: TargetGong, *args: Any, **kwargs: Any) -> None:
        super().__init__(target, *args, **kwargs)
        self._target = target
        self._warned_of: set[str] = set()

    @property
    def target(self) -> TargetGong:
        """What the sink belongs to."""
        return self._target

    @property
    def client(self) -> GongClient:
        """The target's connection."""
        return self._target.client

    @property
    def ledger(self) -> Ledger:
        """What was sent before."""
        return self._target.ledger

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.fields, checked_zone(self.config.get("default_timezone")))

    @override
    def get_validator(self) -> None:
        # Records are checked by what Gong takes, not by what the source says of them.
        return None

    @override
    def _parse_timestamps_in_record(self, record: Any, schema: Any, treatment: Any) -> None:
        # Private: the SDK would end the run at a date that it cannot read, or blank it. Pinned by
        # tests/target/test_input.py.
        return

    @override
    def _singer_validate_message(self, record: Any) -> None:
        # Private: the SDK would end the run, and not say at which record. `understand` does.
        return

    def key(self, body: dict[str, Any]) -> str:
        """A record's key in its stream."""
        raise NotImplementedError

    def check(self, write: Write) -> Iterable[str]:  # noqa: ARG002
        """What is wrong with a record beyond its fields, each a line that names the field."""
        return ()

    def missing(self, write: Write) -> Iterable[str]:
        """Which of the fields that it needs a record has not; for `check`."""
        given = {**write.body, **write.local}
        for need in self.needs:
            names = (need,) if isinstance(need, str) else need
            if not any(given.get(name) for name in names):
                yield f"{' or '.join(names)} is required"

    def understand(self, record: dict[str, Any]) -> Write:
        """Make a record ready.

        Raises:
            Rejected: naming stream, key and each field that is wrong.
        """
        understood = self._reader.read(record)
        # JSON inside a text is read by now, and may hold what the text did not.
        given = [*record.items(), *understood.body.items()]
        broken = dict.fromkeys(repr(name) for name, value in given if not _is_text([name, value]))
        if broken:
            msg = f"{', '.join(broken)}: half of a character (a lone surrogate); give valid Unicode"
            raise Rejected(msg, self._told_key(understood))
        body = understood.body
        key = self.key(body)
        self.take_extra(understood)
        deletes = bool(record.get("_sdc_deleted_at"))
        local = {name: body.pop(name) for name in self.local_fields if name in body}
        write = Write(key, body, deletes=deletes, local=local)
        problems = [
            f"{name} is missing, which the SCHEMA of the source has for a key"
            for name in self.key_properties
            if name not in record
        ]
        problems += [*understood.problems, *self.check(write)]
        if deletes and not self.deletes:
            problems.append(
                "_sdc_deleted_at: Gong has no way to delete these; leave the record out"
            )
        elif deletes and self.stream not in self.config["allow_destructive"]:
            problems.append(
                f"_sdc_deleted_at deletes, which is refused unless allow_destructive has "
                f"{self.stream}"
            )
        if self.destructive and self.stream not in self.config["allow_destructive"]:
            problems.append(f"is refused unless allow_destructive has {self.stream}")
        if problems:
            raise Rejected("; ".join(problems), key)
        return write

    def _told_key(self, understood: Understood) -> str:
        """A record's key as a message can have it."""
        text = json.dumps(understood.body, ensure_ascii=False, default=str)
        return self.key(json.loads(text.encode(errors="replace")))

    def take_extra(self, understood: Understood) -> None:
        """What becomes of columns that Gong has no field for."""
        extra = understood.extra
        if extra and self.config["extra_columns"] == "customData" and self._has("customData"):
            understood.body.setdefault(
                "customData", json.dumps(extra, ensure_ascii=False, default=str, sort_keys=True)
            )
            return
        new = {_INDEX.sub("[]", name) for name in extra} - self._warned_of
        if new:
            self._warned_of |= new
            self.logger.warning(
                "%s: Gong has no field for %s; ignored", self.stream, ", ".join(sorted(new))
            )

    def _has(self, name: str) -> bool:
        return any(declared.name == name for declared in self.fields)

    def is_settled(self, write: Write, last: Row | None) -> bool:
        """Whether the last that was done for this key had the same content."""
        if last is None or last.status != DONE or last.hash != write.hash:
            return False
        self._target.tally.known += 1
        return True

    def reject(self, record: dict[str, Any], error: Rejected) -> None:
        """Write down a record that is not sent."""
        if not self._target.is_dry_run:
            told = [item for item in record.items() if not item[0].startswith("_sdc_")]
            key = error.key or content_hash(json.dumps(told, default=str))[:16]
            self.ledger.reject(self.stream, key, str(error))
        self.fail(error.key or "(no key)", str(error))

    def fail(self, key: str, reason: str) -> None:
        """A record was refused.

        Raises:
            RunStopped: `on_error` is `fail`.
        """
        self._target.fail(f"{self.stream} {key}: {reason}")

    def leave_in_doubt(self, key: str, reason: str) -> None:
        """It is not known whether Gong has acted on a record.

        Raises:
            RunStopped: `on_error` is `fail`.
        """
        self._target.doubted.add((self.stream, key))
        self.fail(key, reason)

    def was_done(self, key: str) -> None:
        """Gong has taken a record."""
        self._target.doubted.discard((self.stream, key))
        self._target.tally.done += 1

    def look(self, write: Write) -> None:
        """What a dry run can find out about a record beyond `check`.

        Raises:
            GongError: it could not be sent.
        """

    def would(self, action: str, write: Write) -> None:
        """Say what a run that is not dry would do."""
        try:
            self.look(write)
        except GongError as error:
            if not is_of_record(error):
                raise
            self.fail(write.key, str(error))
            return
        body = {**write.body, **write.local}
        if isinstance(body.get("headers"), dict):
            body["headers"] = dict.fromkeys(body["headers"], "…")
        shown = masked(json.dumps(body, ensure_ascii=False, default=float))
        self.logger.info("would %s %s %s: %s", action, self.stream, write.key, shown)
        self._target.tally.would += 1


class GongSink(Writing, RecordSink):
    """Records that are sent one by one."""

    def action(self, write: Write, done: Row | None) -> str | None:  # noqa: ARG002
        """What to do about a record, None for nothing.

        Args:
            write: the record.
            done: the last that was settled for its key, with other content.
        """
        return "create"

    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        """Send a record.

        Args:
            write: the record.
            row: of the ledger; its `answer` holds what an earlier try has brought.
            done: the last that was settled for its key.

        Returns:
            What is worth keeping of Gong's answer.
        """
        raise NotImplementedError

    def resolve(self, write: Write, row: Row) -> dict[str, Any] | None:  # noqa: ARG002
        """Find out about a record whose answer was lost.

        Returns:
            What Gong would have answered; None if it may be sent again.

        Raises:
            Unresolved: there is no way to find out.
        """
        return None

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        try:
            write = self.understand(record)
        except Rejected as error:
            self.reject(record, error)
            return
        try:
            self._write(write)
        except GongError as error:
            self._refuse(write, error)

    def _write(self, write: Write) -> None:
        """Do what is to be done about a record, if anything is.

        Raises:
            GongError: what there is in Gong could not be found out.
        """
        last = self.ledger.last(self.stream, write.key)
        if self.is_settled(write, last):
            return
        if last is not None and last.status == IN_DOUBT and not self._target.is_dry_run:
            try:
                last = self._find_out(write, last)
            except Unresolved as error:
                self.leave_in_doubt(write.key, f"{error}. {self._way_out(write)}")
                return
            if last.status == DONE and last.hash == write.hash:
                return
        done = self.ledger.last_done(self.stream, write.key)
        action = self.action(write, done)
        if action is None:
            self._target.tally.unchanged += 1
        elif self._target.is_dry_run:
            self.would(action, write)
        else:
            self._settle(write, action, last, done)

    def _refuse(self, write: Write, error: GongError) -> None:
        """Write down that a record's look-up failed, or end the run where others would fail too.

        Raises:
            RunStopped: the fault is not this record's.
        """
        if not is_of_record(error):
            raise RunStopped(error) from error
        if not self._target.is_dry_run:
            last = self.ledger.last(self.stream, write.key)
            if last is not None and last.status == IN_DOUBT:
                self.leave_in_doubt(write.key, f"{error}. {self._way_out(write)}")
                return
            self.ledger.reject(self.stream, write.key, str(error))
        self.fail(write.key, str(error))

    def _find_out(self, write: Write, row: Row) -> Row:
        """The row of a record whose answer was lost: done, if Gong has acted on it.

        Raises:
            Unresolved: there is no way to find out.
        """
        answer = self.resolve(write, row)
        if answer is None:
            return row
        # What Gong has is what was sent then; the record at hand may have changed since.
        if row.hash == write.hash:
            self.was_done(write.key)
        return self.ledger.done(row, **answer)

    def _way_out(self, write: Write) -> str:
        return (
            f"Look whether it is there, then say so by `target-gong --settle {self.stream} "
            f"{shlex.quote(write.key)} done`, or by `retry` in place of `done` have it sent again"
        )

    def _settle(self, write: Write, action: str, last: Row | None, done: Row | None) -> None:
        # A row that was not settled is the same record, tried again.
        again = last if last is not None and last.status != DONE else None
        row = self.ledger.begin(self.stream, write.key, write.hash, action, again)
        try:
            answer = self.send(write, row, done)
        except GongError as error:
            self.settle_failure(write, row, error)
            return
        self.ledger.done(row, **answer)
        self.was_done(write.key)

    def settle_failure(self, write: Write, row: Row, error: GongError) -> None:
        """Write down why a record did not go through; ends the run where others could not either.

        Raises:
            RunStopped: the fault is not this record's.
        """
        row = self.ledger.last(self.stream, write.key) or row
        if isinstance(error, InDoubt):
            row = self.ledger.doubt(row, str(error))
            way_out = "Run again: it is looked up, and sent if it is not there"
            try:
                row = self._find_out(write, row)
            except Unresolved:
                way_out = self._way_out(write)
            if row.status != DONE:
                self.leave_in_doubt(write.key, f"{error}. {way_out}")
        elif is_of_record(error):
            self.ledger.failed(row, str(error))
            self.fail(write.key, str(error))
        else:
            (self.ledger.failed if was_not_done(error) else self.ledger.doubt)(row, str(error))
            raise RunStopped(error) from error


class GongBatchSink(Writing, BatchSink):
    """Records that are sent many at once, in the order in which they came."""

    most: ClassVar[int] = 100

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue: list[Write] = []

    @property
    @override
    def max_size(self) -> int:
        return self.most

    def group(self, write: Write) -> Any:
        """What records must have in common to be sent together."""
        return write.deletes

    def send_all(self, writes: Sequence[Write], rows: Sequence[Row]) -> None:
        """Send records of one group and settle their rows."""
        raise NotImplementedError

    def resolve_all(self, writes: Sequence[Write]) -> dict[str, dict[str, Any]]:  # noqa: ARG002
        """Find out which of some records, whose answer was lost, Gong has acted on.

        Returns:
            Their keys, with what Gong would have answered; the others may be sent again.
        """
        return {}

    def settle_refused(self, refused: Sequence[tuple[Row, str]]) -> None:
        """Write down which records of a request Gong refused, all of them before the run may end.

        Raises:
            RunStopped: `on_error` is `fail`.
        """
        with self.ledger.transaction():
            for row, text in refused:
                self.ledger.failed(row, text)
        for row, text in refused:
            self._target.fail(f"{self.stream} {row.key}: {text}")

    def action(self, write: Write) -> str:
        """What is done about a record."""
        raise NotImplementedError

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        try:
            self._queue.append(self.understand(record))
        except Rejected as error:
            self.reject(record, error)

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        queue, self._queue = self._queue, []
        if len({write.key for write in queue}) == len(queue):
            # One version of each record: groups may change places, and need a request each.
            turns: dict[Any, int] = {}
            queue.sort(key=lambda write: turns.setdefault(self.group(write), len(turns)))
        for _, members in itertools.groupby(queue, self.group):
            self._target.stopping.check()
            # Of several writes of a key that are sent together, the last one counts.
            survivors: dict[str, Write] = {}
            for write in members:
                survivors.pop(write.key, None)
                survivors[write.key] = write
            writes = [
                write
                for write in survivors.values()
                if not self.is_settled(write, self.ledger.last(self.stream, write.key))
            ]
            if self._target.is_dry_run:
                for write in writes:
                    self.would(self.action(write), write)
            elif writes:
                self._send_group(writes)

    def _send_group(self, writes: list[Write]) -> None:
        found = self._find_out(writes)
        writes = [write for write in writes if write.key not in found]
        if not writes:
            return
        with self.ledger.transaction():
            rows = []
            for write in writes:
                last = self.ledger.last(self.stream, write.key)
                again = last if last is not None and last.status != DONE else None
                rows.append(
                    self.ledger.begin(self.stream, write.key, write.hash, self.action(write), again)
                )
        self.send_all(writes, rows)
        found = self._find_out(writes)
        for write in writes:
            last = self.ledger.last(self.stream, write.key)
            if last is not None and last.status == IN_DOUBT and write.key not in found:
                way_out = "Run again: it is looked up, and sent if it is not there"
                self.leave_in_doubt(write.key, f"{last.error}. {way_out}")

    def _find_out(self, writes: Sequence[Write]) -> set[str]:
        """Settle what is in doubt and has arrived; the keys of what needs no sending any more."""
        doubted = [
            (write, last)
            for write in writes
            if (last := self.ledger.last(self.stream, write.key)) and last.status == IN_DOUBT
        ]
        there = self.resolve_all([write for write, _ in doubted]) if doubted else {}
        found = set()
        for write, row in doubted:
            if write.key in there:
                # What Gong has is what was sent then; the record may have changed since.
                self.ledger.done(row, **there[write.key])
                if row.hash == write.hash:
                    self.was_done(write.key)
                    found.add(write.key)
        return found

    def settle(self, rows: Iterable[Row], **answer: Any) -> None:
        """Gong has taken these."""
        with self.ledger.transaction():
            for row in rows:
                self.ledger.done(row, **answer)
                self.was_done(row.key)

    def settle_failures(self, rows: Sequence[Row], error: GongError) -> None:
        """Write down why records did not go through.

        Raises:
            RunStopped: the fault is not theirs.
        """
        is_theirs = is_of_record(error)
        settle = self.ledger.failed if is_theirs or was_not_done(error) else self.ledger.doubt
        with self.ledger.transaction():
            for row in rows:
                settle(row, str(error))
        # What is in doubt is looked up when all of the group have been sent.
        if isinstance(error, InDoubt):
            return
        if not is_theirs:
            raise RunStopped(error) from error
        for row in rows:
            self.fail(row.key, str(error))


def was_not_done(error: GongError) -> bool:
    """Whether Gong has certainly not acted on what failed."""
    return error.never_arrived or isinstance(error, Refused)


def _is_text(value: Any) -> bool:
    """Whether all texts of a value can be written down."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_of_record(error: GongError) -> bool:
    """Whether Gong refused this record and may take others."""
    if isinstance(error, MissingScope):
        return False
    return error.concerns_operation
