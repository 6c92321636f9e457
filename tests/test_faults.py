"""The tap in trouble: each fault of the network, of a proxy and of Gong, once and lasting.

Nothing is lost, nothing is doubled, the exit code is right, and the log says it in a line.
"""

from __future__ import annotations

import json
import re
import socket

import pytest

from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from tests.clocks import NOW, Frozen
from tests.command_run import run_command
from tests.conftest import settings
from tests.faulty_proxy import (
    BROKEN_CONNECTIONS,
    CUT_ANSWERS,
    FAILURES,
    LIMITS,
    LONG_WAITS,
    PAGES,
    REFUSALS,
    SILENCES,
    Fault,
    answering,
    named,
    page,
    refusing,
)
from tests.reliability_table import each_proves

JSON = "application/json"
SECRET = "never-to-be-told"
CALLS, TRANSCRIPTS = "/v2/calls/extensive", "/v2/calls/transcript"
KEYS = {"calls": "id", "transcripts": "callId"}
# An answer that does not come is waited for in real time.
PATIENCE = 0.4

PASSES = "tried again; nothing is lost or doubled"
STOPS = "exit code 3, saying so; the next run goes on there, nothing is lost or doubled"
WAITS = "exit code 3, saying when to go on; the next run does, nothing is lost or doubled"
ENDS = "exit code 1, saying why; the next run goes on there, nothing is lost or doubled"

PASSING = (
    *LIMITS,
    *FAILURES,
    *PAGES,
    *BROKEN_CONNECTIONS,
    *CUT_ANSWERS,
    *SILENCES,
)
LASTING = {
    "429 without Retry-After": (3, "Gong answered 429 .* on every try.* or run later"),
    "500": (1, "Gong answered 500 .* on every try; run again later"),
    "503 with a proxy's page": (1, "Gong answered 503 .* on every try; run again later"),
    "200 with a login page": (1, "answered 200 with text/html that is not JSON; check api_url"),
    "connection reset before the answer": (1, "the connection broke.* the network and any proxy"),
    "JSON cut short": (1, "answered 200 with application/json that is not JSON"),
    "no answer": (1, "it stayed silent longer than request_timeout"),
    "answer that stops in the middle": (1, "silent in the middle of its answer, longer than"),
}
ENDING = [name for name, (code, *_) in LASTING.items() if code == 1]


@pytest.fixture(scope="module")
def sandbox():
    """Several windows of several pages."""
    with Sandbox(
        calls=36,
        days=180,
        seed=3,
        now=NOW,
        requests_per_second=0,
        daily_requests=0,
        page_size=8,
        access_key_secret=SECRET,
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def catalog(sandbox):
    streams = TapGong(config=settings(sandbox)).catalog_dict["streams"]
    return {"streams": [stream for stream in streams if stream["tap_stream_id"] in KEYS]}


@pytest.fixture
def tap(tmp_path, monkeypatch, sandbox, catalog):
    """Runs the command; what it was told is kept for the next run."""

    def run(url, *, state=None, clock=None, **more):
        config = settings(
            sandbox,
            api_url=url,
            end_date=NOW.isoformat(),
            start_date="2026-01-01T00:00:00Z",
            lookback_days=0,
            call_content=["parties"],
            **more,
        )
        ended = run_command(
            TapGong,
            tmp_path,
            config,
            patch=monkeypatch,
            clock=clock,
            catalog=catalog,
            state=state or {},
        )
        assert "Traceback" not in ended.log
        assert SECRET not in ended.log
        return ended

    return run


@pytest.fixture(scope="module")
def undisturbed(sandbox, catalog, tmp_path_factory):
    """What a run reads that meets no fault, and how many pages of calls it asks for."""
    config = settings(
        sandbox,
        end_date=NOW.isoformat(),
        start_date="2026-01-01T00:00:00Z",
        lookback_days=0,
        call_content=["parties"],
        concurrency=1,
    )
    sandbox.clear_requests()
    with pytest.MonkeyPatch.context() as patch:
        ended = run_command(
            TapGong, tmp_path_factory.mktemp("whole"), config, patch=patch, catalog=catalog
        )
    assert ended.code == 0
    assert len(ended.records["calls"]) > 20
    return ended, sum(entry.path == CALLS for entry in sandbox.requests)


def by_key(*runs):
    """Records of some runs; a row that comes again must be the same."""
    rows: dict[tuple[str, str], object] = {}
    for run in runs:
        for stream, records in run.records.items():
            for record in records:
                key = stream, record[KEYS[stream]]
                assert rows.setdefault(key, record) == record
    return rows


def reached(run):
    """How far the bookmarks have come; the times in them are those of the clock."""
    return {
        name: (
            bookmark["replication_key_value"],
            sorted(call for calls in bookmark.get("owed", {}).values() for call in calls),
        )
        for name, bookmark in run.state["bookmarks"].items()
    }


def patience(name):
    return {"request_timeout": PATIENCE} if name in SILENCES else {}


@pytest.mark.parametrize("name", each_proves(PASSING, ", once", "tap", PASSES))
def test_what_passes_costs_a_try(tap, proxy, undisturbed, name):
    whole, _ = undisturbed
    proxy.meet(named(name), path=CALLS, after=3)
    clock = Frozen()
    ended = tap(proxy.url, clock=clock, **patience(name))
    assert ended.code == 0
    assert ended.errors == []
    assert ended.records == whole.records
    assert reached(ended) == reached(whole)
    if name not in SILENCES:
        (_,) = ended.retries
    if name.endswith(("in seconds", "as a date")):
        assert clock.waited == 7
    else:
        assert clock.waited > 0


@pytest.mark.parametrize(
    "name",
    [
        *each_proves(["429 without Retry-After"], ", for ever", "tap", STOPS),
        *each_proves(ENDING, ", for ever", "tap", ENDS),
    ],
)
def test_what_lasts_ends_the_run_and_the_next_one_goes_on(tap, proxy, undisturbed, name):
    code, words = LASTING[name]
    check_goes_on(tap, proxy, undisturbed, name, code, words)


@pytest.mark.parametrize("name", each_proves(LONG_WAITS, "", "tap", WAITS))
def test_a_wait_of_hours_stops_the_run(tap, proxy, undisturbed, name):
    words = (
        "asks to wait 14400 s, longer than max_retry_wait .* run again after 2026-06-15T22:00:01Z"
    )
    check_goes_on(tap, proxy, undisturbed, name, 3, words)


@pytest.mark.parametrize("name", each_proves(REFUSALS, "", "tap", ENDS))
def test_what_trying_again_does_not_change_ends_the_run(tap, proxy, undisturbed, name):
    words = {
        "401 in mid-run": "Check access_key and access_key_secret .* and api_url",
        "403 with a firewall's page": r"127\.0\.0\.1:\d+ answered 403 .*text/html and none of Gong",
        "404 with a proxy's page": r"127\.0\.0\.1:\d+ answered 404 .*text/html and none of Gong",
        "JSON that is not Gong's": "answered JSON that is not Gong's; check api_url",
        "redirect to another host": "redirects to https://login.example; .* set api_url to it",
    }
    ended = check_goes_on(tap, proxy, undisturbed, name, 1, words[name])
    assert ended.retries == []
    assert "secret-place" not in ended.log


def check_goes_on(tap, proxy, undisturbed, name, code, words):
    """A run ends at the last page of calls; it has kept what it read; the next reads the rest."""
    whole, pages = undisturbed
    proxy.meet(named(name), path=CALLS, after=pages - 1, for_ever=True)
    ended = tap(proxy.url, concurrency=1, **patience(name))
    assert ended.code == code
    (line,) = ended.errors
    assert re.search(words, line), line
    assert ended.state["bookmarks"]["calls"]["replication_key_value"] > "2026-01-01"
    assert ended.records["calls"]
    proxy.mend()
    rest = tap(proxy.url, state=ended.state)
    assert rest.code == 0
    assert by_key(ended, rest) == by_key(whole)
    assert len(rest.records["calls"]) < len(whole.records["calls"])
    assert rest.state == whole.state
    return ended


@pytest.mark.proves("connection closed after each answer", "tap", "connected anew, no try is lost")
def test_a_host_that_keeps_no_connection(tap, proxy, undisturbed):
    proxy.meet(Fault("closed"), for_ever=True)
    ended = tap(proxy.url)
    assert (ended.code, ended.retries) == (0, [])
    assert ended.records == undisturbed[0].records


@pytest.mark.proves("connection reset after each answer", "tap", PASSES)
def test_connections_that_break_when_they_are_used_again(tap, proxy, undisturbed):
    proxy.meet(Fault("broken"), path=TRANSCRIPTS, for_ever=True)
    ended = tap(proxy.url)
    assert ended.code == 0
    assert ended.records == undisturbed[0].records


@pytest.mark.proves(
    "200 with a login page, from the start", "tap", "exit code 1 at once: check api_url"
)
def test_a_host_that_is_not_gong_is_not_tried_again(tap, proxy):
    proxy.meet(page(200), for_ever=True)
    ended = tap(proxy.url)
    (line,) = ended.errors
    assert (ended.code, ended.records, ended.retries) == (1, {}, [])
    assert "answered 200 with text/html that is not JSON; check api_url" in line


@pytest.mark.proves("host name not found, from the start", "tap", "exit code 1 at once")
def test_a_host_without_a_name_is_not_tried_again(tap):
    ended = tap("https://gong.invalid")
    (line,) = ended.errors
    assert (ended.code, ended.records, ended.retries) == (1, {}, [])
    assert "No answer from gong.invalid: the host name could not be resolved" in line


@pytest.mark.parametrize(
    "lasts",
    [
        pytest.param(
            False, marks=pytest.mark.proves("host name not found in mid-run, once", "tap", PASSES)
        ),
        pytest.param(
            True, marks=pytest.mark.proves("host name not found in mid-run, for ever", "tap", ENDS)
        ),
    ],
)
def test_a_name_that_is_not_found_any_more(tap, proxy, undisturbed, monkeypatch, lasts):
    whole, _ = undisturbed
    lookups = 0
    look_up = socket.getaddrinfo

    def failing(host, *args, **kwargs):
        nonlocal lookups
        if host == "localhost":
            lookups += 1
            if lookups > 5 and (lasts or lookups == 6):
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return look_up(host, *args, **kwargs)

    proxy.meet(Fault("closed"), for_ever=True)
    monkeypatch.setattr(socket, "getaddrinfo", failing)
    ended = tap(f"http://localhost:{proxy.port}", concurrency=1)
    monkeypatch.undo()
    if lasts:
        (line,) = ended.errors
        assert "the host name could not be resolved" in line
        assert ended.code == 1
        rest = tap(proxy.url, state=ended.state)
        assert by_key(ended, rest) == by_key(whole)
    else:
        # A request may also meet a connection that is just being closed.
        unresolved = [line for line in ended.retries if "could not be resolved" in line]
        assert (ended.code, len(unresolved)) == (0, 1)
        assert ended.records == whole.records


@pytest.mark.proves("refusal cut short", "tap", PASSES)
def test_a_refusal_that_breaks_off(tap, proxy, undisturbed):
    # Behind the last call there is nothing, which Gong says by a 404 with the right words.
    proxy.meet(
        answering(404, '{"requestId": "4al0", "errors": ["No calls fo', {"Content-Type": JSON}),
        path=CALLS,
        after=2,
    )
    ended = tap(proxy.url)
    assert (ended.code, len(ended.retries)) == (0, 1)
    assert "answered 404 with application/json that breaks off; trying again" in ended.log
    assert ended.records == undisturbed[0].records


@pytest.mark.proves(
    "cursor expired in mid-chain", "tap", "reads the window again in halves; nothing is lost"
)
def test_a_cursor_that_expires(tap, proxy, undisturbed):
    whole, _ = undisturbed
    proxy.meet(refusing(400, "cursor has expired"), path=CALLS, after=4)
    ended = tap(proxy.url, concurrency=1)
    assert (ended.code, ended.errors) == (0, [])
    assert "took longer than a cursor lives; reading it again in halves" in ended.log
    assert by_key(ended) == by_key(whole)
    assert ended.state == whole.state


@pytest.mark.proves("401 in mid-run", "tap with OAuth", "renews the token once and goes on")
def test_a_token_that_is_revoked(tap, proxy, undisturbed, sandbox, tmp_path):
    whole, _ = undisturbed
    proxy.meet(named("401 in mid-run"), path=CALLS, after=3)
    oauth = {
        "access_key": "",
        "access_key_secret": "",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "refresh_token": sandbox.refresh_token,
        "oauth_token_url": f"{sandbox.url}/oauth2/generate-customer-token",
        "oauth_token_path": str(tmp_path / "oauth.json"),
    }
    sandbox.clear_requests()
    ended = tap(proxy.url, **oauth)
    assert (ended.code, ended.errors) == (0, [])
    assert ended.records == whole.records
    renewals = [entry for entry in sandbox.requests if entry.path.startswith("/oauth2/")]
    assert len(renewals) == 2
    tokens = json.loads((tmp_path / "oauth.json").read_text())
    assert all(text not in ended.log for text in map(str, tokens.values()) if len(text) > 20)
