"""The absolute time line: which calls there are, made day by day from the seed alone."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from gong_sandbox.company.kinds import CallKind, kind_of
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import UTC

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from gong_sandbox.company.accounts import Account

_ONE_DAY = timedelta(days=1)
_FAR_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)
_FAR_PAST = datetime(1, 1, 2, tzinfo=UTC)
_HALF_HOURS = tuple(range(16, 36))  # 8:00 to 17:30
_HALF_HOUR_WEIGHTS = (2, 3, 6, 7, 9, 9, 9, 8, 4, 3, 5, 7, 9, 9, 8, 7, 6, 4, 2, 1)
_WEEKDAY_WEIGHTS = (0.95, 1.1, 1.15, 1.1, 0.8, 0.05, 0.06)
_MEAN_WEIGHT = 0.79  # of all days, month ends and holidays included
_HOLIDAYS = {(1, 1), (7, 4), (12, 24), (12, 25), (12, 31)}


@dataclass(frozen=True, slots=True)
class CallSlot:
    """A call's place in time; everything else about it is made on demand.

    All instants are aware UTC, `duration` is in seconds. `filter_time` is what date filters
    compare: `scheduled` for recorded web conferences, `started` for telephony and uploads.
    """

    id: str
    filter_time: datetime
    scheduled: datetime
    started: datetime
    duration: int
    listed_at: datetime
    transcript_at: datetime | None
    primary_user_id: str | None
    workspace_id: str
    is_private: bool

    @property
    def ended(self) -> datetime:
        """When the recording stopped."""
        return self.started + timedelta(seconds=self.duration)


Key = tuple[datetime, str]


def _key(slot: CallSlot) -> Key:
    return slot.filter_time, slot.id


@dataclass(frozen=True, slots=True)
class Seat:
    """Who hosts a call, for which account, where."""

    account: Account | None
    host_id: str
    workspace_id: str
    foreign: bool


def _day_weight(day: date) -> float:
    """How busy a day is: weekdays, month and quarter ends, holidays."""
    weight = _WEEKDAY_WEIGHTS[day.weekday()]
    if (day.month, day.day) in _HOLIDAYS:
        return 0.04
    if (day + timedelta(days=4)).month != day.month:
        weight *= 1.6 if day.month % 3 == 0 else 1.25
    return weight


def _duration(rng: Random, kind: CallKind, *, foreign: bool) -> int:
    """Seconds of recording; minus the silence of those that nobody answered."""
    if kind.channel == "phone":
        if rng.random() < 0.06:
            return rng.randrange(4, 24)
        return int(min(1260, 28 + rng.expovariate(1 / 170)))
    if rng.random() < 0.004:
        return rng.randrange(40, 190)
    minutes = rng.choice(kind.minutes) if not foreign else rng.choice((10, 15, 20))
    return max(300, int(minutes * 60 * rng.uniform(0.68, 1.03)))


def _listing_delay(rng: Random, kind: CallKind) -> timedelta:
    """From the end of the call until the API shows it."""
    if kind.channel == "upload" and rng.random() < 0.125:
        return timedelta(seconds=rng.uniform(86_400, 5 * 86_400 - 4000))
    roll = rng.random()
    if roll < 0.01:
        return timedelta(seconds=rng.uniform(6, 24) * 3600)
    if roll < 0.05:
        return timedelta(seconds=rng.uniform(50, 360) * 60)
    return timedelta(seconds=rng.uniform(5, 50) * 60)


def _transcript_delay(rng: Random) -> timedelta:
    if rng.random() < 0.03:
        return timedelta(seconds=rng.uniform(3, 24) * 3600)
    return timedelta(seconds=rng.uniform(20, 180) * 60)


def _to_milliseconds(moment: datetime, rng: Random) -> datetime:
    """Most recorders stamp milliseconds, some only seconds."""
    fraction = 0 if rng.random() < 0.12 else int(rng.random() * 1000) * 1000
    return moment.replace(microsecond=fraction)


class Timeline:
    """The calls of the company, ascending by (filter_time, id), extended as `now` moves on."""

    def __init__(
        self,
        *,
        seed: int,
        calls: int,
        days: int,
        now: datetime,
        zone: tzinfo,
        seat: Callable[[str, CallKind, datetime], Seat],
    ) -> None:
        self._seed = seed
        self._rate = max(calls, 1) / max(days, 1)
        self._zone = zone
        self._seat = seat
        self._lock = threading.RLock()
        self._added = 0
        self._longest_wait = timedelta(days=6)
        self._by_id: dict[str, CallSlot] = {}
        self._slots: list[CallSlot] = []
        self.last_day = now.astimezone(zone).date()
        self._build_history(calls, now)

    def _build_history(self, calls: int, now: datetime) -> None:
        """Walk days back until enough calls are listed at `now`, then cut the oldest surplus."""
        chunks: list[list[CallSlot]] = []
        day, listed = self.last_day, 0
        while True:
            chunk = self._day(day)
            chunks.append(chunk)
            listed += sum(slot.listed_at <= now for slot in chunk)
            if listed >= calls:
                break
            day -= _ONE_DAY
        self.first_day = day
        slots = [slot for chunk in reversed(chunks) for slot in chunk]
        surplus, first = listed - calls, 0
        while surplus > 0 or (not calls and first < len(slots)):
            surplus -= slots[first].listed_at <= now
            first += 1
        slots = slots[first:]
        self._slots = slots
        self._by_id = {slot.id: slot for slot in slots}

    def _day(self, day: date) -> list[CallSlot]:
        rng = stream(self._seed, "day", day.isoformat())
        count = int(self._rate * _day_weight(day) / _MEAN_WEIGHT + rng.random())
        slots = [self._make(rng, day) for _ in range(count)]
        slots.sort(key=_key)
        return slots

    def _make(self, rng: Random, day: date) -> CallSlot:
        call_id = gong_id(rng)
        kind = kind_of(int(call_id))
        half_hour = rng.choices(_HALF_HOURS, _HALF_HOUR_WEIGHTS)[0]
        planned = datetime(
            day.year, day.month, day.day, half_hour // 2, half_hour % 2 * 30, tzinfo=self._zone
        ).astimezone(UTC)
        if kind.channel != "conference":
            planned = _to_milliseconds(planned + timedelta(seconds=int(rng.random() * 1800)), rng)
        return self._place(rng, call_id, kind, planned)

    def _place(self, rng: Random, call_id: str, kind: CallKind, scheduled: datetime) -> CallSlot:
        seat = self._seat(call_id, kind, scheduled)
        started = scheduled
        if kind.channel == "conference":
            late = rng.uniform(-137, 150) if rng.random() < 0.8 else rng.uniform(0, 1187)
            started = _to_milliseconds(scheduled + timedelta(seconds=int(late)), rng)
        duration = _duration(rng, kind, foreign=seat.foreign)
        listed_at = started + timedelta(seconds=duration) + _listing_delay(rng, kind)
        delay = _transcript_delay(rng)
        silent = duration < (24 if kind.channel == "phone" else 200)
        host = None if kind.channel != "conference" and rng.random() < 0.015 else seat.host_id
        return CallSlot(
            id=call_id,
            filter_time=scheduled,
            scheduled=scheduled,
            started=started,
            duration=duration,
            listed_at=listed_at.replace(microsecond=0),
            transcript_at=None if silent else (listed_at + delay).replace(microsecond=0),
            primary_user_id=host,
            workspace_id=seat.workspace_id,
            is_private=rng.random() < 0.04,
        )

    def extend(self, now: datetime) -> None:
        """Make the days up to `now`."""
        today = now.astimezone(self._zone).date()
        if today <= self.last_day:
            return
        with self._lock:
            while self.last_day < today:
                chunk = self._day(self.last_day + _ONE_DAY)
                for slot in chunk:
                    self._by_id[slot.id] = slot
                if self._slots and chunk and _key(self._slots[-1]) > _key(chunk[0]):
                    self._slots = sorted([*self._slots, *chunk], key=_key)
                else:
                    self._slots.extend(chunk)
                self.last_day += _ONE_DAY

    def _range(self, start: datetime | None, end: datetime | None) -> list[CallSlot]:
        low = bisect_left(self._slots, (start or _FAR_PAST, ""), key=_key)
        high = bisect_left(self._slots, (end or _FAR_FUTURE, ""), key=_key)
        return self._slots[low:high]

    def slots(self, start: datetime | None, end: datetime | None, now: datetime) -> list[CallSlot]:
        """Listed calls with start <= filter_time < end."""
        self.extend(now)
        return [slot for slot in self._range(start, end) if slot.listed_at <= now]

    def pending(self, start: datetime | None, end: datetime | None, now: datetime) -> int:
        """Calls of the range that have ended but are not listed yet."""
        self.extend(now)
        earliest = now - self._longest_wait
        start = earliest if start is None else max(start, earliest)
        return sum(slot.ended <= now < slot.listed_at for slot in self._range(start, end))

    def made_since(self, day: date | None, now: datetime) -> list[CallSlot]:
        """All calls, listed or not, of the days after one that the line had reached before."""
        self.extend(now)
        if day is None:
            return self._slots.copy()
        after = day + _ONE_DAY
        midnight = datetime(after.year, after.month, after.day, tzinfo=self._zone)
        return self._range(midnight.astimezone(UTC), None) if day < self.last_day else []

    def find(self, call_id: str, now: datetime) -> CallSlot | None:
        """A listed call by its id."""
        self.extend(now)
        slot = self._by_id.get(call_id)
        return slot if slot is not None and slot.listed_at <= now else None

    def delete(self, call_id: str) -> None:
        """Forget a call."""
        with self._lock:
            slot = self._by_id.pop(call_id, None)
            if slot is not None:
                self._slots = [other for other in self._slots if other.id != call_id]

    def mark_private(self, call_id: str, *, private: bool) -> None:
        """Change whether a call is private."""
        with self._lock:
            old = self._by_id.get(call_id)
            if old is not None:
                new = replace(old, is_private=private)
                self._by_id[call_id] = new
                self._slots = [new if slot is old else slot for slot in self._slots]

    def add(
        self,
        *,
        filter_time: datetime,
        listed_at: datetime,
        transcript_at: datetime | None,
        duration: int,
        is_private: bool,
    ) -> CallSlot:
        """Put one more call on the line, however late it is listed."""
        with self._lock:
            rng = stream(self._seed, "added", f"{self._added}:{filter_time.isoformat()}")
            self._added += 1
            call_id = gong_id(rng)
            kind = kind_of(int(call_id))
            slot = self._place(rng, call_id, kind, filter_time.astimezone(UTC))
            slot = replace(
                slot,
                duration=duration,
                listed_at=listed_at,
                transcript_at=transcript_at,
                is_private=is_private,
            )
            self.insert(slot)
            return slot

    def insert(self, slot: CallSlot) -> None:
        """Put a call on the line, however late it is listed."""
        with self._lock:
            waits = slot.listed_at - slot.filter_time + _ONE_DAY
            self._longest_wait = max(self._longest_wait, waits)
            self._by_id[slot.id] = slot
            self._slots = self._slots.copy()
            insort(self._slots, slot, key=_key)

    @property
    def longest_wait(self) -> timedelta:
        """How long after its place in time a call may come to be listed, at most."""
        return self._longest_wait

    def has(self, call_id: str) -> bool:
        """Whether an id is that of a call, listed or not."""
        return call_id in self._by_id
