"""Tables made of the lists that a call holds: no requests but those that read the calls."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.call_source import CallSource
from tap_gong.nested import object_in, objects_in, text_in
from tap_gong.operations import CALLS, CALLS_EXTENSIVE
from tap_gong.schemas import calls as schemas
from tap_gong.windowed import WindowedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record


class CallTable(WindowedStream):
    """Rows out of each call.

    Attributes:
        within: where the list is in a call, from the top.
    """

    made_of = CallSource
    operation = CALLS_EXTENSIVE
    selected_by_default = False
    within: ClassVar[tuple[str, str]]

    @property
    @override
    def is_possible(self) -> bool:
        part = self.call_parts[0]
        if self.run.calls is CALLS:
            return False
        if part == "context":
            return bool(self.config["call_context"] != "None")
        return part in self.config["call_content"]

    def listed(self, call: Record) -> list[Record]:
        """The list of a call; empty where Gong leaves it out."""
        group, part = self.within
        return objects_in(object_in(call, group), part)

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        call_id = record["id"]
        return [{"callId": call_id, **row} for row in self.listed(record)]


class NumberedCallTable(CallTable):
    """Rows that have no id but their place in the list."""

    primary_keys: ClassVar[list[str]] = ["callId", "index"]

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        call_id = record["id"]
        return [
            {"callId": call_id, "index": index, **row}
            for index, row in enumerate(self.listed(record))
        ]


class CallParties(CallTable):
    """Participants."""

    name = "call_parties"
    summary = "Participants of calls"
    primary_keys: ClassVar[list[str]] = ["callId", "id"]
    schema = schemas.CALL_PARTY
    call_parts = ("parties", "context")

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        call_id = record["id"]
        return [
            {
                "callId": call_id,
                **party,
                "id": party.get("id") or f"#{index}",
                "emailDomain": _domain(text_in(party, "emailAddress")),
            }
            for index, party in enumerate(objects_in(record, "parties"))
        ]


class CallContextObjects(CallTable):
    """CRM objects of calls and of their participants."""

    name = "call_context_objects"
    summary = "CRM objects of calls and of their participants, with field values"
    primary_keys: ClassVar[list[str]] = [
        "callId",
        "partyId",
        "system",
        "objectType",
        "objectId",
        "timing",
    ]
    schema = schemas.CALL_CONTEXT_OBJECT
    call_parts = ("context", "parties")

    @override
    def rows(self, record: Record) -> Iterator[Record]:
        yield from _context_rows(record["id"], "", record)
        for index, party in enumerate(objects_in(record, "parties")):
            party_id = party.get("id") or f"#{index}"
            yield from _context_rows(record["id"], party_id, party)


class CallTrackers(CallTable):
    """Trackers that came up."""

    name = "call_trackers"
    summary = "Trackers that came up in calls, and how often"
    primary_keys: ClassVar[list[str]] = ["callId", "id"]
    schema = schemas.CALL_TRACKER
    call_parts = ("trackers",)
    within = ("content", "trackers")

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        for row in super().rows(record):
            row.pop("occurrences", None)
            if row.get("phrases"):
                row["phrases"] = [
                    {name: value for name, value in phrase.items() if name != "occurrences"}
                    for phrase in objects_in(row, "phrases")
                ]
            yield row


class CallTrackerOccurrences(CallTable):
    """Each time that a tracker came up."""

    name = "call_tracker_occurrences"
    summary = "Each time that a tracker came up in a call"
    primary_keys: ClassVar[list[str]] = ["callId", "trackerId", "phrase", "index"]
    schema = schemas.CALL_TRACKER_OCCURRENCE
    call_parts = ("trackers", "trackerOccurrences")
    within = ("content", "trackers")

    @override
    def rows(self, record: Record) -> Iterator[Record]:
        for tracker in self.listed(record):
            said = {"phrase": "", "occurrences": tracker.get("occurrences")}
            # The same phrase may come more than once, in other forms.
            numbers: dict[str, Iterator[int]] = {}
            for phrase in [said, *objects_in(tracker, "phrases")]:
                text = text_in(phrase, "phrase") or ""
                count = numbers.setdefault(text, itertools.count())
                for occurrence in objects_in(phrase, "occurrences"):
                    yield {
                        "callId": record["id"],
                        "trackerId": tracker.get("id"),
                        "phrase": text,
                        "index": next(count),
                        "trackerName": tracker.get("name"),
                        **occurrence,
                    }


class CallTopics(NumberedCallTable):
    """Topics."""

    name = "call_topics"
    summary = "Topics of calls, and the time spent on each"
    schema = schemas.CALL_TOPIC
    call_parts = ("topics",)
    within = ("content", "topics")


class CallStructure(NumberedCallTable):
    """Parts of calls."""

    name = "call_structure"
    summary = "Parts of calls, such as small talk and pricing"
    schema = schemas.CALL_STRUCTURE
    call_parts = ("structure",)
    within = ("content", "structure")


class CallKeyPoints(NumberedCallTable):
    """Key points."""

    name = "call_key_points"
    summary = "Key points of calls"
    schema = schemas.CALL_KEY_POINT
    call_parts = ("keyPoints",)
    within = ("content", "keyPoints")


class CallOutline(CallTable):
    """Outlines."""

    name = "call_outline"
    summary = "Outlines of calls, a row for each item"
    primary_keys: ClassVar[list[str]] = ["callId", "sectionIndex", "itemIndex"]
    schema = schemas.CALL_OUTLINE
    call_parts = ("outline",)
    within = ("content", "outline")

    @override
    def rows(self, record: Record) -> Iterator[Record]:
        for at, section in enumerate(self.listed(record)):
            for index, item in enumerate(objects_in(section, "items") or [{}]):
                yield {
                    "callId": record["id"],
                    "sectionIndex": at,
                    "itemIndex": index,
                    "section": section.get("section"),
                    "sectionStartTime": section.get("startTime"),
                    "sectionDuration": section.get("duration"),
                    **item,
                }


class CallHighlights(CallTable):
    """Highlights."""

    name = "call_highlights"
    summary = "Highlights of calls, such as next steps, a row for each"
    primary_keys: ClassVar[list[str]] = ["callId", "highlightIndex", "itemIndex"]
    schema = schemas.CALL_HIGHLIGHT
    call_parts = ("highlights",)
    within = ("content", "highlights")

    @override
    def rows(self, record: Record) -> Iterator[Record]:
        for at, highlight in enumerate(self.listed(record)):
            for index, item in enumerate(objects_in(highlight, "items") or [{}]):
                yield {
                    "callId": record["id"],
                    "highlightIndex": at,
                    "itemIndex": index,
                    "title": highlight.get("title"),
                    **item,
                }


class CallSpeakers(CallTable):
    """Talk time of each speaker."""

    name = "call_speakers"
    summary = "Talk time of each speaker of a call"
    primary_keys: ClassVar[list[str]] = ["callId", "id"]
    schema = schemas.CALL_SPEAKER
    call_parts = ("speakers",)
    within = ("interaction", "speakers")

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        return [
            {**row, "id": row.get("id") or f"#{index}"}
            for index, row in enumerate(super().rows(record))
        ]


class CallComments(CallTable):
    """Public comments."""

    name = "call_comments"
    summary = "Comments on calls that everybody may see"
    primary_keys: ClassVar[list[str]] = ["callId", "id"]
    schema = schemas.CALL_COMMENT
    call_parts = ("publicComments",)
    within = ("collaboration", "publicComments")


class CallInteractionStats(CallTable):
    """Interaction statistics."""

    name = "call_interaction_stats"
    summary = "Interaction statistics of calls, such as the talk ratio"
    primary_keys: ClassVar[list[str]] = ["callId", "name"]
    schema = schemas.CALL_INTERACTION_STATISTIC
    call_parts = ("personInteractionStats",)
    within = ("interaction", "interactionStats")


class CallVideos(NumberedCallTable):
    """What was on the screen."""

    name = "call_videos"
    summary = "What was on the screen in calls, and for how long"
    schema = schemas.CALL_VIDEO
    call_parts = ("video",)
    within = ("interaction", "video")


def _domain(address: str | None) -> str | None:
    _, at, domain = (address or "").rpartition("@")
    return domain.lower() if at else None


def _context_rows(call_id: str, party_id: str, holder: Record) -> Iterator[Record]:
    for system in objects_in(holder, "context"):
        for found in objects_in(system, "objects"):
            yield {
                "callId": call_id,
                "partyId": party_id,
                "system": system.get("system"),
                **found,
            }
