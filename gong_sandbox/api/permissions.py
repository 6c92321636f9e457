"""Permission profiles (API: Permissions).

The document knows no 404 here, so that unknown workspaces and profiles are refused with 400; the
texts for them are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.company.profiles import ACCESSES, FORECAST, LIBRARY_SWITCHES, PLAYS, SWITCHES

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call
    from gong_sandbox.company.profiles import Profile

_Level = Literal["all", "managers-team", "report-to-them", "own", "none"]
_LibraryLevel = Literal["none", "all", "specific-folders"]
_ACCESS = msgspec.defstruct(
    "_ACCESS",
    [("permissionLevel", _Level | None, None), ("teamLeadIds", list[str] | None, None)],
)
_LIBRARY = msgspec.defstruct(
    "_LIBRARY",
    [
        ("permissionLevel", _LibraryLevel | None, None),
        ("libraryFolderIds", list[str] | None, None),
        *((name, bool | None, None) for name in LIBRARY_SWITCHES),
    ],
)
_DRAFT = msgspec.defstruct(
    "_DRAFT",
    [
        ("name", str | None, None),
        ("description", str | None, None),
        *((name, _ACCESS | None, None) for name in ACCESSES),
        ("libraryFolderAccess", _LIBRARY | None, None),
        (
            "forecastPermissions",
            msgspec.defstruct("_FORECAST", [(name, _ACCESS | None, None) for name in FORECAST])
            | None,
            None,
        ),
        *((name, bool | None, None) for name in (*SWITCHES, PLAYS)),
    ],
)


def list_profiles(call: Call) -> dict[str, Any]:
    """GET /v2/all-permission-profiles: of one workspace, by name."""
    profiles = call.company.profiles.all(_workspace(call))
    return {"profiles": [profile.wire() for profile in profiles]}


def get_profile(call: Call) -> dict[str, Any]:
    """GET /v2/permission-profile."""
    return {"profile": _profile(call).wire()}


def list_profile_users(call: Call) -> dict[str, Any]:
    """GET /v2/permission-profile/users."""
    users = call.company.profiles.users(_profile(call), now=call.now)
    return {
        "users": [
            {"id": user.id, "fullName": user.name, "emailAddress": user.email} for user in users
        ]
    }


def create_profile(call: Call) -> dict[str, Any]:
    """POST /v2/permission-profile: each creates another; contradictions are refused with 422."""
    workspace_id = _workspace(call)
    values = _values(call)
    filters.required(values, "name")
    _check_rules(call, values, status=422)
    profile = call.company.profiles.create(workspace_id, values)
    call.made = f"permission profile {profile.id}"
    return {"profile": profile.wire()}


def update_profile(call: Call) -> dict[str, Any]:
    """PUT /v2/permission-profile: members left out stay as they are."""
    profile = _profile(call)
    values = _values(call)
    if values.get("name") == "":
        raise Refusal(400, "name: must not be null")
    _check_rules(call, values, status=400)
    call.company.profiles.update(profile, values)
    call.made = f"changes to permission profile {profile.id}"
    return {"profile": profile.wire()}


def _workspace(call: Call) -> str:
    workspace_id = _id(call, "workspaceId")
    if workspace_id not in {workspace["id"] for workspace in call.company.workspaces()}:
        raise Refusal(400, "Workspace not found")
    return workspace_id


def _profile(call: Call) -> Profile:
    profile = call.company.profiles.find(_id(call, "profileId"))
    if profile is None:
        raise Refusal(400, "Permission profile not found")
    return profile


def _id(call: Call, name: str) -> str:
    given = filters.required(call.query, name)
    if not filters.is_gong_id(given):
        raise Refusal(400, "Bad request")
    return given


def _values(call: Call) -> dict[str, Any]:
    """The members of the body that are set.

    Raises:
        Refusal: 400, one is of another type, or the library's mandatory level is missing.
    """
    try:
        draft = msgspec.to_builtins(msgspec.convert(call.body, _DRAFT))
    except msgspec.ValidationError:
        raise Refusal(400, filters.BAD_JSON) from None
    values: dict[str, Any] = _set(draft)
    if "forecastPermissions" in values:
        values["forecastPermissions"] = _set(values["forecastPermissions"])
    if "libraryFolderAccess" in values:
        filters.required(
            values["libraryFolderAccess"], "permissionLevel", prefix="libraryFolderAccess."
        )
    return values


def _set(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _check_rules(call: Call, values: dict[str, Any], *, status: int) -> None:
    """Refuse members that contradict each other or refer to nothing; in words of our own."""
    users = {user["id"] for user in call.company.users(now=call.now, include_avatars=True)}
    forecast = values.get("forecastPermissions", {})
    accesses = {name: values[name] for name in ACCESSES if name in values}
    accesses.update({f"forecastPermissions.{name}": forecast[name] for name in forecast})
    faults = []
    for name, access in accesses.items():
        leads = access["teamLeadIds"] or []
        if leads and access["permissionLevel"] != "managers-team":
            faults.append(f"{name}.teamLeadIds: only for permissionLevel managers-team")
        if not users.issuperset(leads):
            faults.append(f"{name}.teamLeadIds: some users not found")
    library = values.get("libraryFolderAccess", {"permissionLevel": None})
    if library["permissionLevel"] == "none":
        faults += [
            f"libraryFolderAccess.{name}: not for permissionLevel none"
            for name in ("libraryFolderIds", *LIBRARY_SWITCHES)
            if library[name]
        ]
    folders = {folder["id"] for folder in call.company.folders()}
    if not folders.issuperset(library.get("libraryFolderIds") or ()):
        faults.append("libraryFolderAccess.libraryFolderIds: some folders not found")
    if faults:
        raise Refusal(status, *faults)
