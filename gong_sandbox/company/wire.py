"""How values look on the wire."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

UTC = timezone.utc


def stamp(moment: datetime, zone: tzinfo) -> str:
    """ISO-8601 with the company's offset at that instant; a fraction only where there is one."""
    local = moment.astimezone(zone)
    fraction = local.microsecond
    if not fraction:
        return local.isoformat()
    return local.isoformat(timespec="microseconds" if fraction % 1000 else "milliseconds")


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An aware UTC instant."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
