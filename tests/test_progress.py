"""What a person sees of a run while it works, and what a log keeps of it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pendulum
import pytest

from gong_api.progress import Progress, Stage
from tap_gong.pace import Pace
from tap_gong.report import StreamReport
from tap_gong.tap import TapGong
from tap_gong.windows import Slices, Window
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import Output

BIN = Path(sys.executable).parent


class SteppingClock:
    """Moves on by so many seconds whenever it is looked at."""

    def __init__(self, step: float) -> None:
        self.time = pendulum.datetime(2026, 6, 15)
        self.step = step

    def now(self) -> pendulum.DateTime:
        self.time = self.time.add(seconds=self.step)
        return self.time

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def test_a_log_gets_a_line_every_half_minute(caplog):
    caplog.set_level(logging.INFO)
    done = iter(range(1000))
    clock = SteppingClock(1)
    with Progress(
        lambda: [Stage("calls", f"{next(done)} records"), Stage("users", "28 records")],
        clock=clock,
        logger=logging.getLogger("tap-gong"),
        console=None,
    ) as progress:
        for _ in range(100):
            progress.tick()
    assert caplog.messages == [
        "So far: calls 0 records; users 28 records",
        # What has not moved since is not said again.
        "So far: calls 1 records",
        "So far: calls 2 records",
    ]


def test_the_pace_says_what_is_left():
    clock = SteppingClock(60)
    pace = Pace(clock)
    report = StreamReport(records=0, share=0.0)
    pace.stage("calls", report)
    report.records, report.share = 6000, 0.25
    stage = pace.stage("calls", report)
    assert str(stage) == "calls 6,000 records, 25 %, 100/s, 3 min left"


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (42, "42 s"), (600, "10 min"), (7260, "2 h 01 min")]
)
def test_the_time_left_in_words(seconds, words):
    assert Stage("calls", "", seconds_left=seconds).left == words


def test_the_share_goes_by_records_where_their_number_is_known():
    span = Window(pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 5, 1))
    known, unknown = Slices(span, expected=2000), Slices(span)
    for slices in (known, unknown):
        assert slices.share == 0
        slices.finished(next(iter(slices)), 500)
    assert known.share == 0.25
    assert 0.2 < unknown.share < 0.3
    for slices in (known, unknown):
        for window in slices:
            slices.finished(window, 500)
        assert slices.share == 1


def test_streams_are_shown_as_they_are_read(company, config):
    tap = TapGong(config=dict(config), message_writer=Output())
    seen = []
    progress = tap.progress()
    tap.ahead.on_page = lambda: seen.append(list(map(str, progress._stages())))
    tap.sync_all()
    tap.close()
    assert any("calls 260 records" in line for lines in seen for line in lines)
    assert tap.reports["calls"].share == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_at_a_terminal_it_is_shown_in_place_and_ends_with_a_table(company, tmp_path):
    import pty

    (tmp_path / "config.json").write_text(
        json.dumps(settings(company, end_date=NOW.isoformat(), concurrency=1))
    )
    ours, theirs = pty.openpty()
    with (tmp_path / "messages.jsonl").open("w") as messages:
        tap = subprocess.Popen(
            [BIN / "tap-gong", "--config", "config.json"],
            cwd=tmp_path,
            stdout=messages,
            stderr=theirs,
            env={**os.environ, "COLUMNS": "120", "TERM": "xterm-256color"},
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        assert tap.wait() == 0
    os.close(ours)
    text = shown.decode()
    assert "\x1b[" in text
    table = [line for line in text.splitlines() if "│" in line]
    assert any("calls" in line and "260" in line for line in table)
    assert "Traceback" not in text
    for line in (tmp_path / "messages.jsonl").read_text().splitlines():
        json.loads(line)
