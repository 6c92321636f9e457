"""Engage flows (API: Engage)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.people import User

_MOST_FLOWS = 20


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
    """The user of an address; others are refused with 400, as the document has no 404 here."""
    given = filters.email(call.query, name)
    user = call.company.user(given, now=call.now)
    if user is None:
        raise Refusal(400, f"{name}: {given} is not a Gong user")
    return user


def _id(call: Call, name: str) -> str | None:
    given = call.query.get(name) or None
    if given is not None and not (given.isdecimal() and len(given) <= 20):
        raise Refusal(400, "Bad request")
    return given
