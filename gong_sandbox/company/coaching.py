"""How managers coach those who report to them (api: GET /v2/coaching)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gong_sandbox.company.activity import Activities
    from gong_sandbox.company.people import Staff, User
    from gong_sandbox.company.timeline import CallSlot

# Metric -> what the manager did on calls that the report hosted.
_METRICS = {
    "callsAttended": "callsAttended",
    "callsListenedTo": "othersCallsListenedTo",
    "callsCommented": "callsCommentsGiven",
    "callsGaveFeedback": "callsGaveFeedback",
    "callsMarkedAsReviewed": "callsMarkedAsFeedbackGiven",
    "scorecardsFilled": "callsScorecardsFilled",
}


class Coaching:
    """What managers did on the calls of their direct reports; metrics hold ids of calls."""

    def __init__(
        self,
        staff: Staff,
        activities: Activities,
        slot: Callable[[str, datetime], CallSlot | None],
    ) -> None:
        self._staff = staff
        self._activities = activities
        self._slot = slot

    def wire(
        self,
        manager_id: str,
        workspace_id: str,
        start: datetime,
        end: datetime,
        *,
        now: datetime,
    ) -> list[dict[str, Any]]:
        """The record of a manager, none for somebody whom nobody reports to."""
        manager = self._staff.by_id.get(manager_id)
        reports = [
            user
            for user in self._staff.everyone
            if user.manager_id == manager_id and user.created <= now and user.is_active(now)
        ]
        if manager is None or not reports:
            return []
        done: dict[tuple[str, str], set[str]] = {}
        for event in self._activities.events(start, end, now=now):
            if event.user_id != manager_id:
                continue
            slot = self._slot(event.call_id, now)
            if slot and slot.primary_user_id and slot.workspace_id == workspace_id:
                done.setdefault((slot.primary_user_id, event.name), set()).add(slot.id)
        return [
            {
                "manager": _person(manager),
                "directReportsMetrics": [
                    {
                        "report": _person(user),
                        "metrics": {
                            metric: sorted(done.get((user.id, name), ()))
                            for metric, name in _METRICS.items()
                        },
                    }
                    for user in reports
                ],
            }
        ]


def _person(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "emailAddress": user.email,
        "firstName": user.first,
        "lastName": user.last,
        "title": user.title,
    }
