"""How fast streams are being read, and how long they will still take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gong_api.progress import Stage

if TYPE_CHECKING:
    import pendulum

    from gong_api.clock import Clock
    from tap_gong.report import StreamReport


class Pace:
    """Remembers when each stream was first seen, and what it had come to by then.

    Args:
        clock: tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first: dict[str, tuple[pendulum.DateTime, int, float]] = {}

    def stage(self, name: str, report: StreamReport) -> Stage:
        """How far a stream has come."""
        now = self._clock.now()
        share = report.share
        seen = self._first.setdefault(name, (now, report.records, share or 0.0))
        began, records, begun = seen
        seconds = (now - began).total_seconds()
        gained = (share or 0.0) - begun
        return Stage(
            name,
            f"{report.records:,} records",
            share=share,
            rate=f"{(report.records - records) / seconds:,.0f}/s" if seconds else "",
            seconds_left=None if share is None or gained <= 0 else seconds * (1 - share) / gained,
        )
