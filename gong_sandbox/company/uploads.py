"""Calls that were created through the API, from draft to visible (api: POST /v2/calls)."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gong_sandbox.company.randomness import stream

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from gong_sandbox.company.media import Media

SHORTEST = 60  # seconds; what is shorter never becomes visible
TRANSCRIPT_DELAY = 10  # times that of the call
MOST_KEPT = 64_000_000  # bytes of media files, all together; the oldest go first
State = Literal["draft", "processing", "visible", "dropped", "deleted"]
Direction = Literal["Inbound", "Outbound", "Conference", "Unknown"]
System = Literal["Salesforce", "HubSpot", "MicrosoftDynamic", "Generic"]
ObjectType = Literal["Opportunity", "Account", "Lead", "Contact", "User"]


class _Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is posted; keys that nobody knows are ignored, those left out are None."""


class CrmField(_Wire, frozen=True):
    """A field of a CRM object, for future use."""

    name: str | None = None
    value: Any = None


class CrmObject(_Wire, frozen=True):
    """An object of a CRM that the call or a party belongs to."""

    object_type: ObjectType | None = None
    object_id: str | None = None
    fields: tuple[CrmField, ...] | None = None


class CrmLink(_Wire, frozen=True):
    """A CRM and its objects."""

    system: System | None = None
    objects: tuple[CrmObject, ...] | None = None


class Party(_Wire, frozen=True):
    """A participant."""

    phone_number: str | None = None
    email_address: str | None = None
    name: str | None = None
    party_id: str | None = None
    media_channel_id: int | None = None
    context: tuple[CrmLink, ...] | None = None
    user_id: str | None = None


class SpeechSegment(_Wire, frozen=True):
    """Who spoke from when to when, in milliseconds."""

    from_time: int | None = None
    to_time: int | None = None
    party_ids: tuple[str, ...] | None = None


class SpeakersTimeline(_Wire, frozen=True):
    """Who spoke when."""

    precise: bool | None = None
    speech_segments: tuple[SpeechSegment, ...] | None = None


class FlowContext(_Wire, frozen=True):
    """The task that the call was made for."""

    task_id: str | None = None


class NewCall(_Wire, frozen=True):
    """The body of POST /v2/calls; times are ISO-8601 texts, `duration` is in seconds."""

    client_unique_id: str | None = None
    title: str | None = None
    purpose: str | None = None
    scheduled_start: str | None = None
    scheduled_end: str | None = None
    actual_start: str | None = None
    duration: float | None = None
    parties: tuple[Party, ...] | None = None
    direction: Direction | None = None
    disposition: str | None = None
    context: tuple[CrmLink, ...] | None = None
    custom_data: str | None = None
    speakers_timeline: SpeakersTimeline | None = None
    meeting_url: str | None = None
    call_provider_code: str | None = None
    download_media_url: str | None = None
    workspace_id: str | None = None
    language_code: str | None = None
    flow_context: FlowContext | None = None
    primary_user: str | None = None


@dataclass
class CreatedCall:
    """A created call and what has become of it.

    Attributes:
        id: of the call.
        new: as it was posted.
        started: its `actualStart`.
        scheduled: its `scheduledStart`, or when it started.
        created_at: when it was posted.
        media: the file, None for a draft and where it is fetched from a URL.
        media_uploads: files accepted for it: 0 or 1.
        visible_at: when processing ends, None for a draft.
        seconds: of the recording, 0 for a draft.
        dropped: why processing ends without a call, None where it does not.
        deleted: whether it has been deleted since.
    """

    id: str
    new: NewCall
    started: datetime
    scheduled: datetime
    created_at: datetime
    media: Media | None = None
    media_uploads: int = 0
    visible_at: datetime | None = None
    seconds: float = 0
    dropped: str | None = None
    deleted: bool = False

    def state(self, now: datetime) -> State:
        """How far it has come."""
        if self.deleted:
            return "deleted"
        if self.visible_at is None:
            return "draft"
        if now < self.visible_at:
            return "processing"
        return "dropped" if self.dropped else "visible"


class Clash(Exception):
    """Something of a call is taken.

    Args:
        what: clientUniqueId, downloadMediaUrl, media (the call has some) or content (of media).
        call_id: of the call that has it.
    """

    def __init__(self, what: str, call_id: str) -> None:
        super().__init__(f"{what} of call {call_id}")
        self.what = what
        self.call_id = call_id


class Uploads:
    """All created calls.

    Args:
        seed: of the company.
        processing: from the arrival of media until the call is visible.
    """

    def __init__(self, seed: int, processing: timedelta) -> None:
        self._seed = seed
        self.processing = processing
        self._lock = threading.Lock()
        self._by_id: dict[str, CreatedCall] = {}
        # Whose they are, by what must be unique in the company.
        self._taken: dict[tuple[str, str], str] = {}
        self._kept: deque[CreatedCall] = deque()  # with their media files, oldest first

    @property
    def created(self) -> list[CreatedCall]:
        """Every created call, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def find(self, call_id: str) -> CreatedCall | None:
        """A created call, in whatever state."""
        return self._by_id.get(call_id)

    def delete(self, call_id: str) -> None:
        """Note that a call is no more, if it is one of these; what it took stays taken."""
        with self._lock:
            call = self._by_id.get(call_id)
            if call is not None:
                call.deleted = True
                _let_go(call)

    def counts(self, now: datetime) -> dict[State, int]:
        """How many calls are in each state."""
        states = [call.state(now) for call in self.created]
        names: tuple[State, ...] = ("draft", "processing", "visible", "dropped", "deleted")
        return {name: states.count(name) for name in names}

    def create(self, call: CreatedCall) -> None:
        """Register a call.

        Raises:
            Clash: its clientUniqueId or its downloadMediaUrl is taken.
        """
        keys = [("clientUniqueId", call.new.client_unique_id or "")]
        if call.new.download_media_url:
            keys.append(("downloadMediaUrl", call.new.download_media_url))
        with self._lock:
            self._take(keys, call.id)
            self._by_id[call.id] = call
            if call.new.download_media_url:
                rng = stream(self._seed, "download", call.new.download_media_url)
                self._process(call, call.new.duration or rng.uniform(600, 2400), call.created_at)

    def receive(self, call: CreatedCall, media: Media, now: datetime) -> None:
        """Take the media of a call.

        Raises:
            Clash: it has media, or another call has the same.
        """
        with self._lock:
            if call.visible_at is not None:
                raise Clash("media", call.id)
            self._take([("content", media.sha256)], call.id)
            call.media = media
            call.media_uploads += 1
            if media.content:
                self._keep(call)
            seconds = media.seconds
            if seconds is None:
                seconds = call.new.duration or media.estimated_seconds
            self._process(call, seconds, now)

    def _process(self, call: CreatedCall, seconds: float, now: datetime) -> None:
        call.seconds = seconds
        if call.media and call.media.silent:
            call.dropped = "no speech"
        elif seconds < SHORTEST:
            call.dropped = f"shorter than {SHORTEST} s"
        call.visible_at = now + self.processing

    def _keep(self, call: CreatedCall) -> None:
        self._kept.append(call)
        while sum(_kept_of(one) for one in self._kept) > MOST_KEPT:
            _let_go(self._kept.popleft())

    def _take(self, keys: list[tuple[str, str]], call_id: str) -> None:
        for key in keys:
            if key in self._taken:
                raise Clash(key[0], self._taken[key])
        self._taken.update(dict.fromkeys(keys, call_id))


def _kept_of(call: CreatedCall) -> int:
    """Bytes of its media file that are kept."""
    return len(call.media.content) if call.media and call.media.content else 0


def _let_go(call: CreatedCall) -> None:
    """Keep no more of its media than the facts."""
    if call.media:
        call.media = replace(call.media, content=None)
