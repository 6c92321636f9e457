"""A recording of a gigabyte: little memory, and about as fast as the network lets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from benchmarks.sandbox import running_sandbox
from tests.target.target_run import call, messages

BIN = Path(sys.executable).parent
GIGABYTE = 1 << 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs wait4 to measure a child's memory"),
]


def big_file(path, size, mark):
    """A WAV as far as its first bytes tell, and different from others by its mark."""
    with path.open("wb") as file:
        file.write(b"RIFF" + mark.to_bytes(4, "little") + b"WAVEfmt " + os.urandom(4096))
        file.truncate(size)
    return path


def run_for_memory(command, folder, content):
    """Seconds and peak resident megabytes of a command."""
    (folder / "input.jsonl").write_text(content)
    began = time.monotonic()
    with (folder / "input.jsonl").open() as source, (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdin=source, stdout=log, stderr=log, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (folder / "log.txt").read_text()
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return time.monotonic() - began, usage.ru_maxrss / unit


def test_a_gigabyte_in_little_memory_at_half_of_what_curl_does(tmp_path):
    with running_sandbox(calls=10) as config:
        auth = (config["access_key"], config["access_key_secret"])
        listed = requests.get(config["api_url"] + "/v2/users", auth=auth, timeout=60).json()
        user = next(
            u["id"]
            for u in listed["users"]
            if u["active"] and u["settings"]["telephonyCallsImported"]
        )
        (tmp_path / "config.json").write_text(json.dumps({**config, "ledger_path": "l.db"}))
        command = [str(BIN / "target-gong"), "--config", "config.json"]

        def send(name, size, mark):
            path = big_file(tmp_path / f"{name}.wav", size, mark)
            lines = messages("calls", [call(user, name, mediaFile=str(path))])
            content = "".join(json.dumps(line) + "\n" for line in lines)
            took = run_for_memory(command, tmp_path, content)
            path.unlink()
            return took

        small_seconds, _ = send("small", 1 << 20, 1)
        seconds, megabytes = send("big", GIGABYTE, 2)
        assert megabytes < 120
        curl = shutil.which("curl")
        if curl is None:
            pytest.skip("no curl to compare with")
        path = big_file(tmp_path / "curl.wav", GIGABYTE, 3)
        made = requests.post(
            config["api_url"] + "/v2/calls", auth=auth, json=call(user, "curl"), timeout=60
        ).json()
        url = f"{config['api_url']}/v2/calls/{made['callId']}/media"
        began = time.monotonic()
        subprocess.run(
            [curl, "-sf", "-u", ":".join(auth), "-X", "PUT", "-F", f"mediaFile=@{path}", url],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        curl_seconds = time.monotonic() - began
    ratio = (seconds - small_seconds) / curl_seconds
    print(f"\n1 GB: {megabytes:.0f} MB resident, {ratio:.2f} x the time of curl -F")
    assert ratio <= 2
