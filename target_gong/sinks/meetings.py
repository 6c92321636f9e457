"""Meetings (API: Meetings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from gong_api.errors import NotFound
from target_gong.fields import ID, ID_IN_PATH, INSTANT, Field, in_utc
from target_gong.ledger import content_hash
from target_gong.sink import GongSink, Rejected, Unresolved, Write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_gong.ledger import Row

_PATH = "/v2/meetings"


class Meetings(GongSink):
    """Meetings: created, changed where their id is known, deleted."""

    stream = "meetings"
    summary = (
        "A meeting; changed when `meetingId` is there or the ledger knows its `externalId`; "
        "`_sdc_deleted_at` deletes it"
    )
    operations = "POST /v2/meetings, PUT and DELETE /v2/meetings/{meetingId}"
    scope = "api:meetings:user:create"
    deletes = True
    local_fields = ("meetingId",)
    needs = ("startTime", "endTime", "invitees")
    fields = (
        Field("meetingId", ID_IN_PATH),
        Field("externalId", ID),
        Field("organizerEmail", required=True),
        Field("startTime", INSTANT),
        Field("endTime", INSTANT),
        Field("title"),
        Field("provider"),
        Field(
            "invitees",
            many=True,
            fields=(
                Field("email", required=True),
                Field("displayName"),
                Field("firstName"),
                Field("lastName"),
            ),
        ),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        known = body.get("externalId") or body.get("meetingId")
        if known:
            return str(known)
        # Deleting one, or sending it again, takes the same fields.
        times = [in_utc(body[name]) for name in ("startTime", "endTime") if name in body]
        invitees = sorted(str(who.get("email")).lower() for who in body.get("invitees") or [])
        named = [body.get("organizerEmail"), body.get("title"), times, invitees]
        return content_hash(named)[:32]

    @override
    def check(self, write: Write) -> Iterable[str]:
        if write.deletes:
            return
        yield from self.missing(write)
        start, end = (write.body.get(name) for name in ("startTime", "endTime"))
        if start and end and in_utc(end) <= in_utc(start):
            yield "endTime must be after startTime"

    @override
    def action(self, write: Write, done: Row | None) -> str:
        if write.deletes:
            return "delete"
        return "update" if self._known_id(write, done) else "create"

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        meeting_id = self._known_id(write, done)
        if write.deletes:
            return self._delete(write, meeting_id)
        if not meeting_id and done is not None and done.action != "delete":
            msg = "it is there, but the ledger does not know its id: give its meetingId"
            raise Rejected(msg)
        if meeting_id:
            answer = self.client.request(
                "PUT", f"{_PATH}/{quote(meeting_id, safe='')}", body=write.body
            )
        else:
            answer = self.client.request("POST", _PATH, body=write.body, repeatable=False)
        return {
            "meetingId": answer.get("meetingId") or meeting_id,
            "url": answer.get("meetingUrl"),
            "additionalInvitees": answer.get("additionalInvitees"),
            "requestId": answer.get("requestId"),
        }

    @override
    def resolve(self, write: Write, row: Row) -> dict[str, Any] | None:
        if row.action == "create":
            msg = "Gong may have created it, and has no way to look a meeting up"
            raise Unresolved(msg)
        return None

    def _known_id(self, write: Write, done: Row | None) -> str | None:
        known = write.local.get("meetingId")
        if not known and done is not None and done.action != "delete":
            known = done.answer.get("meetingId")
        return str(known) if known else None

    def _delete(self, write: Write, meeting_id: str | None) -> dict[str, Any]:
        if not meeting_id:
            msg = "the ledger knows no such meeting; give its meetingId"
            raise Rejected(msg)
        body = {"organizerEmail": write.body["organizerEmail"]}
        try:
            answer = self.client.request(
                "DELETE", f"{_PATH}/{quote(meeting_id, safe='')}", body=body
            )
        except NotFound as error:
            # Deleted before, by an earlier try or by somebody else.
            return {"meetingId": meeting_id, "requestId": error.request_id}
        return {"meetingId": meeting_id, "requestId": answer.get("requestId")}
