"""What was switched on and off for a user (api: GET /v2/users/{id}/settings-history)."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import stream
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from gong_sandbox.company.people import User

_SETTINGS = (
    "active",
    "webConferencesRecorded",
    "preventWebConferenceRecording",
    "emailsImported",
    "preventEmailImport",
    "nonRecordedMeetingsImported",
    "gongConnectEnabled",
    "callsImported",
    "interviewsRecorded",
    "preventInterviewRecording",
)
_CHANGING = ("webConferencesRecorded", "emailsImported", "callsImported", "gongConnectEnabled")


def settings_history(seed: int, user: User, *, zone: tzinfo, now: datetime) -> list[dict[str, Any]]:
    """All settings as the user was created with, then the changes; the last ones hold now."""
    rng = stream(seed, "settings history", user.id)
    settled = _values(user, zone, user.created)
    first = dict(settled)
    changes: list[tuple[datetime, str, bool]] = []
    for setting in rng.sample(_CHANGING, rng.choice((1, 1, 2, 3))):
        time = user.created + timedelta(milliseconds=rng.randrange(86_400_000, 10_000_000_000))
        if rng.random() < 0.5:
            first[setting] = not settled[setting]
        else:
            changes.append((time, setting, not settled[setting]))
            time += timedelta(milliseconds=rng.randrange(600_000, 1_500_000_000))
        changes.append((time, setting, settled[setting]))
    if user.left_at:
        gone = _values(user, zone, user.left_at)
        changes += [(user.left_at, s, gone[s]) for s in _SETTINGS if gone[s] != settled[s]]
    changes.sort()
    changes[:0] = [(user.created, setting, first[setting]) for setting in _SETTINGS]
    return [
        {"setting": setting, "value": value, "time": stamp(time, zone)}
        for time, setting, value in changes
        if time <= now
    ]


def _values(user: User, zone: tzinfo, moment: datetime) -> dict[str, bool]:
    shown = user.wire(zone, now=moment)
    values = {**shown["settings"], "active": shown["active"]}
    values["callsImported"] = values.pop("telephonyCallsImported")
    return {
        **values,
        "interviewsRecorded": False,
        "preventInterviewRecording": user.team in {"lead", "avatar"},
    }
