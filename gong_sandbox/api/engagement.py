"""Events that other systems report (API: Customer engagement, Digital interactions).

The texts of refusals, but those for what is missing, are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.uploads import faults_of_links
from gong_sandbox.company.engagement import Action, ContentEvent, Event, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.engagement import EventType, Person


def report_viewed(call: Call) -> dict[str, Any]:
    """PUT /v2/customer-engagement/content/viewed."""
    return _report(call, "contentViewed", filters.posted(call.body, ContentEvent))


def report_shared(call: Call) -> dict[str, Any]:
    """PUT /v2/customer-engagement/content/shared."""
    return _report(call, "contentShared", filters.posted(call.body, ContentEvent))


def report_action(call: Call) -> dict[str, Any]:
    """PUT /v2/customer-engagement/action."""
    return _report(call, "customEvent", filters.posted(call.body, Action))


def report_interaction(call: Call) -> dict[str, Any]:
    """POST /v2/digital-interaction: by a person, or by somebody who is only tracked."""
    given = filters.posted(call.body, Interaction)
    at = filters.instant(given.timestamp, "timestamp")
    faults = list(_faults_of_interaction(given))
    if faults:
        raise Refusal(400, *faults)
    system = given.source_system_name
    return _keep(call, Event("digitalInteraction", system, given.event_id, at, given))


def _report(call: Call, event_type: EventType, given: Action) -> dict[str, Any]:
    at = filters.instant(given.event_timestamp, "eventTimestamp")
    workspaces = {workspace["id"] for workspace in call.company.workspaces()}
    if given.workspace_id and given.workspace_id not in workspaces:
        raise Refusal(400, f"workspaceId: workspace {given.workspace_id} was not found")
    faults = list(_faults_of_event(given))
    if faults:
        raise Refusal(400, *faults)
    return _keep(call, Event(event_type, given.reporting_system, given.event_id, at, given))


def _keep(call: Call, event: Event) -> dict[str, Any]:
    for email in event.emails:
        filters.check_email(email)
    if not call.company.report(event):
        raise Refusal(409, "Event was already reported in the past")
    call.made = f"{event.type} event {event.id or 'without an id'}"
    return {}


def _faults_of_event(given: Action) -> Iterator[str]:
    yield from faults_of_links(given.crm_context, "", "crmContext")
    people = [("viewer", given.viewer), ("actor", given.actor)]
    for name, several in (
        ("recipients", given.recipients),
        ("nonCompanyParticipants", given.non_company_participants),
    ):
        people += [(f"{name}[{index}]", one) for index, one in enumerate(several or ())]
    for name, person in people:
        if person is not None:
            yield from faults_of_links(person.context, f"{name}.")
    if given.tracking_id is not None and given.viewer is not None:
        yield "trackingId: must be null when viewer is sent"


def _faults_of_interaction(given: Interaction) -> Iterator[str]:
    if (given.person is None) == (given.tracking_id is None):
        yield "Either person or trackingId must be sent, and not both"
    if given.person is not None:
        yield from _faults_of_person(given.person)


def _faults_of_person(person: Person) -> Iterator[str]:
    company = person.company
    known = (person.name, person.email, person.phone_number, person.person_business_context)
    if not any(known):
        if not person.person_id:
            yield "person.personId: must not be null for an anonymous person"
        if company is None or not company.domain:
            yield "person.company.domain: must not be null for an anonymous person"
    elif company is not None and not (company.domain or company.company_business_contexts):
        yield "person.company: must have a domain, an account or an opportunity"
