"""Running a command, and what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

BIN = Path(sys.executable).parent
BASE = ("calls", "transcripts")
# A child counts the memory of the process that it was forked from as its own: so it is forked from
# one that has next to none.
_LAUNCHER = """
import json, os, sys, time
began = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
took = time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
with open(sys.argv[1], "w") as file:
    json.dump(took, file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


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
    log, took = output.with_suffix(".log"), output.with_suffix(".took")
    whole = [sys.executable, "-S", "-c", _LAUNCHER, str(took), *map(str, command)]
    nothing = Path(os.devnull)
    with output.open("wb") as out, log.open("wb") as err, (given or nothing).open("rb") as stdin:
        process = subprocess.run(whole, stdin=stdin, stdout=out, stderr=err, check=False)
    if process.returncode:
        raise RuntimeError(log.read_text()[-2000:])
    wall, cpu, peak = json.loads(took.read_text())
    return Cost(wall, cpu, peak / ((1 << 20) if sys.platform == "darwin" else (1 << 10)))


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
