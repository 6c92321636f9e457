"""The lists that streams fan out over, read once in a run and shared by all that need them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pendulum

from gong_api.errors import MissingScope, NothingFound, Refused, SettingsError
from gong_api.operation import Operation
from tap_gong.call_listing import call_time, hoisted, request
from tap_gong.windows import Window, time_filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gong_api.client import GongClient
    from gong_api.operation import Page
    from tap_gong.run import Run

WORKSPACES = Operation("GET", "/v2/workspaces", "workspaces", "api:workspaces:read")
FOLDERS = Operation("GET", "/v2/library/folders", "folders", "api:library:read")

# Gong was founded in 2015: nothing it recorded is older, an imported recording hardly is.
BEFORE_ALL_CALLS = pendulum.datetime(2010, 1, 1)


@dataclass(frozen=True)
class History:
    """A company's calls.

    Attributes:
        start: when the first was to begin, or began.
        calls: how many there are, None if unknown.
    """

    start: pendulum.DateTime
    calls: int | None


class Partitions:
    """Workspaces, library folders and the oldest call of a company.

    Args:
        client: the connection.
        run: the range and the filters of the run.
    """

    def __init__(self, client: GongClient, run: Run) -> None:
        self._client = client
        self._run = run
        self._workspace_ids = run.workspace_ids

    @cached_property
    def workspaces(self) -> list[dict[str, Any]]:
        """All workspaces of the company.

        Raises:
            SettingsError: one of `workspace_ids` is not among them.
        """
        workspaces = list(self._read(WORKSPACES))
        known = {str(workspace["id"]): workspace.get("name") for workspace in workspaces}
        unknown = [name for name in self._workspace_ids if name not in known]
        if unknown:
            listed = ", ".join(f"{key} ({name})" for key, name in known.items())
            msg = (
                f"workspace_ids: Gong knows no workspace {', '.join(unknown)}; there are: {listed}"
            )
            raise SettingsError(msg)
        return workspaces

    @cached_property
    def workspace_filters(self) -> list[dict[str, str]]:
        """What to add to a filter, one request each: nothing when all workspaces are wanted."""
        if not self._workspace_ids:
            return [{}]
        return [
            {"workspaceId": str(workspace["id"])}
            for workspace in self.workspaces
            if str(workspace["id"]) in self._workspace_ids
        ]

    @cached_property
    def folders(self) -> list[dict[str, Any]]:
        """The library folders of each workspace, with the workspace's id added.

        A company with several workspaces must be asked for each of them.
        """
        return [
            {**folder, "workspaceId": workspace.get("workspaceId")}
            for workspace in self._each_workspace()
            for folder in self._read(FOLDERS, params=workspace)
        ]

    @cached_property
    def history(self) -> History:
        """Where the company's calls begin, and how many there are.

        Gong lists calls by when they were scheduled but filters some by when they started, so
        that the first page need not hold the first call: what lies before it is asked for too.
        """
        start, calls = self._run.end, None
        try:
            while page := self._first_page(Window(BEFORE_ALL_CALLS, start)):
                calls = page.total if calls is None else calls
                earliest = min((call_time(hoisted(call)) for call in page.records), default=start)
                if earliest >= start:
                    break
                start = earliest
        except Refused:
            # Without the scope, or should Gong not take so long a range: windows find out.
            return History(BEFORE_ALL_CALLS, None)
        return History(start, calls or 0)

    def _first_page(self, window: Window) -> Page | None:
        operation = self._run.calls
        try:
            return next(self._client.pages(operation, **request(operation, time_filter(window))))
        except NothingFound:
            return None

    def expected_calls(self, span: Window) -> int | None:
        """About how many calls a span holds, if the history has been asked for in this run."""
        history = self.__dict__.get("history")
        if history is None or history.calls is None or span.start < history.start:
            return None
        whole = Window(history.start, self._run.end)
        return round(history.calls * (span.length / whole.length)) if whole.length else 0

    def _each_workspace(self) -> list[dict[str, str]]:
        if self._workspace_ids:
            return self.workspace_filters
        try:
            return [{"workspaceId": str(workspace["id"])} for workspace in self.workspaces]
        except MissingScope:
            # A company with a single workspace answers without being told which.
            return [{}]

    def _read(
        self, operation: Operation, params: dict[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        for page in self._client.pages(operation, params=params):
            yield from page.records
