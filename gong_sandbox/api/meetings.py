"""Meetings (API: Meetings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.company.meetings import NewMeeting
from gong_sandbox.company.posted import Posted

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.meetings import Meeting

_MOST_USERS = 100
_RECORDER = {
    "email": "coordinator@gong.example",
    "displayName": "Gong",
    "firstName": None,
    "lastName": None,
}


class Deletion(Posted, frozen=True):
    """The body of DELETE /v2/meetings/{meetingId}."""

    organizer_email: str | None = None


def create_meeting(call: Call) -> dict[str, Any]:
    """POST /v2/meetings: with the recorder as one more invitee; each creates another."""
    new = _new_meeting(call)
    organizer = call.company.user(str(new.organizer_email), now=call.now)
    if organizer is None:
        raise Refusal(404, "No Gong user found corresponding to the provided organizer email")
    status = call.company.meetings.status(str(new.organizer_email), now=call.now)
    if not status["valid"]:
        fixes = {name: status[name] for name in ("userFacingError", "fixUrl", "helpUrl")}
        raise Refusal(409, "Provider disconnected", more=fixes)
    meeting = call.company.meetings.create(new, organizer, now=call.now)
    call.made = f"meeting {meeting.id}"
    return {
        "meetingId": meeting.id,
        "meetingUrl": meeting.url,
        "additionalInvitees": [_RECORDER],
    }


def update_meeting(call: Call) -> dict[str, Any]:
    """PUT /v2/meetings/{meetingId}: one that Gong does not know is none of its business."""
    new = _new_meeting(call)
    meeting_id = call.path_params["meetingId"]
    meeting = call.company.meetings.find(meeting_id)
    if meeting is not None:
        _check_there(meeting)
        call.company.meetings.update(meeting, new)
        call.made = f"changes to meeting {meeting_id}"
    return {"meetingId": meeting_id}


def delete_meeting(call: Call) -> dict[str, Any]:
    """DELETE /v2/meetings/{meetingId}: once; a given organizer must be the meeting's."""
    given = filters.posted(call.body or {}, Deletion)
    filters.check_email(given.organizer_email)
    meeting_id = call.path_params["meetingId"]
    meeting = _check_there(call.company.meetings.find(meeting_id))
    if given.organizer_email is not None:
        organizer = call.company.user(given.organizer_email, now=call.now)
        if organizer is None or organizer.id != meeting.organizer_id:
            text = "No Gong meeting found corresponding to the provided organizer email"
            raise Refusal(404, text)
    meeting.deleted = True
    call.made = f"deletion of meeting {meeting_id}"
    return {}


def _new_meeting(call: Call) -> NewMeeting:
    new = filters.posted(call.body, NewMeeting)
    for one in (new.organizer_email, *(invitee.email for invitee in new.invitees or ())):
        filters.check_email(one)
    start = filters.instant(new.start_time, "startTime")
    if start >= filters.instant(new.end_time, "endTime"):
        raise Refusal(400, "startTime: must be before endTime")
    return new


def _check_there(meeting: Meeting | None) -> Meeting:
    if meeting is None or meeting.deleted:
        raise Refusal(404, "The given meeting ID was not found.")
    return meeting


def get_integration_status(call: Call) -> dict[str, Any]:
    """POST /v2/meetings/integration/status: in the order of the addresses."""
    emails = filters.texts(call.body, "emails")
    if len(emails) > _MOST_USERS:
        raise Refusal(400, f"emails: must hold up to {_MOST_USERS} addresses")
    return {"users": [call.company.meetings.status(email, now=call.now) for email in emails]}
