"""Reading ahead: the same output in less time, in bounded memory, and never out of order."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import timedelta

import pendulum
import pytest
import requests

from gong_api.clock import SystemClock
from gong_api.command import RunStopped
from gong_api.errors import Refused
from gong_api.settings import connect
from gong_sandbox import Sandbox
from tap_gong.operations import CALLS, CALLS_EXTENSIVE, USERS, WORKSPACES
from tap_gong.read_ahead import Coming, ReadAhead
from tap_gong.tap import TapGong
from tap_gong.windows import Window
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import Output, run_tap

SPAN = {"fromDateTime": "2026-01-01T00:00:00Z", "toDateTime": "2026-06-15T18:00:00Z"}


@pytest.fixture
def ahead_of(request):
    """A ReadAhead for a sandbox."""

    def make(sandbox, concurrency=4, **more):
        config = settings(sandbox, concurrency=concurrency, **more)
        client = connect(TapGong(config=config).config, TapGong.clock)
        ahead = ReadAhead(client, concurrency)
        request.addfinalizer(ahead.close)
        return ahead

    return make


def settled(sandbox):
    """How many requests were made, once no more come."""
    count = -1
    while count != len(sandbox.requests):
        count = len(sandbox.requests)
        time.sleep(0.15)
    return count


@pytest.mark.parametrize("streams", [None, {"calls", "transcripts", "call_user_access"}])
def test_what_is_emitted_is_what_a_sequential_run_emits(company, config, monkeypatch, streams):
    monkeypatch.setattr("tap_gong.windows._FEWEST", 40)
    one, many = (run_tap({**config, "concurrency": n}, streams=streams) for n in (1, 10))

    assert _records(many) == _records(one)
    assert many.of("STATE")[-1] == one.of("STATE")[-1]


def _records(output):
    return [(m["stream"], m["record"]) for m in output.of("RECORD")]


@pytest.mark.parametrize("concurrency", [2, 5])
def test_no_more_requests_are_in_flight_than_allowed(monkeypatch, concurrency):
    lock, present, most = threading.Lock(), 0, 0
    send = requests.Session.send

    def counted(*args, **kwargs):
        nonlocal present, most
        with lock:
            present += 1
            most = max(most, present)
        try:
            return send(*args, **kwargs)
        finally:
            with lock:
                present -= 1

    monkeypatch.setattr(requests.Session, "send", counted)
    monkeypatch.setattr("tap_gong.windows._FEWEST", 20)
    with Sandbox(calls=200, now=NOW, requests_per_second=0, latency=0.02) as sandbox:
        config = settings(sandbox, end_date=NOW.isoformat(), concurrency=concurrency)
        run_tap(config, streams={"calls", "transcripts"})
    # The main thread asks where the calls begin while the others read lists.
    assert concurrency <= most <= concurrency + 1


def test_what_waits_to_be_read_is_bounded(sandbox, ahead_of, monkeypatch):
    monkeypatch.setattr("tap_gong.read_ahead._MOST_HELD_UNLIMITED", 60_000)
    ahead = ahead_of(sandbox)
    for day in range(1, 29):
        ahead.begin(
            CALLS_EXTENSIVE, body={"filter": {**SPAN, "toDateTime": f"2026-06-{day:02}T00:00:00Z"}}
        )
    assert 1 <= settled(sandbox) < 28


def test_a_list_is_asked_for_once_begun_or_not(sandbox, ahead_of):
    ahead = ahead_of(sandbox)
    ahead.begin(USERS)
    ahead.begin(USERS, params={})
    begun = [user["id"] for page in ahead.pages(USERS) for user in page.records]
    assert settled(sandbox) == 1
    again = [user["id"] for page in ahead.pages(USERS) for user in page.records]
    assert begun == again
    assert settled(sandbox) == 2


def test_a_refusal_is_raised_where_its_list_is_read(sandbox, ahead_of):
    ahead = ahead_of(sandbox)
    wrong = {"fromDateTime": "never"}
    ahead.begin(CALLS, params=wrong)
    ahead.begin(USERS)
    assert next(ahead.pages(USERS)).records
    with pytest.raises(Refused):
        next(ahead.pages(CALLS, params=wrong))


def test_a_page_leads_to_others(sandbox, ahead_of):
    ahead = ahead_of(sandbox)

    def leads_to(_):
        yield Coming(CALLS, {"params": SPAN})

    ahead.begin(USERS, leads_to=leads_to)
    list(ahead.pages(USERS))
    assert settled(sandbox) == 2
    assert next(ahead.pages(CALLS, params=SPAN)).records
    assert settled(sandbox) == 2


def test_a_page_that_cannot_be_followed_up_fails_its_list_and_nothing_hangs(sandbox, ahead_of):
    ahead = ahead_of(sandbox)

    def leads_to(_):
        raise ValueError("odd rows")

    ahead.begin(USERS, leads_to=leads_to)
    with pytest.raises(ValueError, match="odd rows"):
        next(ahead.pages(USERS))
    assert next(ahead.pages(CALLS, params=SPAN)).records


def test_a_list_that_announces_too_much_waits_after_its_first_page(company, ahead_of):
    company.clear_requests()
    ahead = ahead_of(company)
    ahead.begin(CALLS, params=SPAN, most=100)
    pages = ahead.pages(CALLS, params=SPAN)
    assert next(pages).total == 260
    assert settled(company) == 1
    assert sum(len(page.records) for page in pages) == 160


def test_what_is_forgotten_is_not_asked_for(sandbox, ahead_of):
    sandbox.site.latency = 0.1
    ahead = ahead_of(sandbox, concurrency=2)
    for day in range(1, 20):
        ahead.begin(CALLS, params={**SPAN, "toDateTime": f"2026-06-{day:02}T00:00:00Z"})
    ahead.forget(CALLS)
    assert settled(sandbox) <= 2


@pytest.mark.parametrize(
    ("streams", "workspaces", "planned", "too_full"),
    [
        ({"calls", "transcripts"}, 0, 60, 45),
        ({"calls", "transcripts"}, 2, 60, 45),
        ({"call_index"}, 0, 260, 120),
    ],
)
def test_cutting_windows_wastes_little_of_what_was_begun(
    company, monkeypatch, streams, workspaces, planned, too_full
):
    monkeypatch.setattr("tap_gong.windows._FEWEST", planned)
    monkeypatch.setattr("tap_gong.windows.TOO_FULL", too_full)
    chosen = [str(found["id"]) for found in company.company.workspaces()[:workspaces]]
    asked = []
    for concurrency in (1, 6):
        company.clear_requests()
        config = settings(company, end_date=NOW.isoformat(), concurrency=concurrency)
        run_tap({**config, "workspace_ids": chosen}, streams=streams)
        asked.append(settled(company))
    # A window of two workspaces is cut by what the first of them announces.
    assert asked[1] - asked[0] <= workspaces * 4


def test_a_window_that_is_forgotten_takes_along_what_it_led_to(sandbox, ahead_of):
    ahead = ahead_of(sandbox)

    def leads_to(_):
        yield Coming(CALLS, {"params": SPAN})

    window = Window(pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 2, 1))
    ahead.begin(USERS, leads_to=leads_to, window=window)
    ahead.begin(WORKSPACES)
    assert settled(sandbox) == 3
    ahead.forget_window(window)
    list(ahead.pages(WORKSPACES))
    assert settled(sandbox) == 3
    list(ahead.pages(USERS))
    list(ahead.pages(CALLS, params=SPAN))
    assert settled(sandbox) == 5


def test_a_list_whose_cursor_may_have_died_is_begun_anew(monkeypatch):
    """It was begun long before its turn, and there was no room for the rest of it."""

    class Later(SystemClock):
        now_is = pendulum.instance(NOW)

        def now(self):
            return self.now_is

    clock = Later()
    monkeypatch.setattr("tap_gong.read_ahead._MOST_HELD_UNLIMITED", 1)
    with Sandbox(calls=260, days=60, now=NOW, requests_per_second=0, daily_requests=0) as sandbox:
        ahead = ReadAhead(connect(TapGong(config=settings(sandbox)).config, clock), 2)
        ahead.begin(CALLS, params=SPAN)
        assert settled(sandbox) == 1
        sandbox.clock.advance(timedelta(hours=2))
        clock.now_is = clock.now_is.add(hours=2)
        assert sum(len(page.records) for page in ahead.pages(CALLS, params=SPAN)) == 260
        ahead.close()


def test_a_failed_stream_is_followed_up_no_more(monkeypatch):
    monkeypatch.setattr("tap_gong.windows._FEWEST", 20)
    with Sandbox(
        calls=400,
        days=200,
        now=NOW,
        requests_per_second=0,
        daily_requests=0,
        latency=0.02,
        without_scopes=["api:calls:read:transcript"],
    ) as sandbox:
        config = settings(sandbox, end_date=NOW.isoformat(), concurrency=2)
        output = run_tap(config, streams={"calls", "transcripts"})
        assert output.failed == ["transcripts"]
        settled(sandbox)
    # The one that is read, and those that may be under way.
    assert sum(entry.status == 401 for entry in sandbox.requests) <= 3


def test_every_thread_keeps_its_connection(company, config, caplog):
    run_tap({**config, "concurrency": 2})
    assert not [record for record in caplog.records if "pool is full" in record.message]


def test_a_budget_is_kept_and_little_of_it_is_wasted():
    """Two hundred requests with fifty a run: no more than six runs, and only cut windows twice."""
    with Sandbox(calls=9000, days=365, now=NOW, requests_per_second=0, daily_requests=0) as sandbox:
        sandbox.company.extensive = lambda slot, *, now: {  # type: ignore[method-assign]
            "metaData": sandbox.company.basic(slot, now=now)
        }
        sandbox.company.transcript = lambda _: []  # type: ignore[method-assign,assignment]
        config = settings(sandbox, end_date=NOW.isoformat(), daily_request_budget=50)
        seen: dict[str, list[int]] = defaultdict(list)
        state: dict[str, object] = {}
        cut = 0
        for run in range(1, 7):
            sandbox.clear_requests()
            output = Output()
            done = True
            try:
                run_tap(config, streams={"calls", "transcripts"}, state=state, output=output)
            except RunStopped:
                done = False
            assert len(sandbox.requests) <= 50
            state = output.state or state
            for message in output.of("RECORD"):
                if message["stream"] == "calls":
                    seen[message["record"]["id"]].append(run)
            if done:
                break
            # What follows the last STATE belongs to a window that the stop cut short.
            after = [m["type"] for m in output.messages]
            cut += after[::-1].index("STATE")
        assert done
        assert len(seen) == 9000
        assert sum(len(runs) > 1 for runs in seen.values()) <= cut
