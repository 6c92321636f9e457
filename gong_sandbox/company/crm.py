"""The Generic CRM integration: schema and objects that Gong holds of it (api: /v2/crm/...).

Objects are the accounts, contacts, deals and leads that the calls' context shows, with the same
ids and values. Standard fields have the names of uploads, all others those of the context.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gong_sandbox.company.accounts import STAGE_NAMES
from gong_sandbox.company.crm_requests import CrmRequest
from gong_sandbox.company.people import VENDOR
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import UTC, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from gong_sandbox.company.accounts import Account, Book, Contact, Opportunity
    from gong_sandbox.company.crm_rows import Row, RowIntake
    from gong_sandbox.company.people import Staff

OBJECT_TYPES = ("ACCOUNT", "CONTACT", "DEAL", "LEAD")
UPLOAD_TYPES = (*OBJECT_TYPES, "BUSINESS_USER", "STAGE")
_PATHS = {
    "ACCOUNT": "accounts",
    "CONTACT": "contacts",
    "DEAL": "deals",
    "LEAD": "leads",
    "BUSINESS_USER": "users",
}

# Context name -> standard field of uploads.
_STANDARD = {
    "ACCOUNT": {"Name": "name"},
    "CONTACT": {"Email": "emailAddress", "Title": "title"},
    "DEAL": {"Name": "name", "Amount": "amount", "CloseDate": "closeDate", "OwnerId": "ownerId"},
    "LEAD": {"Email": "emailAddress", "Title": "title"},
}
_PERSON = {"Name": "STRING", "MobilePhone": "PHONENUMBER", "HasOptedOutOfEmail": "BOOLEAN"}
_CUSTOM: dict[str, dict[str, str]] = {
    "ACCOUNT": {
        "Website": "URL",
        "Industry": "PICKLIST",
        "NumberOfEmployees": "NUMBER",
        "BillingCountry": "STRING",
        "Type": "PICKLIST",
        "ParentId": "REFERENCE",
    },
    "CONTACT": _PERSON,
    "DEAL": {
        "StageName": "PICKLIST",
        "IsClosed": "BOOLEAN",
        "IsWon": "BOOLEAN",
        "Probability": "PERCENT",
        "ForecastCategoryName": "PICKLIST",
        "Type": "PICKLIST",
        "LeadSource": "PICKLIST",
        "NextStep": "STRING",
        "CampaignId": "ID",
    },
    "LEAD": _PERSON,
}
_PICKLISTS = {
    ("ACCOUNT", "Type"): ["Prospect", "Customer"],
    ("DEAL", "StageName"): list(STAGE_NAMES),
    ("DEAL", "ForecastCategoryName"): ["Pipeline", "Best Case", "Commit", "Closed", "Omitted"],
    ("DEAL", "Type"): ["New Business", "Existing Business"],
    ("DEAL", "LeadSource"): ["Web", "Trade Show", "Outbound", "Partner Referral", "Webinar"],
}


@dataclass(frozen=True, slots=True)
class Integration:
    """The company's one connection to a CRM."""

    id: int
    owner_email: str
    name: str

    def wire(self) -> dict[str, Any]:
        """The record of GET /v2/crm/integrations."""
        return {"integrationId": self.id, "ownerEmail": self.owner_email, "name": self.name}


def crm_url(object_type: str, object_id: str) -> str:
    """Where the CRM shows an object."""
    return f"https://crm.{VENDOR.lower()}.example/{_PATHS[object_type]}/{object_id}"


def digits_of(phone: str) -> str:
    """A telephone number without what people put between the digits."""
    return re.sub(r"\D", "", phone)


def _seconds(moment: datetime) -> str:
    """ISO-8601 without a fraction, as uploads have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stage_id(name: str) -> str:
    return name.lower().replace(" ", "-")


class Crm:
    """The integration, its schema, its objects and the requests that change them.

    Objects follow from the book of business; what has been put since is laid over them.

    Attributes:
        integration: the active one, None where there is none.
        requests: every asynchronous one, oldest first.
        accepted: by object type, how often a row of each object was taken over.
        schema_writes: by object type, how often a schema was accepted.
        queued: how long a request is pending.
        processing: how long an upload is then in progress.
        deletion: how long the deletion of an integration is.
    """

    def __init__(self, seed: int, staff: Staff, book: Book) -> None:
        self._seed = seed
        self._book = book
        self._staff = staff
        rng = stream(seed, "crm")
        self.integration: Integration | None = Integration(
            int(gong_id(rng)), rng.choice(staff.team("lead")).email, f"{VENDOR} CRM"
        )
        self._lock = threading.Lock()
        self._schema = {kind: self._fields(kind) for kind in OBJECT_TYPES}
        # JSON is a fraction of what the same row takes as a dict; None says that it is gone.
        self._put: dict[str, dict[str, bytes | None]] = {kind: {} for kind in UPLOAD_TYPES}
        self._seeds = True  # whether objects of the book are shown
        self._dropped: dict[str, set[str]] = {kind: set() for kind in OBJECT_TYPES}
        self._integration_ids = {self.integration.id}
        self.requests: list[CrmRequest] = []
        self._request_by_id: dict[tuple[int, str], CrmRequest] = {}
        self._underway: list[CrmRequest] = []
        self.accepted: dict[str, Counter[str]] = {kind: Counter() for kind in UPLOAD_TYPES}
        self.schema_writes: Counter[str] = Counter()
        self.queued = timedelta(seconds=2)
        self.processing = timedelta(seconds=4)
        self.deletion = timedelta(minutes=5)

    def register(self, owner_email: str, name: str) -> Integration | None:
        """Connect a CRM, None where one is connected already."""
        with self._lock:
            if self.integration is not None:
                return None
            number = len(self._integration_ids)
            integration_id = int(gong_id(stream(self._seed, "crm integration", str(number))))
            self._integration_ids.add(integration_id)
            self.integration = Integration(integration_id, owner_email, name)
            return self.integration

    def has_had(self, integration_id: int) -> bool:
        """Whether an integration is or was the company's."""
        return integration_id in self._integration_ids

    def disconnect(self) -> None:
        """End the integration, with its schema and all its objects."""
        with self._lock:
            self._disconnect()

    def left_out(self, object_type: str, names: Iterable[str]) -> list[str]:
        """Custom fields that a new schema of these fields would silently lose."""
        with self._lock:
            return sorted({f["uniqueName"] for f in self._schema[object_type]}.difference(names))

    def set_schema(
        self, object_type: str, fields: list[dict[str, Any]], deleted: Iterable[str]
    ) -> None:
        """Replace the custom fields; deleted ones and those of another type lose their values."""
        with self._lock:
            old = {field["uniqueName"]: field["type"] for field in self._schema[object_type]}
            new = {field["uniqueName"]: field["type"] for field in fields}
            changed = {name for name in new if old.get(name, new[name]) != new[name]}
            lost = (changed | set(deleted)) & set(old)
            self._schema[object_type] = fields
            self.schema_writes[object_type] += 1
            if not lost:
                return
            self._dropped[object_type] |= lost
            put = self._put[object_type]
            for object_id, content in put.items():
                if content is not None:
                    row = msgspec.json.decode(content)
                    left = {name: value for name, value in row.items() if name not in lost}
                    put[object_id] = msgspec.json.encode(left)

    def upload(
        self, integration_id: int, request_id: str, intake: RowIntake, *, now: datetime
    ) -> CrmRequest | None:
        """Take a file over after a while, None where the request id has been used."""
        request = CrmRequest(
            integration_id,
            request_id,
            intake.object_type,
            received=now,
            started=now + self.queued,
            due=now + self.queued + self.processing,
            size=intake.size,
            sha256=intake.sha256,
            rows=intake.rows,
            errors=intake.errors,
            error_count=intake.error_count,
        )
        return self._add_request(request)

    def delete_integration(
        self, integration_id: int, request_id: str, *, now: datetime
    ) -> CrmRequest | None:
        """End the integration after a while, None where the request id has been used."""
        started = now + self.queued
        return self._add_request(
            CrmRequest(integration_id, request_id, None, now, started, started + self.deletion)
        )

    def _add_request(self, request: CrmRequest) -> CrmRequest | None:
        key = (request.integration_id, request.id)
        with self._lock:
            if key in self._request_by_id:
                return None
            self._request_by_id[key] = request
            self.requests.append(request)
            self._underway.append(request)
        return request

    def settle(self, now: datetime) -> None:
        """Let what is due by now take effect."""
        if not self._underway:
            return
        with self._lock:
            ripe = [request for request in self._underway if request.due <= now]
            self._underway = [request for request in self._underway if request.due > now]
            for request in sorted(ripe, key=lambda request: request.due):
                self._apply(request, now)

    def _apply(self, request: CrmRequest, now: datetime) -> None:
        kind, rows = request.object_type, request.rows
        request.rows = []
        if self.integration is None or self.integration.id != request.integration_id:
            if kind is not None:
                request.fail(0, "The integration has been deleted")
            return
        if kind is None:
            self._disconnect()
            return
        known = self._referred_to(kind, now)
        for row in rows:
            fault = _conflict(kind, row, known)
            if fault:
                request.fail(row.line, fault)
                continue
            self._put[kind][row.object_id] = row.content
            self.accepted[kind][row.object_id] += 1
            request.success_count += 1

    def _disconnect(self) -> None:
        self.integration = None
        self._seeds = False
        for kind in OBJECT_TYPES:
            self._schema[kind] = []
        for put in self._put.values():
            put.clear()

    def _referred_to(self, object_type: str, now: datetime) -> dict[str, Any]:
        """What rows of a type are checked against: stages, or users' addresses, by id."""
        checked = {"DEAL": "STAGE", "BUSINESS_USER": "BUSINESS_USER"}.get(object_type)
        return (
            {row["objectId"]: row.get("emailAddress") for row in self._rows(checked, now)}
            if checked
            else {}
        )

    def schema(self, object_type: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """Custom fields by object type, of one type or of all."""
        chosen = OBJECT_TYPES if object_type is None else (object_type,)
        with self._lock:
            return {kind: list(self._schema[kind]) for kind in chosen}

    def objects(
        self, object_type: str, object_ids: Iterable[str], *, now: datetime
    ) -> dict[str, dict[str, Any] | None]:
        """Objects by id as of `now`, None for those that are not there."""
        wanted = list(object_ids)
        with self._lock:
            put = self._put[object_type]
            found = {name: _decoded(put[name]) for name in wanted if name in put}
            others = set(wanted).difference(found)
            seeded = self._seeded(object_type, now) if others else ()
            found.update({row["objectId"]: row for row in seeded if row["objectId"] in others})
        return {object_id: found.get(object_id) for object_id in wanted}

    def count(self, object_type: str, *, now: datetime) -> int:
        """How many objects of a type there are."""
        with self._lock:
            return sum(1 for _ in self._rows(object_type, now))

    def all(self, object_type: str, *, now: datetime) -> list[dict[str, Any]]:
        """Every object of a type as of `now`."""
        with self._lock:
            return list(self._rows(object_type, now))

    def people(
        self, *, email: str = "", phone: str = "", now: datetime
    ) -> list[tuple[str, dict[str, Any]]]:
        """Contacts and leads with an address or a number, each with its object type."""
        with self._lock:
            return [
                (kind, row)
                for kind in ("CONTACT", "LEAD")
                for row in self._rows(kind, now)
                if (email and str(row.get("emailAddress", "")).casefold() == email.casefold())
                or (phone and digits_of(str(row.get("phoneNumber", ""))) == digits_of(phone))
            ]

    def request_status(
        self, integration_id: int, client_request_id: str, *, now: datetime
    ) -> dict[str, Any] | None:
        """What became of a request, None where there was none of that id."""
        request = self._request_by_id.get((integration_id, client_request_id))
        return request.wire(now) if request else None

    def put(self, object_type: str, object_id: str, row: dict[str, Any] | None) -> None:
        """Show an object with other fields from now on, or None: no more."""
        with self._lock:
            self._put[object_type][object_id] = None if row is None else msgspec.json.encode(row)

    def _fields(self, object_type: str) -> list[dict[str, Any]]:
        industries = sorted({account.industry for account in self._book.accounts})
        picklists = {**_PICKLISTS, ("ACCOUNT", "Industry"): industries}
        return [
            {
                "uniqueName": name,
                "label": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name),
                "type": kind,
                "lastModified": "2021-11-08T16:20:00Z",
                "isDeleted": False,
                "referenceTo": "ACCOUNT" if kind == "REFERENCE" else None,
                "orderedValueList": picklists.get((object_type, name)),
            }
            for name, kind in _CUSTOM[object_type].items()
        ]

    def _rows(self, object_type: str, now: datetime) -> Iterator[dict[str, Any]]:
        put = self._put[object_type]
        for row in self._seeded(object_type, now):
            if row["objectId"] not in put:
                yield row
        for content in put.values():
            if content is not None:
                yield msgspec.json.decode(content)

    def _seeded(self, object_type: str, now: datetime) -> Iterator[dict[str, Any]]:
        """Objects of the book, without fields that the schema has lost since."""
        if not self._seeds:
            return
        dropped = self._dropped.get(object_type)
        for row in self._of_book(object_type, now):
            yield {k: v for k, v in row.items() if k not in dropped} if dropped else row

    def _of_book(self, object_type: str, now: datetime) -> Iterator[dict[str, Any]]:
        if object_type == "BUSINESS_USER":
            yield from (
                {**self._row(object_type, user.crm_id, {}), "emailAddress": user.email}
                for user in self._staff.everyone
            )
            return
        if object_type == "STAGE":
            for number, name in enumerate(STAGE_NAMES, 1):
                stage = {"objectId": _stage_id(name), "name": name}
                yield {**stage, "isActive": True, "sortOrder": number}
            return
        for account in self._book.accounts:
            if object_type == "ACCOUNT":
                yield self._account(account)
            elif object_type == "CONTACT":
                yield from (self._contact(account, contact) for contact in account.contacts)
            elif object_type == "LEAD":
                yield from (self._lead(account, contact) for contact in account.contacts)
            else:
                for opportunity in self._book.opportunities(account, now):
                    yield self._deal(account, opportunity, now)

    def _account(self, account: Account) -> dict[str, Any]:
        known = self._book.account_object(account, timing=False)["fields"]
        return {
            **self._row("ACCOUNT", account.crm_id, {f["name"]: f["value"] for f in known}),
            "domains": [account.website.removeprefix("https://www.")],
        }

    def _contact(self, account: Account, contact: Contact) -> dict[str, Any]:
        return {
            **self._row("CONTACT", contact.crm_id, contact.crm_fields()),
            "firstName": contact.first,
            "lastName": contact.last,
            "phoneNumber": contact.phone,
            "accountId": account.crm_id,
        }

    def _lead(self, account: Account, contact: Contact) -> dict[str, Any]:
        """Everybody began as a lead; those of customers were converted."""
        converted = account.customer
        return {
            **self._row("LEAD", contact.lead_id, contact.crm_fields()),
            "firstName": contact.first,
            "lastName": contact.last,
            "phoneNumber": contact.phone,
            "convertedToContactId": contact.crm_id if converted else None,
            "convertedToAccountId": account.crm_id if converted else None,
            "convertedToDealId": None,
        }

    def _deal(self, account: Account, opportunity: Opportunity, now: datetime) -> dict[str, Any]:
        known = self._book.opportunity_object(account, opportunity, now, "Now")["fields"]
        values = {field["name"]: field["value"] for field in known}
        status = "OPEN"
        if values["IsClosed"]:
            status = "WON" if values["IsWon"] else "LOST"
        changed = [change for change in opportunity.changes if change <= now]
        return {
            **self._row("DEAL", opportunity.id, values),
            "modifiedDate": _seconds(max((opportunity.created, *changed))),
            "accountId": account.crm_id,
            "createdDate": _seconds(opportunity.created),
            "status": status,
            "stage": _stage_id(values["StageName"]),
        }

    def _row(self, object_type: str, object_id: str, values: dict[str, Any]) -> dict[str, Any]:
        rng = stream(self._seed, "crm object", object_id)
        modified = utc(2021, 11, 9, 15) + timedelta(seconds=rng.randrange(400 * 86_400))
        standard = _STANDARD.get(object_type, {})
        return {
            "objectId": object_id,
            "modifiedDate": _seconds(modified),
            "url": crm_url(object_type, object_id),
            **{standard.get(name, name): value for name, value in values.items()},
        }


def _decoded(content: bytes | None) -> dict[str, Any] | None:
    row: dict[str, Any] | None = msgspec.json.decode(content) if content is not None else None
    return row


def _conflict(object_type: str, row: Row, known: dict[str, Any]) -> str | None:
    """Why a sound row cannot be taken over, given what the CRM holds."""
    if object_type not in {"DEAL", "BUSINESS_USER"} or row.content is None:
        return None
    content = msgspec.json.decode(row.content)
    stage, email = content.get("stage"), content.get("emailAddress")
    if object_type == "DEAL":
        unknown = stage and stage not in known
        return f"Field [stage] refers to an unknown STAGE [{stage}]" if unknown else None
    if known.get(row.object_id, email) != email:
        return f"Business user [{row.object_id}] must be deleted before it is changed"
    return None
