"""The Generic CRM integration: schema and objects that Gong holds of it (api: /v2/crm/...).

Objects are the accounts, contacts, deals and leads that the calls' context shows, with the same
ids and values. Standard fields have the names of uploads, all others those of the context.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.accounts import STAGE_NAMES
from gong_sandbox.company.people import VENDOR
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import UTC, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from gong_sandbox.company.accounts import Account, Book, Contact, Opportunity
    from gong_sandbox.company.people import Staff

OBJECT_TYPES = ("ACCOUNT", "CONTACT", "DEAL", "LEAD")
_PATHS = {"ACCOUNT": "accounts", "CONTACT": "contacts", "DEAL": "deals", "LEAD": "leads"}

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


class Crm:
    """The integration, its schema, its objects and the uploads to it.

    Objects follow from the book of business; what has been put since is laid over them.
    """

    def __init__(self, seed: int, staff: Staff, book: Book) -> None:
        self._seed = seed
        self._book = book
        rng = stream(seed, "crm")
        self.integration: Integration | None = Integration(
            int(gong_id(rng)), rng.choice(staff.team("lead")).email, f"{VENDOR} CRM"
        )
        self._lock = threading.Lock()
        self._schema = {kind: self._fields(kind) for kind in OBJECT_TYPES}
        self._put: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._requests: dict[str, dict[str, Any]] = {}

    def schema(self, object_type: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """Custom fields by object type, of one type or of all."""
        chosen = OBJECT_TYPES if object_type is None else (object_type,)
        with self._lock:
            return {kind: list(self._schema[kind]) for kind in chosen}

    def objects(
        self, object_type: str, object_ids: Iterable[str], *, now: datetime
    ) -> dict[str, dict[str, Any] | None]:
        """Objects by id as of `now`, None for those that are not there."""
        rows = self._rows(object_type, now)
        return {object_id: rows.get(object_id) for object_id in object_ids}

    def people(
        self, *, email: str = "", phone: str = "", now: datetime
    ) -> list[tuple[str, dict[str, Any]]]:
        """Contacts and leads with an address or a number, each with its object type."""
        return [
            (kind, row)
            for kind in ("CONTACT", "LEAD")
            for row in self._rows(kind, now).values()
            if (email and str(row.get("emailAddress", "")).casefold() == email.casefold())
            or (phone and digits_of(str(row.get("phoneNumber", ""))) == digits_of(phone))
        ]

    def request_status(self, client_request_id: str) -> dict[str, Any] | None:
        """What became of an upload, None where there was none of that id."""
        with self._lock:
            return self._requests.get(client_request_id)

    def put(self, object_type: str, object_id: str, row: dict[str, Any] | None) -> None:
        """Show an object with other fields from now on, or None: no more."""
        with self._lock:
            self._put[object_type, object_id] = row

    def put_request(self, client_request_id: str, status: dict[str, Any]) -> None:
        """Keep the state of an upload (api: GET /v2/crm/request-status)."""
        with self._lock:
            self._requests[client_request_id] = status

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

    def _rows(self, object_type: str, now: datetime) -> dict[str, dict[str, Any]]:
        rows = {row["objectId"]: row for row in self._seeded(object_type, now)}
        with self._lock:
            for (kind, object_id), row in self._put.items():
                if kind == object_type:
                    rows.pop(object_id, None)
                    if row is not None:
                        rows[object_id] = row
        return rows

    def _seeded(self, object_type: str, now: datetime) -> Iterator[dict[str, Any]]:
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
            "stage": values["StageName"].lower().replace(" ", "-"),
        }

    def _row(self, object_type: str, object_id: str, values: dict[str, Any]) -> dict[str, Any]:
        rng = stream(self._seed, "crm object", object_id)
        modified = utc(2021, 11, 9, 15) + timedelta(seconds=rng.randrange(400 * 86_400))
        standard = _STANDARD[object_type]
        return {
            "objectId": object_id,
            "modifiedDate": _seconds(modified),
            "url": crm_url(object_type, object_id),
            **{standard.get(name, name): value for name, value in values.items()},
        }
