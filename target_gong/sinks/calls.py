"""Calls and their recordings (API: Calls)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from gong_api.errors import Refused, Unreachable
from gong_api.languages import LANGUAGES
from target_gong.fields import FLAG, ID, ID_IN_PATH, INSTANT, NUMBER, WHOLE, Field
from target_gong.ledger import FAILED
from target_gong.media import BadMedia, Form, find
from target_gong.sink import GongSink, Rejected, Write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_gong.ledger import Row
    from target_gong.media import Media

_DUPLICATE = re.compile(r"already been posted for the call (?P<call>\d+)")
_SAME_CONTENT = re.compile(r"same content.*?\bcallID\D*(?P<call>\d+)", re.IGNORECASE)
_HANDLED = re.compile(r"already been handled", re.IGNORECASE)

# In the ledger: the call that has the recording of another, and the hash of the record with it.
_SAME, _SAME_IN = "sameRecordingAs", "sameRecordingIn"

_SYSTEMS = ("Salesforce", "HubSpot", "MicrosoftDynamic", "Generic")


def context_fields(*object_types: str) -> tuple[Field, ...]:
    """Fields of links to CRM objects of some types."""
    return (
        Field("system", required=True, choices=_SYSTEMS),
        Field(
            "objects",
            many=True,
            fields=(
                Field("objectType", required=True, choices=object_types),
                Field("objectId", ID, required=True),
                Field("fields", many=True, fields=(Field("name"), Field("value"))),
            ),
        ),
    )


_PARTY = (
    Field("userId", ID),
    Field("partyId", ID),
    Field("name"),
    Field("emailAddress"),
    Field("phoneNumber"),
    Field("mediaChannelId", WHOLE),
    Field(
        "context",
        many=True,
        fields=context_fields("Lead", "Contact", "Account", "Opportunity", "User"),
    ),
)


class _Recordings(GongSink):
    """What sinks that send recordings have in common."""

    local_fields = ("mediaFile",)

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        # Gong's answer would be the same, at the price of the upload.
        if last is None or last.status != FAILED or last.answer.get(_SAME_IN) != write.hash:
            return super().is_settled(write, last)
        same = _same_recording(str(last.answer[_SAME]))
        self.logger.warning("%s %s: not sent again, %s", self.stream, write.key, same)
        self._target.tally.known += 1
        return True

    @override
    def look(self, write: Write) -> None:
        if write.local.get("mediaFile"):
            find(write.local["mediaFile"], self.config.get("media_root"))


class Calls(_Recordings):
    """Calls: a draft, with a recording of ours, or with one that Gong fetches."""

    stream = "calls"
    summary = "A call, with `mediaFile` or `downloadMediaUrl` its recording too"
    operations = "POST /v2/calls, PUT /v2/calls/{id}/media"
    scope = "api:calls:create"
    fields = (
        Field("clientUniqueId", ID, required=True, longest=2048),
        Field("actualStart", INSTANT, required=True),
        Field("direction", required=True, choices=("Inbound", "Outbound", "Conference", "Unknown")),
        Field("primaryUser", ID, required=True),
        Field("parties", required=True, many=True, fields=_PARTY),
        Field("title"),
        Field("purpose", longest=255),
        Field("disposition", longest=255),
        Field("scheduledStart", INSTANT),
        Field("scheduledEnd", INSTANT),
        Field("duration", NUMBER),
        Field(
            "context",
            many=True,
            fields=context_fields("Opportunity", "Account", "Lead", "Contact", "User"),
        ),
        Field("customData"),
        Field(
            "speakersTimeline",
            fields=(
                Field("precise", FLAG),
                Field(
                    "speechSegments",
                    many=True,
                    fields=(
                        Field("fromTime", WHOLE, required=True),
                        Field("toTime", WHOLE, required=True),
                        Field("partyIds", ID, required=True, many=True),
                    ),
                ),
            ),
        ),
        Field("meetingUrl"),
        Field("callProviderCode"),
        Field("downloadMediaUrl"),
        Field("mediaFile"),
        Field("workspaceId", ID),
        Field("languageCode", choices=tuple(LANGUAGES)),
        Field("flowContext", fields=(Field("taskId", ID),)),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get("clientUniqueId", ""))

    @override
    def check(self, write: Write) -> Iterable[str]:
        body = write.body
        parties = body.get("parties")
        if parties is not None and not parties:
            yield "parties must not be empty"
        user = body.get("primaryUser")
        if parties and user and all(party.get("userId") != user for party in parties):
            yield f"parties must have one with the userId of primaryUser, {user}"
        if write.local.get("mediaFile") and body.get("downloadMediaUrl"):
            yield "mediaFile and downloadMediaUrl exclude each other"
        yield from _timeline_problems(body, parties or [])

    @override
    def action(self, write: Write, done: Row | None) -> str | None:
        if done is None:
            return "create"
        if write.local.get("mediaFile") and not done.answer.get("media"):
            return "add media"
        self.logger.warning(
            "calls %s: was created before as call %s with other content; Gong cannot change calls",
            write.key,
            done.answer.get("callId"),
        )
        return None

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        path = write.local.get("mediaFile")
        # Before the call is created: a call without its recording would never be seen.
        media = find(path, self.config.get("media_root")) if path else None
        answer = {**(done.answer if done else {}), **row.answer}
        if not answer.get("callId"):
            answer.update(self._create(write))
            row = self.ledger.note(row, **answer)
        if media is not None and not answer.get("media"):
            answer.update(upload(self, str(answer["callId"]), media, row))
        if answer.get("media") or write.body.get("downloadMediaUrl"):
            self._target.sent_recordings.append(str(answer["callId"]))
        else:
            self._target.tally.drafts += 1
        return answer

    def _create(self, write: Write) -> dict[str, Any]:
        try:
            answer = self.client.request("POST", "/v2/calls", body=write.body)
        except Refused as error:
            # The same clientUniqueId: an earlier try, or another loader, has created it.
            known = _DUPLICATE.search(" ".join(error.texts))
            if error.status != 400 or not known:
                raise
            return {"callId": known["call"], "requestId": error.request_id, "existed": True}
        if not answer.get("callId"):
            msg = "Gong answered POST /v2/calls without a callId; check api_url, and run again"
            raise Unreachable(msg)
        return {"callId": str(answer["callId"]), "requestId": answer.get("requestId")}


class CallMedia(_Recordings):
    """Recordings of calls that are there already."""

    stream = "call_media"
    summary = "The recording of a call that was created before, here or elsewhere"
    operations = "PUT /v2/calls/{id}/media"
    scope = "api:calls:create"
    fields = (
        Field("callId", ID_IN_PATH),
        Field("clientUniqueId", ID, longest=2048),
        Field("mediaFile", required=True),
    )
    needs = (("callId", "clientUniqueId"),)

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get("callId") or body.get("clientUniqueId") or "")

    @override
    def check(self, write: Write) -> Iterable[str]:
        yield from self.missing(write)

    @override
    def action(self, write: Write, done: Row | None) -> str | None:
        if done is None:
            return "upload"
        self.logger.warning(
            "call_media %s: a recording was sent before; Gong cannot change it", write.key
        )
        return None

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        call_id, is_there = self._call(write)
        if is_there:
            return {"callId": call_id, "media": True, "existed": True}
        media = find(write.local["mediaFile"], self.config.get("media_root"))
        answer = upload(self, call_id, media, row)
        self._target.sent_recordings.append(call_id)
        return answer

    def _call(self, write: Write) -> tuple[str, bool]:
        """The call's id, and whether the ledger knows of its recording."""
        client_id = str(write.body.get("clientUniqueId") or "")
        rows = (self.ledger.last("calls", client_id), self.ledger.last_done("calls", client_id))
        known = next((row.answer for row in rows if row and row.answer.get("callId")), {})
        call_id = write.body.get("callId") or known.get("callId")
        if not call_id:
            msg = f"the ledger knows no call with clientUniqueId {client_id}; give its callId"
            raise Rejected(msg)
        return str(call_id), bool(known.get("media"))


def upload(sink: GongSink, call_id: str, media: Media, row: Row) -> dict[str, Any]:
    """Send a call's recording, unless Gong has it.

    Raises:
        Refused: Gong does not take it.
        BadMedia: it cannot be read, or Gong has it as another call's.
    """
    target = sink.target
    target.logger.info("Sending %s (%.1f MB) for call %s", media.name, media.size / 1e6, call_id)
    try:
        answer = target.client.request(
            "PUT",
            f"/v2/calls/{quote(call_id, safe='')}/media",
            content=lambda: Form({"mediaFile": media}, target.clock).content,
        )
    except Refused as error:
        text = " ".join(error.texts)
        same = _SAME_CONTENT.search(text)
        if error.status == 400 and same and same["call"] != call_id:
            sink.ledger.note(row, **{_SAME: same["call"], _SAME_IN: row.hash})
            msg = f"{error}. It is left out from now on: {_same_recording(same['call'])}"
            raise BadMedia(msg) from error
        if error.status != 400 or not (_HANDLED.search(text) or (same and same["call"] == call_id)):
            raise
        return {"callId": call_id, "media": True, "requestId": error.request_id}
    return {
        "callId": call_id,
        "media": True,
        "requestId": answer.get("requestId"),
        "url": answer.get("url"),
    }


def _same_recording(call: str) -> str:
    return (
        f"Gong has this recording as that of call {call}. Give this call its own, or leave out "
        "mediaFile"
    )


def _timeline_problems(body: dict[str, Any], parties: list[dict[str, Any]]) -> Iterable[str]:
    timeline = body.get("speakersTimeline")
    if not timeline:
        return
    if any("mediaChannelId" in party for party in parties):
        yield "speakersTimeline and parties[].mediaChannelId exclude each other"
    known = {party.get("partyId") for party in parties}
    for at, segment in enumerate(timeline.get("speechSegments") or []):
        where = f"speakersTimeline.speechSegments[{at}]"
        unknown = [party for party in segment.get("partyIds") or [] if party not in known]
        if unknown:
            yield f"{where}.partyIds has {unknown[0]}, which is no partyId of parties"
        if segment.get("fromTime", 0) >= segment.get("toTime", 1):
            yield f"{where}.fromTime must be before toTime"
