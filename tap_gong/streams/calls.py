"""Calls and transcripts (API: Calls)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.operation import Operation
from tap_gong.schemas.calls import CALL, TRANSCRIPT
from tap_gong.stream import WindowedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_sdk.helpers.types import Record

    from tap_gong.windows import Window

# Where each part of a call, as the setting `call_content` names it, is asked for.
_CONTENT = frozenset(
    {
        "structure",
        "topics",
        "trackers",
        "trackerOccurrences",
        "brief",
        "outline",
        "highlights",
        "callOutcome",
        "keyPoints",
    }
)
_INTERACTION = frozenset({"speakers", "video", "personInteractionStats", "questions"})


class Calls(WindowedStream):
    """Calls with participants, content, interaction, comments and CRM context."""

    name = "calls"
    summary = "Calls, with participants, trackers, topics, summaries, comments and CRM context"
    operation = Operation("POST", "/v2/calls/extensive", "calls", "api:calls:read:extensive")
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = CALL

    @override
    def request_body(self) -> Mapping[str, Any]:
        return {"contentSelector": content_selector(self.config)}

    @override
    def window_records(self, window: Window) -> Iterable[Record]:
        for call in super().window_records(window):
            yield hoisted(call)


class Transcripts(WindowedStream):
    """Transcripts of calls; those that are not ready yet come with a later run."""

    name = "transcripts"
    summary = "What was said: monologues and sentences with their times"
    operation = Operation(
        "POST", "/v2/calls/transcript", "callTranscripts", "api:calls:read:transcript"
    )
    primary_keys: ClassVar[list[str]] = ["callId"]
    schema = TRANSCRIPT


def hoisted(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its `metaData` at the top level, and the rest as Gong nests it.

    Both the metadata and the call have a member `media`; the call's, which holds the links to the
    recording, becomes `mediaUrls`.
    """
    record = {**(call.pop("metaData", None) or {})}
    links = call.pop("media", None)
    record.update(call)
    if links:
        record["mediaUrls"] = links
    return record


def content_selector(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What to ask for beside the metadata, from `call_content` and `call_context*`."""
    parts = set(settings["call_content"])
    selector: dict[str, Any] = {"context": settings["call_context"]}
    if settings["call_context"] == "Extended":
        selector["contextTiming"] = list(settings["call_context_timing"])
    selector["exposedFields"] = {
        "parties": "parties" in parts,
        "content": dict.fromkeys(sorted(parts & _CONTENT), True),
        "interaction": dict.fromkeys(sorted(parts & _INTERACTION), True),
        "collaboration": {"publicComments": "publicComments" in parts},
        "media": "media" in parts,
    }
    return selector
