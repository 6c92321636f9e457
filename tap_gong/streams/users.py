"""Users (API: Users)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.operation import Operation
from tap_gong.schemas.users import USER
from tap_gong.stream import GongStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record


class Users(GongStream):
    """Everyone who has, or had, a seat in Gong."""

    name = "users"
    summary = "Users, those who have left included"
    operation = Operation("GET", "/v2/users", "users", "api:users:read")
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = USER

    @override
    def records(self) -> Iterable[Record]:
        params = {"includeAvatars": "true"} if self.config["include_avatars"] else {}
        for page in self.pages(params=params):
            yield from page.records
