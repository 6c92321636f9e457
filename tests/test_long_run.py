"""A backfill that takes days: faults on the way, a quota that shuts for hours, several runs."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gong_api.command import RunStopped
from gong_api.errors import LimitReached
from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from tests.conftest import settings
from tests.singer_run import Output
from tests.test_client import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gong_sandbox.company.timeline import CallSlot

BEGIN = datetime.fromisoformat("2026-03-06T05:00:00+00:00")
STREAMS = ("calls", "transcripts")
FAULTS = ("500", "503", "504", "429", "html", "truncated", "reset", "reset-after")


class Warehouse(Output):
    """What a target would hold: the last row of each key; and the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Counter[tuple[str, str]] = Counter()
        self.last_state: dict[str, Any] = {}

    def write_message(self, message: Any) -> None:
        content = message.to_dict()
        if content["type"] == "STATE":
            self.last_state = msgspec.json.decode(msgspec.json.encode(content["value"]))
        elif content["type"] == "RECORD":
            record = content["record"]
            self.rows[content["stream"], record.get("id") or record["callId"]] += 1


@contextlib.contextmanager
def company_of(calls: int, *, requests_a_day: int, faulty: float) -> Iterator[Sandbox]:
    """A company whose calls are many and of no content, which takes the sandbox long to make."""
    # Kinds take turns: each comes at a step of its own, all together at the share wanted.
    every = tuple(f"{kind}:{round(len(FAULTS) / faulty) + n}" for n, kind in enumerate(FAULTS))
    with Sandbox(
        calls=calls,
        days=1500,
        now=BEGIN,
        requests_per_second=0,
        daily_requests=requests_a_day,
        faults=every,
    ) as sandbox:
        sandbox.company.extensive = lambda slot, *, now: {  # type: ignore[method-assign]
            "metaData": sandbox.company.basic(slot, now=now)
        }
        sandbox.company.transcript = lambda _: []  # type: ignore[method-assign,assignment]
        yield sandbox


@pytest.mark.proves(
    "One request in fifty fails, and the day's quota is used up twice",
    "tap",
    "exit code 3 and the hour to go on; the runs together are whole",
)
@pytest.mark.parametrize(
    ("calls", "requests_a_day", "faulty"),
    [
        pytest.param(4_000, 60, 0.2, id="4,000 calls, one request in five fails"),
        pytest.param(
            200_000,
            1_900,
            0.02,
            id="200,000 calls, one request in fifty fails",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_backfill_with_faults_and_a_quota_that_shuts_for_hours_ends_whole(
    calls, requests_a_day, faulty
):
    warehouse = Warehouse()
    shut = retries = requests = 0
    with company_of(calls, requests_a_day=requests_a_day, faulty=faulty) as company:
        config = settings(
            company, end_date=BEGIN.isoformat(), daily_request_budget=0, max_retries=8
        )
        while (end := run(config, warehouse)).stop:
            assert end.stop.exit_code == 3
            limit = end.stop.__cause__
            assert isinstance(limit, LimitReached)
            assert limit.seconds is not None
            assert limit.seconds > 3600
            company.clock.advance(timedelta(seconds=limit.seconds))
            shut += 1
            retries += end.retries
            requests += end.requests
        retries += end.retries
        requests += end.requests
        end_of_all = company.clock.now()
        at_first, at_last = (
            company.company.slots(None, BEGIN, now=now) for now in (BEGIN, end_of_all)
        )
    assert shut >= 2
    assert retries >= 0.7 * faulty * requests
    assert len(at_first) == calls
    # What surfaces while the runs are under way may be there or come with a later one.
    read = {stream: {key for name, key in warehouse.rows if name == stream} for stream in STREAMS}
    assert {slot.id for slot in at_first} <= read["calls"] <= {slot.id for slot in at_last}
    assert (
        with_transcript(at_first, BEGIN)
        <= read["transcripts"]
        <= with_transcript(at_last, end_of_all)
    )
    # Emitted again is what a stop cut short: no more than a window of each stream.
    assert sum(warehouse.rows.values()) - len(warehouse.rows) <= 2 * shut * 1000


def with_transcript(slots: Iterable[CallSlot], now: datetime) -> set[str]:
    """Ids of the calls that have a transcript at an instant."""
    return {slot.id for slot in slots if slot.transcript_at and slot.transcript_at <= now}


@dataclass(frozen=True)
class End:
    """How a run ended, and what it took."""

    stop: RunStopped | None
    requests: int
    retries: int


def run(config: dict[str, Any], warehouse: Warehouse) -> End:
    tap = TapGong(config=dict(config), state=warehouse.last_state, message_writer=warehouse)
    tap.clock = FakeClock()
    for stream in tap.streams.values():
        stream.selected = stream.name in STREAMS
    stop = None
    try:
        tap.sync_all()
    except RunStopped as stopped:
        stop = stopped
    finally:
        tap.close()
    assert not tap.failed
    return End(stop, tap.client.limiter.used, tap.client.retries.retries)
