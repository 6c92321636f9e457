"""Permission profiles: what their users may see and do (api: Permissions)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import gong_id, stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gong_sandbox.company.people import Staff, User

LEVELS = ("all", "managers-team", "report-to-them", "own", "none")
LIBRARY_LEVELS = ("none", "all", "specific-folders")
ACCESSES = (
    *("callsAccess", "dealsAccess", "coachingAccess"),
    *("insightsAccess", "usageAccess", "emailsAccess"),
)
FORECAST = ("forecastAccess", "forecastEditSubmissions", "forecastEditTargets")
LIBRARY_SWITCHES = (
    *("managePublicFolder", "manageStreams"),
    *("manageFolderCalls", "shareFoldersAndStreams"),
)
SWITCHES = (
    *("scoreCalls", "overrideScore", "downloadCallMedia", "shareCallsWithCustomers"),
    *("manuallyScheduleAndUploadCalls", "privateCalls", "deleteCalls", "trimCalls"),
    *("listenInCalls", "deleteEmails", "callsAndSearch", "library", "deals"),
    *("createEditAndDeleteDealsBoards", "dealsInlineEditing", "account", "coaching", "usage"),
    *("teamStats", "initiatives", "market", "activity", "forecast", "forecastManage"),
    *("engageManageCompanyTemplates", "engageManageCompanySequences"),
    *("engageCreateAndManageRulesets", "engageSnoozeFlowToDosForOthers"),
    *("engageAllowCrmFieldsViewChange", "viewEngageAnalyticsActivity"),
    *("viewEngageAnalyticsPerformance", "viewEngageAnalyticsFlows"),
    *("manageGeneralBusinessSettings", "manageScorecards", "exportCallsAndCoachingDataToCSV"),
    *("crmDataInlineEditing", "crmDataImport", "viewRevenueAnalytics", "manageRevenueAnalytics"),
    *("engageReassignFlowToDosToOthers", "engageAssignFlowToDosToOthers", "dealsDataExport"),
    "aiBuilder",
)
PLAYS = "orchestrateCreateAndManagePlays"  # null until somebody sets it

_VIEWS = (
    *("callsAndSearch", "library", "deals", "account", "coaching", "teamStats", "initiatives"),
    *("market", "activity", "viewRevenueAnalytics", "viewEngageAnalyticsActivity"),
)
_OF_REPS = (
    *("shareCallsWithCustomers", "manuallyScheduleAndUploadCalls", "privateCalls", "forecast"),
    *("dealsInlineEditing", "crmDataInlineEditing", "engageAllowCrmFieldsViewChange"),
)
_OF_MANAGERS = (
    *("scoreCalls", "listenInCalls", "downloadCallMedia", "createEditAndDeleteDealsBoards"),
    *("usage", "viewEngageAnalyticsPerformance", "viewEngageAnalyticsFlows", "dealsDataExport"),
    *("engageAssignFlowToDosToOthers", "engageReassignFlowToDosToOthers"),
    "engageSnoozeFlowToDosForOthers",
)
_NOT_OF_ADMINS = {"overrideScore", "privateCalls", "trimCalls", "aiBuilder"}
_ADMINS = tuple(name for name in SWITCHES if name not in _NOT_OF_ADMINS)


@dataclass(frozen=True, slots=True)
class _Sketch:
    """A profile the company has: the access its users have to all but forecasts, and to those."""

    name: str
    description: str | None
    teams: tuple[str, ...]
    level: str
    forecast: str
    library: str
    switches: tuple[str, ...]


_SALES = (
    _Sketch(
        "Admins", "Revenue leadership and operations: everything, settings included.", ("lead",),
        "all", "all", "all", _ADMINS,
    ),
    _Sketch(
        "Sales managers", "First-line managers coach their own teams and roll up their forecast.",
        ("manager",), "managers-team", "managers-team", "all",
        (*_VIEWS, *_OF_REPS, *_OF_MANAGERS),
    ),
    _Sketch(
        "Account team", "Account executives and success managers: all calls, their own deals.",
        ("ae", "csm"), "all", "own", "all", (*_VIEWS, *_OF_REPS),
    ),
    _Sketch("SDRs", None, ("sdr",), "own", "none", "specific-folders", (*_VIEWS, "privateCalls")),
    _Sketch(
        "presales (read only)", "Solutions engineers listen, they do not edit.", ("se",),
        "all", "none", "all", _VIEWS,
    ),
)  # fmt: skip
_SUCCESS = (
    _Sketch("Admins", "Runs the workspace.", ("lead",), "all", "all", "all", _ADMINS),
    _Sketch(
        "Customer success", "Onboarding, reviews and renewals.", ("csm", "se"),
        "all", "own", "all", (*_VIEWS, *_OF_REPS),
    ),
    _Sketch(
        "Guests from sales", "May listen to the calls of their accounts.",
        ("manager", "ae", "sdr"), "report-to-them", "none", "none", ("callsAndSearch", "account"),
    ),
)  # fmt: skip


@dataclass
class Profile:
    """A permission profile; `values` are the members that are set, `teams` whose users it has."""

    id: str
    workspace_id: str
    values: dict[str, Any]
    teams: tuple[str, ...] = field(default=())

    def wire(self) -> dict[str, Any]:
        """The record of the API, with what is unset filled in."""
        values = self.values
        library = values.get("libraryFolderAccess") or {}
        forecast = values.get("forecastPermissions") or {}
        accesses = {name: _access(values.get(name)) for name in ACCESSES}
        return {
            "id": self.id,
            "name": values["name"],
            "description": values.get("description"),
            "callsAccess": accesses.pop("callsAccess"),
            "libraryFolderAccess": {
                "permissionLevel": library.get("permissionLevel") or "none",
                "libraryFolderIds": library.get("libraryFolderIds"),
                **{name: bool(library.get(name)) for name in LIBRARY_SWITCHES},
            },
            "dealsAccess": accesses.pop("dealsAccess"),
            "forecastPermissions": {name: _access(forecast.get(name)) for name in FORECAST},
            **accesses,
            **{name: bool(values.get(name)) for name in SWITCHES},
            PLAYS: values.get(PLAYS),
        }


def _access(given: Mapping[str, Any] | None) -> dict[str, Any]:
    given = given or {}
    return {
        "permissionLevel": given.get("permissionLevel") or "none",
        "teamLeadIds": given.get("teamLeadIds"),
    }


class Profiles:
    """The profiles of all workspaces.

    Args:
        seed: of the company.
        staff: whom the profiles are for.
        workspaces: ids of the sales and of the customer success workspace.
        folders: library folders that only some may see, by workspace.
    """

    def __init__(
        self,
        seed: int,
        staff: Staff,
        workspaces: tuple[str, str],
        folders: Mapping[str, list[str]],
    ) -> None:
        self._seed = seed
        self._staff = staff
        self._lock = threading.Lock()
        self._by_id: dict[str, Profile] = {}
        self._leads = [user.id for user in staff.team("manager")]
        for workspace_id, sketches in zip(workspaces, (_SALES, _SUCCESS), strict=True):
            for sketch in sketches:
                values = self._values(sketch, folders.get(workspace_id, []))
                self._add(workspace_id, values, sketch.teams)

    def _values(self, sketch: _Sketch, folders: list[str]) -> dict[str, Any]:
        def access(level: str) -> dict[str, Any]:
            leads = {"teamLeadIds": self._leads} if level == "managers-team" else {}
            return {"permissionLevel": level, **leads}

        library: dict[str, Any] = {"permissionLevel": sketch.library}
        if sketch.library == "specific-folders":
            library["libraryFolderIds"] = folders
        manages = "manageScorecards" in sketch.switches
        if manages:
            library.update(dict.fromkeys(LIBRARY_SWITCHES, True))
        return {
            "name": sketch.name,
            "description": sketch.description,
            **{name: access(sketch.level) for name in ACCESSES if name != "usageAccess"},
            **({"usageAccess": access("all")} if manages else {}),
            "libraryFolderAccess": library,
            "forecastPermissions": {name: access(sketch.forecast) for name in FORECAST},
            **dict.fromkeys(sketch.switches, True),
        }

    def _add(self, workspace_id: str, values: dict[str, Any], teams: tuple[str, ...]) -> Profile:
        with self._lock:
            rng = stream(self._seed, "profile", f"{workspace_id}:{len(self._by_id)}")
            profile = Profile(gong_id(rng), workspace_id, values, teams)
            self._by_id[profile.id] = profile
            return profile

    def all(self, workspace_id: str) -> list[Profile]:
        """Those of a workspace, by name."""
        with self._lock:
            found = [one for one in self._by_id.values() if one.workspace_id == workspace_id]
        return sorted(found, key=lambda one: (one.values["name"].casefold(), one.id))

    def find(self, profile_id: str) -> Profile | None:
        """A profile by its id."""
        return self._by_id.get(profile_id)

    def create(self, workspace_id: str, values: dict[str, Any]) -> Profile:
        """A further profile, without users."""
        return self._add(workspace_id, values, ())

    def update(self, profile: Profile, values: dict[str, Any]) -> None:
        """Overwrite the members given; those of `forecastPermissions` one by one."""
        with self._lock:
            merged = {**profile.values, **values}
            if "forecastPermissions" in values:
                merged["forecastPermissions"] = {
                    **(profile.values.get("forecastPermissions") or {}),
                    **values["forecastPermissions"],
                }
            profile.values = merged

    def users(self, profile: Profile, *, now: datetime) -> list[User]:
        """The active users it controls: each has one profile in a workspace."""
        return [
            user
            for user in self._staff.everyone
            if user.team in profile.teams and user.created <= now and user.is_active(now)
        ]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_id)
