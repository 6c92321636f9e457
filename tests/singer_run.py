"""Running the tap in this process, and what it wrote."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter, decoder

from tap_gong.tap import TapGong

if TYPE_CHECKING:
    from tap_gong.report import StreamReport


class Output:
    """Collects a tap's messages, as a target on the other end of the pipe would see them."""

    def __init__(self, *, break_after: int | None = None) -> None:
        self.lines: list[bytes] = []
        self._read: list[dict[str, Any]] = []
        self.break_after = break_after
        self.failed: list[str] = []
        self.unknown_fields: dict[str, list[str]] = {}
        self.reports: dict[str, StreamReport] = {}

    def write_message(self, message: Any) -> None:
        if self.break_after is not None and len(self.lines) >= self.break_after:
            raise BrokenPipeError
        self.lines.append(bytes(MsgSpecWriter().format_message(message)))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All messages."""
        self._read += [decoder.decode(line) for line in self.lines[len(self._read) :]]
        return self._read

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of a type."""
        return [message for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Records by stream."""
        streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for message in self.of("RECORD"):
            streams[message["stream"]].append(message["record"])
        return streams

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE."""
        states = self.of("STATE")
        return states[-1]["value"] if states else {}


def run_tap(
    config: dict[str, Any],
    *,
    state: dict[str, Any] | None = None,
    streams: set[str] | None = None,
    output: Output | None = None,
) -> Output:
    """Sync in this process.

    Args:
        config: settings.
        state: of an earlier run.
        streams: only these; default the ones selected by default.
        output: where messages go.
    """
    output = output or Output()
    tap = TapGong(config=dict(config), state=copy.deepcopy(state or {}), message_writer=output)
    if streams is not None:
        for stream in tap.streams.values():
            stream.selected = stream.name in streams
        # SCHEMA messages are of what was selected when the mapper was set up.
        tap.setup_mapper()
    tap.sync_all()
    tap.close()
    output.failed = tap.failed
    output.reports = dict(tap.reports)
    output.unknown_fields = {
        name: report.unknown_fields for name, report in tap.reports.items() if report.unknown_fields
    }
    return output
