"""A sandbox for every test, over HTTP."""

from __future__ import annotations

import functools
import gc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as profiles

from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from tests.clocks import NOW
from tests.command_run import Ended, run_command
from tests.faulty_proxy import FaultyProxy
from tests.reliability_table import MARKER, ReliabilityTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.answering_server import AnsweringServer

# The same examples each time where every run must tell the same; new ones, and many, at night:
# `pytest -m "slow or fuzz" --hypothesis-profile thorough`.
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
profiles.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    suppress_health_check=_SLOW_IS_FINE,
    phases=set(Phase) - {Phase.explain},
)
profiles.register_profile(
    "thorough",
    max_examples=2000,
    deadline=None,
    suppress_health_check=_SLOW_IS_FINE,
    print_blob=True,
)
profiles.load_profile("quick")


def examples(count: int) -> profiles:
    """So many examples where every run counts, and twenty times as many at night."""
    return profiles(max_examples=count * profiles().max_examples // 100)


# Companies and records are trees that live long: searching them for cycles takes long, for nothing.
gc.set_threshold(50_000, 20, 100)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-reliability",
        action="store_true",
        help="write docs/reliability.md from the tests that pass; not with -n",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    if config.getoption("--write-reliability"):
        if config.getoption("numprocesses", None):
            msg = "--write-reliability needs the whole session in one process, without -n"
            raise pytest.UsageError(msg)
        config.pluginmanager.register(ReliabilityTable())


def settings(server: Sandbox | AnsweringServer, **more: Any) -> dict[str, Any]:
    """Settings of the tap for a server, without any limit."""
    return {
        "api_url": server.url,
        "access_key": server.access_key,
        "access_key_secret": server.access_key_secret,
        "requests_per_second": 0,
        "max_retries": 2,
        **more,
    }


@pytest.fixture(scope="session")
def company() -> Iterator[Sandbox]:
    """A company whose clock stands still. Tests only read it."""
    with Sandbox(
        calls=260, days=60, seed=7, now=NOW, requests_per_second=0, daily_requests=0
    ) as sandbox:
        data = sandbox.company
        users = [user["id"] for user in data.users(now=NOW)[:2]]
        for slot in data.slots(None, None, now=NOW)[:3]:
            data.access.grant(slot.id, users)
        yield sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small company of a test's own: its clock, faults and data may be changed."""
    with Sandbox(
        calls=30, days=20, seed=3, now=NOW, requests_per_second=0, daily_requests=0
    ) as sandbox:
        yield sandbox


@pytest.fixture
def tap_gong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """The tap's command, in this process and a folder of its own: takes settings and arguments."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(run_command, TapGong, tmp_path, patch=monkeypatch)


@pytest.fixture
def proxy(sandbox: Sandbox) -> Iterator[FaultyProxy]:
    """A way to the test's own company that breaks as it is told to."""
    with FaultyProxy(sandbox.url) as proxy:
        yield proxy


@pytest.fixture
def config(company: Sandbox) -> dict[str, Any]:
    """Settings to read the shared company as of its clock."""
    return settings(company, end_date=NOW.isoformat())
