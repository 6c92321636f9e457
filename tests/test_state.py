"""Bookmarks: they follow windows, survive being cut off, and ask again only for what they must."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tap_gong.streams import STREAMS
from tap_gong.windows import instant
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import Output, run_tap

WINDOWED = {
    stream.name
    for stream in STREAMS
    if stream.incremental == "windowed" and stream.selected_by_default
}
UPDATED = {stream.name for stream in STREAMS if "updated" in stream.incremental}


def test_bookmarks_are_the_utc_end_of_what_was_read(company, config):
    bookmarks = run_tap(config).state["bookmarks"]
    for name in WINDOWED:
        assert bookmarks[name] == {
            "replication_key_value": "2026-06-15T18:00:00Z",
            "as_of": "2026-06-15T18:00:00Z",
            "settled": "2026-06-08T18:00:00Z",
        }


def test_state_follows_each_window_and_never_runs_ahead(company, config, monkeypatch):
    """More windows than one: whatever a STATE says has been read was emitted before it."""
    monkeypatch.setattr("tap_gong.windows._MOST", 60)
    slots = {slot.id: slot.filter_time for slot in company.company.slots(None, None, now=NOW)}
    messages = run_tap({**config, "start_date": "2026-03-20"}, streams={"calls"}).messages
    ends = []
    emitted = set()
    for message in messages:
        if message["type"] == "RECORD":
            emitted.add(message["record"]["id"])
        elif message["type"] == "STATE" and message["value"].get("bookmarks", {}).get("calls"):
            ends.append(
                instant(message["value"]["bookmarks"]["calls"]["replication_key_value"], "")
            )
            due = {key for key, time in slots.items() if time < ends[-1]}
            assert due <= emitted
    assert len(set(ends)) > 1
    assert ends == sorted(ends)


def test_a_second_run_asks_for_the_lookback_alone(company, config):
    first = run_tap(config)
    company.clear_requests()
    second = run_tap(config, state=first.state)
    filters = [
        entry.body["filter"] for entry in company.requests if entry.path == "/v2/calls/extensive"
    ]
    assert filters[0] == {
        "fromDateTime": "2026-06-08T18:00:00Z",
        "toDateTime": "2026-06-15T18:00:00Z",
    }
    recent = {slot.id for slot in company.company.slots(NOW - timedelta(days=7), NOW, now=NOW)}
    assert {row["id"] for row in second.records["calls"]} == recent
    for name in UPDATED:
        assert second.records[name] == [], name


@pytest.mark.parametrize("cut", [1, 40, 120, 258])
def test_a_run_that_is_cut_off_anywhere_goes_on_without_a_gap(company, config, cut):
    config = {**config, "start_date": "2026-01-01"}
    cut_off = Output(break_after=cut)
    with pytest.raises(BrokenPipeError):
        run_tap(config, streams={"calls"}, output=cut_off)
    rest = run_tap(config, streams={"calls"}, state=cut_off.state)
    emitted = {row["id"] for output in (cut_off, rest) for row in output.records["calls"]}
    assert emitted == {slot.id for slot in company.company.slots(None, None, now=NOW)}


def test_rows_of_a_list_come_again_only_when_they_change(company, config):
    state = run_tap(config, streams={"trackers"}).state
    bookmark = instant(state["bookmarks"]["trackers"]["replication_key_value"], "")
    rows = company.company.trackers()
    newest = max(instant(row["updated"], "") for row in rows)
    assert bookmark == newest
    earlier = min(instant(row["updated"], "") for row in rows)
    state["bookmarks"]["trackers"]["replication_key_value"] = earlier.isoformat()
    changed = [row["trackerId"] for row in rows if instant(row["updated"], "") > earlier]
    again = run_tap(config, streams={"trackers"}, state=state).records["trackers"]
    assert [row["trackerId"] for row in again] == changed


def test_the_greatest_record_value_is_not_the_bookmark(company, config):
    """Pins the one private override: the SDK must not move bookmarks by itself."""
    output = run_tap(config, streams={"calls"})
    newest = max(instant(row["started"], "") for row in output.records["calls"])
    states = [message["value"] for message in output.of("STATE")]
    for state in states:
        bookmark = state["bookmarks"]["calls"]
        assert "progress_markers" not in bookmark
        assert instant(bookmark["replication_key_value"], "") != newest


def test_full_table_in_the_catalog_reads_everything_again(company, config):
    from tap_gong.tap import TapGong

    first = run_tap(config, streams={"calls"})
    catalog = TapGong(config=dict(config)).catalog_dict
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "calls":
            entry["replication_method"] = "FULL_TABLE"
            entry["metadata"][-1]["metadata"]["selected"] = True
            root = next(m for m in entry["metadata"] if m["breadcrumb"] in ([], ()))
            root["metadata"]["selected"] = True
        else:
            root = next(m for m in entry["metadata"] if m["breadcrumb"] in ([], ()))
            root["metadata"]["selected"] = False
    output = Output()
    TapGong(
        config=dict(config), catalog=catalog, state=first.state, message_writer=output
    ).sync_all()
    assert len(output.records["calls"]) == 260


def test_start_date_is_respected_and_unset_means_the_oldest_call(company, config):
    from_may = run_tap({**config, "start_date": "2026-06-01"}, streams={"calls"})
    expected = company.company.slots(instant("2026-06-01", ""), NOW, now=NOW)
    assert {row["id"] for row in from_may.records["calls"]} == {slot.id for slot in expected}
    everything = run_tap(config, streams={"calls"})
    assert len(everything.records["calls"]) == 260


def test_a_late_call_is_found_by_the_next_run(sandbox):
    def sync(state=None):
        now = sandbox.clock.now().isoformat()
        return run_tap(
            settings(sandbox, end_date=now), state=state, streams={"calls", "transcripts"}
        )

    first = sync()
    now = sandbox.clock.now()
    late = sandbox.company.add_call(
        filter_time=now - timedelta(hours=5),
        listed_at=now + timedelta(hours=3),
        transcript_at=now + timedelta(hours=20),
    )
    sandbox.clock.advance(timedelta(hours=4))
    second = sync(first.state)
    assert late.id not in {row["id"] for row in first.records["calls"]}
    assert late.id in {row["id"] for row in second.records["calls"]}
    assert late.id not in {row["callId"] for row in second.records["transcripts"]}
    sandbox.clock.advance(timedelta(hours=20))
    third = sync(second.state)
    assert late.id in {row["callId"] for row in third.records["transcripts"]}
