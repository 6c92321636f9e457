"""What the tables made of calls and transcripts add: CPU seconds against plain JSON of their rows.

The tap is run against a sandbox in a process of its own, with and without the tables; what they add
is held against what `json.loads` and `json.dumps` of the same rows take in the same run.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
from contextlib import redirect_stdout
from typing import Any

from benchmarks.sandbox import running_sandbox
from tap_gong.streams import STREAMS
from tap_gong.streams.call_tables import CallTable
from tap_gong.streams.transcripts import TranscriptStream
from tap_gong.tap import TapGong

BASE = {"calls", "transcripts"}
TABLES = {
    stream.name for stream in STREAMS if issubclass(stream, (CallTable, TranscriptStream))
} - BASE
_ROUNDS = 5


class Sink(io.RawIOBase):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Keep the data."""
        self.written += data
        return len(data)


def run(config: dict[str, object], streams: set[str]) -> tuple[float, bytes, int]:
    """CPU seconds of a run, what it wrote and how many requests it took."""
    tap = TapGong(config=dict(config))
    for stream in tap.streams.values():
        stream.selected = stream.name in streams
    sink = Sink()
    with redirect_stdout(io.TextIOWrapper(io.BufferedWriter(sink), write_through=True)):
        began = time.process_time()
        tap.sync_all()
        spent = time.process_time() - began
        sys.stdout.flush()
        written = bytes(sink.written)
    requests = tap.client.limiter.used
    tap.close()
    return spent, written, requests


def json_seconds(lines: list[bytes]) -> float:
    """CPU seconds to parse and write the records of some messages."""
    rows = [json.dumps(json.loads(line)["record"]) for line in lines]
    began = time.process_time()
    for row in rows:
        json.dumps(json.loads(row))
    return time.process_time() - began


def added(*, calls: int) -> float:
    """CPU seconds that the tables add, as a multiple of JSON alone; the median of some rounds.

    Raises:
        RuntimeError: the tables cost requests.
    """
    with running_sandbox(calls=calls) as config:
        run(config, BASE | TABLES)
        ratios = []
        for _ in range(_ROUNDS):
            plain, _, requests = run(config, BASE)
            whole, written, requests_of_all = run(config, BASE | TABLES)
            if requests != requests_of_all:
                msg = f"{requests} requests without the tables, {requests_of_all} with them"
                raise RuntimeError(msg)
            lines = [line for line in written.splitlines() if line.startswith(b'{"type":"RECORD"')]
            rows = [line for line in lines if json.loads(line)["stream"] in TABLES]
            ratios.append((whole - plain) / json_seconds(rows))
    return statistics.median(ratios)
