"""Flows and tasks (API: Engage)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import NotFound
from tap_gong.cost import Cost
from tap_gong.nested import objects_in, plain_in
from tap_gong.operations import FLOW_FOLDERS, FLOW_PROSPECTS, FLOW_STEPS, FLOWS, TASKS
from tap_gong.run import chunks
from tap_gong.schemas.engage import FLOW, FLOW_FOLDER, FLOW_PROSPECT, FLOW_STEP, TASK
from tap_gong.stream import GongStream, Part, UpdatedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

_MOST_FLOWS = 20
_UNKNOWN_FLOW = re.compile(r"Flow not found: flowId=(\S+)")


class Flows(GongStream):
    """Flows of the company and of each user, each once."""

    name = "flows"
    summary = "Flows; a request for each active user"
    operation = FLOWS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = FLOW
    shared = "flows"
    selected_by_default = False

    @override
    def cost(self) -> Cost:
        lists = self._tap.lists
        return Cost(0, len(lists.owner_emails) * len(lists.workspace_filters))


class FlowFolders(GongStream):
    """Folders of flows, each once."""

    name = "flow_folders"
    summary = "Folders of flows; a request for each active user"
    operation = FLOW_FOLDERS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = FLOW_FOLDER
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        for email in self._tap.lists.owner_emails:
            for workspace in self._tap.lists.workspace_filters:
                yield Part(params={"flowFolderOwnerEmail": email, **workspace})

    @override
    def records(self) -> Iterable[Record]:
        seen: set[Any] = set()
        for folder in super().records():
            folder_id = plain_in(folder, "id")
            if folder_id is None or folder_id not in seen:
                seen.add(folder_id)
                yield folder


class FlowSteps(GongStream):
    """Steps of flows."""

    name = "flow_steps"
    summary = "Steps of flows; a request for 20 flows, beside those for `flows`"
    operation = FLOW_STEPS
    primary_keys: ClassVar[list[str]] = ["flowId", "id"]
    schema = FLOW_STEP
    selected_by_default = False

    @override
    def cost(self) -> Cost:
        # How many flows there are is known when they have been read, and that is what costs.
        is_read = self._tap.streams["flows"].selected
        return Cost(0, 1 if is_read else 1 + len(self._tap.lists.owner_emails))

    @override
    def parts(self) -> Iterable[Part]:
        ids = [str(flow["id"]) for flow in self._tap.lists.flows if flow.get("id")]
        for at in range(0, len(ids), _MOST_FLOWS):
            yield Part(body={"flowIds": ids[at : at + _MOST_FLOWS]})

    @override
    def records(self) -> Iterable[Record]:
        for part in self.parts():
            for flow in self._known(part):
                for step in objects_in(flow, "steps"):
                    yield {
                        **step,
                        "flowId": flow.get("id") or flow.get("flowId"),
                        "flowName": flow.get("name"),
                        "flowDescription": flow.get("description"),
                    }

    def _known(self, part: Part) -> Iterator[Record]:
        """The flows that Gong still knows: a single unknown one fails a whole request."""
        ids = part.body["flowIds"]
        while ids:
            try:
                for page in self.pages(Part(body={"flowIds": ids})):
                    yield from page.records
            except NotFound as error:
                unknown = _UNKNOWN_FLOW.search("; ".join(error.texts))
                if not unknown or unknown[1] not in ids:
                    raise
                ids = [flow for flow in ids if flow != unknown[1]]
                continue
            return


class FlowProspects(GongStream):
    """Which flows the prospects of `crm_prospect_ids` are in."""

    name = "flow_prospects"
    summary = "Flows of the prospects in `crm_prospect_ids`; a request for 100 ids"
    operation = FLOW_PROSPECTS
    primary_keys: ClassVar[list[str]] = ["flowInstanceId"]
    schema = FLOW_PROSPECT
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        for ids in chunks(self.config.get("crm_prospect_ids") or []):
            yield Part(body={"crmProspectsIds": ids})


class Tasks(UpdatedStream):
    """Open tasks of each user."""

    name = "tasks"
    summary = "Open tasks; a request for each active user"
    operation = TASKS
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = TASK
    ids_may_be_numbers = True
    fails_unlicensed = True
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        what = {"types": ["FLOW", "MANUAL"], "taskAction": ["CALL"], "status": ["OPEN"]}
        for user in self._tap.lists.users:
            if user.get("id") and user.get("active") is not False:
                for workspace in self._tap.lists.workspace_filters:
                    yield Part(body={"filter": {"userId": str(user["id"]), **what, **workspace}})

    @override
    def listing(self) -> Iterable[Record]:
        return self.each_part(self._tasks)

    def _tasks(self, part: Part) -> Iterator[Record]:
        for page in self.pages(part):
            for task in page.records:
                yield {**task, "crmType": page.answer.get("crmType")}
