"""The Generic CRM integration (API: CRM), and calls that people put to it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page
from gong_sandbox.company.crm import OBJECT_TYPES

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call

_MOST_OBJECTS = 100


def list_integrations(call: Call) -> dict[str, Any]:
    """GET /v2/crm/integrations: one at most."""
    integration = call.company.crm.integration
    return {"integrations": [integration.wire()] if integration else []}


def get_entity_schema(call: Call) -> dict[str, Any]:
    """GET /v2/crm/entity-schema: of one object type, or of all."""
    _check_integration(call)
    chosen = _object_type(call) if call.query.get("objectType") else None
    return {"objectTypeToSelectedFields": call.company.crm.schema(chosen)}


def get_entities(call: Call) -> dict[str, Any]:
    """GET /v2/crm/entities: the ids are the body, or the parameter the document says."""
    if not call.content_type.startswith("application/json"):
        raise Refusal(415, "Unsupported Media Type")
    _check_integration(call)
    object_type = _object_type(call)
    wanted = call.body
    if wanted is None and "objectsCrmIds" in call.query:
        wanted = ",".join(call.query.getlist("objectsCrmIds")).split(",")
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise Refusal(400, filters.BAD_JSON)
    some = list(dict.fromkeys(wanted))[:_MOST_OBJECTS]
    return {"crmObjectsMap": call.company.crm.objects(object_type, some, now=call.now)}


def get_request_status(call: Call) -> dict[str, Any]:
    """GET /v2/crm/request-status.

    That an unknown id is refused with 400 is an assumption; it is the document's only fitting one.
    """
    _check_integration(call)
    request = filters.required(call.query, "clientRequestId")
    found = call.company.crm.request_status(request)
    if found is None:
        raise Refusal(400, f"Request not found: clientRequestId={request}")
    return found


def list_manual_associations(call: Call) -> dict[str, Any]:
    """GET /v2/calls/manual-crm-associations: every association is an event of its own."""
    start, _ = filters.time_range(dict(call.query), "fromDateTime", "toDateTime")
    made = [
        association
        for association in call.company.manual_associations(now=call.now)
        if start is None or association.created >= start
    ]
    served, records = page(
        made,
        lambda association: [association.created.timestamp(), association.call_id],
        token=call.query.get("cursor"),
        total=len(made),
        now=call.now,
        size=call.site.page_size,
    )
    zone = call.company.zone
    return {
        "records": records,
        "associations": [association.wire(zone) for association in served],
    }


def _check_integration(call: Call) -> None:
    """Refuse an integration that is not the company's: 400, as the document has no 404 here."""
    given = filters.required(call.query, "integrationId")
    if not given.isdecimal() or len(given) > 20:
        raise Refusal(400, "Bad request")
    integration = call.company.crm.integration
    if integration is None or integration.id != int(given):
        raise Refusal(400, f"Integration not found: integrationId={given}")


def _object_type(call: Call) -> str:
    given = filters.required(call.query, "objectType")
    if given not in OBJECT_TYPES:
        raise Refusal(400, f"objectType: must be one of {', '.join(OBJECT_TYPES)}")
    return given
