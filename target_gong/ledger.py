"""What was written to Gong, and what it answered: on disk before and after each request.

One row for each record and what became of it. A record that was sent and whose answer was lost is
told from one that was never sent, which is what makes exactly-once possible.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import sqlite3
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import msgspec
from filelock import FileLock, Timeout

from gong_api.command import RunStopped
from gong_api.errors import GongError, SettingsError
from gong_api.private_files import appending, make_file, tighten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from gong_api.clock import Clock

PENDING, DONE, FAILED, IN_DOUBT = "pending", "done", "failed", "in_doubt"
# The action of records that were refused before anything was begun.
REJECTED = "none"
# Seconds to wait for another program that has the file locked.
PATIENCE = 5.0

_COLUMNS = (
    "stream",
    "key",
    "action",
    "status",
    "callId",
    "requestId",
    "url",
    "error",
    "hash",
    "answer",
    "created",
    "updated",
)
_TABLE = """
create table if not exists writes (
    id integer primary key,
    stream text not null,
    key text not null,
    hash text not null,
    action text not null,
    status text not null,
    answer text not null default '{}',
    error text,
    created text not null,
    updated text not null
);
create index if not exists writes_by_key on writes (stream, key, id);
create table if not exists about (name text primary key, value text not null);
"""
# The order in which rows were settled, which their ids do not tell: a row is used again.
_ORDER = """
alter table writes add column settled integer not null default 0;
update writes set settled = id where status = 'done';
"""
# An assignment's key is `flow/prospect`: looked up by who was assigned, whatever the flow.
_ASSIGNED = {
    "prospect": "substr(key, instr(key, '/') + 1)",
    "instance": "json_extract(answer, '$.flowInstanceId')",
}
_INDEXES = "".join(
    f"create index if not exists assigned_{name} on writes ({what})"
    " where stream = 'flow_assignments';"
    for name, what in _ASSIGNED.items()
)


@dataclass(frozen=True)
class Row:
    """A row of the ledger.

    Attributes:
        id: of the row.
        stream: of the target.
        key: of the record in its stream.
        hash: of the record's content.
        action: what was to be done: create, update, grant and the like.
        status: PENDING before sending, then DONE, FAILED or IN_DOUBT.
        answer: what Gong answered and what else is worth keeping.
        error: Gong's words, or ours.
        created: when it was first sent.
        updated: when it last changed.
    """

    id: int
    stream: str
    key: str
    hash: str
    action: str
    status: str
    answer: dict[str, Any]
    error: str | None
    created: str
    updated: str

    def receipt(self) -> dict[str, Any]:
        """The row as `--receipts` prints it."""
        told = {
            "stream": self.stream,
            "key": self.key,
            "action": self.action,
            "status": self.status,
            **{name: self.answer.get(name) for name in ("callId", "requestId", "url")},
            "error": self.error,
            "hash": self.hash,
            "answer": self.answer,
            "created": self.created,
            "updated": self.updated,
        }
        if self.stream == "calls":
            told["clientUniqueId"] = self.key
        return told


class Ledger:
    """The ledger of one destination.

    Args:
        path: of the SQLite file; its folder is made, its mode is 0600.
        clock: for the times.
        receipts: file to which each settled row is appended as a line of JSON.

    Raises:
        SettingsError: it or the receipts cannot be opened, or another process is writing to it.
    """

    def __init__(self, path: Path, clock: Clock, receipts: Path | None = None) -> None:
        self._clock = clock
        self._receipts = receipts
        self._in_transaction = False
        self._unwritten = ""
        self.gatherings = 0
        try:
            make_file(path)
            tighten(path, "ledger_path")
            self._lock = FileLock(f"{path}.lock", mode=0o600)
            self._lock.acquire(timeout=0)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.executescript(_TABLE)
            if not any(c[1] == "settled" for c in self._db.execute("pragma table_info(writes)")):
                self._db.executescript(_ORDER)
            self._db.executescript(_INDEXES)
            newest = "select coalesce(max(max(settled), max(id)), 0) from writes"
            self._settled = int(self._db.execute(newest).fetchone()[0])
            # What was being sent when an earlier run ended may or may not have arrived.
            self._db.execute("update writes set status = ? where status = ?", (IN_DOUBT, PENDING))
        except Timeout:
            msg = f"ledger_path {path} is in use by another target-gong; wait for it to end"
            raise SettingsError(msg) from None
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(_unusable(path, error)) from error
        if receipts is not None:
            try:
                appending(receipts).close()
            except OSError as error:
                msg = f"receipts_path {receipts} cannot be written: {error.strerror}"
                raise SettingsError(msg) from error

    def claim(self, company: str, *, anew: bool = False) -> bool:
        """Whether the ledger is that of a company; one without a company becomes it.

        Args:
            company: what tells it from others.
            anew: it is that company's, whatever it says.
        """
        how = "replace" if anew else "ignore"
        self._db.execute(f"insert or {how} into about values ('company', ?)", (company,))  # noqa: S608
        (known,) = self._db.execute("select value from about where name = 'company'").fetchone()
        return bool(known == company)

    def last(self, stream: str, key: str) -> Row | None:
        """The newest row of a record's key that was begun; what was rejected never was."""
        where = f"where stream = ? and key = ? and action <> '{REJECTED}' order by id desc limit 1"
        return next(self._rows(where, stream, key), None)

    def last_done(self, stream: str, key: str) -> Row | None:
        """The newest row of a record's key that was settled."""
        where = "where stream = ? and key = ? and status = 'done' order by id desc limit 1"
        return next(self._rows(where, stream, key), None)

    def done_since(self, row: Row, stream: str, key: str) -> bool:
        """Whether a record of another key was settled after a row was."""
        return self._is_since(row, "stream = ? and key = ?", stream, key)

    def assigned_since(self, row: Row, *, prospect: str = "", instance: str = "") -> bool:
        """Whether a prospect was put into any flow after a row was settled.

        Args:
            row: to compare with.
            prospect: its id; or
            instance: the id of what the assignment made.
        """
        name, value = ("prospect", prospect) if prospect else ("instance", instance)
        where = f"stream = 'flow_assignments' and {_ASSIGNED[name]} = ?"
        return self._is_since(row, where, value)

    def _is_since(self, row: Row, where: str, *values: str) -> bool:
        newer = "status = 'done' and settled > (select settled from writes where id = ?)"
        sql = f"select 1 from writes where {where} and {newer} limit 1"  # noqa: S608
        return self._db.execute(sql, (*values, row.id)).fetchone() is not None

    def in_doubt(self) -> Iterator[Row]:
        """Rows of which it is not known whether Gong has acted, however many."""
        return self._rows("where status = 'in_doubt' order by id")

    def failures(self) -> int:
        """How many records failed, and were not settled since."""
        newest = "select max(id) from writes group by stream, key"
        sql = f"select count(*) from writes where status = ? and id in ({newest})"  # noqa: S608
        (found,) = self._db.execute(sql, (FAILED,)).fetchone()
        return int(found)

    def begin(
        self, stream: str, key: str, content: str, action: str, earlier: Row | None = None
    ) -> Row:
        """Write down what is about to be sent, before it is.

        Args:
            stream: of the target.
            key: of the record.
            content: hash of the record.
            action: what will be done.
            earlier: a row of the same record that was not settled, to be used again.
        """
        self.write_gathered()
        return self._begin(stream, key, content, action, earlier)

    def _begin(
        self,
        stream: str,
        key: str,
        content: str,
        action: str,
        earlier: Row | None,
        *,
        answer: dict[str, Any] | None = None,
    ) -> Row:
        # Whatever was wrong with it is mended.
        self._forget_rejected(stream, key)
        row_id = earlier.id if earlier else self._insert(stream, key, content, action).id
        if earlier is not None:
            self._db.execute(
                "update writes set status = ?, hash = ?, action = ?, error = null, updated = ?"
                " where id = ?",
                (PENDING, content, action, self._clock.now().isoformat(), row_id),
            )
        if answer is not None:
            encoded = msgspec.json.encode(answer).decode()
            self._db.execute("update writes set answer = ? where id = ?", (encoded, row_id))
        return self._row(row_id)

    def reject(self, stream: str, key: str, error: str) -> None:
        """Write down a record that is not sent; the rows of what was sent stay what they are."""
        self.write_gathered()
        self._forget_rejected(stream, key)
        self.failed(self._insert(stream, key, "", REJECTED), error)

    def _forget_rejected(self, stream: str, key: str) -> None:
        where = f"stream = ? and key = ? and action = '{REJECTED}'"
        self._db.execute(f"delete from writes where {where}", (stream, key))  # noqa: S608

    def _insert(self, stream: str, key: str, content: str, action: str) -> Row:
        now = self._clock.now().isoformat()
        cursor = self._db.execute(
            "insert into writes (stream, key, hash, action, status, created, updated)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (stream, key, content, action, PENDING, now, now),
        )
        return self._row(int(cursor.lastrowid or 0))

    def note(self, row: Row, **answer: Any) -> Row:
        """Keep a part of an answer while the rest is still to come."""
        return self._settle(row, PENDING, answer, None)

    def done(self, row: Row, **answer: Any) -> Row:
        """Gong has done it."""
        return self._settle(row, DONE, answer, None)

    def failed(self, row: Row, error: str) -> Row:
        """Gong has refused it, or we have."""
        return self._settle(row, FAILED, {}, error)

    def doubt(self, row: Row, error: str) -> Row:
        """The answer was lost."""
        return self._settle(row, IN_DOUBT, {}, error)

    def reopen(self, row: Row, why: str) -> Row:
        """A row that was not settled is to be tried again as if nothing were known of it."""
        self._db.execute("update writes set answer = '{}' where id = ?", (row.id,))
        return self.failed(self._row(row.id), why)

    def gather(self) -> Gathered:
        """Rows that are sent together, however many."""
        return Gathered(self, self._db)

    def begin_gathered(
        self,
        stream: str,
        key: str,
        content: str,
        action: str,
        earlier: Row | None,
        *,
        answer: dict[str, Any],
    ) -> Row:
        """As `begin`, for a record that is sent later: on disk after `write_gathered`."""
        if not self._db.in_transaction:
            self._db.execute("begin")
        return self._begin(stream, key, content, action, earlier, answer=answer)

    def write_gathered(self) -> None:
        """Put all gathered rows on disk."""
        if self._db.in_transaction and not self._in_transaction:
            self._db.execute("commit")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A context in which rows are written to disk together.

        Raises:
            RunStopped: they are, and their receipts cannot be.
        """
        self.write_gathered()
        self._db.execute("begin immediate")
        self._in_transaction = True
        try:
            yield
        finally:
            # What was settled is settled, whatever ends the context.
            self._in_transaction = False
            self._db.execute("commit")
        self._tell_unwritten()

    def close(self) -> None:
        """Give the file back."""
        self._db.close()
        self._lock.release()

    def _settle(self, row: Row, status: str, answer: dict[str, Any], error: str | None) -> Row:
        whole = {
            **row.answer,
            **{name: value for name, value in answer.items() if value is not None},
        }
        self._settled += 1
        self._db.execute(
            "update writes set status = ?, answer = ?, error = ?, updated = ?, settled = ?"
            " where id = ?",
            (
                status,
                msgspec.json.encode(whole).decode(),
                error,
                self._clock.now().isoformat(),
                self._settled,
                row.id,
            ),
        )
        settled = self._row(row.id)
        if self._receipts and status != PENDING:
            self._append_receipt(self._receipts, settled)
        return settled

    def _append_receipt(self, path: Path, row: Row) -> None:
        """Append a line to the receipts, whole or not at all.

        Raises:
            RunStopped: it cannot be written; in a transaction at its end, when all is settled.
        """
        if self._unwritten:
            return
        size = None
        try:
            with appending(path) as file:
                size = os.fstat(file.fileno()).st_size
                file.write(json.dumps(row.receipt(), ensure_ascii=False) + "\n")
        except OSError as error:
            if size is not None:
                with contextlib.suppress(OSError):
                    os.truncate(path, size)
            self._unwritten = error.strerror or str(error)
            if not self._in_transaction:
                self._tell_unwritten()

    def _tell_unwritten(self) -> None:
        if self._unwritten:
            msg = (
                f"receipts_path {self._receipts} cannot be written: {self._unwritten}. Make room, "
                "or mend its folder, and run again; the ledger has what is missing there: "
                "`target-gong --receipts`"
            )
            raise RunStopped(GongError(msg))

    def _row(self, row_id: int) -> Row:
        return next(self._rows("where id = ?", row_id))

    def _rows(self, where: str, *values: Any) -> Iterator[Row]:
        return _rows(self._db, where, *values)


class Gathered:
    """Rows of records that are sent in one file; kept on disk.

    Args:
        ledger: they are in.
        db: its connection.
    """

    def __init__(self, ledger: Ledger, db: sqlite3.Connection) -> None:
        self._ledger = ledger
        self._db = db
        self._count = 0
        ledger.gatherings += 1
        self._table = f"gathered_{ledger.gatherings}"
        db.execute(f"create temp table {self._table} (line integer primary key, id integer unique)")

    def __len__(self) -> int:
        return self._count

    def holds(self, row: Row) -> bool:
        """Whether a row is among them."""
        return self._first("select 1 from {} where id = ?", row.id) is not None

    def add(
        self, stream: str, key: str, content: str, action: str, last: Row | None, *, file: str
    ) -> None:
        """Add a record's row, pending; with it the id of the file and its place there."""
        again = last if last is not None and last.status != DONE else None
        self._count += 1
        answer = {"clientRequestId": file, "line": self._count}
        row = self._ledger.begin_gathered(stream, key, content, action, again, answer=answer)
        self._db.execute(f"insert into {self._table} values (?, ?)", (self._count, row.id))  # noqa: S608

    def key(self, line: int) -> str:
        """The key of a record, by its place."""
        return str(self._first("select key from writes join {} using (id) where line = ?", line))

    def fail(self, errors: Mapping[int, str]) -> None:
        """Records were refused: by their places, why."""
        with self._ledger.transaction():
            for line, error in errors.items():
                row_id = self._first("select id from {} where line = ?", line)
                self._ledger.failed(next(_rows(self._db, "where id = ?", row_id)), error)

    def drop(self) -> None:
        """The rows are settled."""
        self._ledger.write_gathered()
        self._db.execute(f"drop table {self._table}")

    def _first(self, sql: str, value: Any) -> Any:
        found = self._db.execute(sql.format(self._table), (value,)).fetchone()
        return found[0] if found else None

    def settle_rest(self) -> None:
        """All that were not refused are done."""
        self._each_pending(self._ledger.done)

    def abandon(self, error: str, *, in_doubt: bool) -> None:
        """Nothing is known of the rest, or nothing was taken."""
        settle = self._ledger.doubt if in_doubt else self._ledger.failed
        self._each_pending(lambda row: settle(row, error))

    def _each_pending(self, settle: Callable[[Row], Row]) -> None:
        with self._ledger.transaction():
            pending = (
                f"where status = 'pending' and id > ? and id in (select id from {self._table})"  # noqa: S608
            )
            after = 0
            while rows := list(_rows(self._db, f"{pending} order by id limit 200", after)):
                for row in rows:
                    settle(row)
                after = rows[-1].id


def read_rows(path: Path) -> list[Row]:
    """All rows of a ledger that a run may be writing to, oldest first.

    Raises:
        SettingsError: there is none.
    """
    if not path.exists():
        msg = f"ledger_path {path}: there is no ledger; nothing was written with these settings"
        raise SettingsError(msg)
    try:
        with contextlib.closing(
            sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
        ) as db:
            return list(_rows(db, "order by id"))
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(_unusable(path, error)) from error


def _unusable(path: Path, error: Exception) -> str:
    return f"ledger_path {path} cannot be used: {error}. Is it a ledger, and nobody else's?"


def content_hash(body: Any) -> str:
    """The same for the same content, whatever the order of its fields."""
    encoded = msgspec.json.encode(body, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()


def _rows(db: sqlite3.Connection, where: str, *values: Any) -> Iterator[Row]:
    columns = "id, stream, key, hash, action, status, answer, error, created, updated"
    for found in db.execute(f"select {columns} from writes {where}", values):  # noqa: S608
        row = dict(zip(columns.split(", "), found, strict=True))
        yield Row(**{**row, "answer": json.loads(row["answer"])})


def write_receipts(rows: Iterable[Row], form: str, file: IO[str]) -> None:
    """Print rows.

    Args:
        rows: of the ledger.
        form: jsonl or csv.
        file: where to.
    """
    if form == "jsonl":
        for row in rows:
            file.write(json.dumps(row.receipt(), ensure_ascii=False) + "\n")
        return
    columns = ("clientUniqueId", *_COLUMNS)
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        receipt = row.receipt()
        writer.writerow({**receipt, "answer": json.dumps(receipt["answer"], ensure_ascii=False)})
