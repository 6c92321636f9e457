"""What people outside did with content, as other systems report it (api: customer-engagement)."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gong_sandbox.company.posted import Posted
from gong_sandbox.company.uploads import CrmLink  # noqa: TC001  # msgspec reads the types

if TYPE_CHECKING:
    from datetime import datetime

EventType = Literal["contentViewed", "contentShared", "customEvent", "digitalInteraction"]


class Actor(Posted, frozen=True):
    """Somebody outside."""

    email: str | None = None
    name: str | None = None
    title: str | None = None
    context: tuple[CrmLink, ...] | None = None


class Recipient(Actor, frozen=True):
    """Somebody outside with whom content was shared."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"email"})


class Sharer(Posted, frozen=True):
    """The user who shared content."""

    id: str | None = None
    email: str | None = None
    name: str | None = None


class Property(Posted, frozen=True):
    """A further fact of an event or of its content."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name", "value", "data_type"})
    name: str | None = None
    value: str | float | None = None
    data_type: Literal["number", "string", "url", "date"] | None = None


class Action(Posted, frozen=True):
    """The body of PUT /v2/customer-engagement/action."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"reporting_system", "event_timestamp"})
    reporting_system: str | None = None
    event_timestamp: str | None = None
    event_id: str | None = None
    content_id: str | None = None
    content_url: str | None = None
    content_title: str | None = None
    action_name: str | None = None
    event_info_url: str | None = None
    actor: Actor | None = None
    share_id: str | None = None
    crm_context: tuple[CrmLink, ...] | None = None
    content_properties: tuple[Property, ...] | None = None
    event_properties: tuple[Property, ...] | None = None
    workspace_id: str | None = None
    non_company_participants: tuple[Actor, ...] | None = None
    more_info_url: str | None = None
    tracking_id: str | None = None
    user_agent: str | None = None
    mobile_app_id: str | None = None
    agent_platform: Literal["Windows", "Linux", "MacOS", "iOS", "Android"] | None = None
    # Of content that was viewed.
    view_action_title: str | None = None
    view_info_url: str | None = None
    viewer: Actor | None = None
    # Of content that was shared.
    share_info_url: str | None = None
    sharing_message_subject: str | None = None
    sharing_message_body: str | None = None
    sharer: Sharer | None = None
    recipients: tuple[Recipient, ...] | None = None


class ContentEvent(Action, frozen=True):
    """The body of PUT /v2/customer-engagement/content/viewed and /shared."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset(
        {"reporting_system", "event_timestamp", "content_id", "content_url", "content_title"}
    )


class CustomField(Posted, frozen=True):
    """A further fact of a digital interaction."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name", "value"})
    name: str | None = None
    value: str | None = None
    data_type: Literal["STRING", "NUMBER", "DATE", "URL", "BOOLEAN", "DURATION"] | None = None


class NumericContent(Posted, frozen=True):
    """A number that content came to, such as a score."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"range_from", "range_to"})
    value: int | None = None
    range_from: int | None = None
    range_to: int | None = None
    numeric_type: Literal["PERCENTAGE", "NPS", "RATING", "OTHER"] | None = None


class StepContent(Posted, frozen=True):
    """How far somebody has come in content that has steps."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"value", "available_steps"})
    value: str | None = None
    available_steps: tuple[str, ...] | None = None


class SearchObject(Posted, frozen=True):
    """What somebody looked for."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name", "object_type", "domain"})
    name: str | None = None
    object_type: Literal["VENDOR", "PRODUCT", "CATEGORY"] | None = None
    domain: str | None = None
    object_id: str | None = None
    url: str | None = None


class Content(Posted, frozen=True):
    """What somebody looked at."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"content_title"})
    content_id: str | None = None
    content_title: str | None = None
    content_label: tuple[str, ...] | None = None
    content_url: str | None = None
    content_additional_info_url: str | None = None
    numeric_content_details: NumericContent | None = None
    step_content_details: StepContent | None = None
    search_object_details: SearchObject | None = None
    content_custom_fields: tuple[CustomField, ...] | None = None


class PersonContext(Posted, frozen=True):
    """A person in the CRM."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"object_type", "object_id"})
    object_type: Literal["CONTACT", "LEAD"] | None = None
    object_id: str | None = None
    system_name: str | None = None


class CompanyContext(Posted, frozen=True):
    """A person's company in the CRM."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"object_type", "object_id"})
    object_type: Literal["ACCOUNT", "OPPORTUNITY"] | None = None
    object_id: str | None = None
    system_name: str | None = None


class Employer(Posted, frozen=True):
    """A person's company."""

    company_id: str | None = None
    name: str | None = None
    domain: str | None = None
    company_business_contexts: tuple[CompanyContext, ...] | None = None


class Location(Posted, frozen=True):
    """Where a person was."""

    country: str | None = None
    state: str | None = None
    region: str | None = None
    city: str | None = None


class Person(Posted, frozen=True):
    """Who interacted."""

    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    person_id: str | None = None
    person_business_context: PersonContext | None = None
    location: Location | None = None
    company: Employer | None = None
    person_custom_fields: tuple[CustomField, ...] | None = None


class Interaction(Posted, frozen=True):
    """The body of POST /v2/digital-interaction."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset(
        {"event_id", "timestamp", "event_type", "content"}
    )
    event_id: str | None = None
    timestamp: str | None = None
    event_type: str | None = None
    source_system_name: str | None = None
    session_id: str | None = None
    device: Literal["MOBILE", "PC"] | None = None
    content: Content | None = None
    person: Person | None = None
    custom_fields: tuple[CustomField, ...] | None = None
    tracking_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was accepted.

    Attributes:
        type: as data-privacy look-ups name it.
        system: that reported it; with `id` what it is known by, for customer engagement.
        id: in that system, None where none was given.
        at: when it happened.
        given: as it was reported.
    """

    type: EventType
    system: str | None
    id: str | None
    at: datetime
    given: Action | Interaction

    @property
    def emails(self) -> list[str]:
        """Of the people outside who took part."""
        given = self.given
        if isinstance(given, Interaction):
            return [given.person.email] if given.person and given.person.email else []
        people = (
            given.actor,
            given.viewer,
            *(given.recipients or ()),
            *(given.non_company_participants or ()),
        )
        return list(dict.fromkeys(one.email for one in people if one and one.email))

    def wire(self, timestamp: str) -> dict[str, Any]:
        """The record of `customerEngagement`."""
        given = self.given
        content: Content | Action | None
        if isinstance(given, Interaction):
            name, content = given.event_type, given.content
        else:
            viewed = self.type == "contentViewed"
            name, content = given.view_action_title if viewed else given.action_name, given
        return {
            "eventType": self.type,
            "timestamp": timestamp,
            "contentId": content.content_id if content else None,
            "contentUrl": content.content_url if content else None,
            "reportingSystem": self.system,
            "eventName": name,
            "sourceEventId": self.id,
        }


class Engagement:
    """All events that were accepted, each of an id once.

    Attributes:
        events: in the order in which they came.
        times_sent: how often each id was sent, refused repeats included, by system and id.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[tuple[str | None, str]] = set()
        self.events: list[Event] = []
        self.times_sent: Counter[tuple[str | None, str]] = Counter()

    def report(self, event: Event) -> bool:
        """Keep an event, or say that it is known; one without an id never is."""
        # The ids of digital interactions are unique by themselves.
        system = None if event.type == "digitalInteraction" else event.system
        with self._lock:
            if event.id:
                key = (system, event.id)
                self.times_sent[key] += 1
                if key in self._known:
                    return False
                self._known.add(key)
            self.events.append(event)
        return True

    def forget(self, email: str) -> None:
        """Drop the events of a person; their ids stay known."""
        wanted = email.casefold()
        with self._lock:
            self.events = [
                event
                for event in self.events
                if wanted not in {address.casefold() for address in event.emails}
            ]
