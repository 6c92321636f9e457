"""Every field of Gong's document is declared, and what we declare beyond it is known to be real."""

from __future__ import annotations

from typing import Any

import pytest

from tap_gong.call_listing import hoisted
from tap_gong.schemas.ids import text_conversion
from tap_gong.streams import STREAMS
from tests.gong_document import answer_schema, leaves, recorded

BY_NAME: dict[str, Any] = {stream.name: stream for stream in STREAMS}

# Fields that real answers hold though the document of one vintage or another does not list them,
# and keys that are added because a row does not say which list it came from.
BEYOND_THE_DOCUMENT = {
    "scorecards": {
        ("questions", "created"),
        ("questions", "updated"),
        ("questions", "updaterUserId"),
    },
    "trackers": {("saidInCallParts",)},
    "users": {("conferencingProviders", "provider"), ("conferencingProviders", "isDefault")},
    "library_folders": {("workspaceId",)},
    "library_folder_calls": {("folderId",), ("fromSec",)},
}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_field_of_the_document_is_declared(stream):
    operation = stream.operation
    answer = answer_schema(operation.method, operation.path)
    theirs = leaves(answer["properties"][operation.records]["items"])
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
    assert theirs - ours == set()
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
