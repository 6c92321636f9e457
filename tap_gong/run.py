"""What one run covers: its settings as instants and ids, checked before anything is sent."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gong_api.errors import SettingsError
from tap_gong.operations import CALLS, CALLS_EXTENSIVE
from tap_gong.windows import has_zone, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pendulum

    from gong_api.clock import Clock

logger = logging.getLogger("tap-gong")

# Gong takes at least 100 ids in a filter; more has never been tried.
MOST_IDS = 100


class Run:
    """The range, the clock and the filters of a run.

    Attributes:
        present: the instant the run began.
        now: the run's clock: `end_date`, else the present.
        start: `start_date`, None for the oldest call.
        end: exclusive end of what is wanted: `end_date`, else the present.
        until: exclusive end of all windows, since an `end_date` may still be to come.
        lookback: how far behind its bookmark a stream reads again.
        transcript_wait: how long a transcript stays owed.
        call_ids: only these calls; empty for all.
        user_ids: only calls hosted by these users; empty for all.
        calls: the operation that lists calls.
        excludes_private: private calls are left out.
        max_records: of each stream, None for all.

    Raises:
        SettingsError: a date is malformed, or the range is empty.
    """

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None:
        self.start = _date(settings, "start_date")
        self.present = clock.now().start_of("second")
        self.end = _date(settings, "end_date") or self.present
        self.until = min(self.end, self.present)
        self.now: pendulum.DateTime = self.end
        self.lookback = timedelta(days=settings["lookback_days"])
        self.transcript_wait = timedelta(days=settings["transcript_wait_days"])
        self.workspace_ids: list[str] = settings.get("workspace_ids") or []
        self.call_ids: list[str] = settings.get("call_ids") or []
        self.user_ids: list[str] = settings.get("primary_user_ids") or []
        self.calls = CALLS if settings["call_detail"] == "basic" else CALLS_EXTENSIVE
        self.excludes_private = settings["private_calls"] == "exclude"
        most = settings.get("max_records")
        # To JSON Schema 2.0 is an integer too, and so is what no machine counts up to.
        self.max_records = None if most is None else min(int(most), sys.maxsize)
        if self.start and self.start >= self.end:
            msg = f"start_date {self.start} must be before end_date {self.end} (default: now)"
            raise SettingsError(msg)

    @property
    def keeps_bookmarks(self) -> bool:
        """Whether the run only samples, and must leave bookmarks as they were."""
        return bool(self.call_ids) or self.max_records is not None

    def covers(self, time: pendulum.DateTime) -> bool:
        """Whether an instant lies in the range."""
        return (self.start is None or time >= self.start) and time < self.end

    @property
    def settled_before(self) -> pendulum.DateTime:
        """Nothing before this instant will be read again by the next run's lookback."""
        return self.now - self.lookback

    @property
    def filters(self) -> dict[str, Any]:
        """What narrows the calls, as a bookmark remembers it; empty when nothing does."""
        chosen: dict[str, Any] = {
            "workspace_ids": sorted(self.workspace_ids),
            "primary_user_ids": sorted(self.user_ids),
            "private_calls": "exclude" if self.excludes_private else None,
        }
        return {name: value for name, value in chosen.items() if value}


def widened(filters: Mapping[str, Any], earlier: Mapping[str, Any]) -> list[str]:
    """Names of those `filters` that let records pass that a run under `earlier` ones left out."""
    return [name for name, before in earlier.items() if _is_wider(filters.get(name), before)]


def _is_wider(now: Any, before: Any) -> bool:
    if now is None:
        return True
    if isinstance(before, list):
        return not set(now) <= set(before)
    return isinstance(before, str) and bool(now != before)


def chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    """Ids in lots that fit one filter, each once."""
    every = list(dict.fromkeys(ids))
    for at in range(0, len(every), MOST_IDS):
        yield every[at : at + MOST_IDS]


def _date(settings: Mapping[str, Any], name: str) -> pendulum.DateTime | None:
    value = settings.get(name)
    if not value:
        return None
    moment = instant(value, name)
    if not has_zone(value):
        logger.warning("%s %r names no zone and is taken as UTC", name, value)
    return moment
