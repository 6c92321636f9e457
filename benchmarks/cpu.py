"""CPU time against a tap made of the SDK's plain streams, over the same calls and transcripts."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import run, run_tap
from benchmarks.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN = {"start_date": "2000-01-01T00:00:00Z"}


def against_plain(*, calls: int) -> tuple[float, float]:
    """Read the same with both taps.

    Returns:
        CPU seconds of the plain tap for each of ours, start-up included; and our calls and
        transcripts a second of CPU.

    Raises:
        RuntimeError: they wrote different values.
    """
    with tempfile.TemporaryDirectory() as name, running_sandbox(calls=calls, days=365) as config:
        folder = Path(name)
        settings = {**config, **SPAN, "end_date": _now()}
        ours, report, written = run_tap(settings, folder)
        plain_settings = folder / "plain.json"
        plain_settings.write_text(json.dumps(settings))
        plain = run(
            [sys.executable, "-m", "benchmarks.plain_tap", "--config", plain_settings],
            output=folder / "plain.jsonl",
        )
        if _records(written) != _records(folder / "plain.jsonl"):
            msg = "the taps wrote different records"
            raise RuntimeError(msg)
    count = sum(stream["records"] for stream in report["streams"].values())
    return plain.cpu / ours.cpu, count / ours.cpu


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _records(path: Path) -> dict[tuple[str, str], Any]:
    return dict(_keyed(path))


def _keyed(path: Path) -> Iterator[tuple[tuple[str, str], Any]]:
    """Records by stream and key, numbers as they are written."""
    with path.open("rb") as lines:
        for line in lines:
            message = json.loads(line, parse_float=str)
            if message["type"] == "RECORD":
                record = message["record"]
                yield (message["stream"], record.get("id") or record["callId"]), record
