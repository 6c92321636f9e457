"""Calls that automation rules have named since the last run: to be fetched first, by their ids.

A hint moves no bookmark of the windows. Each stream remembers in its state, as `hints`, how far
into the inbox it has come, and which calls were named that Gong did not show yet.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gong_api.decoding import decoded
from gong_api.errors import SettingsError
from tap_gong.windows import instant, iso, told_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence

    import pendulum

    from gong_webhook.inbox import InboxReader

# A call that Gong names before it shows it is asked for again by later runs for so long. After that
# the lookback is there.
_ASKED_AGAIN_FOR = timedelta(days=1)
_MOST_UNSEEN = 100
# Its entry in a state.
HINTS = "hints"


class _MetaData(msgspec.Struct):
    id: Any = None
    scheduled: Any = None
    started: Any = None


class _CallData(msgspec.Struct):
    metaData: _MetaData | None = None  # noqa: N815


class _Payload(msgspec.Struct):
    callData: _CallData | None = None  # noqa: N815


_payload = msgspec.json.Decoder(_Payload)


class Hints:
    """Calls that have been named, for some streams.

    Args:
        inbox: where they are named.
        states: of the streams; what is new to any of them is new to all.

    Attributes:
        times: call id -> when it took place, None where the rule did not tell.

    Raises:
        InboxFault: the inbox cannot be read.
        SettingsError: a state is damaged.
    """

    def __init__(
        self,
        inbox: InboxReader,
        states: Iterable[Mapping[str, Any]],
    ) -> None:
        self._inbox = inbox
        self._received: dict[str, pendulum.DateTime] = {}
        self._shown: set[str] = set()
        self.times: dict[str, pendulum.DateTime | None] = {}
        # A stream that has just been selected gets its history from the windows.
        known = [state[HINTS] for state in states if state.get(HINTS)]
        for hints in known:
            for received, calls in (hints.get("unseen") or {}).items():
                for call in calls:
                    self._note(str(call), instant(received, "a hint in the state"), None)
        after = min((reached(hints, inbox) for hints in known), default=0)
        for event in inbox.events(after):
            call, time = _named(event.body)
            if call:
                self._note(call, event.received, time)

    def leave_out(self, is_wanted: Callable[[pendulum.DateTime], bool]) -> None:
        """Drop calls that are told to have taken place when this run wants none."""
        for call, time in list(self.times.items()):
            if time and not is_wanted(time):
                del self.times[call]
                self.shown(call)

    def shown(self, call: str) -> None:
        """Gong showed a call by its id."""
        self._shown.add(call)

    def unseen(self, now: pendulum.DateTime) -> dict[str, pendulum.DateTime]:
        """Calls that Gong does not show yet, and when they were named, not too long ago."""
        recent = [
            (received, call)
            for call, received in self._received.items()
            if call not in self._shown and now - received < _ASKED_AGAIN_FOR
        ]
        return {call: received for received, call in sorted(recent)[-_MOST_UNSEEN:]}

    def write(self, state: MutableMapping[str, Any], now: pendulum.DateTime) -> None:
        """Put into a stream's state that it has all that was named so far."""
        groups: dict[str, list[str]] = {}
        for call, received in self.unseen(now).items():
            groups.setdefault(iso(received.start_of("second")), []).append(call)
        state[HINTS] = {"inbox": self._inbox.identity, "sequence": self._inbox.newest}
        if groups:
            state[HINTS]["unseen"] = groups

    def _note(self, call: str, received: pendulum.DateTime, time: pendulum.DateTime | None) -> None:
        self._received.setdefault(call, received)
        self.times[call] = time or self.times.get(call)


def reached(state: Mapping[str, Any], inbox: InboxReader) -> int:
    """The number of the last event that a state says was read; 0 where all are to be read.

    An inbox that was begun anew, or put back to how it once was, is another one.

    Raises:
        SettingsError: the state is damaged.
    """
    sequence = _sequence(state)
    if state.get("inbox") != inbox.identity or sequence > inbox.newest:
        return 0
    return sequence


def read_by_all(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of some runs have read of an inbox; empty, so nothing, if it was not one inbox.

    Args:
        states: of a stream of events, or what `Hints.write` wrote.
    """
    first, *others = states
    if any(state.get("inbox") != first.get("inbox") for state in others):
        return {}
    least = min(states, key=_sequence)
    return dict(least)


def hinted_to_all(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The entry `hints` of a stream's state, of those that several runs left of it, if any did."""
    known = [state[HINTS] for state in states if state.get(HINTS)]
    joined = read_by_all(known) if known else {}
    if not joined:
        return {}
    joined.pop("unseen", None)
    unseen: dict[str, list[str]] = {}
    for hints in known:
        for received, calls in (hints.get("unseen") or {}).items():
            unseen[received] = list(dict.fromkeys([*unseen.get(received, ()), *calls]))
    return {HINTS: {**joined, **({"unseen": unseen} if unseen else {})}}


def _sequence(state: Mapping[str, Any]) -> int:
    sequence = state.get("sequence", 0)
    if not isinstance(sequence, int):
        msg = f"the place in the inbox in the state must be a number, not {sequence!r}"
        raise SettingsError(msg)
    return sequence


def _named(body: str) -> tuple[str, pendulum.DateTime | None]:
    """The call that a body is about, empty if it names none, and when it took place."""
    try:
        payload = decoded(body.encode(), _payload)
    except msgspec.DecodeError:
        # Gong has changed what it posts: the row of `automation_events` shows it.
        return "", None
    told = (payload.callData and payload.callData.metaData) or _MetaData()
    times = [time for time in map(told_instant, (told.scheduled, told.started)) if time]
    return str(told.id or ""), min(times, default=None)
