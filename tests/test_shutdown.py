"""Ending early: no traceback, no half a line, exit code 3, and state for what was emitted."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gong_api.command import Interrupted, RunStopped
from gong_sandbox import Sandbox
from tap_gong.writer import WholeLineWriter
from tests.conftest import NOW, settings

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


@pytest.mark.proves(
    "`| head`: the reader of the output goes away",
    "tap",
    "exit code 3, one line; run again to go on",
)
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
    assert "has ended; run again to go on" in log


@pytest.mark.slow
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
