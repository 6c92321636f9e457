"""What a run did, stream by stream: the completeness report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gong_api.client import GongClient


# What is counted of the rows that Gong serves.
_OF_ROWS = ("announced", "seen", "private", "unkeyed")
_COLUMNS = ("records", "requests", "windows", "owed", "private")


@dataclass
class StreamReport:
    """What one stream did.

    Attributes:
        windows: windows wholly emitted.
        share: of the range of a windowed stream that is done, from 0 to 1; None for the others.
        requests: pages asked for, retries not counted.
        records: records emitted.
        announced: sum of `totalRecords`, which Gong may set higher than what it serves.
        seen: rows that Gong served.
        private: private calls among them.
        unkeyed: rows without the id that their key is; they are left out.
        owed: transcripts still to come.
        arrived: owed transcripts that came.
        given_up: transcripts that will not be asked for again.
        restarted: windows read again because their cursor expired.
        unknown_fields: paths of fields that the schema does not have.
        failed: why the stream could not be read.
    """

    windows: int = 0
    share: float | None = None
    requests: int = 0
    records: int = 0
    announced: int = 0
    seen: int = 0
    private: int = 0
    unkeyed: int = 0
    owed: int = 0
    arrived: int = 0
    given_up: int = 0
    restarted: int = 0
    unknown_fields: list[str] = field(default_factory=list)
    failed: str | None = None

    @property
    def of_rows(self) -> dict[str, int]:
        """What is counted of the rows that Gong serves, by name."""
        return {name: getattr(self, name) for name in _OF_ROWS}

    def count_anew(self, of_rows: Mapping[str, int]) -> None:
        """Rows are to be read again: go back to what was counted before them."""
        for name, count in of_rows.items():
            setattr(self, name, count)

    def __str__(self) -> str:
        facts = {
            "records": self.records,
            "requests": self.requests,
            "windows": self.windows,
            "owed": self.owed,
            "owed transcripts arrived": self.arrived,
            "private": self.private,
            "left out for want of an id": self.unkeyed,
        }
        always = {"records", "requests"}
        return ", ".join(f"{n} {name}" for name, n in facts.items() if n or name in always)


def as_table(streams: Mapping[str, StreamReport]) -> Table:
    """The report for somebody who watches."""
    table = Table()
    table.add_column("stream")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for name, report in streams.items():
        facts = asdict(report)
        cells = [f"{facts[column]:,}" if facts[column] else "" for column in _COLUMNS]
        table.add_row(f"{name} (failed)" if report.failed else name, *cells)
    return table


def as_json(streams: Mapping[str, StreamReport], client: GongClient, *, end: str) -> dict[str, Any]:
    """The report as it goes into a file.

    Args:
        streams: by name, those that were selected.
        client: its counts are of the whole run.
        end: `done`, `failed` or `work left`.
    """
    return {
        "end": end,
        "requests": client.limiter.used,
        "retries": client.retries.retries,
        "seconds_waited_for_limit": round(client.limiter.waited, 1),
        "seconds_waited_for_retries": round(client.retries.waited, 1),
        "streams": {name: asdict(report) for name, report in streams.items()},
    }
