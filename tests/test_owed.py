"""What is owed is remembered, asked for, and given up; the state stays small."""

from __future__ import annotations

import json
from datetime import timedelta

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gong_api.errors import SettingsError
from tap_gong.owed import MOST_NAMED, Owed
from tap_gong.windows import Window

NOW = pendulum.datetime(2026, 6, 15)
WAIT = timedelta(days=14)


def window(day: int, length: int = 1) -> Window:
    start = NOW.add(days=day)
    return Window(start, start.add(days=length))


def test_what_is_written_is_read_again():
    owed = Owed()
    owed.note(["1", "2"], window(-9), NOW)
    owed.note(["3"], window(-8), NOW.add(hours=3))
    owed.note([str(n) for n in range(100, 100 + MOST_NAMED)], window(-7), NOW.add(hours=3))
    state: dict[str, object] = {"replication_key_value": "x"}
    owed.write(state)
    assert state["owed"] == {"2026-06-15T00:00:00Z": ["1", "2"], "2026-06-15T03:00:00Z": ["3"]}
    again = Owed.read(json.loads(json.dumps(state)))
    assert again.named == owed.named
    assert again.stretches == owed.stretches
    assert len(again) == 3 + MOST_NAMED


def test_nothing_owed_leaves_no_trace():
    owed = Owed()
    owed.note(["1"], window(-9), NOW)
    state: dict[str, object] = {}
    owed.write(state)
    assert owed.arrived("1")
    assert not owed.arrived("1")
    owed.write(state)
    assert state == {}


def test_first_sight_counts_however_often_a_call_is_seen_again():
    owed = Owed()
    owed.note(["1"], window(-9), NOW)
    owed.note(["1"], window(-9), NOW.add(days=10))
    assert owed.give_up(NOW.add(days=13, hours=23), WAIT) == 0
    assert owed.give_up(NOW.add(days=14), WAIT) == 1
    assert len(owed) == 0


def test_calls_too_many_to_name_are_remembered_by_where_they_lie():
    owed = Owed()
    owed.note([str(n) for n in range(1000)], window(-40, 10), NOW)
    owed.note([str(n) for n in range(1000, 2000)], window(-30, 10), NOW)
    (stretch,) = owed.stretches
    assert stretch.window == window(-40, 20)
    assert stretch.calls == 2000
    assert owed.give_up(NOW.add(days=14), WAIT) == 2000


def test_a_stretch_is_read_again_less_and_less_often():
    owed = Owed()
    owed.note([str(n) for n in range(1000)], window(-40), NOW)
    looks = []
    for hour in range(14 * 24):
        now = NOW.add(hours=hour)
        for stretch in owed.due_stretches(now):
            owed.looked_until(stretch, stretch.window.end, now)
            looks.append(hour / 24)
    assert looks == [1, 2, 4, 8]


@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(-3000, 0), st.integers(1, 90)), max_size=60
    )
)
def test_state_stays_under_10_kb_whatever_is_owed(notes):
    owed = Owed()
    for hours, (calls, day, length) in enumerate(notes):
        ids = [f"{hours:04d}{n:015d}" for n in range(calls)]
        owed.note(ids, window(day, length), NOW.add(hours=3 * hours))
    state: dict[str, object] = {}
    owed.write(state)
    assert len(json.dumps(state)) < 9_000


def test_a_damaged_state_is_named():
    with pytest.raises(SettingsError, match="owed transcript"):
        Owed.read({"owed": {"soon": ["1"]}})
