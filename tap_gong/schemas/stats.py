"""What people did: reviews of calls (API: Stats)."""

from __future__ import annotations

from tap_gong.schemas.types import COUNT, FLAG, ID, INSTANT, TEXT, field, listed, many, record

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
    field(
        "answers",
        many(
            field("questionId", ID, "The question"),
            field("questionRevisionId", ID, "Its wording"),
            field("isOverall", FLAG, "The question for the overall score"),
            field("score", COUNT, "Score"),
            field("answerText", TEXT, "Answer in words"),
            field("notApplicable", FLAG, "Does not fit the call"),
            field("selectedOptions", listed(ID), "Ids of the options selected"),
        ),
        "Answers",
    ),
)
