"""Signals: no answer of Gong's is thrown away, no wait is waited out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gong_api.command import RunStopped
from gong_api.given_settings import ConfigFiles
from target_gong.target import TargetGong
from tests.command_run import PROMPT, Interrupting, ask_to_end, run_command
from tests.faulty_proxy import Fault, limiting
from tests.target.target_run import (
    call,
    company,
    importing_user,
    messages,
    receipts,
    settings,
)

BIN = Path(sys.executable).parent
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


def begun(tmp_path, config, lines):
    (tmp_path / "config.json").write_text(json.dumps(config))
    process = subprocess.Popen(
        [str(BIN / "target-gong"), "--config", "config.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdin
    process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
    process.stdin.flush()
    return process


@pytest.mark.proves(
    "SIGTERM in the middle of an answer",
    "target",
    "the answer is waited for and kept; exit code 3, state as far as settled",
)
def test_an_answer_on_its_way_is_kept(tmp_path, monkeypatch):
    arrived, go_on = threading.Event(), threading.Event()
    with company() as sandbox:
        uploads = sandbox.company.uploads
        create = uploads.create

        def slowly(*args, **kwargs):
            made = create(*args, **kwargs)
            arrived.set()
            go_on.wait(10)
            return made

        monkeypatch.setattr(uploads, "create", slowly)
        user = importing_user(sandbox)
        lines = messages("calls", [call(user, f"c-{n}") for n in range(2)], state_every=1)
        with begun(tmp_path, settings(sandbox, tmp_path), lines) as process:
            assert arrived.wait(10)
            process.send_signal(signal.SIGTERM)
            go_on.set()
            log = process.communicate(timeout=20)[1]
        assert process.returncode == 3
        assert "run again to go on" in log
        assert "Traceback" not in log
        (row,) = receipts(tmp_path)
        assert (row.key, row.status) == ("c-0", "done")
        assert len(uploads.created) == 1


def test_a_wait_is_cut_short_and_what_waited_is_sent_by_the_next_run(tmp_path):
    with company() as sandbox:
        lines = messages("calls", [call(importing_user(sandbox))])
        sandbox.faults.next("429-hours")
        config = settings(sandbox, tmp_path, max_retry_wait=10**6)
        with begun(tmp_path, config, lines) as process:
            assert process.stderr
            log = ""
            while "trying again" not in log:
                log += process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            log += process.communicate(timeout=20)[1]
        assert process.returncode == 3
        assert "Traceback" not in log
        (row,) = receipts(tmp_path)
        assert row.status == "failed"


@pytest.fixture
def three(sandbox):
    user = importing_user(sandbox)
    return messages("calls", [call(user, f"c-{n}") for n in range(3)], state_every=1)


@pytest.fixture
def target(tmp_path, monkeypatch, sandbox, proxy):
    def run(lines, *, clock=None, code=3, **more):
        config = settings(sandbox, tmp_path, **{"api_url": proxy.url, **more})
        began = time.monotonic()
        ended = run_command(
            TargetGong, tmp_path, config, patch=monkeypatch, clock=clock, input=lines
        )
        assert time.monotonic() - began < PROMPT
        assert ended.code == code
        if code == 3:
            (line,) = ended.errors
            assert "run again to go on" in line
        return ended

    return run


def is_whole(target, sandbox, lines):
    """The next run brings what is left, each call once."""
    target(lines, code=0)
    names = [created.new.client_unique_id for created in sandbox.company.uploads.created]
    assert sorted(names) == ["c-0", "c-1", "c-2"]


@pytest.mark.proves("SIGTERM at start-up", "target", "exit code 3; nothing was done")
def test_a_signal_before_the_settings_are_read(target, three, sandbox, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ConfigFiles, "read", lambda _: ask_to_end())
        assert target(three).messages == []
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(
            {"requests_per_second": 1},
            marks=pytest.mark.proves(
                "SIGTERM while waiting for the rate limit",
                "target",
                "exit code 3 at once; what waited is sent by the next run",
            ),
            id="limiter",
        ),
        pytest.param(
            {},
            marks=pytest.mark.proves(
                "SIGTERM while waiting out a Retry-After",
                "target",
                "exit code 3 at once; what waited is sent by the next run",
            ),
            id="Retry-After",
        ),
    ],
)
def test_a_signal_while_the_run_waits(target, three, sandbox, proxy, tmp_path, more):
    if not more:
        proxy.meet(limiting("600"), path="/v2/calls", after=1)
    ended = target(three, clock=Interrupting(), **more)
    assert [row.status for row in receipts(tmp_path)] == ["done", "failed"]
    assert ended.messages == [{"bookmarks": {"calls": 1}}]
    is_whole(target, sandbox, three)


@pytest.mark.proves(
    "a second signal in the middle of an answer",
    "target",
    "exit code 3 at once; what was being sent is looked up by the next run",
)
def test_a_second_signal_does_not_wait_for_the_answer(target, three, sandbox, proxy, tmp_path):
    def ask_twice():
        ask_to_end()
        time.sleep(0.2)
        ask_to_end()

    proxy.when_silent = ask_twice
    proxy.meet(Fault("silent"), path="/v2/calls", after=1)
    ended = target(three)
    assert [row.status for row in receipts(tmp_path)] == ["done", "pending"]
    assert ended.messages == [{"bookmarks": {"calls": 1}}]
    is_whole(target, sandbox, three)


@pytest.mark.proves("a second signal while the run ends", "target", "changes nothing: exit code 3")
def test_a_second_signal_while_the_run_ends(target, three, sandbox, proxy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(TargetGong, "_tell_doubted", lambda _: ask_to_end())
        proxy.meet(limiting("600"), path="/v2/calls", after=1)
        target(three, clock=Interrupting())
    is_whole(target, sandbox, three)


@pytest.mark.proves("SIGTERM while waiting for input", "target", "exit code 3 at once")
def test_a_signal_while_the_source_is_silent(target, three, sandbox, tmp_path, monkeypatch):
    # A pipe stands in for a source that says nothing more.
    os.mkfifo(tmp_path / "input.json")

    def say():
        with (tmp_path / "input.json").open("w") as pipe:
            pipe.write("".join(json.dumps(line) + "\n" for line in three[:3]))
            pipe.flush()
            while not sandbox.company.uploads.created:
                time.sleep(0.01)
            time.sleep(0.2)
            ask_to_end()
            has_ended.wait(PROMPT)

    has_ended = threading.Event()
    source = threading.Thread(target=say)
    source.start()
    ended = target(None)
    has_ended.set()
    source.join()
    assert ended.messages == [{"bookmarks": {"calls": 1}}]
    (tmp_path / "input.json").unlink()
    is_whole(target, sandbox, three)


@pytest.mark.proves(
    "the source ends in the middle of a line",
    "target",
    "exit code 3; what came before is written, the state as far as settled",
)
def test_a_source_that_ends_in_the_middle_of_a_line(target, three, sandbox, tmp_path):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in three)
    ends = {at + 1 for at, character in enumerate(text) if character == "\n"}
    cuts = [1, *(at + n for at in sorted(ends)[:-1] for n in (1, 30)), len(text) - 2]
    for cut in cuts:
        ended = target([text[:cut]])
        assert "The source ended in the middle of a line" in ended.log
        states = text[:cut].count('"STATE"') - (
            text.rfind('"STATE"', 0, cut) > max(at for at in (0, *ends) if at <= cut)
        )
        assert len(ended.messages) == states
    is_whole(target, sandbox, three)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_source_that_ends_in_the_middle_of_a_character(target, sandbox, tmp_path, cut):
    text = json.dumps({"type": "STATE", "value": {"emoji": "🎧"}}, ensure_ascii=False).encode()
    part = text[: text.index("🎧".encode()) + cut]
    (tmp_path / "raw").write_bytes(part)
    process = TargetGong(config=settings(sandbox, tmp_path))
    process.check()
    with (tmp_path / "raw").open(encoding="utf-8") as source, pytest.raises(RunStopped) as stop:
        process.read(source)
    process.conclude()
    assert stop.value.exit_code == 3
