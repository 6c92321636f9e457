"""Definitions made in Gong's settings: scorecards and trackers (API: Settings)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    COUNT,
    FLAG,
    FREE_TEXT,
    ID,
    INSTANT,
    NAME,
    TEXT,
    field,
    listed,
    many,
    record,
)

_QUESTION = (
    field("questionId", ID, "The question's id"),
    field("questionRevisionId", ID, "Id of this wording"),
    field("questionText", TEXT, "The question"),
    field("isOverall", FLAG, "The question for the overall score"),
    field("updaterUserId", ID, "Who changed it last, -1 for Gong itself"),
    field("questionType", TEXT, "RANGE, BOOLEAN, OPEN and others"),
    field("answerGuide", FREE_TEXT, "Guide for the reviewer, in HTML"),
    field("minRange", TEXT, "Lowest score, a number that Gong sends as text"),
    field("maxRange", TEXT, "Highest score, a number that Gong sends as text"),
    field(
        "answerOptions",
        many(
            field("id", ID, "The option's id"),
            field("text", TEXT, "The option"),
        ),
        "Options to select from",
    ),
    field("created", INSTANT, "When it was created"),
    field("updated", INSTANT, "When it last changed"),
)

SCORECARD = record(
    field("scorecardId", ID, "The scorecard's id"),
    field("scorecardName", TEXT, "Name"),
    field("workspaceId", ID, "The workspace it belongs to"),
    field("enabled", FLAG, "In use"),
    field("updaterUserId", ID, "Who changed it last, -1 for Gong itself"),
    field("created", INSTANT, "When it was created"),
    field("updated", INSTANT, "When it last changed"),
    field("reviewMethod", TEXT, "AUTOMATIC or MANUAL"),
    field("questions", many(*_QUESTION), "Questions"),
)

SCORECARD_QUESTION = record(
    field("scorecardId", ID, "The scorecard"),
    *_QUESTION,
)

TRACKER = record(
    field("trackerId", ID, "The tracker's id"),
    field("trackerName", TEXT, "Name"),
    field("workspaceId", ID, "The workspace it belongs to"),
    field(
        "languageKeywords",
        many(
            field("language", TEXT, "ISO 639-2B; mul: any language"),
            field("keywords", listed(TEXT), "Words and phrases"),
            field("includeRelatedForms", FLAG, "Other forms of the words count too"),
        ),
        "What is listened for",
    ),
    field("affiliation", TEXT, "Said by Anyone, Company or NonCompany"),
    field("partOfQuestion", FLAG, "Only in questions"),
    field("saidAt", TEXT, "Anytime, First or Last"),
    field("saidAtInterval", COUNT, "How much of the beginning or end"),
    field("saidAtUnit", TEXT, "minutes or percent"),
    field("saidInTopics", listed(TEXT), "Only in these topics"),
    field("saidInCallParts", listed(TEXT), "Only in these parts (older accounts)"),
    field("filterQuery", FREE_TEXT, "Which calls are searched, in JSON"),
    field("created", INSTANT, "When it was created"),
    field("creatorUserId", ID, "Who created it, null for Gong itself"),
    field("updated", INSTANT, "When it last changed"),
    field("updaterUserId", ID, "Who changed it last, null for Gong itself"),
)

TRACKER_KEYWORD = record(
    field("trackerId", ID, "The tracker"),
    field("index", COUNT, "Place in the tracker, from 0"),
    field("language", TEXT, "ISO 639-2B; mul: any language"),
    field("keyword", TEXT, "Word or phrase"),
    field("includeRelatedForms", FLAG, "Other forms of the words count too"),
)

BRIEF = record(
    field("briefId", ID, "The brief's id"),
    field("briefName", TEXT, "Name"),
    field("workspaceId", ID, "The workspace it belongs to"),
    field("description", FREE_TEXT, "Description"),
    field("status", TEXT, "Status"),
    field("creator", NAME, "Who made it"),
    field("creatorUserId", ID, "The user who made it"),
    field("created", INSTANT, "When it was created"),
    field("updated", INSTANT, "When it last changed"),
)
