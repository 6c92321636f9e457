"""Whether Gong may put meetings into users' calendars (api: POST meetings/integration/status)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.company.calls import APP

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from gong_sandbox.company.people import Staff, User

_NOBODY = "There is no Gong user with this email address."
_GONE = "This user is no longer active in Gong. Ask your Gong admin."
_NOT_RECORDED = "Web conferences of this user are not recorded. Ask your Gong admin."
_DISCONNECTED = "The meeting provider of this user is disconnected from Gong. Connect it again."


class Meetings:
    """The users' connections to their meeting providers."""

    def __init__(self, staff: Staff, zone: tzinfo) -> None:
        self._staff = staff
        self._zone = zone

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
