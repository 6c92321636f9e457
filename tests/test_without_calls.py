"""Streams that are not about calls, where none can be seen, or windows go where calls do not."""

from __future__ import annotations

from datetime import timedelta

import pendulum
import pytest

from gong_sandbox import Sandbox
from tests.answering_server import AnsweringServer
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap


@pytest.fixture
def blind():
    """A company whose calls nobody sees: both operations are refused."""
    with Sandbox(
        calls=30,
        days=20,
        seed=3,
        now=NOW,
        requests_per_second=0,
        daily_requests=0,
        without_scopes={"api:calls:read:extensive", "api:calls:read:basic"},
    ) as found:
        yield found


def read(sandbox, *streams, state=None, **more):
    config = settings(sandbox, **{"end_date": NOW.isoformat(), **more})
    return run_tap(config, state=state, streams=set(streams))


def test_logs_and_statistics_are_read_where_no_call_can_be_seen(sandbox, blind):
    for stream in ("logs", "activity_by_period", "activity_aggregate"):
        seen = read(sandbox, stream).records[stream]
        blind.clear_requests()
        found = read(blind, stream).records[stream]
        assert len(found) >= len(seen) > 0, stream
        if stream == "activity_aggregate":
            assert len(blind.requests) < 60


def test_logs_begin_with_an_explicit_start_date_however_early(sandbox):
    early = read(sandbox, "logs", start_date="2026-01-01").records["logs"]
    late = read(sandbox, "logs", start_date="2026-05-20").records["logs"]
    assert {row["entryHash"] for row in early} >= {row["entryHash"] for row in late}


def test_an_end_date_to_come_neither_drops_logs_nor_refuses_statistics(sandbox, monkeypatch):
    class Now:
        def now(self):
            return pendulum.instance(NOW)

        def sleep(self, _):
            raise AssertionError

    monkeypatch.setattr("tap_gong.tap.TapGong.clock", Now())
    ahead = (NOW + timedelta(days=60)).isoformat()
    output = read(sandbox, "logs", "activity_by_period", "call_index", end_date=ahead)
    assert output.failed == []
    assert {row["logType"] for row in output.records["logs"]} >= {"AccessLog"}
    assert output.records["activity_by_period"]
    assert {row["sweepStartedAt"] for row in output.records["call_index"]} == {
        NOW.isoformat().replace("+00:00", "Z")
    }


def test_a_change_of_period_or_of_logs_reads_from_the_start(sandbox, caplog):
    daily = read(sandbox, "activity_by_period", "logs", log_types=["UserCallPlay"])
    weekly = read(
        sandbox, "activity_by_period", "logs", state=daily.state, stats_period="WEEK"
    ).records
    for stream, setting in (("logs", "log_types"), ("activity_by_period", "stats_period")):
        words = (
            f"{stream} is read from the start: its bookmark was made under a narrower or another"
        )
        assert f"{words} {setting}\n" in caplog.text
    fresh = read(sandbox, "activity_by_period", "logs", stats_period="WEEK").records
    assert weekly["activity_by_period"] == fresh["activity_by_period"]
    assert len(weekly["logs"]) == len(fresh["logs"])


def test_access_that_cannot_be_listed_fails_alone(blind):
    output = read(blind, "transcripts", "call_user_access", start_date="2026-05-20")
    assert output.failed == ["call_user_access"]
    assert output.records["transcripts"]
    assert output.state["bookmarks"]["transcripts"]["replication_key_value"]


def test_an_empty_sweep_makes_no_target_drop_anything():
    def answer(method, path, query, body):
        text = "No calls found corresponding to the provided filters"
        return 404, {"requestId": "r", "errors": [text]}

    with AnsweringServer(answer) as server:
        config = settings(server)
        output = run_tap(config, streams={"call_index"})
    assert output.of("ACTIVATE_VERSION") == []
    assert "newest_whole_sweep" not in str(output.state)


def test_one_that_has_gone_costs_no_other_its_rows(sandbox, caplog):
    folders = sandbox.company.folders()

    def gone(folder_id, *, now, asked=sandbox.company.folder_content):
        return None if folder_id == folders[1]["id"] else asked(folder_id, now=now)

    sandbox.company.folder_content = gone
    output = read(sandbox, "library_folder_calls")
    assert output.failed == ["library_folder_calls"]
    assert "1 of" in caplog.text
    assert len({row["folderId"] for row in output.records["library_folder_calls"]}) > 1


def test_persons_are_not_named_in_the_log(sandbox, caplog):
    user = sandbox.company.users(now=NOW)[0]["emailAddress"]
    output = read(sandbox, "email_address_references", email_addresses=[user, "ada@example.com"])
    assert output.failed == ["email_address_references"]
    assert len(output.records["email_address_references"]) == 1
    assert user not in caplog.text


def test_odd_rows_are_left_out_and_counted(caplog):
    calls = [
        {"metaData": {"title": "no id"}},
        {"metaData": {"id": "1", "started": "soon"}, "parties": [None, {"id": "p"}]},
    ]

    def answer(method, path, query, body):
        if path == "/v2/calls/extensive":
            return 200, {"requestId": "r", "calls": calls}
        return 200, {"requestId": "r", "callTranscripts": [{"transcript": []}, {"callId": "1"}]}

    with AnsweringServer(answer) as server:
        config = settings(
            server,
            start_date="2026-06-01",
            end_date="2026-06-02",
        )
        streams = {"calls", "call_parties", "transcripts", "transcript_texts"}
        output = run_tap(config, streams=streams)
    assert [row["id"] for row in output.records["calls"]] == ["1"]
    assert [row["id"] for row in output.records["call_parties"]] == ["p"]
    assert [row["callId"] for row in output.records["transcript_texts"]] == ["1"]
    assert output.failed == []
