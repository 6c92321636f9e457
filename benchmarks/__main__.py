"""Measures, and writes docs/performance.md and its plot: `make bench`."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from benchmarks import cpu, memory, pace, tables, upload

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
_BLOCK = re.compile(r"(<!-- \[begin measured\][^\n]*\n).*?(<!-- \[end measured\])", re.DOTALL)
FEW, MANY = 2_000, 20_000


@dataclass(frozen=True)
class Measured:
    """A ratio, and what it should be.

    Attributes:
        what: is compared.
        ratio: was found.
        wanted: is good enough.
        is_most: `wanted` is the most that it should be, not the least.
        beside: said beside it.
    """

    what: str
    ratio: float
    wanted: float
    is_most: bool
    beside: str

    @property
    def is_good(self) -> bool:
        """Whether it is what it should be."""
        return self.ratio <= self.wanted if self.is_most else self.ratio >= self.wanted


def measure() -> Iterator[Measured]:
    """Everything, one after the other."""
    for latency, wanted in ((1.0, 1.10), (3.0, 1.25)):
        ratio, requests, again = pace.pace(calls=3000, latency=latency)
        yield Measured(
            f"wall time ÷ floor, answers after {latency:.0f} s",
            ratio,
            wanted,
            is_most=True,
            beside=f"3,000 calls and transcripts, {requests} requests, {again} tried again",
        )
    ratio, speed = cpu.against_plain(calls=3000)
    yield Measured(
        "CPU of a plain SDK tap ÷ ours",
        ratio,
        3,
        is_most=False,
        beside=f"equal output; {speed:,.0f} calls and transcripts a second of CPU",
    )
    yield Measured(
        "CPU that the tables add ÷ JSON of their rows",
        tables.added(calls=400),
        6,
        is_most=True,
        beside="not one request more",
    )
    few, many = memory.peak(calls=FEW), memory.peak(calls=MANY)
    yield Measured(
        f"memory at {MANY:,} calls ÷ at {FEW:,}",
        many / few,
        1.2,
        is_most=True,
        beside=f"{many:.0f} MB at the peak",
    )
    ratio, megabytes = upload.against_curl(megabytes=512)
    yield Measured(
        "time of `curl -F` ÷ ours, 512 MB",
        ratio,
        0.5,
        is_most=False,
        beside=f"{megabytes:.0f} MB at the peak",
    )


def table(measured: list[Measured]) -> str:
    """Markdown."""
    lines = ["| what | ratio | wanted | |", "|---|---|---|---|"]
    for one in measured:
        wanted = f"{'≤' if one.is_most else '≥'} {one.wanted:g}"
        lines.append(f"| {one.what} | {one.ratio:.2f} | {wanted} | {one.beside} |")
    return "\n".join(lines) + "\n"


def plot(measured: list[Measured], path: Path) -> None:
    """How far each is within what is wanted: 1 is just good enough, shorter is better."""
    figure = Figure(figsize=(8, 0.45 * len(measured) + 0.8), layout="constrained")
    axes = figure.subplots()
    used = [m.ratio / m.wanted if m.is_most else m.wanted / m.ratio for m in measured]
    axes.barh([m.what for m in measured], used, color="#4c72b0")
    axes.axvline(1, color="#c44e52", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("share used of what is allowed")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure and write."""
    measured = []
    for one in measure():
        measured.append(one)
        print(f"{one.what}: {one.ratio:.2f} ({one.beside})", flush=True)
    page = DOCS / "performance.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        _BLOCK.sub(lambda m: m[1] + table(measured) + m[2], text), encoding="utf-8", newline="\n"
    )
    plot(measured, DOCS / "performance.svg")
    poor = [one.what for one in measured if not one.is_good]
    if poor:
        sys.exit(f"Worse than wanted: {'; '.join(poor)}")


if __name__ == "__main__":
    main()
