"""Sweeps through all calls, and what they tell about those that were deleted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from gong_api.command import RunStopped
from tests.conftest import settings
from tests.singer_run import Output, run_tap

SQL = Path(__file__).parent.parent / "examples" / "deleted_calls.sql"


def sync(sandbox, state=None, output=None, **more):
    config = settings(sandbox, end_date=sandbox.clock.now().isoformat(), **more)
    return run_tap(config, state=state, streams={"call_index"}, output=output)


def slots_before(sandbox):
    now = sandbox.clock.now()
    return sandbox.company.slots(None, None, now=now - timedelta(hours=5))


def sweep_of(output):
    return output.state["bookmarks"]["call_index"]


def test_a_sweep_sees_every_call_and_says_when_it_is_whole(sandbox):
    now = sandbox.clock.now()
    output = sync(sandbox)
    rows = output.records["call_index"]
    slots = sandbox.company.slots(None, None, now=now)
    assert {row["id"] for row in rows} == {slot.id for slot in slots}
    began = {row["sweepStartedAt"] for row in rows}
    assert len(began) == 1
    assert [row["newestWholeSweep"] for row in rows] == [*[None] * (len(slots) - 1), *began]
    (version,) = (message["version"] for message in output.of("ACTIVATE_VERSION"))
    assert {message["version"] for message in output.of("RECORD")} == {version}
    assert output.messages[-1]["type"] in {"ACTIVATE_VERSION", "STATE"}
    assert sweep_of(output) == {"newest_whole_sweep": began.pop()}


def test_a_sweep_that_a_stop_cuts_short_goes_on_with_the_next_run(sandbox, monkeypatch):
    monkeypatch.setattr("tap_gong.windows._LONGEST", timedelta(days=5))
    output = Output()
    with pytest.raises(RunStopped):
        sync(sandbox, output=output, daily_request_budget=4)
    assert output.of("ACTIVATE_VERSION") == []
    under_way = sweep_of(output)["sweep"]
    sandbox.clock.advance(timedelta(hours=5))
    sandbox.clear_requests()
    rest = sync(sandbox, output.state)
    assert {row["sweepStartedAt"] for row in rest.records["call_index"]} == {under_way["started"]}
    windows = [e.query["fromDateTime"] for e in sandbox.requests if e.path == "/v2/calls"]
    assert windows[0] == under_way["reached"]
    assert len(rest.records["call_index"]) < len(slots_before(sandbox))
    seen = [row["id"] for run in (output, rest) for row in run.records["call_index"]]
    assert set(seen) >= {slot.id for slot in slots_before(sandbox)}
    assert len(rest.of("ACTIVATE_VERSION")) == 1
    assert "sweep" not in sweep_of(rest)


def test_samples_leave_the_sweep_as_it_was(sandbox):
    output = sync(sandbox, max_records=3)
    assert len(output.records["call_index"]) == 3
    assert output.of("ACTIVATE_VERSION") == []
    assert "sweep" not in sweep_of(output)


def load(warehouse, output, loaded_at):
    """As a loader without ACTIVATE_VERSION would: rows are replaced by their key."""
    for message in output.of("RECORD"):
        table, row = message["stream"], message["record"]
        columns = {
            "calls": ("id", "title", "started"),
            "call_index": ("id", "started", "isPrivate", "sweepStartedAt", "newestWholeSweep"),
        }[table]
        warehouse.execute(f"delete from gong.{table} where id = ?", [row["id"]])
        marks = ", ".join("?" * (len(columns) + 1))
        values = [*(row.get(name) for name in columns), loaded_at]
        warehouse.execute(f"insert into gong.{table} values ({marks})", values)


def test_the_query_finds_exactly_what_was_deleted(sandbox):
    warehouse = duckdb.connect()
    warehouse.execute(
        """
        create schema gong;
        create table gong.calls (
            id text, title text, started timestamptz, _sdc_extracted_at timestamptz);
        create table gong.call_index (
            id text, started timestamptz, isPrivate boolean, sweepStartedAt timestamptz,
            newestWholeSweep timestamptz, _sdc_extracted_at timestamptz);
        """
    )
    query = SQL.read_text(encoding="utf-8")
    state = None
    gone: list[str] = []
    for day in range(4):
        now = sandbox.clock.now()
        config = settings(sandbox, end_date=now.isoformat())
        output = run_tap(config, state=state, streams={"calls", "call_index"})
        state = output.state
        load(warehouse, output, now)
        assert [row[0] for row in warehouse.sql(query).fetchall()] == gone
        if day == 1:
            slots = sandbox.company.slots(None, None, now=now)
            gone = [slots[2].id, slots[5].id]
            for call in gone:
                sandbox.company.delete(call)
        sandbox.clock.advance(timedelta(days=1))
