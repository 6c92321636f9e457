"""What Gong holds about a person (API: Data privacy)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    ANYTHING,
    EMAIL,
    ID,
    INSTANT,
    PHONE,
    TEXT,
    crm_values,
    field,
    listed,
    many,
    record,
)

_HELD = (
    field(
        "emails",
        many(
            field("id", ID, "The e-mail's id"),
            field("from", EMAIL, "Sender"),
            field("sentTime", INSTANT, "When it was sent"),
            field("mailbox", EMAIL, "Mailbox it was found in"),
            field("messageHash", TEXT, "Hash of the message"),
        ),
        "E-mails",
    ),
    field(
        "calls",
        many(
            field("id", ID, "The call"),
            field("status", TEXT, "Status"),
            field(
                "externalSystems",
                many(
                    field("system", TEXT, "Salesforce, HubSpot or another"),
                    field(
                        "objects",
                        many(
                            field("objectType", TEXT, "Conversation or Task"),
                            field("externalId", ID, "Id in that system"),
                        ),
                        "Objects of that system",
                    ),
                ),
                "Where else it is recorded",
            ),
        ),
        "Calls",
    ),
    field("meetings", many(field("id", ID, "The meeting")), "Meetings"),
    field(
        "customerData",
        many(
            field("system", TEXT, "Salesforce, HubSpot or another"),
            field(
                "objects",
                many(
                    field("id", ID, "Id in Gong"),
                    field("objectType", TEXT, "Lead or Contact"),
                    field("externalId", ID, "Id in that system"),
                    field("mirrorId", TEXT, "Further ids, in JSON"),
                    field(
                        "fields",
                        crm_values(
                            field("name", TEXT, "Name of the field"),
                            field("value", ANYTHING, "Its value"),
                        ),
                        "Field values",
                    ),
                ),
                "Objects of that system",
            ),
        ),
        "CRM objects",
    ),
)

EMAIL_ADDRESS_REFERENCES = record(
    field("subject", EMAIL, "The e-mail address that was asked for"),
    *_HELD,
    field(
        "customerEngagement",
        many(
            field("eventType", TEXT, "contentShared, contentViewed, customEvent and others"),
            field("timestamp", INSTANT, "When"),
            field("contentId", ID, "The content"),
            field("contentUrl", TEXT, "Link of the content"),
            field("reportingSystem", TEXT, "System that reported it"),
            field("eventName", TEXT, "Name of the event"),
            field("sourceEventId", ID, "Id of the event in that system"),
        ),
        "Engagement events",
    ),
)

PHONE_NUMBER_REFERENCES = record(
    field("subject", PHONE, "The phone number that was asked for"),
    *_HELD,
    field("suppliedPhoneNumber", PHONE, "The number as Gong understood it"),
    field("matchingPhoneNumbers", listed(PHONE), "Numbers that match"),
    field("emailAddresses", listed(EMAIL), "E-mail addresses of the same person"),
)
