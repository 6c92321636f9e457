"""Calls and their transcripts (API: Calls)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    COUNT,
    EMAIL,
    FLAG,
    FREE_TEXT,
    ID,
    INSTANT,
    JOB_TITLE,
    NAME,
    PERSONAL_LINK,
    PHONE,
    SCALAR,
    SECONDS,
    TEXT,
    WHOLE_SECONDS,
    crm_values,
    field,
    listed,
    many,
    one,
    record,
)

METADATA = (
    field("id", ID, "The call's id, up to 20 digits"),
    field("url", TEXT, "Page of the call in Gong"),
    field("title", FREE_TEXT, "Title of the call"),
    field("scheduled", INSTANT, "When it was to begin"),
    field("started", INSTANT, "When recording began"),
    field("duration", WHOLE_SECONDS, "Seconds, measured on the recording"),
    field("primaryUserId", ID, "The user who hosted it"),
    field("direction", TEXT, "Inbound, Outbound, Conference or Unknown"),
    field("system", TEXT, "Where it took place, such as Zoom or a phone system"),
    field("scope", TEXT, "Internal, External or Unknown"),
    field("media", TEXT, "Video or Audio"),
    field("language", TEXT, "ISO 639-2B; und: not supported, zxx: too little speech"),
    field("workspaceId", ID, "The workspace it belongs to"),
    field("sdrDisposition", TEXT, "Disposition given by the rep or the phone system"),
    field("clientUniqueId", TEXT, "Id in the system that uploaded it"),
    field("customData", FREE_TEXT, "Text that was given at upload"),
    field("purpose", FREE_TEXT, "Purpose of the call"),
    field("meetingUrl", PERSONAL_LINK, "Link of the web conference"),
    field("isPrivate", FLAG, "Marked private in Gong"),
    field("calendarEventId", TEXT, "Id of the calendar event"),
)

_SYSTEM = field("system", TEXT, "Salesforce, HubSpot, MicrosoftDynamic, Generic or another")

_CONTEXT_OBJECT = (
    field("objectType", TEXT, "Account, Opportunity, Contact, Lead, User or another"),
    field("objectId", ID, "Id of the object in that system"),
    field(
        "fields",
        crm_values(
            field("name", TEXT, "Name of the field"),
            field("value", SCALAR, "Its value, of whatever type the system has"),
        ),
        "Field values",
    ),
    field("timing", TEXT, "Whether the values are of Now or of TimeOfCall"),
)

CONTEXT = many(_SYSTEM, field("objects", many(*_CONTEXT_OBJECT), "Objects of that system"))

_OCCURRENCES = many(
    field("startTime", SECONDS, "Seconds from the start of the call"),
    field("speakerId", ID, "Who said it; joins to parties.speakerId"),
)

_PARTY = (
    field("id", ID, "The participant's id in this call"),
    field("emailAddress", EMAIL, "E-mail address"),
    field("name", NAME, "Name"),
    field("title", JOB_TITLE, "Job title"),
    field("userId", ID, "The user's id when it is one of ours"),
    field("speakerId", ID, "Id of the voice; joins to transcripts and trackers"),
    field("context", CONTEXT, "CRM objects of the participant"),
    field("affiliation", TEXT, "Internal, External or Unknown"),
    field("phoneNumber", PHONE, "Phone number"),
    field("methods", listed(TEXT), "Invitee, Attendee"),
)

PARTIES = many(*_PARTY)

_PART = (field("name", TEXT, "Part of the call"), field("duration", WHOLE_SECONDS, "Seconds"))
_TOPIC = (field("name", TEXT, "Topic"), field("duration", WHOLE_SECONDS, "Seconds spent on it"))
_TRACKER = (
    field("id", ID, "The tracker's id"),
    field("name", TEXT, "The tracker's name"),
    field("count", COUNT, "How often it came up"),
    field("type", TEXT, "KEYWORD or SMART"),
)
_KEY_POINT = field("text", FREE_TEXT, "Key point")
_SPEAKER = (
    field("id", ID, "The participant; joins to parties.id"),
    field("userId", ID, "The user when it is one of ours"),
    field("talkTime", SECONDS, "Seconds of speech"),
)
_STATISTIC = (
    field("name", TEXT, "Talk Ratio, Longest Monologue, Interactivity and others"),
    field("value", SECONDS, "Its value"),
)
_VIDEO = (
    field("name", TEXT, "Browser, Presentation, Webcam and others"),
    field("duration", SECONDS, "Seconds it was seen"),
)
_COMMENT = (
    field("id", ID, "The comment's id"),
    field("audioStartTime", SECONDS, "Seconds from the start of the call"),
    field("audioEndTime", SECONDS, "Seconds from the start of the call"),
    field("commenterUserId", ID, "Who wrote it"),
    field("comment", FREE_TEXT, "Text; people are tagged as @[name](userId)"),
    field("posted", INSTANT, "When it was written"),
    field("inReplyTo", ID, "The comment it answers"),
    field("duringCall", FLAG, "Written during the call"),
)

CONTENT = one(
    field(
        "structure",
        many(*_PART),
        "Agenda of the call",
    ),
    field(
        "trackers",
        many(
            *_TRACKER,
            field("occurrences", _OCCURRENCES, "When it came up"),
            field(
                "phrases",
                many(
                    field("phrase", TEXT, "Phrase of a keyword tracker"),
                    field("count", COUNT, "How often it was said"),
                    field("occurrences", _OCCURRENCES, "When it was said"),
                ),
                "Phrases of a keyword tracker",
            ),
        ),
        "Trackers",
    ),
    field(
        "topics",
        many(*_TOPIC),
        "Topics",
    ),
    field("brief", FREE_TEXT, "Summary"),
    field(
        "outline",
        many(
            field("section", FREE_TEXT, "Section"),
            field("startTime", SECONDS, "Seconds from the start of the call"),
            field("duration", SECONDS, "Seconds"),
            field(
                "items",
                many(
                    field("text", FREE_TEXT, "What was said"),
                    field("startTime", SECONDS, "Seconds from the start of the call"),
                ),
                "What the section holds",
            ),
        ),
        "Outline",
    ),
    field(
        "highlights",
        many(
            field("title", FREE_TEXT, "Heading"),
            field(
                "items",
                many(
                    field("text", FREE_TEXT, "Highlight"),
                    field("startTimes", listed(SECONDS), "Seconds from the start of the call"),
                ),
                "Highlights under that heading",
            ),
        ),
        "Highlights",
    ),
    field(
        "callOutcome",
        one(
            field("id", TEXT, "Such as MEETING_BOOKED"),
            field("category", TEXT, "Category"),
            field("name", TEXT, "Name"),
        ),
        "Outcome",
    ),
    field("keyPoints", many(_KEY_POINT), "Key points"),
)

INTERACTION = one(
    field("speakers", many(*_SPEAKER), "Talk time of each speaker"),
    field("interactionStats", many(*_STATISTIC), "Interaction statistics of the host"),
    field("video", many(*_VIDEO), "What was on the screen"),
    field(
        "questions",
        one(
            field("companyCount", COUNT, "Questions asked by our side"),
            field("nonCompanyCount", COUNT, "Questions asked by the other side"),
        ),
        "Numbers of questions",
    ),
)

COLLABORATION = one(field("publicComments", many(*_COMMENT), "Comments that everybody may see"))

MEDIA_LINKS = one(
    field("audioUrl", TEXT, "Good for 8 hours, different at every request"),
    field("videoUrl", TEXT, "Good for 8 hours, different at every request"),
)

CALL = record(
    *METADATA,
    field("context", CONTEXT, "CRM objects of the call"),
    field("parties", PARTIES, "Participants"),
    field("content", CONTENT, "What the call was about"),
    field("interaction", INTERACTION, "Who spoke how much, and what was shown"),
    field("collaboration", COLLABORATION, "Comments"),
    field("mediaUrls", MEDIA_LINKS, "Links to the recording, when call_content has media"),
)

TRANSCRIPT = record(
    field("callId", ID, "The call"),
    field(
        "transcript",
        many(
            field("speakerId", ID, "Who spoke; joins to calls.parties.speakerId"),
            field("topic", TEXT, "Topic of the monologue"),
            field(
                "sentences",
                many(
                    field("start", COUNT, "Milliseconds from the start of the call"),
                    field("end", COUNT, "Milliseconds from the start of the call"),
                    field("text", FREE_TEXT, "The sentence"),
                ),
                "Sentences",
            ),
        ),
        "Monologues, in order",
    ),
)

# Tables made of calls and transcripts.

_CALL_ID = field("callId", ID, "The call")
_INDEX = field("index", COUNT, "Place in the list, from 0")

CALL_PARTY = record(
    _CALL_ID, *_PARTY, field("emailDomain", TEXT, "Domain of the e-mail address, in lower case")
)

CALL_CONTEXT_OBJECT = record(
    _CALL_ID,
    field("partyId", ID, "The participant whose object it is, empty for the call's own"),
    _SYSTEM,
    *_CONTEXT_OBJECT,
)

CALL_TRACKER = record(
    _CALL_ID,
    *_TRACKER,
    field(
        "phrases",
        many(
            field("phrase", TEXT, "Phrase of a keyword tracker"),
            field("count", COUNT, "How often it was said"),
        ),
        "Phrases of a keyword tracker",
    ),
)

CALL_TRACKER_OCCURRENCE = record(
    _CALL_ID,
    field("trackerId", ID, "The tracker"),
    field("phrase", TEXT, "What was said, empty where Gong does not tell"),
    _INDEX,
    field("trackerName", TEXT, "The tracker's name"),
    field("startTime", SECONDS, "Seconds from the start of the call"),
    field("speakerId", ID, "Who said it; joins to parties.speakerId"),
)

CALL_TOPIC = record(_CALL_ID, _INDEX, *_TOPIC)
CALL_STRUCTURE = record(_CALL_ID, _INDEX, *_PART)
CALL_KEY_POINT = record(_CALL_ID, _INDEX, _KEY_POINT)

CALL_OUTLINE = record(
    _CALL_ID,
    field("sectionIndex", COUNT, "Place of the section, from 0"),
    field("itemIndex", COUNT, "Place in the section, from 0"),
    field("section", FREE_TEXT, "Section"),
    field("sectionStartTime", SECONDS, "Seconds from the start of the call"),
    field("sectionDuration", SECONDS, "Seconds"),
    field("text", FREE_TEXT, "What was said, null for a section without items"),
    field("startTime", SECONDS, "Seconds from the start of the call"),
)

CALL_HIGHLIGHT = record(
    _CALL_ID,
    field("highlightIndex", COUNT, "Place of the heading, from 0"),
    field("itemIndex", COUNT, "Place under the heading, from 0"),
    field("title", FREE_TEXT, "Heading"),
    field("text", FREE_TEXT, "Highlight, null for a heading without any"),
    field("startTimes", listed(SECONDS), "Seconds from the start of the call"),
)

CALL_SPEAKER = record(_CALL_ID, *_SPEAKER)
CALL_COMMENT = record(_CALL_ID, *_COMMENT)
CALL_INTERACTION_STATISTIC = record(_CALL_ID, *_STATISTIC)
CALL_VIDEO = record(_CALL_ID, _INDEX, *_VIDEO)

TRANSCRIPT_SENTENCE = record(
    _CALL_ID,
    field("index", COUNT, "Place in the call, from 0"),
    field("monologueIndex", COUNT, "Place of the monologue, from 0"),
    field("speakerId", ID, "Who spoke; joins to call_parties.speakerId"),
    field("speakerName", NAME, "Name of the speaker, if the participants were read"),
    field("affiliation", TEXT, "Internal, External or Unknown, if the participants were read"),
    field("topic", TEXT, "Topic of the monologue"),
    field("startTime", TEXT, "Since the start of the call, hh:mm:ss"),
    field("start", COUNT, "Milliseconds from the start of the call"),
    field("end", COUNT, "Milliseconds from the start of the call"),
    field("text", FREE_TEXT, "The sentence"),
)

TRANSCRIPT_TEXT = record(
    _CALL_ID,
    field("text", FREE_TEXT, "The call as text: [hh:mm:ss] name (affiliation): …, by monologues"),
)

# What is about calls but no part of them.

CALL_INDEX_ENTRY = record(
    field("id", ID, "The call"),
    field("started", INSTANT, "When recording began"),
    field("isPrivate", FLAG, "Marked private in Gong"),
    field("sweepStartedAt", INSTANT, "When the sweep began that saw the call last"),
    field("newestWholeSweep", INSTANT, "When the newest sweep began that has come to its end"),
)

CALL_USER_ACCESS = record(
    _CALL_ID, field("userId", ID, "A user to whom access to the call was given through the API")
)

CALL_CRM_ASSOCIATION = record(
    _CALL_ID,
    field("userId", ID, "Who associated the call"),
    field("created", INSTANT, "When"),
    field(
        "associatedCrmObjects",
        many(
            field("accountCrmId", ID, "The account"),
            field("dealCrmId", ID, "The deal"),
        ),
        "With what",
    ),
)

CALL_OUTCOME = record(
    field("callOutcome", TEXT, "Name"),
    field("displayOrder", COUNT, "Place in Gong's list"),
    field("connectStatus", TEXT, "CONNECTED or NOT_CONNECTED"),
    field("sentiment", TEXT, "POSITIVE, NEGATIVE or NEUTRAL"),
    field("todoAction", TEXT, "COMPLETE or COMPLETE_AND_REMOVE"),
    field("automation", TEXT, "MARK_AS_OPT_OUT, or none"),
    field("category", TEXT, "ANSWERED or NOT_ANSWERED"),
)
