"""The Generic CRM integration (API: CRM), and calls that people put to it by hand.

Where the document is silent, the texts of refusals are assumptions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.multipart import read_file
from gong_sandbox.api.pages import page
from gong_sandbox.company.crm import OBJECT_TYPES, UPLOAD_TYPES
from gong_sandbox.company.crm_rows import LARGEST, RowIntake, is_time
from gong_sandbox.company.posted import Posted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.crm import Crm

_MOST_OBJECTS = 100
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]+")
_ACTIVE = (
    "Your organization already has an active GENERIC CRM integration. Only 1 active integration is"
    " supported. Please disconnect the existing GENERIC CRM integration before creating a new"
    " Generic CRM integration"
)
_USED = "Client request id has already been used"


class NewIntegration(Posted, frozen=True):
    """The body of PUT /v2/crm/integrations."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"owner_email", "name"})
    owner_email: str | None = None
    name: str | None = None


class NewField(Posted, frozen=True):
    """A custom field as POST /v2/crm/entity-schema has it."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"unique_name", "label", "type"})
    unique_name: str | None = None
    label: str | None = None
    type: (
        Literal[
            "DATE",
            "DATETIME",
            "NUMBER",
            "PERCENT",
            "CURRENCY",
            "ID",
            "URL",
            "STRING",
            "BOOLEAN",
            "PHONENUMBER",
            "EMAILADDRESS",
            "PICKLIST",
            "REFERENCE",
            "STRINGARRAY",
        ]
        | None
    ) = None
    last_modified: str | None = None
    is_deleted: bool | None = None
    reference_to: Literal["ACCOUNT", "CONTACT", "DEAL", "LEAD", "USER"] | None = None
    ordered_value_list: tuple[str, ...] | None = None


def list_integrations(call: Call) -> dict[str, Any]:
    """GET /v2/crm/integrations: one at most."""
    integration = call.company.crm.integration
    return {"integrations": [integration.wire()] if integration else []}


def register_integration(call: Call) -> dict[str, Any]:
    """PUT /v2/crm/integrations: one at a time."""
    new = filters.posted(call.body, NewIntegration)
    filters.check_email(new.owner_email)
    integration = call.company.crm.register(str(new.owner_email), str(new.name))
    if integration is None:
        raise Refusal(409, _ACTIVE)
    call.made = f"CRM integration {integration.id}"
    return {"integrationId": integration.id}


def delete_integration(call: Call) -> dict[str, Any]:
    """DELETE /v2/crm/integrations: asynchronous, as GET /v2/crm/request-status tells."""
    integration_id = _check_integration(call)
    request_id = _request_id(call)
    found = call.company.crm.delete_integration(integration_id, request_id, now=call.now)
    if found is None:
        raise Refusal(409, _USED)
    call.status = 201
    call.made = f"deletion of CRM integration {integration_id}"
    return {"clientRequestId": request_id}


def set_entity_schema(call: Call) -> dict[str, Any]:
    """POST /v2/crm/entity-schema: all custom fields of an object type, at once effective."""
    _check_integration(call)
    object_type = _object_type(call)
    given: tuple[NewField, ...] = filters.posted(call.body, tuple[NewField, ...])
    faults = list(_faults_of_schema(call.company.crm, object_type, given))
    if faults:
        raise Refusal(400, *faults)
    fields = [
        {
            "uniqueName": field.unique_name,
            "label": field.label,
            "type": field.type,
            "lastModified": field.last_modified or f"{call.now:%Y-%m-%dT%H:%M:%SZ}",
            "isDeleted": False,
            "referenceTo": field.reference_to,
            "orderedValueList": list(field.ordered_value_list or ()) or None,
        }
        for field in given
        if not field.is_deleted
    ]
    deleted = [str(field.unique_name) for field in given if field.is_deleted]
    call.company.crm.set_schema(object_type, fields, deleted)
    call.made = f"schema of {object_type}: {len(fields)} custom fields"
    return {}


async def read_entities(request: Request) -> RowIntake | Refusal:
    """The body of POST /v2/crm/entities, checked line by line as it comes."""
    object_type = request.query_params.get("objectType", "")
    crm: Crm = request.app.state.site.company.crm
    # Of an unknown type, which is refused below, the file is read all the same.
    kind = object_type if object_type in UPLOAD_TYPES else "ACCOUNT"
    schema = crm.schema(kind)[kind] if kind in OBJECT_TYPES else ()
    intake = RowIntake(kind, schema)
    part = await read_file(request, "dataFile", intake.feed)
    if isinstance(part, Refusal):
        return part
    if not part.filename:
        return Refusal(400, "dataFile part is missing")
    if intake.size > LARGEST:
        return Refusal(400, "dataFile part is larger than 200MB")
    intake.close()
    return intake


def upload_entities(call: Call) -> dict[str, Any]:
    """POST /v2/crm/entities: accepted; what becomes of it GET /v2/crm/request-status tells."""
    intake: RowIntake = call.body
    integration_id = _check_integration(call)
    object_type = _object_type(call, UPLOAD_TYPES)
    request_id = _request_id(call)
    found = call.company.crm.upload(integration_id, request_id, intake, now=call.now)
    if found is None:
        raise Refusal(409, _USED)
    call.status = 201
    lines = len(found.rows) + found.error_count
    call.made = f"upload {request_id}: {lines:,} lines of {object_type}"
    return {"clientRequestId": request_id}


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
    integration_id = _check_integration(call, past=True)
    request = filters.required(call.query, "clientRequestId")
    found = call.company.crm.request_status(integration_id, request, now=call.now)
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


def _check_integration(call: Call, *, past: bool = False) -> int:
    """Refuse an integration that is not the company's: 400, as the document has no 404 here.

    Args:
        call: names it.
        past: whether one that has been deleted will do.
    """
    given = filters.required(call.query, "integrationId")
    if not given.isdecimal() or len(given) > 20:
        raise Refusal(400, "Bad request")
    crm = call.company.crm
    active = crm.integration is not None and crm.integration.id == int(given)
    if not active and not (past and crm.has_had(int(given))):
        raise Refusal(400, f"Integration not found: integrationId={given}")
    return int(given)


def _object_type(call: Call, allowed: tuple[str, ...] = OBJECT_TYPES) -> str:
    given = filters.required(call.query, "objectType")
    if given not in allowed:
        raise Refusal(400, f"objectType: must be one of {', '.join(allowed)}")
    return given


def _request_id(call: Call) -> str:
    given = filters.required(call.query, "clientRequestId")
    if not _REQUEST_ID.fullmatch(given):
        raise Refusal(400, "clientRequestId: must hold letters, numbers, dashes and underscores")
    return given


def _faults_of_schema(crm: Crm, object_type: str, fields: tuple[NewField, ...]) -> Iterator[str]:
    names = [str(field.unique_name) for field in fields]
    for index, field in enumerate(fields):
        at = f"[{index}]."
        if field.type == "PICKLIST" and not field.ordered_value_list:
            yield f"{at}orderedValueList: must not be empty for type PICKLIST"
        if field.type == "REFERENCE" and field.reference_to is None:
            yield f"{at}referenceTo: must not be null for type REFERENCE"
        if field.last_modified is not None and not is_time(field.last_modified):
            yield f"{at}lastModified: must be a date and time in ISO-8601, without milliseconds"
        if field.unique_name in names[:index]:
            yield f"{at}uniqueName: {field.unique_name} is there already"
    left_out = crm.left_out(object_type, names)
    if left_out:
        yield f"All fields of the schema must be included, missing: {', '.join(left_out)}"
