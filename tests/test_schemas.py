"""Every field of Gong's document is declared, and what we declare beyond it is known to be real."""

from __future__ import annotations

from typing import Any

import pytest

from tap_gong.call_source import hoisted
from tap_gong.schemas.ids import text_conversion
from tap_gong.streams import STREAMS
from tests.gong_document import answer_schema, leaves, recorded

BY_NAME: dict[str, Any] = {stream.name: stream for stream in STREAMS}

# Where the rows of a stream are in the document's answer, if not in the operation's list; None
# where the operation is only in another vintage of the document, or its rows are of no fixed form.
ROWS: dict[str, tuple[str, ...] | None] = {
    "call_parties": ("calls", "parties"),
    "call_context_objects": ("calls", "context", "objects"),
    "call_trackers": ("calls", "content", "trackers"),
    "call_tracker_occurrences": ("calls", "content", "trackers", "occurrences"),
    "call_topics": ("calls", "content", "topics"),
    "call_structure": ("calls", "content", "structure"),
    "call_key_points": ("calls", "content", "keyPoints"),
    "call_outline": ("calls", "content", "outline", "items"),
    "call_highlights": ("calls", "content", "highlights", "items"),
    "call_speakers": ("calls", "interaction", "speakers"),
    "call_comments": ("calls", "collaboration", "publicComments"),
    "call_interaction_stats": ("calls", "interaction", "interactionStats"),
    "call_videos": ("calls", "interaction", "video"),
    "transcript_sentences": ("callTranscripts", "transcript", "sentences"),
    "transcript_texts": None,
    "call_index": None,
    "call_user_access": ("callAccessList", "users"),
    "call_crm_associations": None,
    "scorecard_questions": ("scorecards", "questions"),
    "tracker_keywords": None,
    "briefs": None,
    "answered_scorecard_answers": ("answeredScorecards", "answers"),
    "activity_aggregate": ("usersAggregateActivityStats", "userAggregateActivityStats"),
    "activity_by_period": ("usersAggregateActivity", "userAggregateActivity"),
    "activity_day_by_day": ("usersDetailedActivities", "userDailyActivityStats"),
    "coaching": ("coachingData", "directReportsMetrics"),
    "crm_entity_schemas": ("objectTypeToSelectedFields",),
    "crm_objects": None,
    "flow_folders": ("flows",),
    "flow_steps": None,
    "automation_events": None,
    "email_address_references": (),
    "phone_number_references": (),
}

_PERSON: set[tuple[str, ...]] = {("userId",), ("userEmailAddress",)}
_DAYS: set[tuple[str, ...]] = {
    ("fromDate",),
    ("toDate",),
    ("fromDateTime",),
    ("toDateTime",),
    ("timeZone",),
}
_CALL: set[tuple[str, ...]] = {("callId",)}
_NUMBERED = _CALL | {("index",)}

# Fields that rows of the document lack: keys and what else is added because a row does not say
# where it comes from, and what real answers hold though no vintage of the document lists it.
BEYOND_THE_DOCUMENT: dict[str, set[tuple[str, ...]]] = {
    "scorecards": {
        ("questions", "created"),
        ("questions", "updated"),
        ("questions", "updaterUserId"),
    },
    "scorecard_questions": {("scorecardId",), ("created",), ("updated",), ("updaterUserId",)},
    "trackers": {("saidInCallParts",)},
    "users": {("conferencingProviders", "provider"), ("conferencingProviders", "isDefault")},
    "library_folders": {("workspaceId",)},
    "library_folder_calls": {("folderId",), ("fromSec",)},
    "call_parties": _CALL | {("emailDomain",)},
    "call_context_objects": _CALL | {("partyId",), ("system",)},
    "call_trackers": _CALL,
    "call_tracker_occurrences": _NUMBERED | {("trackerId",), ("trackerName",), ("phrase",)},
    "call_topics": _NUMBERED,
    "call_structure": _NUMBERED,
    "call_key_points": _NUMBERED,
    "call_outline": _CALL
    | {
        ("sectionIndex",),
        ("itemIndex",),
        ("section",),
        ("sectionStartTime",),
        ("sectionDuration",),
    },
    "call_highlights": _CALL | {("highlightIndex",), ("itemIndex",), ("title",)},
    "call_speakers": _CALL,
    "call_comments": _CALL,
    "call_interaction_stats": _CALL,
    "call_videos": _NUMBERED,
    "transcript_sentences": _NUMBERED
    | {
        ("monologueIndex",),
        ("speakerId",),
        ("speakerName",),
        ("affiliation",),
        ("topic",),
        ("startTime",),
    },
    "call_user_access": _CALL,
    "user_settings_history": {("userId",)},
    "permission_profiles": {("workspaceId",), ("orchestrateCreateAndManagePlays",)},
    "permission_profile_users": {("profileId",)},
    "answered_scorecard_answers": {("answeredScorecardId",)},
    "activity_aggregate": _PERSON | _DAYS,
    "activity_by_period": _PERSON | {("period",)},
    "activity_day_by_day": _PERSON,
    "interaction_stats": _DAYS,
    "coaching": {
        ("workspaceId",),
        ("managerId",),
        ("reportId",),
        ("from",),
        ("to",),
        *(("manager", name) for name in ("id", "emailAddress", "firstName", "lastName", "title")),
    },
    "logs": {("entryHash",), ("logType",)},
    "crm_entity_schemas": {("integrationId",), ("objectType",), ("name",)},
    "tasks": {("crmType",)},
    "email_address_references": {("subject",)},
    "phone_number_references": {("subject",)},
}
# Fields of the document's rows that have another name, or a table of their own.
ELSEWHERE: dict[str, set[tuple[str, ...]]] = {
    "call_trackers": {
        ("occurrences", "startTime"),
        ("occurrences", "speakerId"),
        ("phrases", "occurrences", "startTime"),
        ("phrases", "occurrences", "speakerId"),
    },
    # The document shows flows where folders come.
    "flow_folders": {
        ("folderId",),
        ("folderName",),
        ("creationDate",),
        ("exclusive",),
    },
}
BEYOND_THE_DOCUMENT["flow_folders"] = {("parentFolderId",), ("createdById",)}


def documented_rows(stream):
    """The document's schema of the rows that a stream is made of."""
    operation = stream.operation
    schema = answer_schema(operation.method, operation.path)
    for name in ROWS.get(stream.name, (operation.records,)) or ():
        properties = schema.get("properties", schema)
        schema = properties[name]
        schema = schema.get("additionalProperties", schema)
        schema = schema.get("items", schema)
    return schema


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_field_of_the_document_is_declared(stream):
    if ROWS.get(stream.name, ()) is None:
        assert stream.schema["properties"]
        return
    theirs = leaves(documented_rows(stream)) - {("requestId",)}
    if stream.name == "calls":
        assert len(theirs) == 87
        theirs = {
            path[1:]
            if path[0] == "metaData"
            else ("mediaUrls", *path[1:])
            if path[0] == "media"
            else path
            for path in theirs
        }
    ours = leaves(stream.schema)
    assert theirs - ours == ELSEWHERE.get(stream.name, set())
    assert ours - theirs == BEYOND_THE_DOCUMENT.get(stream.name, set())


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_field_may_be_null_and_no_enum_is_closed(stream):
    def check(schema, path):
        if path and path != stream.name:
            assert "null" in schema["type"], path
        assert "enum" not in schema
        for name, prop in schema.get("properties", {}).items():
            check(prop, f"{path}.{name}")
        if "properties" in schema.get("items", {}):
            check({**schema["items"], "type": ["object", "null"]}, f"{path}[]")

    for name, prop in stream.schema["properties"].items():
        check(prop, f"{stream.name}.{name}")


def test_metadata_is_hoisted_and_both_media_are_kept():
    call = {
        "metaData": {"id": "1", "media": "Video"},
        "media": {"audioUrl": "https://audio.example"},
        "parties": [],
    }
    assert hoisted(call) == {
        "id": "1",
        "media": "Video",
        "mediaUrls": {"audioUrl": "https://audio.example"},
        "parties": [],
    }


def test_numeric_ids_become_text_wherever_they_are_nested():
    record = {
        "answeredScorecardId": 563515258458745999,
        "callId": "1",
        "reviewerUserId": None,
        "answers": [
            {"questionId": 7, "score": 4, "notApplicable": False, "selectedOptions": [1, "2"]}
        ],
    }
    assert text_conversion(BY_NAME["answered_scorecards"].schema)(record) == {
        "answeredScorecardId": "563515258458745999",
        "callId": "1",
        "reviewerUserId": None,
        "answers": [
            {"questionId": "7", "score": 4, "notApplicable": False, "selectedOptions": ["1", "2"]}
        ],
    }


@pytest.mark.parametrize(
    ("stream", "recording"),
    [
        ("users", "list-users"),
        ("workspaces", "list-workspaces"),
        ("scorecards", "list-scorecards"),
        ("trackers", "list-trackers"),
        ("library_folders", "list-library-folders"),
    ],
)
def test_recorded_answers_hold_no_field_that_is_not_declared(stream, recording):
    declared = leaves(BY_NAME[stream].schema)

    def paths(value, path=()):
        if isinstance(value, dict):
            for name, part in value.items():
                yield from paths(part, (*path, name))
        elif isinstance(value, list):
            for part in value:
                yield from paths(part, path)
        elif value is not None:
            yield path

    answers = [e["response"] for e in recorded(recording) if e["status"] == 200]
    assert answers
    for answer in answers:
        for row in answer[BY_NAME[stream].operation.records]:
            assert set(paths(row)) <= declared
