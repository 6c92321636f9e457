"""Users (API: Users)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.operations import USER_SETTINGS_HISTORY, USERS
from tap_gong.schemas.users import SETTINGS_CHANGE, USER
from tap_gong.stream import GongStream, Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record


class Users(GongStream):
    """Everyone who has, or had, a seat in Gong."""

    name = "users"
    summary = "Users, those who have left included"
    operation = USERS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = USER
    shared = "users"

    @override
    def parts(self) -> Iterable[Part]:
        yield Part(params={"includeAvatars": "true"} if self.config["include_avatars"] else None)

    @override
    def begin(self) -> None:
        if not self.config["include_avatars"]:
            super().begin()

    @override
    def records(self) -> Iterable[Record]:
        # Those who are fanned out over never include avatars.
        has_avatars = self.config["include_avatars"]
        return self.each_part(self.part_rows) if has_avatars else super().records()


class UserSettingsHistory(GongStream):
    """What was recorded of each user, and when that changed."""

    name = "user_settings_history"
    summary = "Changes of users' recording settings; a request for each user"
    operation = USER_SETTINGS_HISTORY
    primary_keys: ClassVar[list[str]] = ["userId", "setting", "time"]
    schema = SETTINGS_CHANGE
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        for user in self._tap.lists.users:
            if not user.get("id"):
                continue
            yield Part(path={"id": str(user["id"])}, stamp={"userId": str(user["id"])})
