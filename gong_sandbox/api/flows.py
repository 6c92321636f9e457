"""Engage flows (API: Engage)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page
from gong_sandbox.company.bulk_assignments import BulkAssignment
from gong_sandbox.company.flows import Assignment, Overrides, Unassignable
from gong_sandbox.company.posted import Posted

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.flows import Flow
    from gong_sandbox.company.people import User

_MOST_FLOWS = 20
_MOST_PROSPECTS = 100
_MOST_IN_BULK = 50
_MOST_INSTANCES = 200


class OfProspect(Posted, frozen=True):
    """The body of POST /v2/flows/prospects/unassign-flows-by-crm-id."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"crm_prospect_id"})
    crm_prospect_id: str | None = None
    flow_id: str | None = None
    unassigned_by_user_email: str | None = None


class OfInstances(Posted, frozen=True):
    """The body of POST /v2/flows/prospects/unassign-flows-by-instance-id."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"flow_instance_ids"})
    flow_instance_ids: tuple[str, ...] | None = None
    unassigned_by_user_email: str | None = None


def assign_prospects(call: Call) -> dict[str, Any]:
    """POST /v2/flows/prospects/assign: those who can be, the others are named with a reason."""
    return _assign(call, filters.posted(call.body, Assignment))


def assign_prospects_at_once(call: Call) -> dict[str, Any]:
    """POST /v2/flows/prospects/assign/cool-off-override."""
    given = filters.posted(call.body, Assignment)
    overrides = msgspec.structs.replace(given.overrides or Overrides(), cool_off_override=True)
    return _assign(call, msgspec.structs.replace(given, overrides=overrides))


def _assign(call: Call, given: Assignment) -> dict[str, Any]:
    wanted = dict.fromkeys(given.crm_prospects_ids or ())
    _check_size("crmProspectsIds", len(wanted), _MOST_PROSPECTS)
    flow, owner = _flow_of(call, given.flow_id, given.flow_instance_owner_email)
    steps = given.overrides.steps if given.overrides else None
    if any(not 1 <= (step.number or 0) <= len(flow.steps) for step in steps or ()):
        raise Refusal(400, f"overrides.steps: the flow has {len(flow.steps)} steps")
    outcomes = [_tried(call, crm_id, flow, owner, given) for crm_id in wanted]
    assigned = [one for one in outcomes if "errorCode" not in one]
    refused = [one for one in outcomes if "errorCode" in one]
    call.made = f"{len(assigned)} of {len(wanted)} prospects in flow {flow.id}"
    return {"prospectsAssigned": assigned, "prospectsNotAssigned": refused}


def _tried(call: Call, crm_id: str, flow: Flow, owner: User, given: Assignment) -> dict[str, Any]:
    """The instance, or why there is none."""
    try:
        instance = call.company.flows.try_assign(crm_id, flow, owner, given, now=call.now)
    except Unassignable as reason:
        return {
            "flowId": flow.id,
            "crmProspectId": crm_id,
            "errorCode": reason.code,
            "errorMessage": reason.text,
        }
    return instance.wire("Pending", call.company.zone)


def unassign_prospect(call: Call) -> dict[str, Any]:
    """POST /v2/flows/prospects/unassign-flows-by-crm-id: out of all flows, or of one."""
    given = filters.posted(call.body, OfProspect)
    _check_user(call, given.unassigned_by_user_email)
    instances = call.company.flows.instances([given.crm_prospect_id or ""], now=call.now)
    found = [
        one.id
        for one in instances
        if one.status_at(call.now) and given.flow_id in {None, one.flow.id}
    ]
    return _unassign(call, found)


def unassign_instances(call: Call) -> dict[str, Any]:
    """POST /v2/flows/prospects/unassign-flows-by-instance-id: one unknown id fails them all."""
    given = filters.posted(call.body, OfInstances)
    wanted = dict.fromkeys(given.flow_instance_ids or ())
    _check_size("flowInstanceIds", len(wanted), _MOST_INSTANCES)
    _check_user(call, given.unassigned_by_user_email)
    running = call.company.flows.running(wanted, now=call.now)
    if running is None:
        raise Refusal(400, "One or more of the given flowInstanceIds does not exist")
    return _unassign(call, running)


def _unassign(call: Call, instance_ids: list[str]) -> dict[str, Any]:
    for instance_id in instance_ids:
        call.company.flows.unassign(instance_id, call.now)
    call.made = f"{len(instance_ids)} flow instances ended"
    return {"unassignedFlowInstanceIds": instance_ids}


def assign_in_bulk(call: Call) -> dict[str, Any]:
    """POST /v2/flows/prospects/bulk-assignments: asynchronous; people may be new to the CRM."""
    given = filters.posted(call.body, BulkAssignment)
    prospects = given.prospects or ()
    _check_size("prospects", len(prospects), _MOST_IN_BULK)
    faults = [
        f"prospects[{index}]: must have a crmId, or a firstName and a lastName"
        for index, one in enumerate(prospects)
        if not (one.crm_id or (one.first_name and one.last_name))
    ]
    if faults:
        raise Refusal(400, *faults)
    for one in prospects:
        filters.check_email(one.email)
    flow, owner = _flow_of(call, given.flow_id, given.flow_instance_owner_email)
    bulk = call.company.bulk_assignments.add(given, flow, owner, now=call.now)
    call.status = 202
    call.made = f"bulk assignment {bulk.id} of {len(prospects)} prospects"
    return bulk.wire(call.now)


def get_bulk_assignment(call: Call) -> dict[str, Any]:
    """GET /v2/flows/prospects/bulk-assignments/{bulkId}."""
    bulk_id = call.path_params["bulkId"]
    bulk = call.company.bulk_assignments.find(bulk_id)
    if bulk is None:
        raise Refusal(404, f"Flow prospects bulk assignment {bulk_id} not found")
    return bulk.wire(call.now)


def list_flows(call: Call) -> dict[str, Any]:
    """GET /v2/flows: the company's, and the owner's personal and shared ones."""
    owner = _owner(call, "flowOwnerEmail")
    workspace, folder = _id(call, "workspaceId"), _id(call, "folderId")
    zone = call.company.zone
    shown = [
        (flow, record)
        for flow, visibility in call.company.flows.flows(owner, now=call.now)
        for record in (flow.wire(visibility, zone),)
        if workspace in {None, flow.folder.workspace_id} and folder in {None, record["folderId"]}
    ]
    served, records = page(
        shown,
        lambda pair: [pair[0].created.timestamp(), pair[0].id],
        token=call.query.get("cursor"),
        total=len(shown),
        now=call.now,
        size=call.site.page_size,
    )
    return {"records": records, "flows": [record for _, record in served]}


def list_folders(call: Call) -> dict[str, Any]:
    """GET /v2/flows/folders: with `parentId` that folder and its children.

    The list is called `flowsFolders`, whatever the document says.
    """
    owner = _owner(call, "flowFolderOwnerEmail")
    workspace, parent = _id(call, "workspaceId"), _id(call, "parentId")
    folders = [
        folder
        for folder in call.company.flows.folders(owner, workspace)
        if parent in {None, folder["id"], folder["parentFolderId"]}
    ]
    served, records = page(
        sorted(folders, key=lambda folder: int(folder["id"])),
        lambda folder: [int(folder["id"])],
        token=call.query.get("cursor"),
        total=len(folders),
        now=call.now,
        size=call.site.page_size,
    )
    return {"records": records, "flowsFolders": served}


def list_prospects(call: Call) -> dict[str, Any]:
    """POST /v2/flows/prospects: what the prospects are in now."""
    wanted = set(filters.texts(call.body, "crmProspectsIds"))
    return {
        "prospectsAssigned": [
            instance.wire(status, call.company.zone)
            for instance in call.company.flows.instances(wanted, now=call.now)
            if (status := instance.status_at(call.now))
        ]
    }


def list_steps(call: Call) -> dict[str, Any]:
    """POST /v2/flows/steps: one unknown flow fails them all."""
    wanted = filters.texts(call.body, "flowIds")
    if not 1 <= len(wanted) <= _MOST_FLOWS:
        raise Refusal(400, f"flowIds: must hold 1 to {_MOST_FLOWS} ids")
    found = []
    for flow_id in dict.fromkeys(wanted):
        flow = call.company.flows.find(flow_id, now=call.now)
        if flow is None:
            raise Refusal(404, f"Flow not found: flowId={flow_id}")
        # Nobody in particular asks: a flow that is shared says so.
        visibility = "Shared" if flow.shared_with else "Personal" if flow.owner_id else "Company"
        found.append(
            {
                **flow.wire(visibility, call.company.zone),
                "folderId": flow.folder.id,
                "folderName": flow.folder.name,
                "description": flow.description,
                "steps": [step.wire() for step in flow.steps],
            }
        )
    return {"flows": found}


def _owner(call: Call, name: str) -> User:
    """The user of an address in the query."""
    return _user(call, name, filters.email(call.query, name))


def _user(call: Call, name: str, email: str) -> User:
    """The user of an address; others are refused with 400, as the document has no 404 here."""
    user = call.company.user(email, now=call.now)
    if user is None:
        raise Refusal(400, f"{name}: {email} is not a Gong user")
    return user


def _check_user(call: Call, email: str | None) -> None:
    if email is not None:
        filters.check_email(email)
        _user(call, "unassignedByUserEmail", email)


def _check_size(name: str, size: int, most: int) -> None:
    if not 1 <= size <= most:
        raise Refusal(400, f"{name}: size must be between 1 and {most}")


def _flow_of(call: Call, flow_id: str | None, email: str | None) -> tuple[Flow, User]:
    """A flow that a user may use; others are not found."""
    filters.check_email(email)
    flow = call.company.flows.find(flow_id or "", now=call.now)
    if flow is None:
        raise Refusal(404, "Flow not found")
    owner = _user(call, "flowInstanceOwnerEmail", email or "")
    if not flow.visibility_to(owner.id):
        raise Refusal(404, "Flow not found")
    return flow, owner


def _id(call: Call, name: str) -> str | None:
    given = call.query.get(name) or None
    if given is not None and not (given.isdecimal() and len(given) <= 20):
        raise Refusal(400, "Bad request")
    return given
