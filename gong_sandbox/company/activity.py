"""What users do in Gong, on calls and with them: the one source of stats, logs and coaching.

(api: POST /v2/stats/activity/..., GET /v2/logs, GET /v2/coaching)
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gong_sandbox.company.comments import has_comments, public_comments
from gong_sandbox.company.randomness import stream
from gong_sandbox.company.wire import UTC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from gong_sandbox.company.calls import Plan
    from gong_sandbox.company.people import Staff, User
    from gong_sandbox.company.timeline import CallSlot, Timeline

COUNTERS = (
    "callsAsHost",
    "callsAttended",
    "callsGaveFeedback",
    "callsRequestedFeedback",
    "callsReceivedFeedback",
    "ownCallsListenedTo",
    "othersCallsListenedTo",
    "callsSharedInternally",
    "callsSharedExternally",
    "callsScorecardsFilled",
    "callsScorecardsReceived",
    "callsCommentsGiven",
    "callsCommentsReceived",
    "callsMarkedAsFeedbackGiven",
    "callsMarkedAsFeedbackReceived",
)
PLAYS = ("ownCallsListenedTo", "othersCallsListenedTo")
OUTSIDE_ACCESS = "outsideAccess"
OUTSIDE_PLAY = "outsidePlay"

_LONGEST_INTEREST = timedelta(days=21)  # after it is listed, nobody touches a call any more
_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)
_ONE_DAY = timedelta(days=1)

# User id -> company day -> counter -> ids of calls.
Days = dict[str, dict[date, dict[str, list[str]]]]


class Event(NamedTuple):
    """Something a user did or received, named by its counter; without call, `call_id` is empty."""

    time: datetime
    user_id: str
    name: str
    call_id: str


class _Reviewed(Protocol):
    def __call__(
        self, *, now: datetime, review_from: datetime | None, review_to: datetime | None
    ) -> list[dict[str, Any]]: ...


class Activities:
    """What happens to each call; a call's events follow from its slot alone."""

    def __init__(
        self,
        seed: int,
        staff: Staff,
        zone: tzinfo,
        *,
        timeline: Timeline,
        plan: Callable[[CallSlot], Plan],
        answered_scorecards: _Reviewed,
    ) -> None:
        self._seed = seed
        self._staff = staff
        self._zone = zone
        self._timeline = timeline
        self._plan = plan
        self._answered_scorecards = answered_scorecards
        self._of_call: Callable[[CallSlot], tuple[Event, ...]] = lru_cache(2**17)(self._derive)

    def midnight(self, day: date) -> datetime:
        """The start of a company day."""
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)

    def of_calls(self, start: datetime, end: datetime, *, now: datetime) -> Iterator[Event]:
        """Events of the calls listed at `now` with start <= time < end, up to `now`; unsorted."""
        start, end = max(start, _LONG_AGO), min(end, now + _ONE_DAY)
        reach = self._timeline.longest_wait + _LONGEST_INTEREST
        for slot in self._timeline.slots(start - reach, end + _ONE_DAY, now):
            for event in self._of_call(slot):
                if start <= event.time < end and event.time <= now:
                    yield event

    def events(self, start: datetime, end: datetime, *, now: datetime) -> Iterator[Event]:
        """All that is counted: what happened to calls, and scorecards that people filled in."""
        yield from self.of_calls(start, end, now=now)
        for review in self._answered_scorecards(now=now, review_from=start, review_to=end):
            reviewer, call_id = review["reviewerUserId"], review["callId"]
            if reviewer is not None:
                time = datetime.fromisoformat(review["reviewTime"])
                yield Event(time, reviewer, "callsScorecardsFilled", call_id)
                yield Event(time, review["reviewedUserId"], "callsScorecardsReceived", call_id)

    def days(self, first: date, last: date, *, now: datetime) -> Days:
        """Users with any activity in first <= day < last; a call counts once a day and counter."""
        days = [first + timedelta(days=offset) for offset in range((last - first).days)]
        midnights = [self.midnight(day) for day in days]
        seen: set[tuple[str, date, str, str]] = set()
        found: Days = defaultdict(dict)
        for event in self.events(midnights[0], self.midnight(last), now=now):
            if event.name not in COUNTERS:
                continue
            day = days[bisect_right(midnights, event.time) - 1]
            key = (event.user_id, day, event.name, event.call_id)
            if key not in seen:
                seen.add(key)
                counters = found[event.user_id].setdefault(day, {})
                counters.setdefault(event.name, []).append(event.call_id)
        return found

    def _derive(self, slot: CallSlot) -> tuple[Event, ...]:
        plan, host_id = self._plan(slot), slot.primary_user_id
        found = [Event(slot.started, host_id, "callsAsHost", slot.id)] if host_id else []
        present = {person.user.id for person in plan.cast if person.user} - {host_id}
        found += [Event(slot.started, user_id, "callsAttended", slot.id) for user_id in present]
        if has_comments(self._seed, slot):
            for comment in public_comments(
                self._seed, self._staff, slot, plan, zone=self._zone, now=_END_OF_TIME
            ):
                time = datetime.fromisoformat(comment["posted"])
                author = comment["commenterUserId"]
                found.append(Event(time, author, "callsCommentsGiven", slot.id))
                if host_id and author != host_id:
                    found.append(Event(time, host_id, "callsCommentsReceived", slot.id))
        host = self._staff.by_id.get(host_id) if host_id else None
        if host is not None:
            rng = stream(self._seed, "aftermath", slot.id)
            aftermath = _Aftermath(rng, self._staff, self._zone, slot=slot, plan=plan, host=host)
            found += aftermath.events()
        return tuple(sorted(found))


class _Aftermath:
    """What host and colleagues do with a call once it is listed."""

    def __init__(
        self, rng: Random, staff: Staff, zone: tzinfo, *, slot: CallSlot, plan: Plan, host: User
    ) -> None:
        self._rng = rng
        self._zone = zone
        self._slot = slot
        self._plan = plan
        self._host = host
        self._boss = staff.manager_of(host)
        self._team = [user for user in staff.team(host.team) if user is not host]
        self._interest = 0.3 if plan.kind.channel == "phone" else 1.0
        self._found: list[Event] = []

    def events(self) -> list[Event]:
        """All of them, unsorted."""
        listed = self._slot.listed_at
        if self._chance(0.35):
            self._act(listed, self._host, "ownCallsListenedTo", days=4)
        for user in self._rng.sample(self._team, min(len(self._team), self._rng.choice((0, 0, 1)))):
            if self._chance(0.8):
                self._act(listed, user, "othersCallsListenedTo", days=9)
        if self._chance(0.08):
            sharer = self._host if self._rng.random() < 0.6 else self._boss
            self._act(listed, sharer, "callsSharedInternally", days=3)
        if self._boss is not self._host:
            self._give_feedback()
        if self._plan.kind.external and self._plan.kind.channel != "phone" and self._chance(0.35):
            self._share_outside()
        return self._found

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share * self._interest

    def _act(self, after: datetime, user: User, name: str, *, days: float) -> datetime:
        """Something within so many days, rather sooner than later and not at night."""
        seconds = 180 + self._rng.random() ** 2 * days * 86_400
        time = (after + timedelta(milliseconds=int(seconds * 1000))).astimezone(UTC)
        if not 7 <= time.astimezone(self._zone).hour < 20:
            time += timedelta(hours=12)
        self._found.append(Event(time, user.id, name, self._slot.id))
        return time

    def _give_feedback(self) -> None:
        time, host, boss = self._slot.listed_at, self._host, self._boss
        asked = self._chance(0.06)
        if asked:
            time = self._act(time, host, "callsRequestedFeedback", days=1)
        if asked or self._chance(0.18):
            time = self._act(time, boss, "othersCallsListenedTo", days=4)
            if asked or self._rng.random() < 0.6:
                time = self._act(time, boss, "callsGaveFeedback", days=0.1)
                self._found.append(Event(time, host.id, "callsReceivedFeedback", self._slot.id))
            if self._rng.random() < 0.5:
                time = self._act(time, boss, "callsMarkedAsFeedbackGiven", days=0.05)
                received = "callsMarkedAsFeedbackReceived"
                self._found.append(Event(time, host.id, received, self._slot.id))

    def _share_outside(self) -> None:
        shared = self._act(self._slot.listed_at, self._host, "callsSharedExternally", days=2)
        for _ in range(self._rng.choice((1, 2, 3, 3, 4, 6))):
            opened = self._act(shared, self._host, OUTSIDE_ACCESS, days=8)
            if self._rng.random() < 0.65:
                played = opened + timedelta(milliseconds=self._rng.randrange(2000, 40_000))
                self._found.append(Event(played, self._host.id, OUTSIDE_PLAY, self._slot.id))
