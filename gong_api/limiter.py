"""The request limiter: no more requests a second, nor a day, than the company's quota allows.

Gong counts 3 requests a second and 10,000 a day per company (API: rate limits). Every attempt
counts, retries too.

A turn is reserved ahead and then waited for, so that whoever asked first goes first, be it threads
of one process or processes that share a store. Whoever wakes too late for its turn takes another.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import backoff
import filelock
from pyrate_limiter import (
    InMemoryBucket,
    MonotonicClock,
    Rate,
    RateItem,
    RedisBucket,
    SQLiteBucket,
    WallClock,
)
from pyrate_limiter.buckets.redis_bucket import LuaScript

from gong_api.errors import LimitReached, SettingsError
from gong_api.private_files import make_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pendulum import DateTime
    from pyrate_limiter import AbstractBucket

    from gong_api.clock import Clock

logger = logging.getLogger("gong_api")

MEMORY = "memory"

# Gong counts arrivals, we count departures: a request that travels slower than the one three
# places behind it must not make four arrive within the second.
_JITTER_MS = 40
# Whoever has missed so many turns takes the next one late, or a busy machine would get none.
_MOST_MISSED = 3
_SLOWEST = 1 / 10_000
# How often a store that is away in mid-run is looked for, a minute in all, and the seconds between.
_LOOKS = 12
_LONGEST_PAUSE = 10
# Two requests of one day are never so far apart, two of different days always are.
_ONE_DAY_MS = 24 * 60 * 60 * 1000 - 1

_T = TypeVar("_T")


class StoreAway(SettingsError):
    """The store of turns does not answer."""


class Store(Protocol):
    """Where the turns that were given are remembered.

    Attributes:
        is_shared: other processes take turns of it too.
    """

    is_shared: bool

    def bucket(self, name: str, rate: Rate) -> AbstractBucket:
        """The turns of one kind."""
        ...

    def now(self) -> int:
        """Milliseconds on the clock that its turns are counted by."""
        ...

    def locked(self) -> contextlib.AbstractContextManager[Any]:
        """While entered, no other process takes a turn.

        Raises:
            StoreAway: it does not answer, and may do so later.
            SettingsError: it cannot be used.
        """
        ...


class RequestLimiter:
    """Lets one request pass at a time, at most `per_second`, at most `budget` in all.

    Args:
        per_second: requests a second, 0 for no limit.
        budget: requests that may be made, 0 for no limit: in this run, or with a shared store in
            the UTC day by all processes together.
        clock: waits are slept on it.
        store: remembers the turns that were given; default this process's memory.

    Attributes:
        used: requests let through.
        waited: seconds spent waiting, of all threads together.
    """

    def __init__(
        self, *, per_second: float, budget: int, clock: Clock, store: Store | None = None
    ) -> None:
        self._store = store or MemoryStore()
        self._bucket: AbstractBucket | None = None
        if per_second:
            rate = _rate(per_second, spaced=self._store.is_shared)
            self._bucket = self._store.bucket("turns", rate)
        self._day: AbstractBucket | None = None
        if budget and self._store.is_shared:
            self._day = self._store.bucket("day", Rate(budget, _ONE_DAY_MS))
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()
        self._local = threading.local()
        self.used = 0
        self.waited = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit by the second."""
        return self._bucket is not None

    @property
    def left(self) -> float:
        """Requests of the budget that are left, as far as this process knows; may be infinite."""
        return self._budget - self.used if self._budget else float("inf")

    @contextlib.contextmanager
    def at_next_turn(self, done: Callable[[], None]) -> Iterator[None]:
        """Call `done` when this thread's next turn has come, or at the end if none was taken."""
        self._local.done = done
        try:
            yield
        finally:
            self._tell()

    def take(self) -> None:
        """Wait for the next request's turn.

        Raises:
            LimitReached: the budget is used up.
        """
        with self._lock:
            self._count()
            self.used += 1
        for _ in range(1 + _MOST_MISSED):
            if self._has_waited():
                break
        self._tell()

    def _tell(self) -> None:
        done = getattr(self._local, "done", None)
        self._local.done = None
        if done:
            done()

    def _count(self) -> None:
        """Count a request against the budget."""
        if self._day:
            self._alone(functools.partial(self._count_day, self._day))
        elif self._budget and self.used >= self._budget:
            raise LimitReached(_used_up(f"{self.used} requests in this run"))

    def _has_waited(self) -> bool:
        """Wait for a turn of our own; whether it is still ours when we are awake.

        It is not if one that is three places behind would come too soon after.
        """
        if not self._bucket:
            return True
        with self._lock:
            seconds, asked = self._alone(functools.partial(self._reserve, self._bucket))
        # A store may be far away, or its disk slow: what it takes is a part of the wait.
        left = seconds - (self._clock.now() - asked).total_seconds()
        if left > 0:
            with self._lock:
                self.waited += left
            self._clock.sleep(left)
        late = (self._clock.now() - asked).total_seconds() - seconds
        return late * 1000 <= _JITTER_MS

    def _reserve(self, bucket: AbstractBucket) -> tuple[float, DateTime]:
        """The next free turn: in how many seconds, from which instant on our clock."""
        now, asked = self._store.now(), self._clock.now()
        bucket.leak(now)
        turn = RateItem("request", now)
        while not bucket.put(turn):
            wait = bucket.waiting(turn)
            turn = RateItem(
                "request", turn.timestamp + max(1, wait if isinstance(wait, int) else 0)
            )
        return (turn.timestamp - now) / 1000, asked

    def _alone(self, step: Callable[[], _T]) -> _T:
        """Do a step while no other process takes a turn; a store that is away is waited for.

        Raises:
            StoreAway: it has been away for a minute, or did not answer for some.
        """

        def locked() -> _T:
            with self._store.locked():
                return step()

        def pause(details: Mapping[str, Any]) -> None:
            logger.warning("%s; trying again", details["exception"])
            self._clock.sleep(min(0.1 * 2 ** details["tries"], _LONGEST_PAUSE))

        # The wait goes through our clock, which signals break off; hence interval=0.
        return backoff.on_exception(
            backoff.constant,
            StoreAway,
            interval=0,
            jitter=None,
            max_tries=_LOOKS,
            on_backoff=pause,
            logger=None,
        )(locked)()

    def _count_day(self, day: AbstractBucket) -> None:
        now = self._clock.now()
        # All requests of a day share an instant, so that the day before is over with it.
        midnight = RateItem("request", int(now.start_of("day").timestamp() * 1000))
        day.leak(midnight.timestamp)
        if not day.put(midnight):
            left = now.add(days=1).start_of("day") - now
            hours = timedelta(seconds=int(left.total_seconds()))
            msg = f"{self._budget} requests of all processes today, which ends in {hours} (UTC)"
            raise LimitReached(_used_up(msg), seconds=left.total_seconds())


class MemoryStore:
    """This process's own."""

    is_shared = False

    def __init__(self) -> None:
        self._clock = MonotonicClock()

    def bucket(self, name: str, rate: Rate) -> AbstractBucket:  # noqa: ARG002
        """The turns of one kind."""
        return InMemoryBucket([rate])

    def now(self) -> int:
        """Milliseconds since some instant."""
        return self._clock.now()

    def locked(self) -> contextlib.AbstractContextManager[Any]:
        """Nothing to lock: no other process knows of it."""
        return contextlib.nullcontext()


class SqliteStore:
    """A file that several processes of one machine share.

    Args:
        path: of the file; it is made if it is not there.
        company: whose quota it is; companies may share a file.
    """

    is_shared = True

    def __init__(self, path: Path, company: str) -> None:
        self._path = path
        self._company = company
        self._lock = filelock.FileLock(f"{path}.lock", mode=0o600)
        self._clock = WallClock()

    def bucket(self, name: str, rate: Rate) -> AbstractBucket:
        """The turns of one kind.

        Raises:
            SettingsError: the file cannot be written, or is something else.
        """
        with self._complaining():
            make_file(self._path)
            with self._lock:
                return SQLiteBucket.init_from_file(
                    [rate], table=f"{name}_{self._company}", db_path=str(self._path)
                )

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._clock.now()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Others wait for the lock file beside the store."""
        with self._complaining(), self._lock:
            yield

    @contextlib.contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        # A disk may know no locks.
        except (sqlite3.Error, OSError, NotImplementedError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            msg = f"rate_limit_store sqlite:///{self._path} cannot be used: {reason}"
            raise SettingsError(msg) from error


class RedisStore:
    """A Redis server that several machines share.

    Args:
        url: `redis://…`, as its client takes it.
        company: whose quota it is; companies may share a server.

    Raises:
        SettingsError: its client is not installed, or the server cannot be reached.
    """

    is_shared = True

    def __init__(self, url: str, company: str) -> None:
        # Imported here: an extra that few need.
        try:
            import redis  # noqa: PLC0415
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.retry import Retry  # noqa: PLC0415
        except ImportError as error:
            msg = "rate_limit_store redis://… needs the extra: pip install 'gong-singer[redis]'"
            raise SettingsError(msg) from error
        self._error = redis.RedisError
        self._away = redis.ConnectionError, redis.TimeoutError
        self._host = "the address given"
        self._company = company
        with self._complaining():
            self._host = urlsplit(url).hostname or self._host
            # A connection that was idle may have been cut; all else is the limiter's to wait for.
            self._redis = redis.Redis.from_url(
                url,
                socket_connect_timeout=5,
                socket_timeout=5,
                health_check_interval=30,
                retry=Retry(NoBackoff(), 1),
            )
            self._redis.ping()

    def bucket(self, name: str, rate: Rate) -> AbstractBucket:
        """The turns of one kind.

        Raises:
            SettingsError: the server cannot be used, or forbids scripts.
        """
        with self._complaining():
            bucket: AbstractBucket = _LastingBucket.init(
                [rate], self._redis, f"gong-singer:{self._company}:{name}"
            )
        return bucket

    def now(self) -> int:
        """Milliseconds since the epoch by the server, since clocks of machines differ.

        To be asked while its lock is held, which tells of faults.
        """
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Others wait; a lock whose holder died falls open after a while."""
        lock = self._redis.lock(f"gong-singer:{self._company}:lock", timeout=5, sleep=0.01)
        with self._complaining():
            lock.acquire()
            try:
                yield
            finally:
                # Whoever was held up for longer has lost it, and has nothing to give back: each
                # turn is taken in one step of the server's. One that has gone forgets it.
                with contextlib.suppress(self._error):
                    lock.release()

    @contextlib.contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        except (self._error, ValueError) as error:
            msg = f"rate_limit_store: the Redis server at {self._host} cannot be used: {error}"
            is_away = isinstance(error, self._away)
            raise (StoreAway(msg) if is_away else SettingsError(msg)) from error


class _LastingBucket(RedisBucket):
    """Outlives its server's scripts, which a restart takes."""

    def put(self, item: RateItem) -> bool:
        import redis  # noqa: PLC0415

        try:
            return bool(super().put(item))
        except redis.exceptions.NoScriptError:
            self.script_hash = str(self.redis.script_load(LuaScript.PUT_ITEM))
            return bool(super().put(item))


def store(setting: str, company: str) -> Store:
    """The store that `rate_limit_store` names.

    Args:
        setting: `memory`, `sqlite:///path` or `redis://…`.
        company: tells companies apart that share a server.

    Raises:
        SettingsError: it is none of these, or cannot be used.
    """
    scheme, _, rest = setting.partition("://")
    if setting == MEMORY:
        return MemoryStore()
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteStore(Path(rest[1:]), company)
    if scheme in {"redis", "rediss"} and rest:
        return RedisStore(setting, company)
    # What it is instead is not told: there may be a password in it.
    msg = "rate_limit_store must be memory, sqlite:///path/to/file or redis://host:6379/0"
    raise SettingsError(msg)


def _used_up(what: str) -> str:
    return (
        f"daily_request_budget is used up ({what}); what was read is kept, "
        "run again when the quota is renewed or raise the setting"
    )


def _rate(per_second: float, *, spaced: bool) -> Rate:
    """So many requests in a second and a bit, or one at a time in its share of that.

    Args:
        per_second: requests a second; one in 10,000 s at least.
        spaced: one at a time, so that processes alternate: of several free turns, whoever is
            quicker would take all. Nor do 5 in two seconds keep any one second to 2.5.
    """
    span = 1000 + _JITTER_MS
    if spaced or per_second % 1:
        return Rate(1, math.ceil(span / max(per_second, _SLOWEST)))
    return Rate(int(per_second), span)
