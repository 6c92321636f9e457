"""What prospects did: content they saw, and other events (API: Customer engagement)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import Refused
from target_gong.fields import ID, INSTANT, WHOLE, Field, in_utc
from target_gong.ledger import content_hash
from target_gong.sink import GongSink, Write
from target_gong.sinks.calls import context_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_gong.ledger import Row

_PROPERTY = (
    Field("name", required=True),
    Field("value", required=True),
    Field("dataType", required=True, choices=("number", "string", "url", "date")),
)
_ACTOR = (
    Field("email"),
    Field("name"),
    Field("title"),
    Field(
        "context",
        many=True,
        fields=context_fields("Lead", "Contact", "Account", "Opportunity", "User"),
    ),
)
_SHARER = (Field("id", ID), Field("email"), Field("name"))


def _content(*, required: bool) -> tuple[Field, ...]:
    return (
        Field("contentId", ID, required=required),
        Field("contentUrl", required=required),
        Field("contentTitle", required=required),
    )


_COMMON = (
    Field("eventId", ID),
    Field("reportingSystem", required=True),
    Field("eventTimestamp", INSTANT, required=True),
    Field("actionName"),
    Field("shareId", ID),
    Field("trackingId", ID),
    Field("workspaceId", ID),
    Field("moreInfoUrl"),
    Field("userAgent"),
    Field("mobileAppId"),
    Field("agentPlatform", choices=("Windows", "Linux", "MacOS", "iOS", "Android")),
    Field("sharingMessageSubject"),
    Field("sharingMessageBody"),
    Field("sharer", fields=_SHARER),
    Field(
        "crmContext",
        many=True,
        fields=context_fields("Opportunity", "Account", "Lead", "Contact", "User"),
    ),
    Field("contentProperties", many=True, fields=_PROPERTY),
    Field("nonCompanyParticipants", many=True, fields=_ACTOR),
)


class Event(GongSink):
    """An event, which Gong takes once for each `eventId`.

    Attributes:
        method, path: where it is sent.
    """

    scope = "api:engagement-data:write"
    method: ClassVar[str] = "PUT"
    path: ClassVar[str]

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get("eventId") or "")

    @override
    def understand(self, record: dict[str, Any]) -> Write:
        write = super().understand(record)
        times = {
            field.name: in_utc(write.body[field.name])
            for field in self.fields
            if field.kind == INSTANT and field.name in write.body
        }
        body = {**write.body, **times}
        if not write.key:
            # A stable id: the same record is the same event, however often it comes. What the
            # source tells its records apart by may be a column that Gong has no field for.
            source = {name: str(record[name]) for name in self.key_properties}
            body["eventId"] = content_hash([body, source])[:32]
        return Write(body["eventId"], body)

    @override
    def action(self, write: Write, done: Row | None) -> str | None:
        if done is None:
            return "report"
        self.logger.warning(
            "%s %s: was reported before with other content; Gong cannot change events",
            self.stream,
            write.key,
        )
        return None

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        try:
            answer = self.client.request(self.method, self.path, body=write.body)
        except Refused as error:
            if error.status != 409:
                raise
            return {"requestId": error.request_id, "existed": True}
        return {"requestId": answer.get("requestId")}


class ContentViewedEvents(Event):
    """Somebody saw some content."""

    stream = "content_viewed_events"
    summary = "Content that a prospect saw; `eventId` is made from the record if it has none"
    operations = "PUT /v2/customer-engagement/content/viewed"
    path = "/v2/customer-engagement/content/viewed"
    fields = (
        *_COMMON,
        *_content(required=True),
        Field("viewActionTitle"),
        Field("viewInfoUrl"),
        Field("viewer", fields=_ACTOR),
        Field("eventProperties", many=True, fields=_PROPERTY),
    )


class ContentSharedEvents(Event):
    """Somebody was sent some content."""

    stream = "content_shared_events"
    summary = "Content that was shared with prospects; `eventId` as above"
    operations = "PUT /v2/customer-engagement/content/shared"
    path = "/v2/customer-engagement/content/shared"
    fields = (
        *_COMMON,
        *_content(required=True),
        Field("shareInfoUrl"),
        Field("recipients", many=True, fields=_ACTOR),
        Field("eventProperties", many=True, fields=_PROPERTY),
    )


class CustomActionEvents(Event):
    """Somebody did something else."""

    stream = "custom_action_events"
    summary = "Anything else that a prospect did; `eventId` as above"
    operations = "PUT /v2/customer-engagement/action"
    path = "/v2/customer-engagement/action"
    fields = (
        *_COMMON,
        *_content(required=False),
        Field("eventInfoUrl"),
        Field("actor", fields=_ACTOR),
        Field("eventProperties", many=True, fields=_PROPERTY),
    )


_CUSTOM_FIELD = (
    Field("name", required=True),
    Field("value", required=True),
    Field("dataType", choices=("STRING", "NUMBER", "DATE", "URL", "BOOLEAN", "DURATION")),
)


class DigitalInteractions(Event):
    """What somebody did on the web or in an app."""

    stream = "digital_interactions"
    summary = "What a person did on the web or in an app; `eventId` as above"
    operations = "POST /v2/digital-interaction"
    scope = "api:digital-interactions:write"
    method = "POST"
    path = "/v2/digital-interaction"
    fields = (
        Field("eventId", ID),
        Field("timestamp", INSTANT, required=True),
        Field("eventType", required=True),
        Field("sourceSystemName"),
        Field("sessionId", ID),
        Field("device", choices=("MOBILE", "PC")),
        Field("trackingId", ID),
        Field(
            "content",
            required=True,
            fields=(
                Field("contentId", ID),
                Field("contentTitle", required=True),
                Field("contentLabel", many=True),
                Field("contentUrl"),
                Field("contentAdditionalInfoUrl"),
                Field(
                    "numericContentDetails",
                    fields=(
                        Field("value", WHOLE),
                        Field("rangeFrom", WHOLE, required=True),
                        Field("rangeTo", WHOLE, required=True),
                        Field("numericType", choices=("PERCENTAGE", "NPS", "RATING", "OTHER")),
                    ),
                ),
                Field(
                    "stepContentDetails",
                    fields=(
                        Field("value", required=True),
                        Field("availableSteps", required=True, many=True),
                    ),
                ),
                Field(
                    "searchObjectDetails",
                    fields=(
                        Field("name", required=True),
                        Field(
                            "objectType", required=True, choices=("VENDOR", "PRODUCT", "CATEGORY")
                        ),
                        Field("domain", required=True),
                        Field("objectId", ID),
                        Field("url"),
                    ),
                ),
                Field("contentCustomFields", many=True, fields=_CUSTOM_FIELD),
            ),
        ),
        Field(
            "person",
            fields=(
                Field("name"),
                Field("email"),
                Field("phoneNumber"),
                Field("personId", ID),
                Field(
                    "personBusinessContext",
                    fields=(
                        Field("objectType", required=True, choices=("CONTACT", "LEAD")),
                        Field("objectId", ID, required=True),
                        Field("systemName"),
                    ),
                ),
                Field(
                    "location",
                    fields=tuple(Field(n) for n in ("country", "state", "region", "city")),
                ),
                Field(
                    "company",
                    fields=(
                        Field("companyId", ID),
                        Field("name"),
                        Field("domain"),
                        Field(
                            "companyBusinessContexts",
                            many=True,
                            fields=(
                                Field(
                                    "objectType", required=True, choices=("ACCOUNT", "OPPORTUNITY")
                                ),
                                Field("objectId", ID, required=True),
                                Field("systemName"),
                            ),
                        ),
                    ),
                ),
                Field("personCustomFields", many=True, fields=_CUSTOM_FIELD),
            ),
        ),
        Field("customFields", many=True, fields=_CUSTOM_FIELD),
    )
    needs = (("person", "trackingId"),)

    @override
    def check(self, write: Write) -> Iterable[str]:
        if bool(write.body.get("person")) == bool(write.body.get("trackingId")):
            yield "one of person and trackingId is required, and not both"
