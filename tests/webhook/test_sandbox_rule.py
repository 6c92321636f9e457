"""The sandbox posts as Gong does; from there to the competitors of an opportunity, in SQL."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import requests

from gong_sandbox import Sandbox
from gong_webhook.cli import _listen
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap
from tests.webhook.receiver_run import served

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def rule_to(path, **more):
    """A sandbox and the receiver that its rule posts to."""
    listener = _listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/gong"
    with Sandbox(
        **{
            "calls": 40,
            "days": 10,
            "seed": 3,
            "now": NOW,
            "requests_per_second": 0,
            "daily_requests": 0,
            "webhook": url,
            **more,
        }
    ) as sandbox:
        key = requests.get(f"{sandbox.url}/automation-rule/public-key", timeout=10).text
        with served(path, public_key=key, listener=listener) as receiver:
            yield sandbox, receiver


def listed_between(sandbox, start, end):
    slots = sandbox.company.slots(None, None, now=end)
    return [slot for slot in slots if slot.listed_at > start]


def until(condition):
    """Wait for what a thread does in a moment."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_call_is_posted_once_when_it_has_been_processed(tmp_path):
    with rule_to(tmp_path / "inbox.db") as (sandbox, receiver):
        sandbox.clock.advance(timedelta(hours=30))
        now = sandbox.clock.now()
        wanted = listed_between(sandbox, NOW, now)
        assert wanted
        until(lambda: len(receiver.events) == len(wanted))
        assert sandbox.webhook.post_due() == 0
        assert sandbox.webhook.delivered == len(wanted)
        for event in receiver.events:
            payload = json.loads(event.body)
            call = payload["callData"]
            slot = sandbox.company.slot(call["metaData"]["id"], now=now)
            whole = sandbox.company.extensive(slot, now=now)
            assert call["metaData"] == whole["metaData"]
            assert payload["isPrivate"] is slot.is_private
            assert payload["isTest"] is False
            assert call["content"].pop("scorecardsAnswers") == []
            trackers = whole.get("content", {}).get("trackers")
            assert call["content"].get("trackers") == trackers
            assert "media" not in call
        page = requests.get(sandbox.url, timeout=10).text
        assert f"{len(wanted)} taken" in page
        assert sandbox.webhook.public_key in page


def test_what_is_not_taken_is_tried_again_and_given_up_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("gong_sandbox.webhook._WAITS", (0, 0))
    monkeypatch.setattr("gong_sandbox.webhook._LOOK_EVERY", 3600)
    with rule_to(tmp_path / "inbox.db") as (sandbox, receiver):
        sandbox.clock.advance(timedelta(hours=6))
        calls = len(listed_between(sandbox, NOW, sandbox.clock.now()))
        receiver.inbox._db.execute("pragma query_only = on")
        assert sandbox.webhook.post_due() == 0
        receiver.inbox._db.execute("pragma query_only = off")
        assert sandbox.webhook.post_due() == calls
        sandbox.clock.advance(timedelta(hours=20))
        receiver.inbox._db.execute("pragma query_only = on")
        for _ in range(4):
            assert sandbox.webhook.post_due() == 0
        assert sandbox.webhook.given_up > 0
        assert len(receiver.events) == calls


def test_without_a_rule_there_is_no_key(company):
    url = f"{company.url}/automation-rule/public-key"
    assert requests.get(url, timeout=10).status_code == 404


def warehouse_of(rows):
    """DuckDB with the table of calls as a loader makes it."""
    warehouse = duckdb.connect()
    warehouse.execute("create schema gong")
    warehouse.execute(
        "create table gong.calls"
        " (id varchar primary key, started timestamptz, context json, content json)"
    )
    for row in rows:
        parts = (json.dumps(row.get(name), default=float) for name in ("context", "content"))
        values = [row["id"], row["started"], *parts]
        warehouse.execute("insert or replace into gong.calls values (?, ?, ?, ?)", values)
    return warehouse


def competitors_by_opportunity(calls):
    """The same as the query, from what rules posted."""
    found: dict[str, Counter[str]] = {}
    for call in calls:
        said: Counter[str] = Counter()
        for tracker in call.get("content", {}).get("trackers", []):
            if tracker["name"] == "Competitors":
                said.update({phrase["phrase"]: phrase["count"] for phrase in tracker["phrases"]})
        for system in call.get("context", []):
            for thing in system["objects"]:
                fields = {field["name"]: field["value"] for field in thing.get("fields", [])}
                is_open = str(fields.get("IsClosed")).lower() == "false"
                if thing["objectType"] == "Opportunity" and is_open:
                    found.setdefault(fields["Name"], Counter()).update(said)
    return {name: {k: n for k, n in times.items() if n} for name, times in found.items() if +times}


def test_from_a_call_to_the_competitors_of_its_opportunity(tmp_path):
    streams = {"calls", "transcripts", "automation_events"}
    path = tmp_path / "inbox.db"
    with rule_to(path, calls=200, days=20) as (sandbox, receiver):

        def run(state=None):
            config = settings(
                sandbox,
                end_date=sandbox.clock.now().isoformat(),
                start_date=(NOW - timedelta(days=1)).isoformat(),
                lookback_days=0,
                automation_inbox=str(path),
                automation_hints=True,
            )
            sandbox.clear_requests()
            return run_tap(config, state=state, streams=streams)

        state = run().state
        sandbox.clock.advance(timedelta(days=2))
        wanted = {slot.id for slot in listed_between(sandbox, NOW, sandbox.clock.now())}
        assert 10 <= len(wanted) <= 100
        until(lambda: len(receiver.events) == len(wanted))
        records = run(state).records
        by_id = [entry for entry in sandbox.requests if "callIds" in entry.body["filter"]]
        # Those of the windows have the ids of a whole page.
        named = [entry for entry in by_id if set(entry.body["filter"]["callIds"]) <= wanted]
        assert [entry.path for entry in named[:2]] == [
            "/v2/calls/extensive",
            "/v2/calls/transcript",
        ]
        first = records["calls"][: len(wanted)]
        assert {row["id"] for row in first} == wanted
        events = records["automation_events"]
        assert {row["callId"] for row in events} == wanted
        expected = competitors_by_opportunity(
            json.loads(event.body)["callData"] for event in receiver.events
        )
        sql = (ROOT / "examples" / "competitors_by_opportunity.sql").read_text(encoding="utf-8")
        with warehouse_of(first) as warehouse:
            answer = warehouse.sql(sql).fetchall()
    assert expected
    assert {name for name, *_ in answer} <= expected.keys()
    assert len(answer) == min(12, len(expected))
    for name, _, _, competitors in answer:
        pairs = (pair.rpartition(" ") for pair in competitors.split(", "))
        assert {competitor: int(times) for competitor, _, times in pairs} == expected[name]


@pytest.mark.parametrize("url", ["127.0.0.1:8788", "ftp://x.example"])
def test_the_command_wants_a_url(url):
    from click.testing import CliRunner

    from gong_sandbox.cli import main

    done = CliRunner().invoke(main, ["--webhook", url])
    assert done.exit_code == 2
    assert "the URL of a receiver" in done.output
