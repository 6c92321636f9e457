"""What was answered 200 is on disk, once; what was not leaves a count in the log."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import http.client
import json
import os
import signal
import socket
import sqlite3
import stat
import sys
import threading
import time

import pendulum
import pytest
import requests
from click.testing import CliRunner

from gong_webhook import receiver as receiving
from gong_webhook.cli import main
from gong_webhook.inbox import event_id
from tests.webhook.receiver_run import (
    SECRET,
    begun,
    held,
    payload,
    pem,
    port_of,
    served,
    signed,
)

QUERY = f"?secret={SECRET}"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")


@pytest.fixture
def receiver(tmp_path):
    with served(tmp_path / "inbox.db", secret=SECRET) as receiver:
        yield receiver


def test_a_repeated_delivery_is_one_row_under_the_hash_of_its_body(receiver):
    for body in (payload(1), payload(2), payload(1)):
        assert receiver.post(body, suffix=QUERY) == 200
    assert [event.event_id for event in receiver.events] == [
        event_id(payload(1)),
        event_id(payload(2)),
    ]


def test_text_cut_in_the_middle_of_a_character_is_taken_as_it_came(receiver):
    body = rb'{"callData": {"metaData": {"id": "1", "title": "a\ud83d"}}, "isTest": false}'
    assert receiver.post(body, suffix=QUERY) == 200
    assert [event.body for event in receiver.events] == [body.decode()]


def test_tests_are_kept_apart(receiver, tmp_path):
    assert receiver.post(payload(1, isTest=True), suffix=QUERY) == 200
    assert receiver.post(payload(2), suffix=QUERY) == 200
    assert [json.loads(event.body)["isTest"] for event in receiver.events] == [False]
    with contextlib.closing(sqlite3.connect(receiver.path)) as db:
        assert db.execute("select count(*) from events where isTest").fetchone() == (1,)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b'{"a": NaN}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b'{"a": "' + b"x" * receiving.MOST_BYTES + b'"}', 413),
    ],
    ids=[
        "nothing",
        "half",
        "list",
        "null",
        "text",
        "no UTF-8",
        "NaN",
        "brackets",
        "deep",
        "too large",
    ],
)
def test_what_is_no_payload_leaves_nothing_but_a_count(receiver, caplog, body, status):
    assert receiver.post(body, suffix=QUERY) == status
    assert receiver.events == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Refused a request")
    assert line.endswith("1 so far")


def test_a_body_without_a_length_is_measured_too(receiver, monkeypatch):
    monkeypatch.setattr(receiving, "MOST_BYTES", 1000)

    def pieces(count):
        yield payload()[:-1]
        yield from (b" " * 100 for _ in range(count))
        yield b"}"

    done = requests.post(receiver.url + QUERY, data=pieces(5), timeout=10)
    assert done.status_code == 200
    with contextlib.suppress(requests.ConnectionError):
        done = requests.post(receiver.url + QUERY, data=pieces(50), timeout=10)
        assert done.status_code == 413
    assert len(receiver.events) == 1


def test_a_flood_of_refusals_is_counted_and_not_written_out(receiver, caplog):
    with requests.Session() as session:
        for _ in range(50):
            assert session.post(receiver.url, data=payload(), timeout=10).status_code == 401
    lines = [record.getMessage() for record in caplog.records]
    assert 1 <= len(lines) <= 5
    assert "50 without the secret" in str(receiver.receiver)


def test_other_requests(receiver):
    root = receiver.url.removesuffix("/gong")
    assert requests.get(f"{root}/health", timeout=10).json() == {"status": "ok"}
    assert requests.get(receiver.url, timeout=10).status_code == 405
    assert requests.put(receiver.url + QUERY, data=payload(), timeout=10).status_code == 405
    assert receiver.events == []


def test_a_full_disk_is_never_answered_200(receiver, caplog):
    (pages,) = receiver.inbox._db.execute("pragma page_count").fetchone()
    receiver.inbox._db.execute(f"pragma max_page_count = {pages + 1}")
    big = payload(1, text="x" * 50_000)
    assert receiver.post(big, suffix=QUERY) == 503
    assert "full" in caplog.text
    assert receiver.events == []
    receiver.inbox._db.execute("pragma max_page_count = 1000000")
    assert receiver.post(big, suffix=QUERY) == 200
    assert len(receiver.events) == 1


def test_health_tells_of_an_inbox_that_cannot_be_written(receiver, monkeypatch):
    monkeypatch.setattr("gong_webhook.inbox.PATIENCE", 0.1)
    receiver.inbox._db.execute("pragma busy_timeout = 50")
    other = sqlite3.connect(receiver.path, isolation_level=None)
    other.execute("begin exclusive")
    url = receiver.url.replace("/gong", "/health")
    assert requests.get(url, timeout=10).status_code == 503
    assert receiver.post(payload(), suffix=QUERY) == 503
    other.execute("rollback")
    assert requests.get(url, timeout=10).status_code == 200
    other.close()


def test_waiting_for_the_disk_keeps_nobody_else_waiting(receiver, monkeypatch):
    arrived, go_on = threading.Event(), threading.Event()
    put = receiver.inbox.put

    def slowly(body, *, is_test):
        arrived.set()
        go_on.wait(10)
        return put(body, is_test=is_test)

    monkeypatch.setattr(receiver.inbox, "put", slowly)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        delivery = pool.submit(receiver.post, payload(), suffix=QUERY)
        assert arrived.wait(10)
        assert receiver.post(payload()) == 401
        assert not delivery.done()
        go_on.set()
        assert delivery.result() == 200


class Standing:
    """A clock that stands where it is put."""

    def __init__(self, now):
        self.time = now

    def now(self):
        return self.time

    def sleep(self, seconds):
        raise AssertionError(seconds)


def test_old_events_are_removed(tmp_path):
    clock = Standing(pendulum.datetime(2026, 6, 1))
    path = tmp_path / "inbox.db"
    with served(path, secret=SECRET, clock=clock) as receiver:
        assert receiver.post(payload(1), suffix=QUERY) == 200
        clock.time = clock.time.add(days=20)
        assert receiver.post(payload(2), suffix=QUERY) == 200
    clock.time = clock.time.add(days=15)
    with served(path, secret=SECRET, clock=clock, keep_days=30) as receiver:
        deadline = time.monotonic() + 10
        while len(receiver.events) != 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [event.sequence for event in receiver.events] == [2]
        assert receiver.post(payload(3), suffix=QUERY) == 200
        assert [event.sequence for event in receiver.events] == [2, 3]


# The command.


def test_the_inbox_is_its_owners_alone_and_no_log_holds_the_secret(tmp_path):
    path = tmp_path / "in box.db"
    with begun("--inbox", path, "--port", 0, GONG_WEBHOOK_SECRET=SECRET) as process:
        root = f"http://127.0.0.1:{port_of(process)}"
        assert requests.post(f"{root}/{QUERY}", data=payload(), timeout=10).status_code == 200
        assert requests.post(f"{root}/{SECRET}x", data=payload(), timeout=10).status_code == 401
        assert requests.get(f"{root}/x{QUERY}", timeout=10).status_code == 405
        if os.name != "nt":
            files = list(tmp_path.glob("in box.db*"))
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        process.terminate()
        out, log = process.communicate(timeout=20)
    assert SECRET not in out + log
    assert "Traceback" not in log
    if os.name != "nt":
        assert process.returncode == 0
        assert "1 events, 0 tests and 0 repeated deliveries taken; refused: 1 without" in log
    assert len(held(path)) == 1


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_delivery_in_flight_is_taken_before_the_end(tmp_path, number):
    path = tmp_path / "inbox.db"
    body = payload()
    with (
        contextlib.ExitStack() as connections,
        begun("--inbox", path, "--port", 0, "--secret", SECRET) as process,
    ):
        port = port_of(process)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connections.enter_context(contextlib.closing(connection))
        connection.putrequest("POST", f"/{QUERY}")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])
        # Answered after it, so the first is under way.
        health = requests.get(f"http://127.0.0.1:{port}/health", timeout=10)
        assert health.status_code == 200
        process.send_signal(number)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    break
        connection.send(body[10:])
        assert connection.getresponse().status == 200
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in log
    assert [event.body.encode() for event in held(path)] == [body]


@pytest.fixture
def signals():
    """What the command does to signals ends with the test."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


KEY = ["--public-key", "key.pem", "--url", "https://x.example"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--inbox", "a.db"], "Anybody could deliver: set --secret"),
        (["--inbox", "a.db", "--public-key", "good.pem"], "belong together"),
        (["--inbox", "a.db", *KEY], "--public-key holds no public key"),
        (["--inbox", "none/a.db", "--secret", SECRET], "none/a.db cannot be used"),
        (["--inbox", "text.db", "--secret", SECRET], "text.db cannot be used"),
        (["--inbox", "other.db", "--secret", SECRET], "other.db is no inbox of this version"),
        (["--inbox", "a.db", "--secret", SECRET, "--port", "TAKEN"], "another with --port"),
        (["--secret", SECRET], "Missing option '--inbox'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_does_not_start_with_what_cannot_work(tmp_path, monkeypatch, signals, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("no inbox, but text" * 100)
    (tmp_path / "key.pem").write_text("no key")
    (tmp_path / "good.pem").write_text(pem())
    with contextlib.closing(sqlite3.connect("other.db")) as db:
        db.execute("create table about (name text primary key, value text)")
        db.execute("insert into about values ('format', '99')")
        db.commit()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = [port if option == "TAKEN" else option for option in options]
        done = CliRunner().invoke(main, options)
    assert done.exit_code in {1, 2}
    assert isinstance(done.exception, SystemExit)
    assert said in done.output
    assert SECRET not in done.output


@posix
@pytest.mark.parametrize(
    ("deliveries", "kills"), [(120, 1), pytest.param(2000, 2, marks=pytest.mark.slow)]
)
def test_what_was_answered_is_there_once_however_often_it_is_killed(tmp_path, deliveries, kills):
    """Twenty connections at once; each sends again, as Gong does, what was not answered 200."""
    path = tmp_path / "inbox.db"
    (tmp_path / "key.pem").write_text(pem())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/gong"
    options = ["--inbox", path, "--port", port, "--public-key", tmp_path / "key.pem", "--url", url]
    answered: list[int] = []
    broken: list[int] = []
    turn = threading.Condition()

    def deliver(numbers):
        with requests.Session() as session:
            for number in numbers:
                body = payload(number, text="x" * (number % 50) * 1000)
                for _ in range(600):
                    headers = {"Authorization": signed(url, body)}
                    try:
                        done = session.post(url, data=body, headers=headers, timeout=10)
                    except requests.RequestException:
                        broken.append(number)
                        time.sleep(0.05)
                        continue
                    assert done.status_code == 200
                    with turn:
                        answered.append(number)
                        turn.notify()
                    break

    def are_answered(count):
        return len(answered) >= count

    with contextlib.ExitStack() as processes, concurrent.futures.ThreadPoolExecutor(20) as pool:
        process = processes.enter_context(begun(*options))
        port_of(process)
        senders = [pool.submit(deliver, range(first, deliveries, 20)) for first in range(20)]
        for kill in range(1, kills + 1):
            enough = deliveries * kill // (kills + 1)
            with turn:
                assert turn.wait_for(functools.partial(are_answered, enough), 60)
            process.kill()
            process.communicate()
            process = processes.enter_context(begun(*options))
            port_of(process)
        for sender in senders:
            sender.result(timeout=300)
    assert broken, "the kills hit nobody"
    names = [json.loads(event.body)["callData"]["metaData"]["id"] for event in held(path)]
    assert len(names) == len(set(names))
    assert set(names) == {f"{number:019d}" for number in answered}
    assert len(answered) == deliveries
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
