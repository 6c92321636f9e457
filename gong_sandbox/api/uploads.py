"""Creating calls and adding their media (API: Calls)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from gong_api.languages import LANGUAGES
from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.multipart import read_file
from gong_sandbox.company.calls import APP
from gong_sandbox.company.media import Intake, Media
from gong_sandbox.company.uploads import Clash, NewCall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from starlette.requests import Request

    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.uploads import CrmLink

_LARGEST = 3 * 2**29  # bytes: 1.5 GB
_BINARY = ("application/octet-stream", "binary/octet-stream", "")
_SUFFIXES = (".wav", ".mp3", ".mp4", ".mkv", ".flac")
_URL = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
_OFFSET = re.compile(r"T.*(Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)
_REQUIRED = {
    "clientUniqueId": "client_unique_id",
    "actualStart": "actual_start",
    "parties": "parties",
    "direction": "direction",
    "primaryUser": "primary_user",
}
_CLASHES = {
    "clientUniqueId": (
        "A call with clientUniqueId '{key}' has already been posted for the call {id}"
    ),
    "downloadMediaUrl": "downloadMediaUrl: must be unique, it has been posted for the call {id}",
    "media": "Call ID {id} has already been handled",
    "content": "Media with the same content has already been uploaded for the callID {id}",
}


def create_call(call: Call) -> dict[str, Any]:
    """POST /v2/calls: meta data alone, which no read shows before there is media."""
    try:
        new = msgspec.convert(call.body, NewCall)
    except msgspec.ValidationError:
        raise Refusal(400, filters.BAD_JSON) from None
    missing = [
        f"{name}: must not be null"
        for name, attribute in _REQUIRED.items()
        if getattr(new, attribute) is None
    ]
    faults = [*missing, *_faults(new), *_faults_of_people(call, new)]
    if faults:
        raise Refusal(400, *faults)
    started, scheduled = _times(new)
    user = next(
        user
        for user in call.company.users(now=call.now, include_avatars=True)
        if user["id"] == new.primary_user
    )
    if not (user["active"] and user["settings"]["telephonyCallsImported"]):
        # The words are an assumption.
        raise Refusal(409, f"Importing calls is not enabled for the primary user {user['id']}")
    try:
        created = call.company.create_call(new, started=started, scheduled=scheduled, now=call.now)
    except Clash as clash:
        raise _refused(clash, new.client_unique_id) from None
    call.made = f"call {created.id} ({created.state(call.now)})"
    return {"callId": created.id}


async def read_media(request: Request) -> Media | Refusal:
    """The body of PUT /v2/calls/{id}/media: hashed as it comes; short ones are kept."""
    intake = Intake()
    part = await read_file(request, "mediaFile", intake.feed)
    if isinstance(part, Refusal):
        return part
    media = intake.media(part.content_type)
    if media.size == 0:
        return Refusal(400, "mediaFile part is empty")
    if media.size > _LARGEST:
        return Refusal(400, "mediaFile part is larger than 1.5GB")
    known = media.format or (
        media.content_type in _BINARY and part.filename.lower().endswith(_SUFFIXES)
    )
    if not known and not media.content_type.startswith(("audio/", "video/")):
        return Refusal(400, "mediaFile part is of an unsupported type: WAV, MP3, MP4, MKV or FLAC")
    return media


def add_media(call: Call) -> dict[str, Any]:
    """PUT /v2/calls/{id}/media: accepted, not yet processed."""
    call_id, media = call.path_params["id"], call.body
    try:
        created = call.company.add_media(call_id, media, now=call.now)
    except Clash as clash:
        raise _refused(clash) from None
    if created is None:
        raise Refusal(404, f"Call ID {call_id} was not found")
    call.status = 201
    call.made = f"media of call {call_id}, {media.size:,} bytes"
    return {"callId": call_id, "url": f"{APP}/call?id={call_id}"}


def _refused(clash: Clash, key: str | None = None) -> Refusal:
    return Refusal(400, _CLASHES[clash.what].format(key=key, id=clash.call_id))


def _times(new: NewCall) -> tuple[datetime, datetime]:
    """When the call started, and when it should have."""
    started = filters.instant(new.actual_start, "actualStart")
    return started, (
        filters.instant(new.scheduled_start, "scheduledStart") if new.scheduled_start else started
    )


def _faults(new: NewCall) -> Iterator[str]:
    """What is wrong with the call, one text each."""
    for name, text, most in (
        ("clientUniqueId", new.client_unique_id, 2048),
        ("purpose", new.purpose, 255),
        ("disposition", new.disposition, 255),
    ):
        if text is not None and len(text) > most:
            yield f"{name}: size must be between 0 and {most}"
    if new.client_unique_id == "":
        yield "clientUniqueId: must not be empty"
    for name, text in (
        ("actualStart", new.actual_start),
        ("scheduledStart", new.scheduled_start),
        ("scheduledEnd", new.scheduled_end),
    ):
        if text is not None:
            yield from _faults_of_time(name, text)
    if new.duration is not None and not 0 <= new.duration < 10**7:
        yield "duration: must be a number of seconds"
    if new.language_code is not None and new.language_code not in LANGUAGES:
        yield f"languageCode: {new.language_code} is not supported"
    if new.download_media_url is not None and not _URL.match(new.download_media_url):
        yield "downloadMediaUrl: must be a URL"
    yield from faults_of_links(new.context, "")
    yield from _faults_of_timeline(new)


def _faults_of_time(name: str, text: str) -> Iterator[str]:
    try:
        found = filters.instant(text if _OFFSET.search(text) else "", name)
    except Refusal as refusal:
        yield from refusal.texts
        return
    # The ends of the calendar cannot be shown in every time zone.
    if not 1900 <= found.year < 9000:
        yield f"{name}: must be between the years 1900 and 9000"


def _faults_of_people(call: Call, new: NewCall) -> Iterator[str]:
    """Unknown users and workspaces are refused in words of our own."""
    users = {user["id"] for user in call.company.users(now=call.now, include_avatars=True)}
    parties = new.parties or ()
    if new.parties == ():
        yield "parties: size must be between 1 and 2147483647"
    for index, party in enumerate(parties):
        at = f"parties[{index}]."
        if party.media_channel_id is not None and party.media_channel_id < 0:
            yield f"{at}mediaChannelId: must be greater than or equal to 0"
        if party.media_channel_id is not None and party.media_channel_id > 1:
            yield f"{at}mediaChannelId: must be less than or equal to 1"
        if party.user_id:
            yield from _faults_of_id(f"{at}userId", party.user_id, users, "user")
        yield from faults_of_links(party.context, at)
    if new.primary_user is not None:
        yield from _faults_of_id("primaryUser", new.primary_user, users, "user")
        if parties and new.primary_user not in {party.user_id for party in parties}:
            yield "parties: a party must be provided for the primaryUser"
    if new.workspace_id:
        known = {workspace["id"] for workspace in call.company.workspaces()}
        yield from _faults_of_id("workspaceId", new.workspace_id, known, "workspace")


def _faults_of_id(name: str, given: str, known: set[str], what: str) -> Iterator[str]:
    if not filters.is_gong_id(given):
        raise Refusal(400, filters.BAD_JSON)
    if given not in known:
        yield f"{name}: {what} {given} was not found"


def faults_of_links(
    links: tuple[CrmLink, ...] | None, at: str, member: str = "context"
) -> Iterator[str]:
    """What is missing in links to a CRM, one text each."""
    for index, link in enumerate(links or ()):
        if link.system is None:
            yield f"{at}{member}[{index}].system: must not be null"
        for place, item in enumerate(link.objects or ()):
            for name, value in (("objectType", item.object_type), ("objectId", item.object_id)):
                if value is None:
                    yield f"{at}{member}[{index}].objects[{place}].{name}: must not be null"


def _faults_of_timeline(new: NewCall) -> Iterator[str]:
    timeline = new.speakers_timeline
    known = {party.party_id for party in new.parties or ()} - {None}
    for index, segment in enumerate(timeline.speech_segments or () if timeline else ()):
        at = f"speakersTimeline.speechSegments[{index}]."
        for name, time in (("fromTime", segment.from_time), ("toTime", segment.to_time)):
            if time is None:
                yield f"{at}{name}: must not be null"
            elif time < 0:
                yield f"{at}{name}: must be greater than or equal to 0"
        if segment.party_ids is None:
            yield f"{at}partyIds: must not be null"
        elif not known.issuperset(segment.party_ids):
            yield f"{at}partyIds: must be among the partyId of the parties"
