"""How users talk, on average over their calls (api: POST /v2/stats/interaction)."""

from __future__ import annotations

from typing import NamedTuple

_NAMES = ("Longest Monologue", "Longest Customer Story", "Interactivity", "Patience")


class CallStats(NamedTuple):
    """The interaction stats of one call by name, the questions asked, and its seconds."""

    values: dict[str, float]
    questions: int
    duration: int


def averages(calls: list[CallStats]) -> dict[str, float]:
    """Means over the calls that have a stat; Question Rate is that of all calls together."""
    found: dict[str, float] = {}
    for name in _NAMES:
        values = [call.values[name] for call in calls if name in call.values]
        if values:
            found[name] = round(sum(values) / len(values), 2)
    hours = sum(call.duration for call in calls) / 3600
    found["Question Rate"] = round(sum(call.questions for call in calls) / hours, 2)
    return found
