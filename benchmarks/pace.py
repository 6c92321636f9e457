"""Wall time against the floor that the quota sets: a third of a second for each request."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.command import BIN, run, run_tap
from benchmarks.sandbox import running_sandbox

PER_SECOND = 3


def pace(*, calls: int, latency: float) -> tuple[float, int, int]:
    """Read calls and transcripts of a sandbox that answers after `latency` seconds.

    Returns:
        Wall time, less that of the command's start, as a multiple of the floor; requests; and how
        many of them were tried again.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options: dict[str, Any] = {"latency": latency, "requests-per-second": PER_SECOND}
        with running_sandbox(calls=calls, **options) as config:
            start = run([BIN / "tap-gong", "--version"], output=folder / "version").wall
            cost, report, _ = run_tap({**config, "requests_per_second": PER_SECOND}, folder)
    floor = report["requests"] / PER_SECOND
    return (cost.wall - start) / floor, report["requests"], report["retries"]
