"""Permission profiles and who has them (API: Permissions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.operations import PERMISSION_PROFILE_USERS, PERMISSION_PROFILES
from tap_gong.schemas.permissions import PERMISSION_PROFILE, PERMISSION_PROFILE_USER
from tap_gong.shared_lists import with_ids
from tap_gong.stream import GongStream, Part

if TYPE_CHECKING:
    from collections.abc import Iterable


class PermissionProfiles(GongStream):
    """Permission profiles, a request for each workspace."""

    name = "permission_profiles"
    summary = "Permission profiles; a request for each workspace"
    operation = PERMISSION_PROFILES
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = PERMISSION_PROFILE
    shared = "permission_profiles"
    selected_by_default = False


class PermissionProfileUsers(GongStream):
    """Who has which permission profile."""

    name = "permission_profile_users"
    summary = "Users of each permission profile; a request for each profile"
    operation = PERMISSION_PROFILE_USERS
    primary_keys: ClassVar[list[str]] = ["profileId", "id"]
    schema = PERMISSION_PROFILE_USER
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        for profile in with_ids(self._tap.lists.permission_profiles, "permission profile"):
            profile_id = str(profile["id"])
            yield Part(params={"profileId": profile_id}, stamp={"profileId": profile_id})
