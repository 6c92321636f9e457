"""Filters hold wherever records come from, and odd catalogs, states and ends lose nothing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from gong_api.command import RunStopped
from gong_api.errors import SettingsError
from tap_gong.tap import TapGong
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import Output, run_tap
from tests.test_lockstep import BOTH, ids, late_transcript, sync


@pytest.mark.parametrize("detail", ["extensive", "basic"])
@pytest.mark.parametrize("streams", [BOTH, {"transcripts"}])
def test_filters_hold_for_calls_that_are_named(company, config, detail, streams):
    slots = company.company.slots(None, None, now=NOW)
    private = [slot.id for slot in slots if slot.is_private]
    config = {**config, "call_ids": private, "call_detail": detail}
    assert ids(run_tap(config, streams=streams), "transcripts")
    for narrower in (
        {"private_calls": "exclude"},
        {"primary_user_ids": ["1"]},
    ):
        output = run_tap({**config, **narrower}, streams=streams)
        assert output.records == {}, narrower
    one = company.company.workspaces()[0]["id"]
    there = {slot.id for slot in slots if slot.workspace_id == one}
    output = run_tap({**config, "workspace_ids": [one]}, streams=streams)
    assert set(ids(output, "transcripts")) <= there


def test_filters_hold_for_transcripts_owed_by_a_wider_run(sandbox):
    call = late_transcript(sandbox, began=-timedelta(days=12), arrives=timedelta(days=1))
    state = sync(sandbox).state
    sandbox.clock.advance(timedelta(days=2))
    narrowed = sync(sandbox, state, primary_user_ids=["1"])
    assert call not in ids(narrowed, "transcripts")
    assert call in ids(sync(sandbox, state), "transcripts")


def test_a_filter_restarts_only_streams_that_know_it(company, config, caplog):
    narrow = run_tap({**config, "private_calls": "exclude"})
    wide = run_tap(config, state=narrow.state)
    assert len(ids(wide, "calls")) == 260
    assert wide.records["trackers"] == []
    assert "answered_scorecards is read from the start" not in caplog.text
    assert caplog.text.count("calls is read from the start") == 1


def test_stretches_of_owed_transcripts_are_read_a_piece_at_a_time(sandbox, monkeypatch):
    """However small the budget, each run gets somewhere, and the next goes on from there."""
    monkeypatch.setattr("tap_gong.owed.MOST_NAMED", 1)
    monkeypatch.setattr("tap_gong.windows._MOST", 2)
    monkeypatch.setattr("tap_gong.windows._FIRST", timedelta(days=1))
    calls = {
        late_transcript(sandbox, began=-timedelta(days=9 + n), arrives=timedelta(hours=20))
        for n in range(6)
    }
    state = sync(sandbox).state
    sandbox.clock.advance(timedelta(days=1, hours=1))
    seen: set[str] = set()
    for _ in range(60):
        output = Output()
        config = settings(
            sandbox, end_date=sandbox.clock.now().isoformat(), daily_request_budget=20
        )
        try:
            run_tap(config, state=state, streams=BOTH, output=output)
        except RunStopped:
            seen.update(ids(output, "transcripts"))
            state = output.state or state
        else:
            seen.update(ids(output, "transcripts"))
            break
    assert calls <= seen


def test_a_lookback_that_is_lowered_loses_nothing_of_the_one_before(sandbox):
    first = sync(sandbox, lookback_days=7)
    now = sandbox.clock.now()
    late = sandbox.company.add_call(
        filter_time=now - timedelta(days=5),
        listed_at=now + timedelta(hours=2),
        transcript_at=now + timedelta(hours=2),
    ).id
    sandbox.clock.advance(timedelta(days=1))
    second = sync(sandbox, first.state, lookback_days=1)
    assert late in ids(second, "calls")


def test_an_end_still_to_come_is_not_taken_for_read(sandbox):
    """Calls between now and a future end_date must be there for later runs."""
    tomorrow = datetime.now(timezone.utc) + timedelta(days=40)
    sandbox.clock.set(datetime.now(timezone.utc))
    first = run_tap(settings(sandbox, end_date=tomorrow.isoformat()), streams=BOTH)
    bookmark = first.state["bookmarks"]["calls"]
    assert bookmark["replication_key_value"][:10] <= datetime.now(timezone.utc).isoformat()[:10]


def test_nothing_is_asked_of_the_time_to_come(sandbox):
    now = datetime.now(timezone.utc)
    sandbox.clock.set(now)
    later = {"end_date": (now + timedelta(days=400)).isoformat()}
    streams = {*BOTH, "call_index", "answered_scorecards"}
    state = run_tap(settings(sandbox, **later), streams=streams).state
    sandbox.clear_requests()
    run_tap(settings(sandbox, **later), streams=streams, state=state)
    asked = [entry.body["filter"] for entry in sandbox.requests if "filter" in (entry.body or {})]
    ends = {f.get("toDateTime") or f.get("reviewToDate") for f in asked} - {None}
    tomorrow = (datetime.now(timezone.utc) + timedelta(days=2)).isoformat()
    assert ends
    assert all(end <= tomorrow for end in ends)
    # A range that is yet to begin is empty until then.
    unborn = {"start_date": (now + timedelta(days=200)).isoformat(), **later}
    assert not run_tap(settings(sandbox, **unborn), streams=BOTH).records


def catalog(config, stream, **entry):
    found = TapGong(config=dict(config)).catalog_dict
    for candidate in found["streams"]:
        root = next(m for m in candidate["metadata"] if not m["breadcrumb"])
        root["metadata"]["selected"] = candidate["tap_stream_id"] == stream
        if candidate["tap_stream_id"] == stream:
            candidate.update(entry)
    return found


def test_a_key_cannot_be_deselected(config):
    chosen = catalog(config, "calls")
    (calls,) = (entry for entry in chosen["streams"] if entry["tap_stream_id"] == "calls")
    for entry in calls["metadata"]:
        if list(entry["breadcrumb"]) in (["properties", "id"], ["properties", "title"]):
            entry["metadata"].update({"inclusion": "available", "selected": False})
    output = Output()
    TapGong(config=dict(config), catalog=chosen, message_writer=output).sync_all()
    assert len(set(ids(output, "calls"))) == 260
    assert not any("title" in row for row in output.records["calls"])
    assert "id" in output.of("SCHEMA")[0]["schema"]["properties"]


@pytest.mark.parametrize("stream", sorted(BOTH))
def test_a_replication_key_in_the_catalog_changes_nothing(config, stream):
    chosen = catalog(config, stream, replication_key="started")
    output = Output()
    TapGong(config=dict(config), catalog=chosen, message_writer=output).sync_all()
    assert ids(output, stream)
    assert output.state["bookmarks"][stream]["replication_key_value"] == "2026-06-15T18:00:00Z"


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": []},
        {"bookmarks": {"calls": []}},
        {"bookmarks": {"calls": "x"}},
        {"bookmarks": {"calls": {"hints": 3}}},
        {"bookmarks": {"calls": {"hints": {"sequence": "1"}}}},
        {"bookmarks": {"calls": {"hints": {"unseen": ["1"]}}}},
        {"bookmarks": {"calls": {"hints": {"unseen": {"2026-06-10": 1}}}}},
        {"bookmarks": {"automation_events": {"sequence": [1]}}},
        {"bookmarks": {"automation_events": {"sequence": 1, "inbox": {}}}},
        {"bookmarks": {"calls": {"filters": {"workspace_ids": [["1"]]}}}},
    ],
)
def test_a_state_that_is_none_is_refused(config, state):
    with pytest.raises(SettingsError, match="--state must look like"):
        TapGong(config=dict(config), state=state)


def test_an_answer_without_its_list_is_no_empty_answer(sandbox):
    sandbox.faults.next("no-list", path="/v2/calls/extensive")
    output = run_tap(
        settings(sandbox, start_date="2026-06-05", end_date=NOW.isoformat()), streams=BOTH
    )
    assert output.failed == ["calls"]
    assert "replication_key_value" not in output.state["bookmarks"]["calls"]
    assert output.records["transcripts"]
