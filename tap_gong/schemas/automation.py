"""What Gong's automation rules post."""

from __future__ import annotations

from tap_gong.schemas.calls import (
    COLLABORATION,
    CONTENT,
    CONTEXT,
    INTERACTION,
    METADATA,
    PARTIES,
)
from tap_gong.schemas.types import (
    COUNT,
    FINGERPRINT,
    FLAG,
    ID,
    INSTANT,
    field,
    listed,
    one,
    open_but,
    record,
)

AUTOMATION_EVENT = record(
    field("eventId", FINGERPRINT, "SHA-256 of what was posted, in hex"),
    field("sequence", COUNT, "Number of the event in the inbox"),
    field("received", INSTANT, "When it came first"),
    field("callId", ID, "The call"),
    field(
        "callData",
        one(
            field("metaData", one(*METADATA), "What `calls` has at the top level"),
            field("context", CONTEXT, "CRM objects of the call"),
            field("parties", PARTIES, "Participants"),
            field(
                "content",
                one(
                    *CONTENT.wrapped.values(),
                    field("scorecardsAnswers", listed(open_but()), "Reviews of the call"),
                ),
                "What the call was about",
            ),
            field("interaction", INTERACTION, "Who spoke how much, and what was shown"),
            field("collaboration", COLLABORATION, "Comments"),
        ),
        "The call as it was when Gong had processed it",
    ),
    field("isTest", FLAG, "Always false: tests are kept apart"),
    field("isPrivate", FLAG, "Marked private in Gong"),
)
