"""Tasks and flows (API: Engage)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from gong_api.command import RunStopped
from gong_api.errors import GongError, Refused
from target_gong.fields import FLAG, ID, ID_IN_PATH, INSTANT, WHOLE, Field
from target_gong.ledger import content_hash
from target_gong.sink import GongBatchSink, GongSink, Write, is_of_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_gong.ledger import Row

_PROSPECTS = "/v2/flows/prospects"
_UNKNOWN_INSTANCE = "does not exist"


class Tasks(GongSink):
    """Tasks that are there: their status, due date or priority.

    That `priority` is the number of one, as Gong tells it of a task, is an assumption.
    """

    stream = "tasks"
    summary = "A change of a task, by `taskId` or `id`"
    operations = "PATCH /v2/tasks/{taskId}"
    scope = "api:tasks:write"
    local_fields = ("taskId", "id")
    needs = (("taskId", "id"),)
    fields = (
        Field("taskId", ID_IN_PATH),
        Field("id", ID_IN_PATH),
        Field("userId", ID, required=True),
        Field("status", choices=("OPEN", "DONE", "DISMISSED")),
        Field("dueDate", INSTANT),
        Field("priority", WHOLE),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get("taskId") or body.get("id") or "")

    @override
    def check(self, write: Write) -> Iterable[str]:
        yield from self.missing(write)

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return "update"

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        answer = self.client.request("PATCH", f"/v2/tasks/{quote(write.key)}", body=write.body)
        return {"requestId": answer.get("requestId")}


class FlowAssignments(GongBatchSink):
    """Prospects that are put into a flow, a request for each flow and owner."""

    stream = "flow_assignments"
    summary = "A prospect to be put into a flow; batched by flow"
    operations = "POST /v2/flows/prospects/assign"
    scope = "api:flows:write"
    fields = (
        Field("crmProspectId", ID, required=True),
        Field("flowId", ID, required=True),
        Field("flowInstanceOwnerEmail", required=True),
        Field("flowInstanceDescription"),
        Field(
            "overrides",
            fields=(
                Field(
                    "steps",
                    many=True,
                    fields=(
                        Field("number", WHOLE, required=True),
                        Field("subject"),
                        Field("body"),
                    ),
                ),
                Field(
                    "flowInstanceVariables",
                    many=True,
                    fields=(Field("name", required=True), Field("value", required=True)),
                ),
                Field("coolOffOverride", FLAG),
            ),
        ),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        return f"{body.get('flowId', '')}/{body.get('crmProspectId', '')}".strip("/")

    @override
    def group(self, write: Write) -> Any:
        return content_hash({k: v for k, v in write.body.items() if k != "crmProspectId"})

    @override
    def action(self, write: Write) -> str:
        return "assign"

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        # A prospect that was taken out of the flow since may be put into it again.
        if last is not None:
            instance = last.answer.get("flowInstanceId")
            for key in (write.key, write.body["crmProspectId"], instance):
                if key and self.ledger.done_since(last, "flow_unassignments", str(key)):
                    return False
        return super().is_settled(write, last)

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        self._target.drain_streams(FlowUnassignments)
        super().process_record(record, context)

    @override
    def resolve_all(self, writes: Sequence[Write]) -> dict[str, dict[str, Any]]:
        prospects = [write.body["crmProspectId"] for write in writes]
        answer = self.client.request("POST", _PROSPECTS, body={"crmProspectsIds": prospects})
        there = {
            f"{found['flowId']}/{found['crmProspectId']}": found
            for found in answer.get("prospectsAssigned") or []
        }
        return {
            write.key: {"flowInstanceId": there[write.key].get("flowInstanceId")}
            for write in writes
            if write.key in there
        }

    @override
    def send_all(self, writes: Sequence[Write], rows: Sequence[Row]) -> None:
        shared = {k: v for k, v in writes[0].body.items() if k != "crmProspectId"}
        body = {**shared, "crmProspectsIds": [write.body["crmProspectId"] for write in writes]}
        try:
            answer = self.client.request(
                "POST", f"{_PROSPECTS}/assign", body=body, repeatable=False
            )
        except GongError as error:
            self.settle_failures(rows, error)
            return
        request_id = answer.get("requestId")
        refused = {str(n.get("crmProspectId")): n for n in answer.get("prospectsNotAssigned") or []}
        assigned = {str(a.get("crmProspectId")): a for a in answer.get("prospectsAssigned") or []}
        failures, unmentioned = [], []
        for write, row in zip(writes, rows, strict=True):
            prospect = write.body["crmProspectId"]
            if prospect in refused:
                said, code = (refused[prospect].get(n) for n in ("errorMessage", "errorCode"))
                failures.append((row, f"Gong did not assign it: {said} ({code})"))
            elif prospect in assigned:
                instance = assigned[prospect].get("flowInstanceId")
                self.settle([row], requestId=request_id, flowInstanceId=instance)
            else:
                unmentioned.append(row)
        with self.ledger.transaction():
            for row in unmentioned:
                self.ledger.doubt(row, "Gong's answer names it neither as assigned nor as refused")
        self.settle_refused(failures)


class FlowUnassignments(GongBatchSink):
    """Prospects that are taken out of a flow, or of all."""

    stream = "flow_unassignments"
    summary = "A prospect to be taken out of a flow (`flowId`) or all, or a `flowInstanceId`"
    operations = "POST /v2/flows/prospects/unassign-flows-by-crm-id, …-by-instance-id"
    scope = "api:flows:write"
    needs = (("crmProspectId", "flowInstanceId"),)
    fields = (
        Field("crmProspectId", ID),
        Field("flowId", ID),
        Field("flowInstanceId", ID),
        Field("unassignedByUserEmail"),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        if body.get("flowInstanceId"):
            return str(body["flowInstanceId"])
        return f"{body.get('flowId', '')}/{body.get('crmProspectId', '')}".strip("/")

    @override
    def check(self, write: Write) -> Iterable[str]:
        yield from self.missing(write)

    @override
    def group(self, write: Write) -> Any:
        by_instance = bool(write.body.get("flowInstanceId"))
        return by_instance, write.body.get("unassignedByUserEmail")

    @override
    def action(self, write: Write) -> str:
        return "unassign"

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        # A prospect that was put into the flow since may be taken out again.
        if last is not None and self._is_in_again(write, last):
            return False
        return super().is_settled(write, last)

    def _is_in_again(self, write: Write, last: Row) -> bool:
        body = write.body
        if body.get("flowInstanceId"):
            return self.ledger.assigned_since(last, instance=body["flowInstanceId"])
        if body.get("flowId"):
            return self.ledger.done_since(last, "flow_assignments", write.key)
        return self.ledger.assigned_since(last, prospect=body["crmProspectId"])

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        self._target.drain_streams(FlowAssignments)
        super().process_record(record, context)

    @override
    def send_all(self, writes: Sequence[Write], rows: Sequence[Row]) -> None:
        if writes[0].body.get("flowInstanceId"):
            self.settle_refused(self._by_instance(writes, rows))
            return
        for number, (write, row) in enumerate(zip(writes, rows, strict=True), start=1):
            path = f"{_PROSPECTS}/unassign-flows-by-crm-id"
            try:
                answer = self.client.request("POST", path, body=write.body)
            except GongError as error:
                try:
                    self.settle_failures([row], error)
                except RunStopped:
                    with self.ledger.transaction():
                        for unsent in rows[number:]:
                            self.ledger.failed(unsent, f"was not sent, since {row.key} failed")
                    raise
            else:
                gone = answer.get("unassignedFlowInstanceIds")
                self.settle([row], requestId=answer.get("requestId"), flowInstanceIds=gone)

    def _by_instance(self, writes: Sequence[Write], rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """Take instances out; those that Gong refuses, with its words."""
        body: dict[str, Any] = {"flowInstanceIds": [w.body["flowInstanceId"] for w in writes]}
        if writes[0].body.get("unassignedByUserEmail"):
            body["unassignedByUserEmail"] = writes[0].body["unassignedByUserEmail"]
        path = f"{_PROSPECTS}/unassign-flows-by-instance-id"
        try:
            answer = self.client.request("POST", path, body=body)
        except Refused as error:
            # One that Gong does not know fails them all: find it.
            if any(_UNKNOWN_INSTANCE in text for text in error.texts) and len(writes) > 1:
                half = len(writes) // 2
                first = self._by_instance(writes[:half], rows[:half])
                return [*first, *self._by_instance(writes[half:], rows[half:])]
            if is_of_record(error):
                return [(row, str(error)) for row in rows]
            self.settle_failures(rows, error)
        except GongError as error:
            self.settle_failures(rows, error)
        else:
            self.settle(rows, requestId=answer.get("requestId"))
        return []
