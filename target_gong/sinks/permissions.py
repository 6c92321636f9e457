"""Permission profiles (API: Permissions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from gong_api.errors import MissingScope
from target_gong.fields import FLAG, ID, Field
from target_gong.sink import GongSink, Write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_gong.ledger import Row

_LEVELS = ("all", "managers-team", "report-to-them", "own", "none")
_ACCESS = (
    Field("permissionLevel", choices=_LEVELS),
    Field("teamLeadIds", ID, many=True),
)
_AREAS = (
    "callsAccess",
    "dealsAccess",
    "coachingAccess",
    "insightsAccess",
    "usageAccess",
    "emailsAccess",
)
_FORECAST = ("forecastAccess", "forecastEditSubmissions", "forecastEditTargets")
_LIBRARY = ("managePublicFolder", "manageStreams", "manageFolderCalls", "shareFoldersAndStreams")
_SWITCHES = (
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
    *("aiBuilder", "orchestrateCreateAndManagePlays"),
)


class PermissionProfiles(GongSink):
    """Permission profiles: created, or changed where their id is known."""

    stream = "permission_profiles"
    summary = (
        "A permission profile; changed when `id` is there, the ledger knows it, or its workspace "
        "has one of that name"
    )
    operations = "POST /v2/permission-profile, PUT /v2/permission-profile"
    scope = "api:permission-profile:write"
    local_fields = ("id", "workspaceId")
    needs = (("name", "id"), ("workspaceId", "id"), ("libraryFolderAccess", "id"))
    fields = (
        Field("id", ID),
        Field("workspaceId", ID),
        Field("name"),
        Field("description"),
        *(Field(name, fields=_ACCESS) for name in _AREAS),
        Field("forecastPermissions", fields=tuple(Field(n, fields=_ACCESS) for n in _FORECAST)),
        Field(
            "libraryFolderAccess",
            fields=(
                Field(
                    "permissionLevel", required=True, choices=("none", "all", "specific-folders")
                ),
                Field("libraryFolderIds", ID, many=True),
                *(Field(name, FLAG) for name in _LIBRARY),
            ),
        ),
        *(Field(name, FLAG) for name in _SWITCHES),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._listed: dict[str, dict[str, str]] = {}

    @override
    def key(self, body: dict[str, Any]) -> str:
        if body.get("id"):
            return str(body["id"])
        return f"{body.get('workspaceId', '')}/{body.get('name', '')}".strip("/")

    @override
    def check(self, write: Write) -> Iterable[str]:
        if not write.local.get("id") and not self.ledger.last_done(self.stream, write.key):
            given = {**write.body, **write.local}
            for name, _ in self.needs:
                if not given.get(name):
                    yield f"{name} is required unless there is an id, or the ledger knows it"
        forecast = write.body.get("forecastPermissions") or {}
        for name, access in {**write.body, **forecast}.items():
            is_access = isinstance(access, dict) and bool(access.get("teamLeadIds"))
            if is_access and access.get("permissionLevel") != "managers-team":
                yield f"{name}.teamLeadIds goes with permissionLevel managers-team alone"

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return "update" if self._known_id(write, done) else "create"

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        profile_id = self._known_id(write, done)
        workspace = write.local.get("workspaceId", "")
        if profile_id:
            answer = self.client.request(
                "PUT", "/v2/permission-profile", params={"profileId": profile_id}, body=write.body
            )
        else:
            answer = self.client.request(
                "POST",
                "/v2/permission-profile",
                params={"workspaceId": workspace},
                body=write.body,
                repeatable=False,
            )
        # Its name may be another now.
        self._listed.pop(workspace, None)
        profile = answer.get("profile") or {}
        return {"id": profile.get("id") or profile_id, "requestId": answer.get("requestId")}

    @override
    def resolve(self, write: Write, row: Row) -> dict[str, Any] | None:
        if row.action != "create" or write.local.get("id"):
            return None
        found = self._list(write.local["workspaceId"]).get(write.body["name"])
        return {"id": found} if found else None

    def _known_id(self, write: Write, done: Row | None) -> str | None:
        known = write.local.get("id") or (done.answer.get("id") if done else None)
        if not known:
            # Somebody, or a run with another ledger, may have made one of this name.
            workspace = write.local["workspaceId"]
            if workspace not in self._listed:
                self._listed[workspace] = self._list_if_granted(workspace)
            known = self._listed[workspace].get(write.body["name"])
        return str(known) if known else None

    def _list_if_granted(self, workspace: str) -> dict[str, str]:
        try:
            return self._list(workspace)
        except MissingScope as error:
            self.logger.warning(
                "Whether there are profiles of the same name cannot be found out: %s", error
            )
            return {}

    def _list(self, workspace: str) -> dict[str, str]:
        """Ids of a workspace's profiles, by their names."""
        answer = self.client.request(
            "GET", "/v2/all-permission-profiles", params={"workspaceId": workspace}
        )
        profiles = answer.get("profiles") or []
        return {profile.get("name"): profile["id"] for profile in profiles if profile.get("id")}
