"""What Gong holds of one person outside the company (api: GET /v2/data-privacy/...)."""

from __future__ import annotations

import json
import string
import threading
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.crm import digits_of
from gong_sandbox.company.randomness import derived_id, hubspot_id, salesforce_id, stream
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from gong_sandbox.company.accounts import Book
    from gong_sandbox.company.crm import Crm
    from gong_sandbox.company.timeline import CallSlot

Parties = list[dict[str, Any]]
_BASE32 = string.ascii_lowercase + "234567"
_NOT_FIELDS = {"objectId", "modifiedDate", "url"}


class Privacy:
    """Finds people in calls, meetings, e-mail and the CRM, and keeps what they engaged with.

    Args:
        seed: of the company.
        book: for the names of the CRM systems.
        crm: for contacts and leads.
        zone: of the company.
        parties: of a call, as the API shows them.
        calendar_event: of a call, None where there was none.
    """

    def __init__(
        self,
        seed: int,
        book: Book,
        crm: Crm,
        zone: tzinfo,
        *,
        parties: Callable[[CallSlot], Parties],
        calendar_event: Callable[[CallSlot], str | None],
    ) -> None:
        self._seed = seed
        self._crm = crm
        self._zone = zone
        self._parties = parties
        self._calendar_event = calendar_event
        self._systems = {
            crm_id: account.system
            for account in book.accounts
            for contact in account.contacts
            for crm_id in (contact.crm_id, contact.lead_id)
        }
        self._lock = threading.Lock()
        self._engagement: dict[str, list[dict[str, Any]]] = {}

    def add_engagement(self, email: str, event: dict[str, Any]) -> None:
        """Keep an event of a person: the record of `customerEngagement`."""
        with self._lock:
            self._engagement.setdefault(email.casefold(), []).append(event)

    def forget_engagement(self, email: str) -> None:
        """Drop the events of a person."""
        with self._lock:
            self._engagement.pop(email.casefold(), None)

    def of_email(self, email: str, slots: Iterable[CallSlot], *, now: datetime) -> dict[str, Any]:
        """What refers to an address."""
        wanted = email.casefold()
        people = self._crm.people(email=email, now=now)
        found = self._found(slots, lambda party: wanted in _emails_of(party), people, now)
        with self._lock:
            return {**found, "customerEngagement": list(self._engagement.get(wanted, ()))}

    def of_phone(self, phone: str, slots: Iterable[CallSlot], *, now: datetime) -> dict[str, Any]:
        """What refers to a telephone number, or to the people whose number it is."""
        wanted = digits_of(phone)
        people = self._crm.people(phone=phone, now=now)
        addresses = (row.get("emailAddress") for _, row in people)
        emails = {address.casefold(): address for address in addresses if address}

        def is_theirs(party: dict[str, Any]) -> bool:
            number = digits_of(party.get("phoneNumber", ""))
            return number == wanted or not _emails_of(party).isdisjoint(emails)

        found = self._found(slots, is_theirs, people, now)
        known = bool(people or found["calls"])
        return {
            **found,
            "suppliedPhoneNumber": phone,
            "matchingPhoneNumbers": [f"+{wanted}"] if known else [],
            "emailAddresses": list(emails.values()),
        }

    def _found(
        self,
        slots: Iterable[CallSlot],
        is_theirs: Callable[[dict[str, Any]], bool],
        people: list[tuple[str, dict[str, Any]]],
        now: datetime,
    ) -> dict[str, Any]:
        calls, meetings, emails = [], [], []
        for slot in slots:
            parties = self._parties(slot)
            party = next((party for party in parties if is_theirs(party)), None)
            if party is None:
                continue
            calls.append(_call(stream(self._seed, "logged", slot.id), slot, party))
            event = self._calendar_event(slot)
            if event and "Invitee" in party.get("methods", ()):
                number = derived_id(int(slot.id), 99)
                time = f"{slot.scheduled:%Y-%m-%dT%H:%M:%SZ}"
                meetings.append({"id": f"{number}.{event}_{time}"})
                emails.extend(self._emails(slot, parties[0], party, now))
        return {
            "emails": emails,
            "calls": calls,
            "meetings": meetings,
            "customerData": self._customer_data(people),
        }

    def _emails(
        self, slot: CallSlot, host: dict[str, Any], party: dict[str, Any], now: datetime
    ) -> list[dict[str, Any]]:
        """The host writes after the meeting; some answer."""
        mailbox, address = host.get("emailAddress"), party.get("emailAddress")
        if not mailbox or not address:
            return []
        rng = stream(self._seed, "mail", party["id"])
        found = []
        at = slot.ended
        for sender in (mailbox, address)[: rng.choice((1, 1, 2))]:
            at += timedelta(seconds=rng.randrange(900, 90_000))
            ids = ["".join(rng.choices(_BASE32, k=32)) for _ in range(2)]
            if at <= now:
                found.append(
                    {
                        "from": sender,
                        "id": ids[0],
                        "sentTime": stamp(at.replace(microsecond=0), self._zone),
                        "mailbox": mailbox,
                        "messageHash": ids[1],
                    }
                )
        return found

    def _customer_data(self, people: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        by_system: dict[str, list[dict[str, Any]]] = {}
        integration = self._crm.integration
        for kind, row in people:
            crm_id = row["objectId"]
            mirror = {
                "integrationId": str(integration.id) if integration else None,
                "crmObjectType": kind,
                "crmId": crm_id,
            }
            # The id is the object's own, whatever it is looked up by.
            number = stream(self._seed, "crm mirror", crm_id).getrandbits(40)
            by_system.setdefault(self._systems.get(crm_id, "Generic"), []).append(
                {
                    "id": derived_id(number, 1),
                    "objectType": kind.capitalize(),
                    "externalId": crm_id,
                    "mirrorId": json.dumps(mirror, separators=(",", ":")),
                    "fields": [
                        {"name": name, "value": value}
                        for name, value in row.items()
                        if name not in _NOT_FIELDS
                    ],
                }
            )
        return [{"system": system, "objects": found} for system, found in by_system.items()]


def _emails_of(party: dict[str, Any]) -> set[str]:
    """A party's address: its own, and that of the CRM object it was matched with."""
    addresses = [party.get("emailAddress")]
    for entry in party.get("context") or ():
        for item in entry["objects"]:
            addresses += [f["value"] for f in item.get("fields", ()) if f["name"] == "Email"]
    return {address.casefold() for address in addresses if address}


def _call(rng: Random, slot: CallSlot, party: dict[str, Any]) -> dict[str, Any]:
    """Where the person is known to the CRM, the call was logged there."""
    task = salesforce_id(rng, "00T"), hubspot_id(rng)
    systems = [
        {
            "system": entry["system"],
            "objects": [
                {"objectType": "Task", "externalId": task[entry["system"] == "HubSpot"]},
            ],
        }
        for entry in party.get("context") or ()
    ]
    return {"id": slot.id, "status": "COMPLETED", "externalSystems": systems}
