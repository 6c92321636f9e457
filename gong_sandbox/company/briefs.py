"""Definitions of the briefs that Gong writes (api: GET /v2/settings/briefs)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp, utc

if TYPE_CHECKING:
    from gong_sandbox.company.people import Staff, User

# Name, description, whether it is in use; of the sales workspace, then of customer success.
_DRAFTS: tuple[tuple[tuple[str, str, bool], ...], ...] = (
    (
        ("Account at a glance", "Who they are, what hurts, where the deal stands", True),
        ("Handover to onboarding", "What was promised, to whom, and by when", True),
        ("Competitors in play", "Who else is being looked at, and what is said of them", True),
        ("Forecast check", "Signs for and against the close date", False),
    ),
    (
        ("QBR preparation", "Value delivered, open issues, people who matter", True),
        ("Renewal risk", "What could keep them from renewing", True),
        ("Onboarding status", "Carriers and lanes that are live, and what blocks the rest", False),
    ),
)


@dataclass(frozen=True, slots=True)
class Brief:
    """One definition."""

    id: str
    name: str
    description: str
    workspace_id: str
    active: bool
    creator: User
    created: datetime
    updated: datetime

    def wire(self, zone: tzinfo, *, now: datetime) -> dict[str, Any]:
        """The record of the list."""
        return {
            "briefId": self.id,
            "briefName": self.name,
            "workspaceId": self.workspace_id,
            "description": self.description,
            "status": "ACTIVE" if self.active else "INACTIVE",
            "creator": self.creator.name,
            "creatorUserId": self.creator.id,
            "created": stamp(self.created, zone),
            "updated": stamp(self.updated if self.updated <= now else self.created, zone),
        }


class Briefs:
    """The definitions of all workspaces."""

    def __init__(self, seed: int, staff: Staff, workspaces: tuple[str, str]) -> None:
        self._all = []
        for workspace_id, drafts in zip(workspaces, _DRAFTS, strict=True):
            rng = stream(seed, "briefs", workspace_id)
            for name, description, active in drafts:
                created = utc(2023, 2, 6, 17) + timedelta(milliseconds=rng.randrange(10**10))
                self._all.append(
                    Brief(
                        id=gong_id(rng),
                        name=name,
                        description=description,
                        workspace_id=workspace_id,
                        active=active,
                        creator=rng.choice(staff.team("manager", "lead")),
                        created=created,
                        updated=created + timedelta(milliseconds=rng.randrange(10**10)),
                    )
                )

    def wire(
        self, workspace_id: str | None, zone: tzinfo, *, now: datetime
    ) -> list[dict[str, Any]]:
        """Those of one workspace or of all that exist at `now`."""
        return [
            brief.wire(zone, now=now)
            for brief in self._all
            if workspace_id in {None, brief.workspace_id} and brief.created <= now
        ]
