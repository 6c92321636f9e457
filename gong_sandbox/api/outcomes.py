"""Call outcomes (API: Outcomes)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call

_order = random.SystemRandom()


def list_outcomes(call: Call) -> dict[str, Any]:
    """GET /v2/call-outcomes: in another order each time, as Gong does."""
    outcomes = call.company.call_outcomes()
    _order.shuffle(outcomes)
    return {"outcomes": outcomes}
