"""Prospects put into flows by the dozen, people new to the CRM among them."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from gong_sandbox.company.flows import Unassignable
from gong_sandbox.company.posted import Posted
from gong_sandbox.company.randomness import salesforce_id, stream

if TYPE_CHECKING:
    from datetime import datetime

    from gong_sandbox.company.crm import Crm
    from gong_sandbox.company.flows import Flow, Flows
    from gong_sandbox.company.people import User


class BulkProspect(Posted, frozen=True):
    """Somebody by the CRM id, or by what a new record in the CRM needs."""

    crm_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    job_title: str | None = None
    linked_in_url: str | None = None
    account_crm_id: str | None = None
    company_name: str | None = None


class BulkAssignment(Posted, frozen=True):
    """The body of POST /v2/flows/prospects/bulk-assignments."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset(
        {"flow_instance_owner_email", "flow_id", "prospects"}
    )
    flow_instance_owner_email: str | None = None
    flow_id: str | None = None
    prospects: tuple[BulkProspect, ...] | None = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk assignment; its results are told from `due` on."""

    id: str
    started: datetime
    due: datetime
    results: list[dict[str, Any]]

    def wire(self, now: datetime) -> dict[str, Any]:
        """The record of GET /v2/flows/prospects/bulk-assignments/{id}."""
        told = self.results if now >= self.due else []
        good = sum(result["status"] == "ASSIGNED" for result in told)
        underway = "PENDING" if now < self.started else "IN_PROGRESS"
        return {
            "id": self.id,
            "status": underway if now < self.due else "COMPLETED",
            "totalCount": len(self.results),
            "processedCount": len(told),
            "successCount": good,
            "failedCount": len(told) - good,
            "results": told,
        }


class BulkAssignments:
    """All bulk assignments.

    Attributes:
        queued: how long one is pending.
        processing: how long it is then in progress.
    """

    def __init__(self, seed: int, flows: Flows, crm: Crm) -> None:
        self._seed = seed
        self._flows = flows
        self._crm = crm
        self._lock = threading.Lock()
        self._by_id: dict[str, Bulk] = {}
        self.queued = timedelta(seconds=2)
        self.processing = timedelta(seconds=4)

    def find(self, bulk_id: str) -> Bulk | None:
        """A bulk assignment."""
        return self._by_id.get(bulk_id)

    def add(self, given: BulkAssignment, flow: Flow, owner: User, *, now: datetime) -> Bulk:
        """Put people into a flow; their instances begin when the bulk is done."""
        with self._lock:
            rng = stream(self._seed, "bulk", str(len(self._by_id)))
            bulk_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
            due = now + self.queued + self.processing
            results = [
                self._assign(prospect, f"{bulk_id}:{place}", flow, owner, due)
                for place, prospect in enumerate(given.prospects or ())
            ]
            bulk = self._by_id[bulk_id] = Bulk(bulk_id, now + self.queued, due, results)
        return bulk

    def _assign(
        self, prospect: BulkProspect, key: str, flow: Flow, owner: User, due: datetime
    ) -> dict[str, Any]:
        result: dict[str, Any] = {
            "prospect": _wire(prospect),
            "status": "ASSIGNED",
            "crmId": None,
            "flowInstanceId": None,
            "errorCode": None,
            "errorMessage": None,
        }
        try:
            result["crmId"] = prospect.crm_id or self._crm_id(prospect, key, due)
        except Unassignable as reason:
            return _failed(result, "CRM_OPERATION_FAILED", reason)
        try:
            instance = self._flows.try_assign(result["crmId"], flow, owner, None, now=due)
        except Unassignable as reason:
            return _failed(result, "FLOW_ASSIGNMENT_FAILED", reason)
        return {**result, "flowInstanceId": instance.id}

    def _crm_id(self, prospect: BulkProspect, key: str, now: datetime) -> str:
        """Of the person with the address, or of a new lead, or contact of the account."""
        people = self._crm.people(email=prospect.email, now=now) if prospect.email else []
        if people:
            return str(people[0][1]["objectId"])
        if self._crm.integration is None:
            raise Unassignable("InvalidState", "No CRM is connected")
        account = prospect.account_crm_id
        if account and not self._crm.objects("ACCOUNT", [account], now=now)[account]:
            raise Unassignable("InvalidArgument", f"Account {account} was not found")
        rng = stream(self._seed, "bulk prospect", key)
        crm_id = salesforce_id(rng, "003" if account else "00Q")
        row = {
            "objectId": crm_id,
            "modifiedDate": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "emailAddress": prospect.email,
            "firstName": prospect.first_name,
            "lastName": prospect.last_name,
            "title": prospect.job_title,
            **({"accountId": account} if account else {}),
        }
        self._crm.put("CONTACT" if account else "LEAD", crm_id, row)
        return crm_id


def _wire(prospect: BulkProspect) -> dict[str, Any]:
    return {
        "crmId": prospect.crm_id,
        "firstName": prospect.first_name,
        "lastName": prospect.last_name,
        "email": prospect.email,
        "jobTitle": prospect.job_title,
        "linkedInUrl": prospect.linked_in_url,
        "accountCrmId": prospect.account_crm_id,
        "companyName": prospect.company_name,
    }


def _failed(result: dict[str, Any], status: str, reason: Unassignable) -> dict[str, Any]:
    return {**result, "status": status, "errorCode": reason.code, "errorMessage": reason.text}
