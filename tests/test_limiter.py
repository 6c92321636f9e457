"""One quota for several processes: kept, shared fairly, and free when one of them dies."""

from __future__ import annotations

import contextlib
import itertools
import math
import signal
import subprocess
import sys
import time
from concurrent import futures
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pendulum
import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st
from pyrate_limiter import InMemoryBucket

from gong_api.clock import SystemClock
from gong_api.errors import LimitReached, SettingsError
from gong_api.limiter import RequestLimiter, StoreAway, store
from gong_sandbox import Sandbox
from tests.clocks import NOW
from tests.conftest import examples, settings
from tests.servers import redis_server
from tests.singer_run import run_tap

PER_SECOND = 12
TURNS = 24
TAKES = """
import sys, time
from gong_api.clock import SystemClock
from gong_api.limiter import RequestLimiter, store
limiter = RequestLimiter(
    per_second=float(sys.argv[2]), budget=0, clock=SystemClock(), store=store(sys.argv[1], "us")
)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    limiter.take()
    print(time.time(), flush=True)
"""


def start(setting, turns):
    process = subprocess.Popen(
        [sys.executable, "-c", TAKES, setting, str(PER_SECOND), str(turns)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def share(setting):
    """When each of two processes that share a store got its turns."""
    two = [start(setting, TURNS) for _ in range(2)]
    for process in two:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    times = [[float(line) for line in process.communicate()[0].split()] for process in two]
    assert [process.returncode for process in two] == [0, 0]
    return times


def assert_shared(times):
    merged = sorted(turn for each in times for turn in each)
    assert len(merged) == 2 * TURNS
    # A process may be held up after its turn has come: by less than the store spaces turns apart.
    spans = [later - first for first, later in zip(merged, merged[PER_SECOND:], strict=False)]
    assert min(spans) > 0.9
    assert merged[-1] - merged[0] <= 1.15 * (2 * TURNS / PER_SECOND)
    # Fair: when one is through, the other nearly is.
    ends = sorted(each[-1] for each in times)
    assert ends[1] - ends[0] < 1


def test_two_processes_share_a_file(tmp_path):
    assert_shared(share(f"sqlite:///{tmp_path}/quota.db"))


@pytest.fixture(scope="module")
def redis_url():
    """A Redis server of this machine's own."""
    with redis_server() as url:
        yield url


def test_two_processes_share_a_redis_server(redis_url):
    assert_shared(share(redis_url))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_process_that_dies_at_its_turn_holds_nobody_up(tmp_path, request, kind):
    setting = (
        f"sqlite:///{tmp_path}/quota.db"
        if kind == "sqlite"
        else request.getfixturevalue("redis_url")
    )
    dying = start(setting, 1000)
    assert dying.stdin
    dying.stdin.write("go\n")
    dying.stdin.flush()
    time.sleep(0.3)
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    limiter = RequestLimiter(
        per_second=PER_SECOND, budget=0, clock=SystemClock(), store=store(setting, "us")
    )
    began = time.monotonic()
    for _ in range(PER_SECOND):
        limiter.take()
    assert time.monotonic() - began < 6


HOLDS = """
import sys, time
from gong_api.limiter import store
with store(sys.argv[1], "us").locked():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_process_that_dies_while_it_takes_its_turn_holds_nobody_up_for_long(
    tmp_path, request, kind
):
    setting = (
        f"sqlite:///{tmp_path}/quota.db"
        if kind == "sqlite"
        else request.getfixturevalue("redis_url")
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, setting], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    limiter = RequestLimiter(
        per_second=PER_SECOND, budget=0, clock=SystemClock(), store=store(setting, "us")
    )
    began = time.monotonic()
    limiter.take()
    # The lock on a Redis server falls open after five seconds, that of a file at once.
    assert time.monotonic() - began < 7


@pytest.mark.slow
def test_a_process_that_was_held_up_while_it_took_its_turn_goes_on(redis_url):
    """A machine may sleep: others have gone ahead, and nothing is wrong."""
    with store(redis_url, "us").locked():
        time.sleep(5.2)


class HeldUp(SystemClock):
    """A clock on which whoever waits is held up for longer.

    Args:
        delays: milliseconds of each wait on top; then none.
    """

    def __init__(self, delays=()):
        self._delays = iter(delays)
        self.milliseconds = 0

    def now(self):
        return pendulum.from_timestamp(self.milliseconds / 1000)

    def sleep(self, seconds):
        self.milliseconds += math.ceil(seconds * 1000) + next(self._delays, 0)


class Remote:
    """A store that takes its time for everything.

    Args:
        clock: that the time passes on.
        milliseconds: for each operation.
    """

    def __init__(self, clock, milliseconds=0, *, is_shared=True):
        self._clock = clock
        self._milliseconds = milliseconds
        self.is_shared = is_shared

    def now(self):
        self._clock.milliseconds += self._milliseconds
        return self._clock.milliseconds

    def bucket(self, _, rate):
        return InMemoryBucket([rate])

    @contextlib.contextmanager
    def locked(self):
        self._clock.milliseconds += self._milliseconds
        yield
        self._clock.milliseconds += self._milliseconds


def departures(limiter, clock, count):
    """When each of some requests leaves, in milliseconds."""
    for _ in range(count):
        limiter.take()
        yield clock.milliseconds


@pytest.mark.parametrize("is_shared", [True, False])
@examples(40)
@given(
    lots=st.lists(
        # Some miss their turn, and not more than twice in a row.
        st.tuples(st.integers(0, 39), st.integers(0, 900), st.integers(0, 900)),
        max_size=20,
    )
)
def test_whoever_misses_a_turn_takes_another(is_shared, lots):
    clock = HeldUp(delay for lot in lots for delay in lot)
    remote = Remote(clock, is_shared=is_shared)
    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=remote)
    left = list(departures(limiter, clock, 60))
    assert limiter.used == 60
    assert min(later - first for first, later in zip(left, left[3:], strict=False)) >= 1000


@pytest.mark.parametrize("is_shared", [True, False])
@examples(30)
@given(per_second=st.decimals("0.1", 20, places=2).map(float))
@example(2.5)
@example(2.9)
@example(17.0)
def test_no_second_sees_more_and_the_mean_is_what_was_asked_for(is_shared, per_second):
    clock = HeldUp()
    remote = Remote(clock, is_shared=is_shared)
    limiter = RequestLimiter(per_second=per_second, budget=0, clock=clock, store=remote)
    left = list(departures(limiter, clock, 201))
    most = math.ceil(per_second)
    assert min(later - first for first, later in zip(left, left[most:], strict=False)) >= 1000
    # Whole lots, of which each may leave at once. Turns are milliseconds, rounded up, and both ends
    # of a span belong to it.
    whole = 200 // most * most
    assert 1000 <= (left[whole] - left[0]) / whole * per_second <= 1040 + 2 * per_second


def test_a_machine_that_is_always_late_goes_on():
    clock = HeldUp(itertools.repeat(200, 1000))
    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=Remote(clock))
    assert len(list(departures(limiter, clock, 20))) == 20


@pytest.mark.parametrize("milliseconds", [0, 10, 50, 100])
def test_a_store_that_is_far_away_costs_no_turns(milliseconds):
    clock = HeldUp()
    remote = Remote(clock, milliseconds)
    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=remote)
    first, *_, last = departures(limiter, clock, 31)
    assert last - first <= 1.1 * 10_000


def test_who_is_held_up_before_a_turn_that_is_free_takes_another():
    clock = HeldUp()
    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=Remote(clock, 60))
    first, *_, fourth = departures(limiter, clock, 4)
    assert fourth - first >= 1000


class Noon(SystemClock):
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.day = 21

    def now(self) -> pendulum.DateTime:
        return pendulum.datetime(2026, 11, self.day, 12)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_the_budget_of_a_shared_store_is_the_days(tmp_path, request, kind):
    setting = (
        f"sqlite:///{tmp_path}/quota.db"
        if kind == "sqlite"
        else request.getfixturevalue("redis_url")
    )
    clock = Noon()

    def limiter():
        return RequestLimiter(per_second=0, budget=5, clock=clock, store=store(setting, "days"))

    first, second = limiter(), limiter()
    for _ in range(3):
        first.take()
    for _ in range(2):
        second.take()
    with pytest.raises(LimitReached, match=r"5 requests .* ends in 12:00:00") as reached:
        first.take()
    assert reached.value.seconds == 12 * 3600
    clock.day = 22
    for _ in range(5):
        second.take()
    with pytest.raises(LimitReached):
        limiter().take()


def test_runs_that_share_a_file_meet_no_limit(tmp_path):
    """The sandbox counts arrivals; nothing is refused."""
    with Sandbox(calls=120, days=30, now=NOW, requests_per_second=PER_SECOND) as sandbox:
        config = settings(
            sandbox,
            end_date=datetime.now(timezone.utc).isoformat(),
            requests_per_second=PER_SECOND,
            rate_limit_store=f"sqlite:///{tmp_path}/quota.db",
        )
        for _ in range(2):
            run_tap(config, streams={"calls", "transcripts", "users"})
        assert {entry.status for entry in sandbox.requests} <= {200, 404}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("postgres://x", "must be memory, sqlite:///path/to/file or redis://host:6379/0"),
        ("sqlite://x", "must be memory"),
        (
            "sqlite:////proc/none/quota.db",
            r"rate_limit_store sqlite:////proc/none.* cannot be used",
        ),
        ("redis://:hunter2@127.0.0.1:1/0", "the Redis server at 127.0.0.1 cannot be used"),
        ("redis://[x", "the Redis server at the address given cannot be used: Invalid IPv6 URL"),
    ],
)
def test_a_store_that_cannot_be_used_is_named(setting, message):
    with pytest.raises(SettingsError, match=message) as caught:
        RequestLimiter(per_second=3, budget=0, clock=SystemClock(), store=store(setting, "us"))
    assert "hunter2" not in str(caught.value)


def test_a_redis_server_that_forbids_scripts_is_named(redis_url):
    redis.Redis.from_url(redis_url).execute_command(
        "ACL", "SETUSER", "plain", "on", ">hunter2", "~*", "+@all", "-@scripting"
    )
    setting = redis_url.replace("redis://", "redis://plain:hunter2@")
    with pytest.raises(SettingsError, match=r"Redis server at .* cannot be used") as caught:
        RequestLimiter(per_second=3, budget=0, clock=SystemClock(), store=store(setting, "us"))
    assert "hunter2" not in str(caught.value)


def test_a_redis_server_may_be_restarted_in_mid_run():
    """What it knew is gone, and for a moment it is."""
    with redis_server() as url:
        limiter = RequestLimiter(
            per_second=PER_SECOND, budget=10, clock=SystemClock(), store=store(url, "us")
        )
        limiter.take()
    with futures.ThreadPoolExecutor() as threads:
        taking = threads.submit(limiter.take)
        with pytest.raises(futures.TimeoutError):
            taking.result(0.3)
        with redis_server(urlsplit(url).port):
            taking.result()
            limiter.take()


def test_who_is_stopped_while_the_server_is_away_is_told_so_at_once():
    with contextlib.ExitStack() as servers:
        shared = store(servers.enter_context(redis_server()), "us")

        def stop():
            servers.close()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), shared.locked():
            stop()


class Away(Remote):
    """A store that is away each time that it is locked, so many times."""

    def __init__(self, clock, times):
        super().__init__(clock)
        self._times = times

    @contextlib.contextmanager
    def locked(self):
        self._times -= 1
        if self._times >= 0:
            msg = "it is away"
            raise StoreAway(msg)
        yield


def test_a_store_that_is_away_is_waited_for_but_not_forever(caplog):
    clock = HeldUp()
    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=Away(clock, 5))
    limiter.take()
    assert caplog.messages == ["it is away; trying again"] * 5
    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=Away(clock, 100))
    clock.milliseconds = 0
    with pytest.raises(StoreAway):
        limiter.take()
    assert 60_000 <= clock.milliseconds <= 70_000


@pytest.mark.parametrize("setting", ["memory", "sqlite"])
@pytest.mark.parametrize("per_second", [0.00001, 0.5])
def test_a_rate_may_be_as_low_as_one_likes(tmp_path, setting, per_second):
    setting = setting if setting == "memory" else f"sqlite:///{tmp_path}/quota.db"
    RequestLimiter(
        per_second=per_second, budget=0, clock=SystemClock(), store=store(setting, "us")
    ).take()
