"""The library (API: Library)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call


def list_folders(call: Call) -> dict[str, Any]:
    """GET /v2/library/folders; a company with several workspaces must be asked for one."""
    workspaces = [workspace["id"] for workspace in call.company.workspaces()]
    wanted = call.query.get("workspaceId") or None
    if wanted is None and len(workspaces) > 1:
        raise Refusal(400, "workspaceId: must not be null")
    if wanted is not None and wanted not in workspaces:
        raise Refusal(404, "Workspace not found")
    return {"folders": call.company.folders(wanted)}


def list_folder_content(call: Call) -> dict[str, Any]:
    """GET /v2/library/folder-content: the answer is the folder itself."""
    folder_id = call.query.get("folderId")
    if not folder_id:
        raise Refusal(400, "folderId: must not be null")
    content = call.company.folder_content(folder_id, now=call.now)
    if content is None:
        raise Refusal(404, "Folder not found")
    return content
