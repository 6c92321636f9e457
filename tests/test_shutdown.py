"""Ending early: no traceback, no half a line, exit code 3, and state for what was emitted."""

from __future__ import annotations

import json
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gong_api.command import Interrupted, RunStopped
from gong_api.given_settings import ConfigFiles
from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from tap_gong.writer import WholeLineWriter
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.command_run import PROMPT, Interrupting, ask_to_end, run_command
from tests.conftest import settings
from tests.faulty_proxy import Fault, FaultyProxy, limiting

TAP = str(Path(sys.executable).parent / "tap-gong")


@pytest.fixture(scope="module")
def slow():
    """A company that takes its time to answer."""
    with Sandbox(
        calls=200, days=400, now=NOW, requests_per_second=0, daily_requests=0, latency=0.15
    ) as sandbox:
        yield sandbox


def start(slow, tmp_path, *arguments, **more):
    config = settings(slow, start_date="2026-01-01", end_date=NOW.isoformat(), **more)
    (tmp_path / "config.json").write_text(json.dumps(config))
    return subprocess.Popen(
        [TAP, "--config", "config.json", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_with_work_left(slow, tmp_path, number):
    with start(slow, tmp_path) as tap:
        assert tap.stdout
        assert tap.stderr
        lines = [tap.stdout.readline() for _ in range(3)]
        tap.send_signal(number)
        lines += tap.stdout
        log = tap.stderr.read()
    assert tap.returncode == 3
    assert "Traceback" not in log
    assert f"Stopped by {number.name}; run again to go on" in log
    for line in lines:
        json.loads(line)


def test_a_stop_in_the_middle_of_a_line_waits_for_its_end(capsysbinary):
    writer = WholeLineWriter()
    stop = RunStopped(Interrupted("stopped"))

    class Message:
        """Stops the run while it is being written."""

        def to_dict(self):
            writer.stop(stop)
            return {"whole": True}

    with pytest.raises(RunStopped):
        writer.write_message(Message())  # type: ignore[arg-type]
    assert capsysbinary.readouterr().out == b'{"whole":true}\n'
    with pytest.raises(RunStopped):
        writer.stop(stop)


def test_a_reader_that_goes_away_ends_a_run_quietly(slow, tmp_path):
    with start(slow, tmp_path) as tap:
        assert tap.stdout
        assert tap.stderr
        tap.stdout.readline()
        tap.stdout.close()
        log = tap.stderr.read()
    assert tap.returncode == 3
    assert "Traceback" not in log
    assert "unhandled" not in log
    assert "has ended before all was written; run again for the rest" in log


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
STOPS = "exit code 3 at once, state as far as emitted"


@pytest.fixture
def tap(tmp_path, monkeypatch, company):
    def run(*arguments, url=None, clock=None, **more):
        config = settings(company, api_url=url or company.url, end_date=NOW.isoformat(), **more)
        began = time.monotonic()
        ended = run_command(TapGong, tmp_path, config, *arguments, patch=monkeypatch, clock=clock)
        assert time.monotonic() - began < PROMPT
        assert ended.code == 3
        (line,) = ended.errors
        assert "Stopped by SIGTERM; run again to go on" in line
        return ended

    return run


@POSIX
@pytest.mark.proves("SIGTERM at start-up", "tap", "exit code 3; nothing was done")
def test_a_signal_before_the_settings_are_read(tap, monkeypatch):
    monkeypatch.setattr(ConfigFiles, "read", lambda _: ask_to_end())
    assert tap().messages == []


@POSIX
@pytest.mark.proves("SIGTERM in discovery", "tap", "exit code 3; no half a catalog")
def test_a_signal_in_discovery(tap, monkeypatch):
    discover = TapGong.discover_streams

    def interrupted(self):
        ask_to_end()
        return discover(self)

    monkeypatch.setattr(TapGong, "discover_streams", interrupted)
    assert tap("--discover").messages == []


@POSIX
@pytest.mark.parametrize(
    ("concurrency", "more"),
    [
        pytest.param(
            1,
            {"requests_per_second": 2},
            marks=pytest.mark.proves("SIGTERM while waiting for the rate limit", "tap", STOPS),
            id="limiter",
        ),
        pytest.param(10, {"requests_per_second": 2}, id="limiter, in a thread"),
        pytest.param(
            1,
            {},
            marks=pytest.mark.proves("SIGTERM while waiting out a Retry-After", "tap", STOPS),
            id="Retry-After",
        ),
        pytest.param(10, {}, id="Retry-After, in a thread"),
    ],
)
def test_a_signal_while_the_run_waits(tap, company, concurrency, more):
    with FaultyProxy(company.url) as proxy:
        proxy.meet(limiting("600"), after=0 if more else 3)
        tap(url=proxy.url, clock=Interrupting(), concurrency=concurrency, **more)


@POSIX
@pytest.mark.parametrize("kind", ["silent", "silent-half"])
@pytest.mark.parametrize(
    "concurrency",
    [
        pytest.param(
            1, marks=pytest.mark.proves("SIGTERM in the middle of an answer", "tap", STOPS)
        ),
        10,
    ],
)
def test_a_signal_in_the_middle_of_an_answer(tap, company, concurrency, kind):
    with FaultyProxy(company.url) as proxy:
        proxy.when_silent = ask_to_end
        proxy.meet(Fault(kind), after=4)
        tap(url=proxy.url, concurrency=concurrency)


@POSIX
@pytest.mark.proves("a second signal while the run ends", "tap", "changes nothing: exit code 3")
def test_a_second_signal_while_the_run_ends(tap, company, monkeypatch):
    monkeypatch.setattr(TapGong, "close", lambda _: ask_to_end())
    with FaultyProxy(company.url) as proxy:
        proxy.when_silent = ask_to_end
        proxy.meet(Fault("silent"), after=4)
        tap(url=proxy.url)


@POSIX
@pytest.mark.proves(
    "a second signal while nobody reads the output", "tap", "ends at once, in mid-line if need be"
)
def test_a_reader_that_does_not_read_holds_nobody_up(slow, tmp_path):
    with start(slow, tmp_path) as tap:
        assert tap.stdout
        assert tap.stderr
        # The pipe is full when nothing more arrives.
        before, held = -1, 0
        while held == 0 or held != before:
            time.sleep(0.5)
            before, held = held, unread(tap.stdout)
        for _ in range(2):
            tap.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert tap.wait(2) == 3
        log = tap.stderr.read()
    assert "Traceback" not in log
    assert "run again to go on" in log


def unread(pipe):
    """Bytes that wait in a pipe."""
    import fcntl
    import termios

    counted = bytearray(4)
    fcntl.ioctl(pipe, termios.FIONREAD, counted)
    return int.from_bytes(counted, sys.byteorder)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("module", ["tap_gong", "target_gong"])
def test_a_signal_while_the_command_is_loaded(module, number):
    with subprocess.Popen(
        [sys.executable, "-m", module, "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not catches(process.pid, signal.SIGTERM):
            time.sleep(0.002)
        process.send_signal(number)
        out, log = process.communicate(timeout=20)
    assert (process.returncode, out) == (3, "")
    assert log == f"Stopped by {number.name} before anything was done; run again\n"


def catches(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (number - 1) & 1


SHELL = [
    pytest.param(
        "tap_gong",
        "| head -1",
        3,
        "The program that read the output has ended before all was written; run again for the rest",
        marks=pytest.mark.proves("`| head`", "tap", "exit code 3"),
    ),
    pytest.param(
        "target_gong",
        "| true",
        3,
        "The program that read the output has ended before all was written; run again for the rest",
        marks=pytest.mark.proves("`| head`", "target", "exit code 3"),
    ),
    pytest.param(
        "tap_gong",
        "> /dev/full",
        1,
        "The output cannot be written: No space left on device",
        marks=pytest.mark.proves("disk full", "tap", "exit code 1, saying so"),
    ),
    pytest.param(
        "target_gong",
        "> /dev/full",
        1,
        "The output cannot be written: No space left on device",
        marks=pytest.mark.proves("disk full", "target", "exit code 1, saying so"),
    ),
]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a shell, and /dev/full")
@pytest.mark.parametrize(("module", "rest", "code", "words"), SHELL)
def test_what_the_shell_does_with_the_output(company, tmp_path, module, rest, code, words):
    config = settings(company, end_date=NOW.isoformat())
    if module == "target_gong":
        config = {**settings(company), "ledger_path": str(tmp_path / "ledger.db")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    states = [{"type": "STATE", "value": {"n": n}} for n in range(3)]
    (tmp_path / "states.jsonl").write_text("".join(json.dumps(state) + "\n" for state in states))
    source = "< states.jsonl" if module == "target_gong" else ""
    command = f"{shlex.quote(sys.executable)} -m {module} --config config.json {source} {rest}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.proves("no output at all", "tap and target", "exit code 1, saying so")
@pytest.mark.parametrize("plugin", [TapGong, TargetGong])
def test_a_closed_output(plugin, monkeypatch, caplog):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        plugin.get_singer_command().main([])
    for number, handler in before.items():
        signal.signal(number, handler)
    assert ended.value.code == 1
    assert "stdout is closed; send it somewhere" in caplog.text


def test_a_second_stop_in_the_middle_of_a_line_does_not_wait(monkeypatch):
    writer = WholeLineWriter()
    stop = RunStopped(Interrupted("stopped"))

    class Message:
        def to_dict(self):
            writer.stop(stop)
            writer.stop(stop)

    # The real one would leave the tests without their output.
    monkeypatch.setattr("tap_gong.writer.drop_output", lambda: None)
    with pytest.raises(RunStopped):
        writer.write_message(Message())  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.proves("SIGKILL, forty times at any moment", "tap", "nothing is lost")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_for_good_again_and_again_until_all_is_there(slow, tmp_path):
    """Forty SIGKILLs at random moments: what a target saw before each is the next run's state."""
    rng = random.Random(1)
    state: dict[str, object] = {}
    seen: dict[str, set[str]] = {"calls": set(), "transcripts": set()}
    for attempt in range(41):
        (tmp_path / "state.json").write_text(json.dumps(state))
        with start(slow, tmp_path, "--state", "state.json", lookback_days=0) as tap:
            if attempt < 40:
                time.sleep(rng.uniform(1, 4))
                tap.kill()
            out, _ = tap.communicate()
        for line in out.splitlines():
            try:
                message = json.loads(line)
            except ValueError:
                assert tap.returncode != 0
                continue
            if message["type"] == "STATE":
                state = message["value"]
            elif message["type"] == "RECORD" and message["stream"] in seen:
                row = message["record"]
                seen[message["stream"]].add(row.get("id") or row["callId"])
    slots = slow.company.slots(None, None, now=NOW)
    assert tap.returncode == 0
    new_year = NOW.replace(month=1, day=1, hour=0)
    assert seen["calls"] == {slot.id for slot in slots if slot.filter_time >= new_year}
    assert seen["transcripts"] == {
        slot.id
        for slot in slots
        if slot.id in seen["calls"] and slot.transcript_at and slot.transcript_at <= NOW
    }
