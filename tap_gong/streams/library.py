"""The library of calls worth hearing (API: Library)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.operation import Operation
from tap_gong.cost import Cost
from tap_gong.partitions import FOLDERS
from tap_gong.schemas.library import FOLDER, FOLDER_CALL
from tap_gong.stream import GongStream, UpdatedStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record


class LibraryFolders(UpdatedStream):
    """Public folders of the library, a request for each workspace."""

    name = "library_folders"
    summary = "Folders of the library"
    operation = FOLDERS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = FOLDER

    @override
    def cost(self) -> Cost:
        return Cost(len(self._tap.partitions.folders), len(self._tap.partitions.workspaces))

    @override
    def listing(self) -> Iterable[Record]:
        yield from ({**folder} for folder in self._tap.partitions.folders)


class LibraryFolderCalls(GongStream):
    """Calls and snippets in the folders of the library, a request for each folder."""

    name = "library_folder_calls"
    summary = "Calls and snippets in each folder; one request a folder"
    operation = Operation("GET", "/v2/library/folder-content", "calls", "api:library:read")
    primary_keys: ClassVar[list[str]] = ["folderId", "id", "fromSec"]
    schema = FOLDER_CALL

    @override
    def cost(self) -> Cost:
        folders = len(self._tap.partitions.folders)
        return Cost(folders, folders)

    @override
    def records(self) -> Iterable[Record]:
        for folder in self._tap.partitions.folders:
            for page in self.pages(params={"folderId": str(folder["id"])}):
                for call in page.records:
                    if self.run.call_ids and call.get("id") not in self.run.call_ids:
                        continue
                    start = (call.get("snippet") or {}).get("fromSec") or 0
                    yield {"folderId": folder["id"], "fromSec": start, **call}
