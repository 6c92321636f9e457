"""The lists that several streams need, read once in a run and shared by all of them."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pendulum

from gong_api.client import read_sheet
from gong_api.errors import GongError, MissingScope, NothingFound, SettingsError
from tap_gong.call_source import call_time, hoisted, request
from tap_gong.nested import objects_in, plain_in, text_in
from tap_gong.operations import (
    ACTIVITY_AGGREGATE,
    ACTIVITY_BY_PERIOD,
    CALLS,
    CALLS_EXTENSIVE,
    CRM_INTEGRATIONS,
    FLOWS,
    INTERACTION_STATS,
    LIBRARY_FOLDERS,
    PERMISSION_PROFILES,
    SCORECARDS,
    TRACKERS,
    USERS,
    WORKSPACES,
)
from tap_gong.read_ahead import Coming
from tap_gong.windows import Window, time_filter, told_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gong_api.operation import Operation, Page, Sheet
    from tap_gong.read_ahead import LeadsTo, ReadAhead
    from tap_gong.run import Run

logger = logging.getLogger("tap-gong")

# Gong was founded in 2015: nothing it recorded is older, an imported recording hardly is.
BEFORE_ALL_CALLS = pendulum.datetime(2010, 1, 1)
# Where to cut a span of this length or more into windows is worth a request.
_WORTH_COUNTING = timedelta(days=14)


# Lists that are a single chain of pages.
_PLAIN = {
    "crm_integrations": CRM_INTEGRATIONS,
    "flows": USERS,
    "scorecards": SCORECARDS,
    "trackers": TRACKERS,
    "users": USERS,
    "workspaces": WORKSPACES,
}
# Lists that are asked for workspace by workspace.
_BY_WORKSPACE = {"folders": LIBRARY_FOLDERS, "permission_profiles": PERMISSION_PROFILES}


class Undetermined(GongError):
    """Where a stream's data begin cannot be found out."""

    concerns_operation = True


@dataclass(frozen=True)
class History:
    """A company's calls.

    Attributes:
        start: when the first was to begin, or began.
        calls: how many there are, None if unknown.
        operation: that lists them.
    """

    start: pendulum.DateTime
    calls: int | None
    operation: Operation = CALLS


def _calls_before(history: History) -> dict[str, Any]:
    """How to ask for the calls before the first that is known."""
    window = Window(BEFORE_ALL_CALLS, history.start)
    return request(history.operation, time_filter(window))


def with_ids(rows: Iterable[dict[str, Any]], what: str, name: str = "id") -> list[dict[str, Any]]:
    """The rows that others can be asked for by; says so where some cannot.

    Args:
        rows: of a list.
        what: a row of it is called.
        name: of the field that has the id.

    Raises:
        Misshapen: an id is a list or an object.
    """
    listed = list(rows)
    found = [row for row in listed if plain_in(row, name)]
    if len(found) < len(listed):
        logger.warning(
            "Gong lists a %s without %s: what belongs to it cannot be asked for", what, name
        )
    return found


def _earliest(page: Page | None, otherwise: pendulum.DateTime) -> pendulum.DateTime:
    """When the first call of a page was to begin, or began."""
    rows = page.records if page else ()
    return min((call_time(hoisted(call)) for call in rows), default=otherwise)


class SharedLists:
    """What several streams fan out over or filter by, read once in a run.

    Args:
        ahead: where lists are read from.
        run: the range and the filters of the run.

    Attributes:
        requests: pages of lists asked for so far.
    """

    def __init__(self, ahead: ReadAhead, run: Run) -> None:
        self._ahead = ahead
        self._run = run
        self._workspace_ids = run.workspace_ids
        self._may_guess = False
        self._is_guess = False
        self.requests = 0

    @cached_property
    def workspaces(self) -> list[dict[str, Any]]:
        """All workspaces of the company.

        Raises:
            SettingsError: one of `workspace_ids` is not among them.
        """
        workspaces = list(self._read(WORKSPACES))
        known = {str(workspace.get("id")): workspace.get("name") for workspace in workspaces}
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
        # `workspaces` has found them all among Gong's, if the credentials may see those.
        return [{"workspaceId": name} for name in dict.fromkeys(self._workspace_ids)]

    @cached_property
    def each_workspace(self) -> list[dict[str, str]]:
        """The wanted workspaces, to be asked for one by one."""
        if self._workspace_ids:
            return self.workspace_filters
        try:
            found = with_ids(self.workspaces, "workspace")
            return [{"workspaceId": str(workspace["id"])} for workspace in found]
        except MissingScope:
            # A company with a single workspace answers without being told which.
            return [{}]

    @cached_property
    def users(self) -> list[dict[str, Any]]:
        """All users, without avatars."""
        return list(self._read(USERS))

    @cached_property
    def managers(self) -> list[str]:
        """Ids of the users who manage somebody."""
        return sorted({name for user in self.users if (name := text_in(user, "managerId"))})

    @cached_property
    def folders(self) -> list[dict[str, Any]]:
        """The library folders of each workspace, with the workspace's id added.

        A company with several workspaces must be asked for each of them.
        """
        return [
            {**folder, "workspaceId": workspace.get("workspaceId")}
            for workspace, folder in self._read_each(LIBRARY_FOLDERS, self.each_workspace)
        ]

    @cached_property
    def permission_profiles(self) -> list[dict[str, Any]]:
        """The permission profiles of each workspace, with the workspace's id added."""
        return [
            {**profile, "workspaceId": workspace.get("workspaceId")}
            for workspace, profile in self._read_each(PERMISSION_PROFILES, self.each_workspace)
        ]

    @cached_property
    def scorecards(self) -> list[dict[str, Any]]:
        """The scorecards of the wanted workspaces; Gong lists those of all."""
        wanted = {workspace.get("workspaceId") for workspace in self.workspace_filters}
        return [
            scorecard
            for scorecard in self._read(SCORECARDS)
            if wanted == {None} or str(scorecard.get("workspaceId")) in wanted
        ]

    @cached_property
    def trackers(self) -> list[dict[str, Any]]:
        """The keyword trackers of the wanted workspaces."""
        return [tracker for _, tracker in self._read_each(TRACKERS, self.workspace_filters)]

    @cached_property
    def crm_integrations(self) -> list[dict[str, Any]]:
        """The generic CRM integrations; there is one at most."""
        return list(self._read(CRM_INTEGRATIONS))

    @property
    def crm_integration_ids(self) -> list[str]:
        """Their ids."""
        found = with_ids(self.crm_integrations, "CRM integration", "integrationId")
        return [str(integration["integrationId"]) for integration in found]

    @cached_property
    def flows(self) -> list[dict[str, Any]]:
        """Every flow that somebody sees, once: a request for each active user."""
        found: dict[Any, dict[str, Any]] = {}
        asked = [
            {"flowOwnerEmail": email, **workspace}
            for email in self.owner_emails
            for workspace in self.workspace_filters
        ]
        for _, flow in self._read_each(FLOWS, asked):
            flow_id = plain_in(flow, "id")
            # Without an id it cannot be told from another.
            found.setdefault(len(found) if flow_id is None else str(flow_id), flow)
        return list(found.values())

    @property
    def owner_emails(self) -> list[str]:
        """Addresses of the active users, who may own flows."""
        return [
            email
            for user in self.users
            if (email := text_in(user, "emailAddress")) and user.get("active") is not False
        ]

    @cached_property
    def company_zone(self) -> str:
        """Name of the company's time zone, as statistics echo it.

        Where Gong does not say, the last zone on earth in which a day ends: a day then counts as
        over when it is over everywhere.
        """
        last = self._run.until.subtract(days=2)
        days = {"fromDate": last.subtract(days=30).to_date_string()}
        body = {"filter": {**days, "toDate": last.to_date_string()}}
        for operation in (ACTIVITY_AGGREGATE, INTERACTION_STATS):
            try:
                page = self._ahead.first_page(operation, body=body)
                zone = str(page.answer["timeZone"]) if page else ""
                pendulum.timezone(zone)
            except (MissingScope, KeyError, ValueError, OSError):
                continue
            return zone
        return "Etc/GMT+12"

    @cached_property
    def history(self) -> History:
        """Where the company's calls begin, and how many there are.

        Gong lists calls by when they were scheduled but filters some by when they started, so
        that the first page need not hold the first call: what lies before it is asked for too.
        """
        for operation in dict.fromkeys((self._run.calls, CALLS, CALLS_EXTENSIVE)):
            try:
                return self._history_by(operation)
            except GongError as error:
                if not error.concerns_operation:
                    raise
                if not isinstance(error, MissingScope):
                    # Should Gong not take so long a range: windows find out.
                    break
                # The credentials may be granted the other of the two scopes.
        return History(BEFORE_ALL_CALLS, None)

    @cached_property
    def first_activity(self) -> pendulum.DateTime:
        """When somebody first did something, for those who see no calls to begin with.

        Raises:
            SettingsError: Gong does not tell that either.
        """
        last = self._run.until.subtract(days=1)
        span = {
            "fromDate": BEFORE_ALL_CALLS.to_date_string(),
            "toDate": last.to_date_string(),
        }
        body = {"filter": span, "aggregationPeriod": "MONTH"}
        starts: list[pendulum.DateTime] = []
        try:
            for page in self._ahead.pages(ACTIVITY_BY_PERIOD, body=body):
                for user in page.records:
                    for month in objects_in(user, "userAggregateActivity"):
                        start = told_instant(month.get("fromDate"))
                        if start and any(type(value) is int and value for value in month.values()):
                            starts.append(start)
        except NothingFound:
            pass
        except MissingScope as error:
            msg = (
                "start_date is needed: these credentials see no calls, and no activity either, "
                f"that would tell where to begin ({error})"
            )
            raise Undetermined(msg) from error
        return min(starts, default=last)

    def _history_by(self, operation: Operation) -> History:
        page = self._first_calls(operation, Window(BEFORE_ALL_CALLS, self._run.until))
        start = _earliest(page, self._run.until)
        history = History(start, (page.total if page else 0), operation)
        if not page or start == self._run.until:
            return history
        if self._may_guess:
            self._ahead.begin(operation, **_calls_before(history), most=0)
            self._is_guess = True
            return history
        return self._confirmed(history)

    def _confirmed(self, guess: History) -> History:
        """The history, with what lies before the calls of the first page."""
        history = guess
        while True:
            try:
                page = next(self._ahead.pages(history.operation, **_calls_before(history)), None)
            except NothingFound:
                page = None
            start = _earliest(page, history.start)
            if start >= history.start:
                return history
            history = replace(history, start=start)

    @contextlib.contextmanager
    def guessing(self) -> Iterator[None]:
        """While entered, `history` is what the first page says, likely but not certain."""
        self._may_guess = True
        try:
            yield
        finally:
            self._may_guess = False

    def was_guessed_wrong(self) -> bool:
        """Make sure of a history that was guessed; whether it is another one now."""
        if not self._is_guess:
            return False
        self._is_guess = False
        guess = self.history
        self.history = self._confirmed(guess)
        return self.history != guess

    def _first_calls(self, operation: Operation, window: Window) -> Page | None:
        return self._ahead.first_page(operation, **request(operation, time_filter(window)))

    def expected_calls(self, span: Window) -> int | None:
        """About how many calls a span holds: by the history, or asked for where it is long."""
        history = self.__dict__.get("history")
        if history is not None and history.calls is not None and span.start >= history.start:
            whole = Window(history.start, self._run.until)
            return round(history.calls * (span.length / whole.length)) if whole.length else 0
        return self._count_calls(span) if span.length > _WORTH_COUNTING else None

    def _count_calls(self, span: Window) -> int | None:
        try:
            page = self._first_calls(self._run.calls, span)
        except GongError as error:
            # Windows find out.
            if not error.concerns_operation:
                raise
            return None
        return page.total if page else 0

    def begin(self, name: str, leads_to: LeadsTo | None = None) -> None:
        """Have a list fetched soon, and before it the one that must be known for it.

        Args:
            name: of an attribute.
            leads_to: what will be asked for after each page.
        """
        if name in _BY_WORKSPACE and not self._workspace_ids:
            operation = _BY_WORKSPACE[name]

            def of_each(sheet: Sheet) -> Iterator[Coming]:
                for workspace in read_sheet(sheet).records:
                    if not workspace.get("id"):
                        continue
                    asked = {"params": {"workspaceId": str(workspace.get("id"))}}
                    yield Coming(operation, asked, leads_to)

            self._ahead.begin(WORKSPACES, leads_to=of_each)
        elif name in _PLAIN and (name != "trackers" or not self._workspace_ids):
            self._ahead.begin(_PLAIN[name], leads_to=leads_to)

    def _read(
        self, operation: Operation, params: dict[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        for page in self._ahead.pages(operation, params=params):
            self.requests += 1
            yield from page.records

    def _read_each(
        self, operation: Operation, asked: list[dict[str, str]]
    ) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """The rows of several lists, each with the parameters that it was asked for with."""
        for number, params in enumerate(asked):
            if number:
                # What the first was refused, the others would be too.
                for coming in asked[number : number + self._ahead.concurrency]:
                    self._ahead.begin(operation, params=coming)
            for row in self._read(operation, params=params):
                yield params, row
