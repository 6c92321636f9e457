"""Uploading a recording, against `curl -F` of the same size."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks.command import BIN, run
from benchmarks.sandbox import running_sandbox


def against_curl(*, megabytes: int) -> tuple[float, float]:
    """Upload a recording with `target-gong`, then one with curl.

    Returns:
        Curl's seconds for each of ours, start-up taken off; and our peak memory in megabytes.

    Raises:
        RuntimeError: there is no curl.
    """
    curl = shutil.which("curl")
    if curl is None:
        msg = "curl is needed to compare with"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory() as name, running_sandbox(calls=10) as config:
        folder = Path(name)
        auth = (config["access_key"], config["access_key_secret"])
        users = requests.get(f"{config['api_url']}/v2/users", auth=auth, timeout=60).json()["users"]
        user = next(u["id"] for u in users if u["settings"]["telephonyCallsImported"])
        settings = folder / "target.json"
        settings.write_text(json.dumps({**config, "ledger_path": str(folder / "ledger.db")}))

        def send(key: str, size: int) -> tuple[float, float]:
            recording = _recording(folder / f"{key}.wav", size)
            given = folder / f"{key}.jsonl"
            given.write_text(_messages(_call(user, key, mediaFile=str(recording))))
            cost = run(
                [BIN / "target-gong", "--config", settings], given=given, output=folder / key
            )
            return cost.wall, cost.megabytes

        start, _ = send("small", 1 << 10)
        wall, peak = send("big", megabytes << 20)
        recording = _recording(folder / "curl.wav", megabytes << 20)
        url = f"{config['api_url']}/v2/calls"
        made = requests.post(url, auth=auth, json=_call(user, "curl"), timeout=60).json()["callId"]
        began = time.monotonic()
        form = ["-F", f"mediaFile=@{recording}", f"{url}/{made}/media"]
        subprocess.run(
            [curl, "-sf", "-u", ":".join(auth), "-X", "PUT", *form],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return (time.monotonic() - began) / (wall - start), peak


def _recording(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.write(b"RIFF0000WAVEfmt " + os.urandom(1024))
        file.truncate(size)
    return path


def _call(user: str, key: str, **more: Any) -> dict[str, Any]:
    return {
        "clientUniqueId": key,
        "actualStart": "2026-01-05T10:00:00Z",
        "direction": "Inbound",
        "parties": [{"userId": user}, {"phoneNumber": "+1 555 0100"}],
        "primaryUser": user,
        **more,
    }


def _messages(record: dict[str, Any]) -> str:
    schema = {
        "type": "SCHEMA",
        "stream": "calls",
        "schema": {"properties": {name: {} for name in record}},
        "key_properties": ["clientUniqueId"],
    }
    messages = [schema, {"type": "RECORD", "stream": "calls", "record": record}]
    return "".join(json.dumps(message) + "\n" for message in messages)
