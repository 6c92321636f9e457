"""How calls of the dialler may end (api: GET /v2/call-outcomes)."""

from __future__ import annotations

from typing import Any

from gong_sandbox.company.arcs import OUTCOMES

# Name -> whether connected, sentiment, whether the to-do is removed; each in order of display.
_DEFINED: dict[str, tuple[bool, str, bool]] = {
    "Follow up": (True, "POSITIVE", True),
    "Meeting booked": (True, "POSITIVE", True),
    "Bad timing": (True, "NEGATIVE", True),
    "Has a solution": (True, "NEUTRAL", True),
    "Gave referral": (True, "POSITIVE", True),
    "Wrong contact": (True, "NEGATIVE", True),
    "Do not call": (True, "NEGATIVE", True),
    "Not interested (other)": (True, "NEGATIVE", True),
    "Left voicemail": (False, "NEUTRAL", False),
    "Busy": (False, "NEUTRAL", False),
    "Number disconnected": (False, "NEUTRAL", False),
    "Gatekeeper": (False, "NEUTRAL", False),
}
_CATEGORIES = {
    name: category.upper().replace(" ", "_") for _, category, name, _ in OUTCOMES.values()
}


def call_outcomes() -> list[dict[str, Any]]:
    """The records of GET /v2/call-outcomes; `displayOrder` counts on its own by connect status."""
    counts = {True: 0, False: 0}
    found = []
    for name, (connected, sentiment, removed) in _DEFINED.items():
        counts[connected] += 1
        found.append(
            {
                "callOutcome": name,
                "displayOrder": counts[connected],
                "connectStatus": "CONNECTED" if connected else "NOT_CONNECTED",
                "sentiment": sentiment,
                "todoAction": "COMPLETE_AND_REMOVE" if removed else "COMPLETE",
                "automation": "MARK_AS_OPT_OUT" if name == "Do not call" else None,
                "category": _CATEGORIES.get(name, "ANSWERED" if connected else "NOT_ANSWERED"),
            }
        )
    return found
