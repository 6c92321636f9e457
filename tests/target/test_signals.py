"""Signals: no answer of Gong's is thrown away, no wait is waited out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

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
