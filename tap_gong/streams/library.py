"""The library of calls worth hearing (API: Library)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.client import read_sheet
from tap_gong.nested import object_in
from tap_gong.operations import LIBRARY_FOLDER_CONTENT, LIBRARY_FOLDERS
from tap_gong.read_ahead import Coming
from tap_gong.schemas.library import FOLDER, FOLDER_CALL
from tap_gong.shared_lists import with_ids
from tap_gong.stream import GongStream, Part, UpdatedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

    from gong_api.operation import Sheet


class LibraryFolders(UpdatedStream):
    """Public folders of the library, a request for each workspace."""

    name = "library_folders"
    summary = "Folders of the library"
    operation = LIBRARY_FOLDERS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = FOLDER
    shared = "folders"


class LibraryFolderCalls(GongStream):
    """Calls and snippets in the folders of the library, a request for each folder."""

    name = "library_folder_calls"
    summary = "Calls and snippets in each folder; a request for each folder"
    operation = LIBRARY_FOLDER_CONTENT
    primary_keys: ClassVar[list[str]] = ["folderId", "id", "fromSec"]
    schema = FOLDER_CALL

    @override
    def begin(self) -> None:
        self._tap.lists.begin("folders", leads_to=_contents)

    @override
    def parts(self) -> Iterable[Part]:
        return map(_content, with_ids(self._tap.lists.folders, "library folder"))

    @override
    def records(self) -> Iterable[Record]:
        for call in super().records():
            if self.run.call_ids and call.get("id") not in self.run.call_ids:
                continue
            # The same call may be in a folder several times, as different snippets.
            yield {**call, "fromSec": object_in(call, "snippet").get("fromSec")}


def _content(folder: Record) -> Part:
    """What to ask for the calls of a folder."""
    folder_id = str(folder["id"])
    return Part(params={"folderId": folder_id}, stamp={"folderId": folder_id})


def _contents(folders: Sheet) -> Iterator[Coming]:
    for folder in read_sheet(folders).records:
        if folder.get("id"):
            yield Coming(LIBRARY_FOLDER_CONTENT, _content(folder).request)
