"""Running a command, and what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

BIN = Path(sys.executable).parent
BASE = ("calls", "transcripts")


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall: seconds by the clock.
        cpu: seconds of CPU, of the command alone.
        megabytes: resident at its peak.
    """

    wall: float
    cpu: float
    megabytes: float


def run(command: Sequence[str | Path], *, output: Path, given: Path | None = None) -> Cost:
    """Run a command; its output goes into a file, its log beside it.

    Raises:
        RuntimeError: it failed.
    """
    log = output.with_suffix(".log")
    began = time.monotonic()
    with (
        output.open("wb") as out,
        log.open("wb") as err,
        (given or Path(os.devnull)).open() as stdin,
    ):
        process = subprocess.Popen([*map(str, command)], stdin=stdin, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(log.read_text()[-2000:])
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def run_tap(
    config: Mapping[str, Any], folder: Path, *, streams: Collection[str] = BASE
) -> tuple[Cost, dict[str, Any], Path]:
    """Run `tap-gong`.

    Returns:
        What it took, its report, and the file with what it wrote.
    """
    settings, catalog, report = (folder / name for name in ("tap.json", "catalog.json", "report"))
    settings.write_text(json.dumps(config))
    tap: list[str | Path] = [BIN / "tap-gong", "--config", settings]
    run([*tap, "--discover"], output=catalog)
    chosen = json.loads(catalog.read_text())
    for stream in chosen["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    catalog.write_text(json.dumps(chosen))
    written = folder / "tap.jsonl"
    cost = run([*tap, "--catalog", catalog, "--report", report], output=written)
    return cost, json.loads(report.read_text()), written
