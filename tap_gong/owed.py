"""Transcripts that are owed: calls seen without one, to be asked for again. Pure.

By id and first sight while they are few. Within the lookback every run reads all transcripts
again, so it is calls that have left it that must not be forgotten: when they are too many to name,
the stretches of time that they lie in are kept instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gong_api.errors import SettingsError
from tap_gong.windows import Window, instant, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pendulum

# Ids of 19 digits: some 5 kB of state.
MOST_NAMED = 200
_MOST_STRETCHES = 10


@dataclass(frozen=True)
class Stretch:
    """Calls too many to name: the time they lie in is read again now and then.

    Attributes:
        window: where they lie.
        since: when they were first seen.
        looked: when they were last asked for, to the end.
        calls: how many they were.
        reached: how far into the window a look has come that is not at its end.
    """

    window: Window
    since: pendulum.DateTime
    looked: pendulum.DateTime
    calls: int
    reached: pendulum.DateTime

    @property
    def is_half_read(self) -> bool:
        """Whether a look at it has begun and not ended."""
        return self.reached > self.window.start

    def is_due(self, now: pendulum.DateTime) -> bool:
        """A day after they were seen, then after two, four, eight: their windows are costly."""
        if self.is_half_read:
            return True
        waited = self.looked - self.since
        return now - self.since >= max(timedelta(days=1), 2 * waited.as_timedelta())


@dataclass
class Owed:
    """What is owed, as a stream's state keeps it.

    Attributes:
        named: call id -> when it was first seen.
        stretches: the rest.
    """

    named: dict[str, pendulum.DateTime] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Owed:
        """From a stream's state: `owed` = {first seen: [ids]}, `owed_windows` = [{...}].

        Raises:
            SettingsError: an instant in it is none.
        """
        what = "an owed transcript in the state"
        if not isinstance(state.get("owed") or {}, dict):
            msg = f"{what} must be under the time it was first seen, not {state['owed']!r}"
            raise SettingsError(msg)
        return cls(
            {
                str(call): instant(seen, what)
                for seen, calls in (state.get("owed") or {}).items()
                for call in calls
            },
            [
                Stretch(
                    Window(instant(entry["from"], what), instant(entry["to"], what)),
                    since=instant(entry["since"], what),
                    looked=instant(entry["looked"], what),
                    calls=int(entry["calls"]),
                    reached=instant(entry.get("reached", entry["from"]), what),
                )
                for entry in state.get("owed_windows") or []
            ],
        )

    @classmethod
    def joined(cls, parts: Iterable[Owed]) -> Owed:
        """What several runs, each of a range of its own, found owing."""
        joined = cls()
        for part in parts:
            for call, seen in part.named.items():
                joined.named[call] = min(seen, joined.named.get(call, seen))
            joined.stretches += [
                stretch for stretch in part.stretches if stretch not in joined.stretches
            ]
        return joined

    def write(self, state: dict[str, Any]) -> None:
        """Into a stream's state; what is empty is left out."""
        groups: dict[str, list[str]] = {}
        for call, seen in self.named.items():
            groups.setdefault(iso(seen), []).append(call)
        stretches = [
            {
                "from": iso(stretch.window.start),
                "to": iso(stretch.window.end),
                "since": iso(stretch.since),
                "looked": iso(stretch.looked),
                "calls": stretch.calls,
                **({"reached": iso(stretch.reached)} if stretch.is_half_read else {}),
            }
            for stretch in self.stretches
        ]
        for key, value in (("owed", groups), ("owed_windows", stretches)):
            if value:
                state[key] = value
            else:
                state.pop(key, None)

    def note(self, calls: Iterable[str], window: Window, now: pendulum.DateTime) -> None:
        """Calls of a window have no transcript yet. Those known already keep their first sight."""
        new = [call for call in calls if call not in self.named]
        if len(self.named) + len(new) <= MOST_NAMED:
            self.named.update(dict.fromkeys(new, now))
        elif new:
            self._stretch(Stretch(window, now, now, len(new), reached=window.start))

    def note_in_lookback(self, calls: Iterable[str], now: pendulum.DateTime) -> None:
        """Calls that the next run reads again: named for their first sight, while there is room."""
        for call in calls:
            if len(self.named) < MOST_NAMED // 2:
                self.named.setdefault(call, now)

    def arrived(self, call: str) -> bool:
        """A transcript came; whether it was owed."""
        return self.named.pop(call, None) is not None

    def due_stretches(self, now: pendulum.DateTime) -> list[Stretch]:
        """Stretches that it is time to read again."""
        return [stretch for stretch in self.stretches if stretch.is_due(now)]

    def looked_until(
        self, stretch: Stretch, end: pendulum.DateTime, now: pendulum.DateTime
    ) -> None:
        """A stretch has been read again as far as `end`."""
        at = next(i for i, s in enumerate(self.stretches) if s.window == stretch.window)
        if end < stretch.window.end:
            self.stretches[at] = replace(stretch, reached=end)
        else:
            self.stretches[at] = replace(stretch, looked=now, reached=stretch.window.start)

    def give_up(self, now: pendulum.DateTime, wait: timedelta) -> int:
        """Forget what has been owed for longer than `wait`.

        Returns:
            How many calls that were.
        """
        late = [call for call, seen in self.named.items() if now - seen >= wait]
        for call in late:
            del self.named[call]
        over = [stretch for stretch in self.stretches if now - stretch.since >= wait]
        self.stretches = [stretch for stretch in self.stretches if stretch not in over]
        return len(late) + sum(stretch.calls for stretch in over)

    def __len__(self) -> int:
        return len(self.named) + sum(stretch.calls for stretch in self.stretches)

    def _stretch(self, new: Stretch) -> None:
        """Add a stretch, joined with the one before it when they touch or are too many."""
        if self.stretches:
            last = self.stretches[-1]
            touches = last.window.end == new.window.start and last.since == new.since
            if touches or len(self.stretches) >= _MOST_STRETCHES:
                start = min(last.window.start, new.window.start)
                self.stretches[-1] = Stretch(
                    Window(start, max(last.window.end, new.window.end)),
                    since=max(last.since, new.since),
                    looked=max(last.looked, new.looked),
                    calls=last.calls + new.calls,
                    reached=start,
                )
                return
        self.stretches.append(new)
