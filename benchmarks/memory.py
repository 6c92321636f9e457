"""Resident memory: many calls take what few take."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.command import run_tap
from benchmarks.sandbox import running_sandbox


def peak(*, calls: int) -> float:
    """Megabytes resident at the peak of a run that reads so many calls and transcripts."""
    with tempfile.TemporaryDirectory() as name, running_sandbox(calls=calls, days=365) as config:
        cost, _, _ = run_tap({**config, "daily_request_budget": 0}, Path(name))
    return cost.megabytes
