"""What people did: activity, interaction and reviews of calls (API: Stats)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    COUNT,
    DAY,
    EMAIL,
    FLAG,
    FREE_TEXT,
    ID,
    INSTANT,
    SECONDS,
    TEXT,
    field,
    listed,
    many,
    record,
)

_ANSWER = (
    field("questionId", ID, "The question"),
    field("questionRevisionId", ID, "Its wording"),
    field("isOverall", FLAG, "The question for the overall score"),
    field("score", COUNT, "Score"),
    field("answerText", FREE_TEXT, "Answer in words"),
    field("notApplicable", FLAG, "Does not fit the call"),
    field("selectedOptions", listed(ID), "Ids of the options selected"),
)

ANSWERED_SCORECARD = record(
    field("answeredScorecardId", ID, "The review's id"),
    field("scorecardId", ID, "The scorecard that was filled in"),
    field("scorecardName", TEXT, "Its name"),
    field("callId", ID, "The call"),
    field("callStartTime", INSTANT, "When the call was recorded"),
    field("reviewedUserId", ID, "The user who was reviewed"),
    field("reviewerUserId", ID, "Who reviewed, null when Gong did"),
    field("reviewMethod", TEXT, "AUTOMATIC or MANUAL"),
    field("editorUserId", ID, "Who edited it last"),
    field("reviewTime", INSTANT, "When it was published"),
    field("visibilityType", TEXT, "Who may see it: PUBLIC, PRIVATE and others"),
    field("answers", many(*_ANSWER), "Answers"),
)

ANSWERED_SCORECARD_ANSWER = record(
    field("answeredScorecardId", ID, "The review"),
    *_ANSWER,
)

_ACTIVITY = {
    "callsAsHost": "Calls hosted",
    "callsAttended": "Calls attended, not as the host",
    "callsGaveFeedback": "Calls on which feedback was given",
    "callsRequestedFeedback": "Calls on which feedback was asked for",
    "callsReceivedFeedback": "Calls on which feedback was received",
    "ownCallsListenedTo": "Own calls listened to",
    "othersCallsListenedTo": "Calls of others listened to",
    "callsSharedInternally": "Calls shared with colleagues",
    "callsSharedExternally": "Calls shared with others",
    "callsScorecardsFilled": "Calls reviewed",
    "callsScorecardsReceived": "Calls on which a review was received",
    "callsCommentsGiven": "Calls commented on",
    "callsCommentsReceived": "Calls on which a comment was received",
    "callsMarkedAsFeedbackGiven": "Calls marked as feedback given",
    "callsMarkedAsFeedbackReceived": "Calls marked as feedback received",
}
_COUNTERS = tuple(field(name, COUNT, text) for name, text in _ACTIVITY.items())
_CALL_LISTS = tuple(field(name, listed(ID), text) for name, text in _ACTIVITY.items())

_PERSON = (
    field("userId", ID, "The user"),
    field("userEmailAddress", EMAIL, "The user's e-mail address"),
)
_DAYS = (
    field("fromDate", DAY, "First day, in the company's time zone"),
    field("toDate", DAY, "The day after the last"),
    field("fromDateTime", INSTANT, "Start of the first day"),
    field("toDateTime", INSTANT, "End of the last day"),
    field("timeZone", TEXT, "The company's time zone"),
)

ACTIVITY_AGGREGATE = record(*_PERSON, *_DAYS, *_COUNTERS)

ACTIVITY_BY_PERIOD = record(
    *_PERSON,
    field("period", TEXT, "DAY, WEEK, MONTH, QUARTER or YEAR"),
    field("fromDate", DAY, "Start of the period, in the company's time zone"),
    field("toDate", DAY, "End of the period, exclusive"),
    *_COUNTERS,
)

ACTIVITY_DAY_BY_DAY = record(
    *_PERSON,
    field("fromDate", DAY, "Start of the day, in the company's time zone"),
    field("toDate", DAY, "End of the day, exclusive"),
    *_CALL_LISTS,
)

INTERACTION_STATS = record(
    *_PERSON,
    *_DAYS,
    field(
        "personInteractionStats",
        many(
            field("name", TEXT, "Longest Monologue, Interactivity, Patience and others"),
            field("value", SECONDS, "Its value, averaged over the calls of the day"),
        ),
        "Statistics of the calls that Gong analysed",
    ),
)
