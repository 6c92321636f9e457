"""Calls (API: Calls)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import NO_CALLS, Refusal
from gong_sandbox.api.pages import page

if TYPE_CHECKING:
    from datetime import datetime

    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company import CallSlot

MEDIA_SCOPE = "api:calls:read:media-url"
_CONTEXTS = ("None", "Basic", "Extended")
_TIMINGS = ("Now", "TimeOfCall")
_CONTENT = (
    "structure",
    "topics",
    "trackers",
    "brief",
    "outline",
    "highlights",
    "callOutcome",
    "keyPoints",
)
# What each switch of exposedFields.interaction brings in the answer.
_INTERACTION = {
    "speakers": "speakers",
    "video": "video",
    "personInteractionStats": "interactionStats",
    "questions": "questions",
}


def list_calls(call: Call) -> dict[str, Any]:
    """GET /v2/calls."""
    given: dict[str, Any] = dict(call.query)
    slots, records = _slots(call, given, token=given.get("cursor"), prefix="")
    return {
        "records": records,
        "calls": [call.company.basic(slot, now=call.now) for slot in slots],
    }


def get_call(call: Call) -> dict[str, Any]:
    """GET /v2/calls/{id}."""
    call_id = call.path_params["id"]
    slot = call.company.slot(call_id, now=call.now)
    if slot is None:
        raise Refusal(404, f"Call ID {call_id} was not found")
    return {"call": call.company.basic(slot, now=call.now)}


def list_calls_extensive(call: Call) -> dict[str, Any]:
    """POST /v2/calls/extensive."""
    given = filters.filter_of(call.body)
    choose = Selection(filters.part(call.body, "contentSelector"))
    if choose.media:
        call.needs_scope(MEDIA_SCOPE)
    slots, records = _slots(call, given, token=call.body.get("cursor"))
    return {
        "records": records,
        "calls": [
            {"metaData": call.company.basic(slot, now=call.now)}
            if choose.is_bare
            else choose.parts(call.company.extensive(slot, now=call.now), slot, call.now)
            for slot in slots
        ],
    }


def list_transcripts(call: Call) -> dict[str, Any]:
    """POST /v2/calls/transcript: calls without a transcript yet count, but are left out."""
    given = filters.filter_of(call.body)
    slots, records = _slots(call, {**given, "primaryUserIds": None}, token=call.body.get("cursor"))
    ready = [slot for slot in slots if slot.transcript_at and slot.transcript_at <= call.now]
    if not ready and "cursor" not in records and not call.body.get("cursor"):
        raise Refusal(404, NO_CALLS)
    records["currentPageSize"] = len(ready)
    return {
        "records": records,
        "callTranscripts": [
            {"callId": slot.id, "transcript": call.company.transcript(slot)} for slot in ready
        ],
    }


def _slots(
    call: Call, given: dict[str, Any], *, token: Any, prefix: str = "filter."
) -> tuple[list[CallSlot], dict[str, Any]]:
    """The page of calls that match the filters.

    Raises:
        Refusal: 404, there is none; 400, the filters are malformed.
    """
    start, end = filters.time_range(given, "fromDateTime", "toDateTime", prefix=prefix)
    workspace = given.get("workspaceId") or None
    if workspace is not None and not isinstance(workspace, str):
        raise Refusal(400, filters.BAD_JSON)
    if workspace and workspace not in {w["id"] for w in call.company.workspaces()}:
        # An assumption: Gong's answer to an unknown workspace has not been recorded.
        raise Refusal(404, NO_CALLS)
    call_ids = filters.ids(given, "callIds")
    users = filters.ids(given, "primaryUserIds")
    if call_ids:
        found = (call.company.slot(call_id, now=call.now) for call_id in call_ids)
        slots = sorted(
            (
                slot
                for slot in found
                if slot
                and (start is None or slot.filter_time >= start)
                and (end is None or slot.filter_time < end)
            ),
            key=_key,
        )
        pending = 0
    else:
        slots = call.company.slots(start, end, now=call.now)
        pending = call.company.pending(start, end, now=call.now)
    if workspace or users:
        pending = 0
        slots = [
            slot
            for slot in slots
            if (not workspace or slot.workspace_id == workspace)
            and (not users or slot.primary_user_id in users)
        ]
    served, records = page(
        slots,
        _key,
        token=token,
        total=len(slots) + pending,
        now=call.now,
        size=call.site.page_size,
    )
    if not served and not token:
        raise Refusal(404, NO_CALLS)
    return served, records


def _key(slot: CallSlot) -> list[Any]:
    return [slot.filter_time.timestamp(), slot.id]


class Selection:
    """What a contentSelector lets through.

    Args:
        selector: as it was sent.

    Raises:
        Refusal: 400, a word in it is unknown.
    """

    def __init__(self, selector: dict[str, Any]) -> None:
        self._context = filters.choice(selector, "context", _CONTEXTS, "None")
        timing = selector.get("contextTiming") or []
        if not isinstance(timing, list) or not all(word in _TIMINGS for word in timing):
            raise Refusal(400, filters.BAD_JSON)
        if timing and self._context != "Extended":
            raise Refusal(400, "contentSelector.contextTiming: is for context Extended only")
        self._timing = set(timing or ["Now"])
        exposed = filters.part(selector, "exposedFields")
        self._parties = bool(exposed.get("parties"))
        self._content = filters.part(exposed, "content")
        self._interaction = filters.part(exposed, "interaction")
        self._comments = bool(filters.part(exposed, "collaboration").get("publicComments"))
        self.media = bool(exposed.get("media"))
        # Metadata alone is cheap to make, and asked for often.
        self.is_bare = self._context == "None" and not any(
            (self._parties, self._content, self._interaction, self._comments, self.media)
        )

    def parts(self, whole: dict[str, Any], slot: CallSlot, now: datetime) -> dict[str, Any]:
        """The chosen members of a call; what does not exist stays absent."""
        chosen = {"metaData": whole["metaData"]}
        if self._context != "None" and "context" in whole:
            chosen["context"] = self._contexts(whole["context"])
        if self._parties and "parties" in whole:
            chosen["parties"] = [self._party(party) for party in whole["parties"]]
        content = self._content_of(whole.get("content") or {})
        if content:
            chosen["content"] = content
        interaction = {
            member: whole["interaction"][member]
            for switch, member in _INTERACTION.items()
            if self._interaction.get(switch) and member in whole.get("interaction", {})
        }
        if interaction:
            chosen["interaction"] = interaction
        if self._comments:
            chosen["collaboration"] = whole.get("collaboration") or {}
        if self.media:
            chosen["media"] = _links(slot, now, video=whole["metaData"]["media"] == "Video")
        return chosen

    def _content_of(self, content: dict[str, Any]) -> dict[str, Any]:
        chosen = {
            name: content[name] for name in _CONTENT if self._content.get(name) and name in content
        }
        if "trackers" in chosen and not self._content.get("trackerOccurrences"):
            chosen["trackers"] = [_without_occurrences(t) for t in chosen["trackers"]]
        return chosen

    def _party(self, party: dict[str, Any]) -> dict[str, Any]:
        shown = dict(party)
        context = shown.pop("context", None)
        if context and self._context != "None":
            shown["context"] = self._contexts(context)
        return shown

    def _contexts(self, contexts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        shown = []
        for entry in contexts:
            objects = [
                dict(item)
                for item in entry["objects"]
                if item.get("timing") is None or item["timing"] in self._timing
            ]
            if self._context == "Basic":
                for item in objects:
                    item.pop("fields", None)
                    item.pop("timing", None)
            shown.append({**entry, "objects": objects})
        return shown


def _without_occurrences(tracker: dict[str, Any]) -> dict[str, Any]:
    shown = {**tracker, "occurrences": []}
    if "phrases" in shown:
        shown["phrases"] = [{**phrase, "occurrences": []} for phrase in shown["phrases"]]
    return shown


def _links(slot: CallSlot, now: datetime, *, video: bool) -> dict[str, str]:
    """Presigned links: good for eight hours, different at every request."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    query = f"X-Amz-Date={stamp}&X-Amz-Expires=28799&X-Amz-Signature="
    base = f"https://media.sandbox.example/{slot.id}"
    links = {"audioUrl": f"{base}/audio.mp3?{query}{secrets.token_hex(32)}"}
    if video:
        links["videoUrl"] = f"{base}/video.mp4?{query}{secrets.token_hex(32)}"
    return links
