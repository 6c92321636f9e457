"""The target in trouble: each fault of the network, of a proxy and of Gong, once and lasting.

Calls may be sent again, since Gong knows them by their `clientUniqueId`; meetings may not.
"""

from __future__ import annotations

import itertools
import re

import pytest

from target_gong.target import TargetGong
from tests.clocks import NOW, Frozen
from tests.command_run import run_command
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
    named,
    page,
)
from tests.reliability_table import each_proves
from tests.target.target_run import call, company, importing_user, messages, receipts, settings

SECRET = "never-to-be-told"
PATIENCE = 0.4
PATHS = {"calls": "/v2/calls", "meetings": "/v2/meetings"}

# Behind these, Gong may have acted on the request.
MAYBE_DONE = (*FAILURES, *PAGES, *BROKEN_CONNECTIONS, *CUT_ANSWERS, *SILENCES)

PASSES = "tried again; each record is there once"
DOUBTED = (
    "a write that may not be repeated is in doubt: exit code 1, not sent again until it is settled"
)
STOPS = "exit code 3, saying so; the next run sends what was not sent, each record is there once"
WAITS = "exit code 3, saying when to go on; the next run does, each record is there once"
ENDS = "exit code 1, saying why; the next run sends what was not sent, each record is there once"


@pytest.fixture(scope="module")
def sandbox():
    with company(access_key_secret=SECRET) as sandbox:
        yield sandbox


@pytest.fixture
def target(tmp_path, monkeypatch, sandbox, proxy):
    """Runs the command. The ledger knows a company by its host, so all runs go by the proxy."""

    def run(lines, *, clock=None, **more):
        config = settings(sandbox, tmp_path, **{"api_url": proxy.url, **more})
        ended = run_command(
            TargetGong, tmp_path, config, patch=monkeypatch, clock=clock, input=lines
        )
        assert "Traceback" not in ended.log
        assert SECRET not in ended.log
        return ended

    return run


_numbers = itertools.count()


class Records:
    """Three records of a stream that no other test sends, and what Gong has of them."""

    def __init__(self, sandbox, tmp_path, stream):
        self._sandbox = sandbox
        self._tmp_path = tmp_path
        self._stream = stream
        prefix = f"{stream}-{next(_numbers)}"
        self.keys = [f"{prefix}-{n}" for n in range(3)]
        self._before = len(self._all())
        if stream == "calls":
            user = importing_user(sandbox)
            rows = [call(user, key) for key in self.keys]
        else:
            status = sandbox.company.meetings.status
            people = [u["emailAddress"] for u in sandbox.company.users(now=NOW) if u["active"]]
            host = next(who for who in people if status(who, now=NOW)["valid"])
            rows = [
                {
                    "externalId": key,
                    "organizerEmail": host,
                    "startTime": "2026-07-01T10:00:00Z",
                    "endTime": "2026-07-01T11:00:00Z",
                    "invitees": [{"email": "ada@example.com"}],
                }
                for key in self.keys
            ]
        self.lines = messages(stream, rows, state_every=1)

    def _all(self):
        made = self._sandbox.company
        return made.uploads.created if self._stream == "calls" else made.meetings.created

    @property
    def in_gong(self):
        """How many of them Gong has made."""
        return len(self._all()) - self._before

    @property
    def statuses(self):
        return [row.status for row in receipts(self._tmp_path)]

    def state(self, number):
        return {"bookmarks": {self._stream: number}}


@pytest.fixture
def calls(sandbox, tmp_path):
    return Records(sandbox, tmp_path, "calls")


@pytest.fixture
def meetings(sandbox, tmp_path):
    return Records(sandbox, tmp_path, "meetings")


def patience(name):
    return {"request_timeout": PATIENCE} if name in SILENCES else {}


def is_all_done(records, ended, *, states=3):
    assert (ended.code, ended.errors) == (0, [])
    assert records.statuses == ["done"] * 3
    assert records.in_gong == 3
    assert len(ended.messages) == states
    assert ended.messages[-1] == records.state(3)


@pytest.mark.parametrize("name", each_proves((*LIMITS, *MAYBE_DONE), ", once", "target", PASSES))
def test_what_passes_costs_a_try(target, proxy, calls, name):
    proxy.meet(named(name), path=PATHS["calls"], after=1)
    clock = Frozen()
    ended = target(calls.lines, clock=clock, **patience(name))
    is_all_done(calls, ended)
    (_,) = ended.retries
    if name.endswith(("in seconds", "as a date")):
        assert clock.waited == 7
    else:
        assert clock.waited > 0


@pytest.mark.parametrize("name", LIMITS)
def test_what_gong_has_certainly_not_done_is_repeated_even_if_it_must_not_be_doubled(
    target, proxy, meetings, name
):
    proxy.meet(named(name), path=PATHS["meetings"], after=1)
    is_all_done(meetings, target(meetings.lines))


@pytest.mark.parametrize("name", each_proves(MAYBE_DONE, ", on a meeting", "target", DOUBTED))
def test_what_may_be_done_and_must_not_be_doubled_is_in_doubt(target, proxy, meetings, name):
    proxy.meet(named(name), path=PATHS["meetings"], after=1)
    ended = target(meetings.lines, **patience(name))
    is_third = name == "connection reset after the answer"
    done = ["done"] * (2 if is_third else 1)
    (line,) = ended.errors
    assert (ended.code, ended.retries) == (1, [])
    assert "Gong may or may not have done it. Look whether it is there, then say so by" in line
    assert meetings.statuses == [*done, "in_doubt"]
    assert ended.messages == [meetings.state(n + 1) for n in range(len(done))]
    in_gong = meetings.in_gong
    again = target(meetings.lines)
    assert again.code == 1
    assert meetings.in_gong == in_gong
    assert "is in doubt" in again.log


LASTING = {
    "429 without Retry-After": (3, "failed", "Gong answered 429 .* on every try.* or run later"),
    "500": (1, "in_doubt", "Gong answered 500 .* on every try; run again later"),
    "503 with a proxy's page": (1, "in_doubt", "Gong answered 503 .* on every try"),
    "200 with a login page": (1, "in_doubt", "answered 200 with text/html that is not JSON"),
    "connection reset before the answer": (1, "in_doubt", "the connection broke"),
    "connection reset when Gong has acted": (1, "in_doubt", "the connection broke"),
    "answer shorter than announced": (1, "in_doubt", "the connection broke"),
    "no answer": (1, "in_doubt", "it stayed silent longer than request_timeout"),
}
ENDING = [name for name, (code, *_) in LASTING.items() if code == 1]


@pytest.mark.parametrize(
    "name",
    [
        *each_proves(["429 without Retry-After"], ", for ever", "target", STOPS),
        *each_proves(ENDING, ", for ever", "target", ENDS),
    ],
)
def test_what_lasts_ends_the_run_and_the_next_one_goes_on(target, proxy, calls, name):
    check_goes_on(target, proxy, calls, name, *LASTING[name])


@pytest.mark.parametrize("name", each_proves(LONG_WAITS, "", "target", WAITS))
def test_a_wait_of_hours_stops_the_run(target, proxy, calls, name):
    status = "in_doubt" if name.startswith("503") else "failed"
    words = "longer than max_retry_wait .* what was done is kept, run again after 2026-06-15T22:00"
    check_goes_on(target, proxy, calls, name, 3, status, words)


@pytest.mark.parametrize("name", each_proves(REFUSALS, "", "target", ENDS))
def test_what_trying_again_does_not_change_ends_the_run(target, proxy, calls, name):
    words = {
        "401 in mid-run": "Check access_key and access_key_secret .* and api_url",
        "403 with a firewall's page": r"127\.0\.0\.1:\d+ answered 403 .*text/html and none of Gong",
        "404 with a proxy's page": r"127\.0\.0\.1:\d+ answered 404 .*text/html and none of Gong",
        "JSON that is not Gong's": "answered JSON that is not Gong's; check api_url",
        "redirect to another host": "redirects to https://login.example; .* set api_url to it",
    }
    status = "in_doubt" if name.startswith("JSON") else "failed"
    ended = check_goes_on(target, proxy, calls, name, 1, status, words[name])
    assert ended.retries == []
    assert "secret-place" not in ended.log


def check_goes_on(target, proxy, records, name, code, status, words):
    """A run ends at the second of three records; the next one sends the rest."""
    proxy.meet(named(name), path=PATHS["calls"], after=1, for_ever=True)
    ended = target(records.lines, **patience(name))
    assert ended.code == code
    (line,) = ended.errors
    assert re.search(words, line), line
    assert records.statuses == ["done", status]
    assert ended.messages == [records.state(1)]
    proxy.mend()
    is_all_done(records, target(records.lines))
    return ended


@pytest.mark.proves("connection closed after each answer", "target", "connected anew, no doubts")
def test_a_host_that_keeps_no_connection(target, proxy, meetings):
    proxy.meet(Fault("closed"), for_ever=True)
    is_all_done(meetings, target(meetings.lines))


@pytest.mark.proves(
    "200 with a login page, from the start", "target", "exit code 1 at once: check api_url"
)
def test_a_host_that_is_not_gong_is_not_tried_again(target, proxy, calls):
    proxy.meet(page(200), for_ever=True)
    ended = target(calls.lines)
    (line,) = ended.errors
    assert (ended.code, ended.messages, ended.retries, calls.in_gong) == (1, [], [], 0)
    assert "answered 200 with text/html that is not JSON; check api_url" in line


@pytest.mark.proves(
    "host name not found, from the start", "target", "exit code 1 at once; nothing is in doubt"
)
def test_a_host_without_a_name_is_not_tried_again(target, calls):
    ended = target(calls.lines, api_url="https://gong.invalid")
    (line,) = ended.errors
    assert (ended.code, ended.messages, ended.retries, calls.in_gong) == (1, [], [], 0)
    assert "No answer from gong.invalid: the host name could not be resolved" in line
    assert calls.statuses == ["failed"]


@pytest.mark.proves("401 in mid-run", "target with OAuth", "renews the token once and goes on")
def test_a_token_that_is_revoked(target, proxy, meetings, sandbox, tmp_path):
    proxy.meet(named("401 in mid-run"), path=PATHS["meetings"], after=1)
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
    is_all_done(meetings, target(meetings.lines, **oauth))
    renewals = [entry for entry in sandbox.requests if entry.path.startswith("/oauth2/")]
    assert len(renewals) == 2
