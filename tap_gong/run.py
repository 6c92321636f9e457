"""What one run covers: its settings as instants, read once and checked before anything is sent."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gong_api.errors import SettingsError
from tap_gong.windows import has_zone, instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pendulum

    from gong_api.clock import Clock

logger = logging.getLogger("tap-gong")


class Run:
    """The range and the clock of a run.

    Attributes:
        now: the run's clock: `end_date`, else the instant it began.
        start: `start_date`, None for the oldest call.
        end: exclusive end of all windows.
        lookback: how far behind its bookmark a stream reads again.

    Raises:
        SettingsError: a date is malformed, or the range is empty.
    """

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None:
        self.start = _date(settings, "start_date")
        self.end = _date(settings, "end_date") or clock.now().start_of("second")
        self.now: pendulum.DateTime = self.end
        self.lookback = timedelta(days=settings["lookback_days"])
        if self.start and self.start >= self.end:
            msg = f"start_date {self.start} must be before end_date {self.end} (default: now)"
            raise SettingsError(msg)


def _date(settings: Mapping[str, Any], name: str) -> pendulum.DateTime | None:
    value = settings.get(name)
    if not value:
        return None
    moment = instant(value, name)
    if not has_zone(value):
        logger.warning("%s %r names no zone and is taken as UTC", name, value)
    return moment
