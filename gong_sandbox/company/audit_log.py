"""Who did what in Gong, and when (api: GET /v2/logs)."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.activity import OUTSIDE_ACCESS, OUTSIDE_PLAY, PLAYS, Event
from gong_sandbox.company.calls import APP
from gong_sandbox.company.randomness import gong_id, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from gong_sandbox.company.activity import Activities
    from gong_sandbox.company.calls import Plan
    from gong_sandbox.company.people import Staff
    from gong_sandbox.company.timeline import CallSlot

LOG_TYPES = (
    "AccessLog",
    "UserActivityLog",
    "UserCallPlay",
    "ExternallySharedCallAccess",
    "ExternallySharedCallPlay",
)
_OF_CALLS = {
    "UserCallPlay": PLAYS,
    "ExternallySharedCallAccess": (OUTSIDE_ACCESS,),
    "ExternallySharedCallPlay": (OUTSIDE_PLAY,),
}
_ACCESS_KEPT = timedelta(days=14)
_ONE_DAY = timedelta(days=1)
_IMPERSONATED = {"AccessLog": 0.03, "UserActivityLog": 0.06, "UserCallPlay": 0.02}

# Verb, endpoint, page it was sent from, changed tables, column of a changed row, custom data.
_ACTIONS: tuple[tuple[str, str, str, tuple[str, ...], str | None, str | None], ...] = (
    ("POST", "/ajax/scorecards/save", "/settings/scorecards",
     ("scorecards.scorecard", "scorecards.question"), "updated_at", None),
    ("POST", "/ajax/trackers/save", "/settings/trackers", ("trackers.tracker",), "keywords", None),
    ("POST", "/company/users/update", "/company/users",
     ("users.app_user", "users.capture_settings"), "title", "user-title"),
    ("POST", "/company/users/profile", "/company/users", ("permissions.user_profile",),
     "profile_id", "user-title"),
    ("PUT", "/ajax/library/folder", "/library", ("library.folder",), None, None),
    ("POST", "/ajax/saved-filters", "/conversations", ("search.saved_filter",), "name", None),
    ("DELETE", "/ajax/streams/subscription", "/home", ("streams.subscription",), None, None),
)  # fmt: skip
_BROWSERS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148",
)


def _stamp(moment: datetime) -> str:
    """UTC with milliseconds, as the logs alone write it."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


class AuditLog:
    """The five logs; `since` is the day the first two of them begin."""

    def __init__(
        self,
        seed: int,
        staff: Staff,
        zone: tzinfo,
        *,
        since: date,
        activities: Activities,
        workspaces: tuple[str, str],
        call: Callable[[str, datetime], tuple[CallSlot, Plan] | None],
    ) -> None:
        self._seed = seed
        self._staff = staff
        self._zone = zone
        self._since = since
        self._activities = activities
        self._workspaces = workspaces
        self._call = call
        self._gong_id = gong_id(stream(seed, "impersonating company"))

    def events(
        self, log_type: str, start: datetime, end: datetime | None, *, now: datetime
    ) -> list[Event]:
        """Events up to `now` with start <= time < end, by time."""
        end = min(end or now + _ONE_DAY, now + _ONE_DAY)
        start = max(start, self._activities.midnight(self._since))
        if log_type == "AccessLog":
            start = max(start, now - _ACCESS_KEPT)
        if start >= end:
            return []
        if names := _OF_CALLS.get(log_type):
            happened = self._activities.of_calls(start, end, now=now)
            return sorted(event for event in happened if event.name in names)
        make = self._sign_ins if log_type == "AccessLog" else self._changes
        found: list[Event] = []
        day, last = (moment.astimezone(self._zone).date() for moment in (start, min(end, now)))
        while day <= last:
            found.extend(make(day))
            day += _ONE_DAY
        return sorted(event for event in found if start <= event.time < end and event.time <= now)

    def _sign_ins(self, day: date) -> Iterator[Event]:
        rng = stream(self._seed, "sign-ins", day.isoformat())
        share = 0.85 if day.weekday() < 5 else 0.06
        for user in self._staff.everyone:
            if user.team != "avatar" and not user.left and rng.random() < share:
                for _ in range(rng.choice((1, 1, 2))):
                    yield Event(self._at(rng, day), user.id, "AccessLog", "")

    def _changes(self, day: date) -> Iterator[Event]:
        rng = stream(self._seed, "changes", day.isoformat())
        people = [
            *self._staff.team("lead", "manager"),
            *self._staff.team("lead", "manager", "ae", "csm"),
        ]
        for _ in range(rng.randrange(3, 9) if day.weekday() < 5 else rng.choice((0, 0, 1))):
            yield Event(self._at(rng, day), rng.choice(people).id, "UserActivityLog", "")

    def _at(self, rng: Random, day: date) -> datetime:
        """A moment of the working day."""
        seconds = timedelta(milliseconds=int(rng.triangular(7.2, 19, 9.5) * 3_600_000))
        return self._activities.midnight(day) + seconds

    def wire(self, log_type: str, event: Event, *, now: datetime) -> dict[str, Any]:
        """The record of GET /v2/logs."""
        key = f"{log_type}:{event.time.isoformat()}:{event.user_id}:{event.call_id}"
        rng = stream(self._seed, "log entry", key)
        user = self._staff.by_id[event.user_id]
        found: dict[str, Any] = {
            "userId": user.id,
            "userEmailAddress": user.email,
            "userFullName": user.name,
        }
        if rng.random() < _IMPERSONATED.get(log_type, 0):
            support = self._staff.team("avatar")[0]
            found["impersonatorUserId"] = support.id
            found["impersonatorEmailAddress"] = support.email
            found["impersonatorFullName"] = support.name
            found["impersonatorCompanyId"] = self._gong_id
        found["eventTime"] = _stamp(event.time)
        if log_type == "UserActivityLog":
            found["logRecord"] = self._change(rng, event)
        elif log_type == "AccessLog":
            found["logRecord"] = {
                "action": rng.choice(("LOGIN", "LOGIN", "LOGIN", "LOGIN_MOBILE", "LOGOUT")),
                "authentication": "SAML",
                **self._client(rng),
            }
        else:
            found["logRecord"] = self._of_call(rng, event, log_type, now)
        return found

    @staticmethod
    def _client(rng: Random) -> dict[str, Any]:
        return {
            "clientIp": f"203.0.113.{rng.randrange(1, 255)}",
            "userAgent": rng.choice(_BROWSERS),
        }

    def _of_call(self, rng: Random, event: Event, log_type: str, now: datetime) -> dict[str, Any]:
        """A play or an access; outside ones name who it was shared with, where that is known."""
        record: dict[str, Any] = {"callId": event.call_id, "callUrl": f"{APP}/call?id="}
        record["callUrl"] += event.call_id
        slot, plan = self._call(event.call_id, now) or (None, None)
        if slot is None or plan is None:
            return record
        record["workspaceId"] = slot.workspace_id
        if log_type != "UserCallPlay":
            guests = [person.contact.email for person in plan.cast if person.contact]
            record["sharedWith"] = rng.choice([*guests, None])
        if log_type != "ExternallySharedCallAccess":
            begin = rng.randrange(max(1, slot.duration // 2))
            record["playedFromSec"] = begin
            record["playedToSec"] = rng.randrange(begin, slot.duration + 1)
        return {**record, **self._client(rng)}

    def _change(self, rng: Random, event: Event) -> dict[str, Any]:
        verb, endpoint, page, tables, column, custom = rng.choice(_ACTIONS)
        object_id = gong_id(rng)
        titles = [user.title for user in self._staff.team("ae", "sdr", "csm") if user.title]
        return {
            "auditId": gong_id(rng),
            "tableChanges": [
                self._table_change(rng, event.time, table, object_id, column if first else None)
                for table, first in zip(tables, (True, False), strict=False)
            ],
            "customData": [{"key": custom, "values": [rng.choice(titles)]}] if custom else [],
            "remoteCallsAuditData": [],
            "action": None,
            "httpRequest": {
                "verb": verb,
                "endpointUri": endpoint,
                "referrerUri": APP + page,
                "clientIp": self._client(rng)["clientIp"],
                "body": None,
                "parameters": [
                    {"key": "id", "values": [object_id]},
                    {"key": "redirect-url", "values": [page]},
                ],
            },
            "workspaceId": rng.choice((None, *self._workspaces)),
        }

    @staticmethod
    def _table_change(
        rng: Random, time: datetime, table: str, object_id: str, column: str | None
    ) -> dict[str, Any]:
        after = time - timedelta(milliseconds=rng.randrange(2, 30))
        before = after - timedelta(milliseconds=rng.randrange(20, 140))
        change = {
            "columnName": column,
            "operation": "replace",
            "oldValue": None,
            "newValue": _stamp(before) if column == "updated_at" else f"{rng.getrandbits(40):x}",
        }
        row = {
            "primaryKeyColumns": [{"columnName": "id", "columnValue": object_id}],
            "columnChanges": [change],
        }
        return {
            "tableName": table,
            "preSnapshotTimestamp": _stamp(before),
            "postSnapshotTimestamp": _stamp(after),
            "rowChanges": [row] if column else [],
        }
