"""The inbox: what Gong's automation rules have sent, in one SQLite file.

The receiver writes it, any number of taps read it, none of them changes it. Events are numbered in
the order in which they became visible, and a number is never used again: who has read up to one
needs only what comes after it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pendulum

from gong_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gong_api.clock import Clock

# Seconds to wait for another program that has the file locked.
PATIENCE = 5.0
_FORMAT = "1"
# Bodies have some hundred kilobytes.
_LOT = 20
_TABLES = (
    """
    create table if not exists events (
        sequence integer primary key autoincrement,
        eventId text not null unique,
        received text not null,
        isTest integer not null,
        body text not null
    )
    """,
    "create table if not exists about (name text primary key, value text not null)",
)


class InboxFault(SettingsError):
    """The inbox cannot be read or written."""

    # Only what is made of the inbox fails: Gong's API is asked all the same.
    concerns_operation = True


@dataclass(frozen=True)
class Event:
    """What one delivery brought.

    Attributes:
        sequence: its number.
        event_id: SHA-256 of the body, in hex.
        received: when it came first.
        body: JSON, as Gong sent it.
    """

    sequence: int
    event_id: str
    received: pendulum.DateTime
    body: str


class Inbox:
    """The inbox as the receiver has it; to be used by one thread at a time.

    Args:
        path: of the file; made, for its owner alone, where there is none.
        clock: says when an event came.

    Raises:
        InboxFault: the file cannot be used, or is something else.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        with self._faults("be used"):
            is_new = not path.exists()
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                path, isolation_level=None, timeout=PATIENCE, check_same_thread=False
            )
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.execute("pragma fullfsync = on")
            self._make()
            if is_new and os.name != "nt":
                _sync_folder(path)
        _format_checked(self._db, path)

    def put(self, body: bytes, *, is_test: bool) -> bool:
        """Keep what was delivered; it is on disk when this returns.

        Args:
            body: UTF-8.
            is_test: sent from Gong's settings page to try the rule out.

        Returns:
            Whether it is new.

        Raises:
            InboxFault: it could not be written; nothing of it is kept.
        """
        row = (event_id(body), self._clock.now().isoformat(), is_test, body.decode())
        with self._faults("be written"):
            done = self._db.execute(
                "insert into events (eventId, received, isTest, body) values (?, ?, ?, ?)"
                " on conflict (eventId) do nothing",
                row,
            )
            return done.rowcount == 1

    def remove_before(self, moment: pendulum.DateTime) -> int:
        """Remove what came before an instant, and remember up to where.

        Returns:
            How many events that were.

        Raises:
            InboxFault: it could not be written.
        """
        until = (moment.in_timezone("UTC").isoformat(),)
        with self._faults("be written"):
            self._db.execute("begin immediate")
            try:
                self._db.execute(
                    "insert into about select 'removed', max(sequence) from events"
                    " where received < ? and not isTest having max(sequence) is not null"
                    " on conflict (name) do update set value = excluded.value",
                    until,
                )
                done = self._db.execute("delete from events where received < ?", until)
                self._db.execute("commit")
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("rollback")
                raise
            return done.rowcount

    def check(self) -> None:
        """See whether it can be written to.

        Raises:
            InboxFault: it cannot.
        """
        with self._faults("be written"):
            self._db.execute("begin immediate")
            self._db.execute("rollback")

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def _make(self) -> None:
        self._db.execute("begin immediate")
        for table in _TABLES:
            self._db.execute(table)
        about = {"format": _FORMAT, "inbox": str(uuid.uuid4())}
        self._db.executemany("insert or ignore into about values (?, ?)", about.items())
        self._db.execute("commit")

    @contextlib.contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            msg = f"The inbox {self._path} cannot {what}: {error}"
            raise InboxFault(msg) from error


class InboxReader:
    """The inbox as a tap has it: to be read only.

    Attributes:
        identity: tells an inbox from another that has taken its place.
        newest: the number given last.
        removed: up to this number, events have been removed for their age.

    Args:
        path: of the file.

    Raises:
        InboxFault: there is none, it cannot be read, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            msg = (
                f"automation_inbox {path} does not exist; it is the file that "
                "`gong-webhook --inbox` writes, on this machine"
            )
            raise InboxFault(msg)
        with self._faults():
            address = f"{path.absolute().as_uri()}?mode=ro"
            self._db = sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)
        try:
            _format_checked(self._db, path)
            with self._faults():
                about = dict(self._db.execute("select name, value from about"))
                newest = self._db.execute("select seq from sqlite_sequence where name = 'events'")
                self.newest = int((newest.fetchone() or (0,))[0])
        except InboxFault:
            self._db.close()
            raise
        self.identity = str(about["inbox"])
        self.removed = int(about.get("removed", 0))

    def events(self, after: int) -> Iterator[Event]:
        """Events with greater numbers, up to the newest when it was opened; no test deliveries.

        Raises:
            InboxFault: they cannot be read.
        """
        while after < self.newest:
            # A lot at a time: a long reading would keep the receiver from tidying up its file.
            with self._faults():
                rows = self._db.execute(
                    "select sequence, eventId, received, body from events where sequence > ?"
                    " and sequence <= ? and not isTest order by sequence limit ?",
                    (after, self.newest, _LOT),
                ).fetchall()
            for sequence, name, received, body in rows:
                came = pendulum.instance(datetime.fromisoformat(received))
                yield Event(sequence, name, came, body)
            after = rows[-1][0] if rows else self.newest

    def count(self, after: int) -> int:
        """How many events `events` would yield.

        Raises:
            InboxFault: they cannot be read.
        """
        with self._faults():
            (found,) = self._db.execute(
                "select count(*) from events where sequence > ? and sequence <= ? and not isTest",
                (after, self.newest),
            ).fetchone()
            return int(found)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise InboxFault(_unreadable(self._path, error)) from error


def event_id(body: bytes) -> str:
    """What tells a delivery from another: SHA-256 of its body, in hex."""
    return hashlib.sha256(body).hexdigest()


def _format_checked(db: sqlite3.Connection, path: Path) -> None:
    """See whether a file is an inbox that this version knows.

    Raises:
        InboxFault: it is not.
    """
    try:
        row = db.execute("select value from about where name = 'format'").fetchone()
        db.execute("select sequence, eventId, received, isTest, body from events limit 1")
    except sqlite3.Error as error:
        raise InboxFault(_unreadable(path, error)) from error
    if row is None or row[0] != _FORMAT:
        msg = f"{path} is no inbox of this version of gong-webhook; name another file"
        raise InboxFault(msg)


def _unreadable(path: Path, error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        advice = "another program has held it for too long; run again"
    elif "malformed" in text or "not a database" in text:
        advice = "it is damaged, or no inbox; move it away and start gong-webhook anew"
    else:
        advice = (
            "is it the file that `gong-webhook --inbox` writes, and may this user read it and "
            "write beside it?"
        )
    return f"The inbox {path} cannot be read: {text}; {advice}"


def _sync_folder(path: Path) -> None:
    """Have the file's name on disk too."""
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
