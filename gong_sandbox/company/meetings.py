"""Meetings that were made through the API, and whether Gong may make them for a user."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from gong_sandbox.company.calls import APP
from gong_sandbox.company.posted import Posted
from gong_sandbox.company.randomness import gong_id, stream

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from gong_sandbox.company.people import Staff, User

_NOBODY = "There is no Gong user with this email address."
_GONE = "This user is no longer active in Gong. Ask your Gong admin."
_NOT_RECORDED = "Web conferences of this user are not recorded. Ask your Gong admin."
_DISCONNECTED = "The meeting provider of this user is disconnected from Gong. Connect it again."


class Invitee(Posted, frozen=True):
    """Somebody who is invited."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"email"})
    email: str | None = None
    display_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class NewMeeting(Posted, frozen=True):
    """The body of POST /v2/meetings and PUT /v2/meetings/{meetingId}."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset(
        {"start_time", "end_time", "invitees", "organizer_email"}
    )
    start_time: str | None = None
    end_time: str | None = None
    title: str | None = None
    invitees: tuple[Invitee, ...] | None = None
    external_id: str | None = None
    organizer_email: str | None = None
    provider: str | None = None


@dataclass
class Meeting:
    """A meeting and what has become of it.

    Attributes:
        id: of the meeting.
        url: where one enters it.
        organizer_id: the user who made it.
        given: as it was posted last.
        updates: how often it was changed.
        deleted: whether it was.
    """

    id: str
    url: str
    organizer_id: str
    given: NewMeeting
    updates: int = 0
    deleted: bool = False


class Meetings:
    """The users' connections to their meeting providers, and the meetings made over them.

    Attributes:
        created: every meeting, oldest first, deleted ones too.
    """

    def __init__(self, seed: int, staff: Staff, zone: tzinfo) -> None:
        self._seed = seed
        self._staff = staff
        self._zone = zone
        self._lock = threading.Lock()
        self.created: list[Meeting] = []

    def create(self, new: NewMeeting, organizer: User, *, now: datetime) -> Meeting:
        """A meeting; the same posted again is another."""
        with self._lock:
            meeting_id = gong_id(stream(self._seed, "meeting", str(len(self.created))))
            page = organizer.wire(self._zone, now=now)["meetingConsentPageUrl"]
            meeting = Meeting(meeting_id, f"{page}/{meeting_id}", organizer.id, new)
            self.created.append(meeting)
        return meeting

    def find(self, meeting_id: str) -> Meeting | None:
        """A meeting, deleted or not."""
        return next((one for one in self.created if one.id == meeting_id), None)

    def update(self, meeting: Meeting, new: NewMeeting) -> None:
        """Replace what is said of a meeting."""
        with self._lock:
            meeting.given = new
            meeting.updates += 1

    def of_invitee(self, email: str) -> list[str]:
        """Ids of the meetings that somebody is invited to."""
        wanted = email.casefold()
        return [
            meeting.id
            for meeting in self.created
            if not meeting.deleted
            and wanted in {(one.email or "").casefold() for one in meeting.given.invitees or ()}
        ]

    def forget(self, email: str) -> None:
        """Take somebody off all lists of invitees."""
        wanted = email.casefold()
        with self._lock:
            for meeting in self.created:
                left = tuple(
                    one
                    for one in meeting.given.invitees or ()
                    if (one.email or "").casefold() != wanted
                )
                meeting.given = msgspec.structs.replace(meeting.given, invitees=left)

    def status(self, email: str, *, now: datetime) -> dict[str, Any]:
        """The connection of a user; texts are empty where nothing is wrong."""
        user = self._staff.find(email, now=now)
        problem = _NOBODY if user is None else self._problem(user, now)
        fixable = problem in {_NOT_RECORDED, _DISCONNECTED}
        return {
            "email": email,
            "exists": user is not None,
            "valid": not problem,
            "userFacingError": problem,
            "fixUrl": f"{APP}/settings/recording" if fixable else "",
            "helpUrl": "https://help.gong.example/meetings" if problem else "",
        }

    def _problem(self, user: User, now: datetime) -> str:
        shown = user.wire(self._zone, now=now)
        if not shown["active"]:
            return _GONE
        if not shown["settings"]["webConferencesRecorded"]:
            return _NOT_RECORDED
        return _DISCONNECTED if int(user.id) % 5 == 0 else ""
