"""The call library: folders and the calls somebody filed in them (api: GET /v2/library/...)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.calls import APP
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gong_sandbox.company.people import Staff
    from gong_sandbox.company.timeline import CallSlot

# Name, parent, how many calls, which kinds (none: all external ones).
_SALES: tuple[tuple[str, str | None, int, tuple[str, ...]], ...] = (
    ("Public Folders", None, 0, ()),
    ("Win/Loss", "Public Folders", 6, ("pricing",)),
    ("New Hire Onboarding", "Public Folders", 15, ()),
    ("Best Discovery Calls", "New Hire Onboarding", 9, ("discovery",)),
    ('Objection Handling, "greatest hits"', "New Hire Onboarding", 8, ("demo", "pricing")),
    ("Cold Calls We Love ❤️", "Public Folders", 12, ("phone",)),
    ("Competitors", "Public Folders", 0, ()),
)
_SUCCESS: tuple[tuple[str, str | None, int, tuple[str, ...]], ...] = (
    ("Public Folders", None, 0, ()),
    ("Model QBRs", "Public Folders", 5, ("renewal",)),
    ("Onboarding Kick-offs", "Public Folders", 4, ("onboarding",)),
)
_NOTES = (
    "Listen from the agenda on: calm, short, and the customer does the talking.",
    "Price question handled well.\nNote the pause after the number.",
    'The "what happens if you do nothing?" question, textbook.',
    "Good example for new hires, 10 minutes are enough.",
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A library folder; `spacing` says how thinly its calls are picked."""

    id: str
    name: str
    parent_id: str | None
    workspace_id: str
    created_by: str | None
    updated: datetime
    size: int
    kinds: tuple[str, ...]
    salt: int


class Library:
    """The folder trees of all workspaces."""

    def __init__(self, seed: int, staff: Staff, zone: tzinfo, workspaces: tuple[str, str]) -> None:
        self._seed = seed
        self._staff = staff
        self._zone = zone
        self.folders: dict[str, Folder] = {}
        for workspace_id, drafts in zip(workspaces, (_SALES, _SUCCESS), strict=True):
            rng = stream(seed, "library", workspace_id)
            ids: dict[str, str] = {}
            for name, parent, size, kinds in drafts:
                ids[name] = gong_id(rng)
                day = utc(2019, 1, 22, 18) + timedelta(microseconds=816_562)
                if size:
                    day += timedelta(days=rng.randrange(100, 1400), hours=rng.randrange(8))
                folder = Folder(
                    id=ids[name],
                    name=name,
                    parent_id=ids[parent] if parent else None,
                    workspace_id=workspace_id,
                    created_by=rng.choice(staff.team("manager", "lead")).id if size else None,
                    updated=day,
                    size=size,
                    kinds=kinds,
                    salt=rng.randrange(1, 10**6),
                )
                self.folders[folder.id] = folder

    def wire(self, workspace_id: str | None) -> list[dict[str, Any]]:
        """The records of GET /v2/library/folders."""
        return [
            {
                "id": folder.id,
                "name": folder.name,
                "parentFolderId": folder.parent_id,
                "createdBy": folder.created_by,
                "updated": stamp(folder.updated, self._zone),
            }
            for folder in self.folders.values()
            if workspace_id in {None, "", folder.workspace_id}
        ]

    def content(
        self,
        folder: Folder,
        candidates: Iterable[tuple[CallSlot, str]],
        *,
        now: datetime,
        title: Callable[[CallSlot], str | None],
    ) -> dict[str, Any]:
        """A folder with its calls; `candidates` are external calls with the name of their kind.

        The oldest calls that are picked fill the folder, so it only ever grows as time passes.
        """
        calls: list[dict[str, Any]] = []
        taken = 0
        for slot, kind in candidates if folder.size else ():
            if taken >= folder.size:
                break
            if folder.kinds and kind not in folder.kinds:
                continue
            spacing = 3 if folder.kinds else 11
            if (int(slot.id) // 10**9 + folder.salt) % spacing:
                continue
            filed = self._file(folder, slot, title, twice=taken == 1)
            if filed[0][0] > now:
                continue
            calls.extend(record for at, record in filed if at <= now)
            taken += 1
        return {
            "id": folder.id,
            "name": folder.name,
            "createdBy": folder.created_by,
            "updated": stamp(folder.updated, self._zone),
            "calls": calls,
        }

    def _file(
        self,
        folder: Folder,
        slot: CallSlot,
        title: Callable[[CallSlot], str | None],
        *,
        twice: bool,
    ) -> list[tuple[datetime, dict[str, Any]]]:
        rng = stream(self._seed, "filed", f"{folder.id}:{slot.id}")
        added = slot.listed_at + timedelta(milliseconds=rng.randrange(3_600_000, 260_000_000))
        people = self._staff.team("manager", "lead", "ae")
        twice = twice and folder.kinds == ("discovery",) and slot.duration > 400
        found = []
        for part in range(2 if twice else 1):
            record: dict[str, Any] = {"id": slot.id, "title": title(slot)}
            if rng.random() < 0.45:
                record["note"] = rng.choice(_NOTES)
            at = added + timedelta(seconds=part * 95)
            record["addedBy"] = rng.choice(people).id
            record["created"] = stamp(at, self._zone)
            record["url"] = f"{APP}/call?id={slot.id}"
            if twice or rng.random() < 0.35:
                half = slot.duration // 2
                begin = rng.randrange(0, max(1, half - 60)) + (half if part else 0)
                end = min(slot.duration, begin + rng.randrange(30, 180))
                record["snippet"] = {"fromSec": begin, "toSec": end}
            found.append((at, record))
        return found
