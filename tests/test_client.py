"""The HTTP path: paging, retries, limits, and what each refusal tells the user."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from gong_api.clock import SystemClock
from gong_api.errors import (
    BadCredentials,
    CursorExpired,
    LimitReached,
    MissingScope,
    NotFound,
    NothingFound,
    Refused,
    ServerFault,
    SettingsError,
    Unreachable,
)
from gong_api.hosts import checked_url
from gong_api.limiter import MemoryStore, RequestLimiter
from gong_api.operation import Operation
from gong_api.retries import transient_answer
from gong_api.settings import connect
from tap_gong.streams.calls import Calls
from tap_gong.streams.users import Users
from tap_gong.tap import TapGong
from tests.clocks import Frozen
from tests.conftest import settings
from tests.faulty_proxy import FaultyProxy, limiting


class FakeClock(SystemClock):
    """Real time that is not waited for."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client_of(clock):
    clients = []

    def make(sandbox, **more: Any):
        config = dict(settings(sandbox, **more))
        client = connect(TapGong(config=config).config, clock)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def test_pages_follow_the_cursor_to_the_last_page(company, client_of):
    pages = list(client_of(company).pages(Calls.operation, body={"filter": {}}))
    assert [len(page.records) for page in pages] == [100, 100, 60]
    assert [bool(page.cursor) for page in pages] == [True, True, False]
    assert pages[0].total is not None
    assert pages[0].total >= 260


def test_a_cursor_goes_into_the_body_of_a_post_beside_an_unchanged_filter(company, client_of):
    company.clear_requests()
    list(client_of(company).pages(Calls.operation, body={"filter": {}}))
    first, second, _ = company.requests
    assert "cursor" not in first.body
    assert set(second.body) == {"filter", "cursor"}
    assert second.body["filter"] == first.body["filter"]
    assert not second.query


def test_nothing_found_is_its_own_exception(company, client_of):
    body = {
        "filter": {"fromDateTime": "1999-01-01T00:00:00Z", "toDateTime": "1999-01-02T00:00:00Z"}
    }
    with pytest.raises(NothingFound):
        list(client_of(company).pages(Calls.operation, body=body))


def test_another_404_is_not_taken_for_an_empty_window(company, client_of):
    with pytest.raises(NotFound, match="api_url"):
        client_of(company).request("GET", "/v2/no-such-thing")


def test_an_expired_cursor_is_its_own_exception(sandbox, client_of):
    client = client_of(sandbox)
    sandbox.faults.next("expired-cursor")
    with pytest.raises(CursorExpired):
        client.request("POST", "/v2/calls/extensive", body={"filter": {}})


def test_bad_credentials_name_the_settings_and_ask_about_the_host(company, client_of):
    client = client_of(company, access_key_secret="no-such-secret")
    with pytest.raises(BadCredentials) as refused:
        client.request("GET", "/v2/users")
    text = str(refused.value)
    assert "access_key_secret" in text
    assert "api_url" in text
    assert "Gong request" in text
    assert "no-such-secret" not in text


def test_a_refusal_carries_gongs_words_and_its_request_id(company, client_of):
    with pytest.raises(Refused) as refused:
        client_of(company).request("POST", "/v2/calls/extensive", body={})
    assert refused.value.status == 400
    assert refused.value.texts
    assert refused.value.request_id
    assert refused.value.texts[0] in str(refused.value)


@pytest.mark.parametrize(
    "fault", ["500", "502", "503", "504", "522", "429", "reset", "truncated", "html"]
)
def test_what_may_pass_is_tried_again(sandbox, client_of, clock, fault):
    client = client_of(sandbox)
    client.request("GET", "/v2/workspaces")
    sandbox.faults.next(fault, count=2)
    answer = client.request("GET", "/v2/users")
    assert answer["users"]
    assert client.retries.retries == 2
    assert len(clock.slept) == 2
    assert client.limiter.used == 4


def test_retry_after_is_waited_for(sandbox, client_of, clock):
    sandbox.faults.next("429")
    client_of(sandbox).request("GET", "/v2/users")
    assert clock.slept == [float(int(clock.slept[0]))]
    assert clock.slept[0] >= 1


ODD_WAITS = {
    "Mon Jun 15 18:00:07 2026": 7,
    "Monday, 15-Jun-26 18:00:07 GMT": 7,
    "Mon, 15 Jun 2026 18:00:07 -0000": 7,
    "2.5": 2.5,
    "0": None,
    "-5": None,
    "nan": None,
    "1e999": None,
    "soon": None,
    "Mon, 15 Jun 2026 17:00:00 GMT": None,
    "Mon, 15 Jun 2999999 18:00:07 +99999999": None,
}


@pytest.mark.parametrize(
    "header",
    [
        *(pytest.param(text, id=text) for text in list(ODD_WAITS)[1:]),
        pytest.param(
            next(iter(ODD_WAITS)),
            marks=pytest.mark.proves(
                "429, Retry-After as a date in an old form",
                "tap and target",
                "waited for; what names no wait (0, the past, nonsense) becomes a growing guess",
            ),
            id="an old form",
        ),
    ],
)
def test_odd_forms_of_retry_after(company, header):
    clock = Frozen()
    with FaultyProxy(company.url) as proxy:
        proxy.meet(limiting(header), limiting(header))
        config = TapGong(config=settings(company, api_url=proxy.url)).config
        client = connect(config, clock)
        assert client.request("GET", "/v2/workspaces")["workspaces"]
        client.close()
    seconds = ODD_WAITS[header]
    if seconds is None:
        assert 1.5 <= clock.waited <= 3
    elif seconds == 2.5:
        assert clock.waited == 5
    else:
        assert 7 <= clock.waited <= 9


@given(st.text(st.characters(codec="latin-1")))
def test_no_retry_after_is_too_odd(header):
    response = requests.Response()
    response.status_code, response.request = 429, requests.Request("GET", "https://a").prepare()
    response.headers["Retry-After"] = header
    wait = transient_answer(response, SystemClock()).retry_after
    assert wait is None or wait > 0


def test_a_wait_of_hours_stops_the_run_instead(sandbox, client_of, clock):
    sandbox.faults.next("429-hours")
    with pytest.raises(LimitReached, match="max_retry_wait") as stop:
        client_of(sandbox).request("GET", "/v2/users")
    assert stop.value.seconds is not None
    assert stop.value.seconds > 900
    assert clock.slept == []


def test_waits_grow_and_tries_end(sandbox, client_of, clock):
    client = client_of(sandbox, max_retries=3)
    sandbox.faults.next("500", count=10)
    with pytest.raises(ServerFault, match="500"):
        client.request("GET", "/v2/users")
    assert len(clock.slept) == 3
    assert clock.slept[0] <= 1 < clock.slept[2] <= 4


def test_a_refusal_is_not_tried_again(sandbox, client_of, clock):
    client = client_of(sandbox)
    with pytest.raises(Refused):
        client.request("POST", "/v2/calls/extensive", body={})
    assert client.limiter.used == 1
    assert clock.slept == []


def test_the_budget_ends_a_run_before_a_request_is_sent(company, client_of):
    client = client_of(company, daily_request_budget=2)
    company.clear_requests()
    with pytest.raises(LimitReached, match="daily_request_budget"):
        list(client.pages(Calls.operation, body={"filter": {}}))
    assert len(company.requests) == 2


def test_a_missing_scope_is_named(client_of):
    from gong_sandbox import Sandbox

    with Sandbox(calls=5, without_scopes={"api:users:read"}, requests_per_second=0) as sandbox:
        with pytest.raises(MissingScope, match="api:users:read") as refused:
            list(client_of(sandbox).pages(Users.operation))
        assert refused.value.scope == "api:users:read"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1", "the connection was refused"),
        ("https://no-such-host.invalid", "could not be resolved"),
    ],
)
def test_a_host_that_never_answered_is_not_tried_for_minutes(
    company, client_of, clock, url, message
):
    with pytest.raises(Unreachable, match=message) as unreachable:
        client_of(company, api_url=url).request("GET", "/v2/users")
    assert "api_url" in str(unreachable.value)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://api.gong.io", "unencrypted"),
        ("http://10.0.0.7:8080", "unencrypted"),
        ("api.gong.io", "must look like"),
        ("https://user:secret@api.gong.io", "must look like"),
        ("http://[::1", "must look like"),
        ("https://*.gong.io", "must look like"),
        ("https://a..gong.io", "must look like"),
        (f"https://{'a' * 64}.gong.io", "must look like"),
        ("https://api.gong.io:abc", "must look like"),
        ("ftp://api.gong.io", "must look like"),
        ("https://api.gong.io/v2", "host alone"),
    ],
)
def test_an_unsafe_or_malformed_host_is_refused(url, message):
    with pytest.raises(SettingsError, match=message) as refused:
        checked_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["access_key", "access_key_secret"])
def test_a_credential_that_was_not_copied_whole_is_named_and_not_shown(company, client_of, name):
    with pytest.raises(SettingsError, match=f"{name} has characters") as refused:
        client_of(company, **{name: "sec\nret"})
    assert "sec" not in str(refused.value).replace("secret has", "")
    assert client_of(company, **{name: "sandbox\n"}).request("GET", "/v2/users")


def test_oauth_secrets_do_not_go_over_plain_http(company, client_of):
    oauth = {"client_id": "a", "client_secret": "b", "refresh_token": "c", "access_key": ""}
    with pytest.raises(SettingsError, match=r"oauth_token_url .* unencrypted"):
        client_of(company, oauth_token_url="http://evil.example/token", **oauth)


@pytest.mark.parametrize(
    "url", ["https://us-1.api.gong.io/", "http://localhost:8787", "http://[::1]:1"]
)
def test_a_good_host_is_accepted(url):
    assert checked_url(url) == url.rstrip("/")


def test_the_limiter_spaces_requests_and_counts_what_it_waited(clock):
    class Store(MemoryStore):
        def now(self) -> int:
            return int(1_000_000 + sum(clock.slept) * 1000)

    limiter = RequestLimiter(per_second=3, budget=0, clock=clock, store=Store())
    times = []
    for _ in range(30):
        limiter.take()
        times.append(limiter._store.now())
    assert all(later - first >= 1000 for first, later in zip(times, times[3:], strict=False))
    assert 9000 <= times[-1] - times[0] <= 9000 * 1.05
    assert limiter.used == 30
    assert limiter.waited == pytest.approx(sum(clock.slept))


def test_a_repeated_cursor_ends_instead_of_looping(company, client_of, monkeypatch):
    client = client_of(company)
    answer = requests.Response()
    answer.status_code = 200
    answer._content = b'{"users": [{"id": "1"}], "records": {"cursor": "same"}}'
    monkeypatch.setattr(client, "_attempt", lambda *_: answer)
    pages = client.pages(Operation("GET", "/v2/users", "users", ""))
    next(pages)
    with pytest.raises(Unreachable, match="same page"):
        next(pages)


def test_now_is_utc():
    assert SystemClock().now().timezone_name == "UTC"
    assert abs((SystemClock().now() - pendulum.now()).total_seconds()) < 5
