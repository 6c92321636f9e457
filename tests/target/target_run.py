"""Running the target in this process, and recordings to send."""

from __future__ import annotations

import io
import json
import random
import wave
from typing import TYPE_CHECKING, Any

from gong_sandbox import Sandbox
from target_gong.target import TargetGong
from tests.clocks import NOW, Hasty

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from pathlib import Path


def company(**more: Any) -> Sandbox:
    """A small company of a test's own, without limits."""
    return Sandbox(
        **{
            "calls": 12,
            "days": 10,
            "seed": 3,
            "now": NOW,
            "requests_per_second": 0,
            "daily_requests": 0,
            **more,
        }
    )


def settings(sandbox: Sandbox, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Settings of the target for a sandbox."""
    return {
        "api_url": sandbox.url,
        "access_key": sandbox.access_key,
        "access_key_secret": sandbox.access_key_secret,
        "requests_per_second": 0,
        "max_retries": 2,
        "ledger_path": str(tmp_path / "ledger.db"),
        **more,
    }


def importing_user(sandbox: Sandbox) -> str:
    """A user whose calls Gong takes."""
    users = sandbox.company.users(now=sandbox.clock.now())
    return next(
        str(user["id"])
        for user in users
        if user["active"] and user["settings"]["telephonyCallsImported"]
    )


def call(user: str, client_id: str = "c-1", **more: Any) -> dict[str, Any]:
    """A record of the stream `calls`."""
    return {
        "clientUniqueId": client_id,
        "actualStart": "2026-06-11T10:00:00+02:00",
        "direction": "Inbound",
        "primaryUser": user,
        "parties": [{"userId": user}, {"name": "Ada", "phoneNumber": "+15550000001"}],
        **more,
    }


def messages(
    stream: str, records: Iterable[dict[str, Any]], *, state_every: int = 0
) -> list[dict[str, Any]]:
    """SCHEMA, RECORDs and STATEs, as a source without much to say writes them."""
    lines: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
    ]
    for number, record in enumerate(records, start=1):
        lines.append({"type": "RECORD", "stream": stream, "record": record})
        if state_every and number % state_every == 0:
            lines.append({"type": "STATE", "value": {"bookmarks": {stream: number}}})
    return lines


def run_target(
    config: dict[str, Any], lines: Iterable[Any], *, later: timedelta | None = None
) -> TargetGong:
    """Write some messages to Gong, as the command does, some time later than now.

    Returns:
        The target after its end.
    """
    target = TargetGong(config=dict(config))
    target.clock = clock = Hasty()
    clock.waited = later.total_seconds() if later else 0
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    target.check()
    try:
        target.read(io.StringIO(text))
    finally:
        target.conclude()
    return target


def receipts(tmp_path: Path) -> list[Any]:
    """The rows of the ledger."""
    from target_gong.ledger import read_rows

    return read_rows(tmp_path / "ledger.db")


def recording(path: Path, *, seconds: int = 75, seed: int = 0) -> Path:
    """A WAV file with a noise in it, different for each seed."""
    noise = random.Random(seed).randbytes(8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(noise * seconds)
    return path
