"""Users (API: Users)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    EMAIL,
    FLAG,
    ID,
    INSTANT,
    JOB_TITLE,
    NAME,
    PERSONAL_LINK,
    PHONE,
    TEXT,
    field,
    listed,
    many,
    one,
    record,
)

USER = record(
    field("id", ID, "The user's id"),
    field("emailAddress", EMAIL, "E-mail address"),
    field("created", INSTANT, "When the user was created"),
    field("active", FLAG, "False for those who have left"),
    field("emailAliases", listed(EMAIL), "Further e-mail addresses"),
    field("trustedEmailAddress", EMAIL, "E-mail address used to sign in"),
    field("firstName", NAME, "First name"),
    field("lastName", NAME, "Last name"),
    field("title", JOB_TITLE, "Job title"),
    field("phoneNumber", PHONE, "Phone number"),
    field("extension", PHONE, "Extension of the phone number"),
    field("personalMeetingUrls", listed(PERSONAL_LINK), "Links of personal meeting rooms"),
    field(
        "settings",
        one(
            field("webConferencesRecorded", FLAG, "Web conferences are recorded"),
            field("preventWebConferenceRecording", FLAG, "Their presence prevents recording"),
            field("telephonyCallsImported", FLAG, "Phone calls are imported"),
            field("emailsImported", FLAG, "E-mails are imported"),
            field("preventEmailImport", FLAG, "Their e-mails are never imported"),
            field("nonRecordedMeetingsImported", FLAG, "Meetings without recording are imported"),
            field("gongConnectEnabled", FLAG, "May use Gong Connect"),
        ),
        "What Gong records of the user",
    ),
    field("managerId", ID, "The user's manager"),
    field("meetingConsentPageUrl", PERSONAL_LINK, "Link of the consent page"),
    field(
        "conferencingProviders",
        many(
            field("provider", TEXT, "Conferencing system"),
            field("isDefault", FLAG, "The one used by default"),
        ),
        "Conferencing systems",
    ),
    field(
        "spokenLanguages",
        many(
            field("language", TEXT, "BCP 47"),
            field("primary", FLAG, "Assumed when the language of a call cannot be told"),
        ),
        "Languages spoken on calls",
    ),
)

SETTINGS_CHANGE = record(
    field("userId", ID, "The user"),
    field("setting", TEXT, "Which setting, such as webConferencesRecorded or active"),
    field("time", INSTANT, "When it was set"),
    field("value", FLAG, "What it was set to"),
)
