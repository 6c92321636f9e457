"""How a created call looks to the reads: its place on the time line, its people, its facts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gong_api.languages import LANGUAGES
from gong_sandbox.company.accounts import Contact
from gong_sandbox.company.calls import Participant, Plan
from gong_sandbox.company.kinds import KINDS, kind_of
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.timeline import CallSlot
from gong_sandbox.company.uploads import TRANSCRIPT_DELAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gong_sandbox.company.accounts import Account, Book
    from gong_sandbox.company.people import Staff
    from gong_sandbox.company.uploads import CreatedCall, CrmLink, NewCall, Party, Uploads

_WITHOUT_ACCOUNT = "Unknown Company"
_INTERNAL = next(kind for kind in KINDS if kind.name == "coaching")


def new_call_id(seed: int, client_unique_id: str, taken: Callable[[str], bool]) -> str:
    """The id of a created call: it follows from its clientUniqueId, and says that it is one."""
    rng = stream(seed, "created", client_unique_id)
    while True:
        call_id = gong_id(rng)
        number = int(call_id)
        # Every two-hundredth call shows no parties; those that were given are always shown.
        if kind_of(number).name == "upload" and number // 1000 % 200 != 7 and not taken(call_id):
            return call_id


def slot_of(call: CreatedCall, uploads: Uploads, workspace_id: str) -> CallSlot:
    """The place on the time line of a call that has its media."""
    visible_at = call.visible_at or call.created_at
    return CallSlot(
        id=call.id,
        filter_time=call.started,
        scheduled=call.scheduled,
        started=call.started,
        duration=round(call.seconds),
        listed_at=visible_at,
        transcript_at=visible_at + TRANSCRIPT_DELAY * uploads.processing,
        primary_user_id=call.new.primary_user,
        workspace_id=workspace_id,
        is_private=False,
    )


def plan_of(call: CreatedCall, staff: Staff, book: Book, *, now: datetime) -> Plan:
    """The call as every answer sees it."""
    new, number = call.new, int(call.id)
    cast, account = _cast(number, new, staff, book, now)
    external = any(person.user is None for person in cast)
    kind = kind_of(number)
    if not external:
        kind = replace(_INTERNAL, channel=kind.channel)
    language = account.language if account else "eng"
    if new.language_code:
        language = LANGUAGES[new.language_code]
    matched = account is not None
    if external and account is None:
        account = replace(book.accounts[0], name=_company_name(cast), crm_id="", contacts=())
    return Plan(
        number=number,
        kind=kind,
        account=account,
        host=staff.by_id[new.primary_user or ""],
        cast=cast,
        language=language,
        # Nobody answers who speaks alone.
        variant="voicemail" if sum(bool(person.role) for person in cast) == 1 else None,
        direction=new.direction or "Unknown",
        matched=matched,
        facts=_facts(new, cast),
        given_context=_links(new.context),
    )


def _facts(new: NewCall, cast: tuple[Participant, ...]) -> dict[str, str | None]:
    other = next((person for person in cast if person.role in {"C", "S"}), cast[0])
    return {
        "title": new.title or f"Call with {other.given.get('name') or _shown(other)}",
        "system": new.call_provider_code or "Upload API",
        "sdrDisposition": new.disposition,
        "clientUniqueId": new.client_unique_id,
        "customData": new.custom_data,
        "purpose": new.purpose,
        "meetingUrl": new.meeting_url or new.download_media_url,
        "calendarEventId": None,
    }


def _shown(person: Participant) -> str:
    known = person.user or (person.contact if person.known else None)
    if known:
        return known.name
    return str(person.given.get("phoneNumber") or person.given.get("emailAddress") or "a guest")


def _cast(
    number: int, new: NewCall, staff: Staff, book: Book, now: datetime
) -> tuple[tuple[Participant, ...], Account | None]:
    """The participants in the order given, and the account of the first who is known there.

    The host speaks as R, a colleague as S, the first two others as C and D.
    """
    roles = {True: ["S"], False: ["D", "C"]}
    host_seen = False
    account: Account | None = None
    cast = []
    for place, party in enumerate(new.parties or ()):
        user = staff.by_id.get(party.user_id or "")
        if user is None and party.email_address:
            user = staff.find(party.email_address, now=now)
        contact, known = None, False
        if user is None:
            found, contact = _acquaintance(book, party)
            account = account or found
            known = contact is not None
            if contact is None and (party.name or party.email_address):
                first, _, last = _name(party).partition(" ")
                contact = Contact(first, last, "", "", "", "", "")
        if user and user.id == new.primary_user and not host_seen:
            role, host_seen = "R", True
        else:
            role = roles[user is not None].pop() if roles[user is not None] else ""
        cast.append(
            Participant(
                role,
                user,
                contact,
                ("Attendee",),
                known=known,
                number=number,
                place=place,
                given=_given(party),
            )
        )
    return tuple(cast), account


def _name(party: Party) -> str:
    """A name to be called by, from the address if need be."""
    return party.name or re.split(r"[._+@-]", party.email_address or "")[0].title() or "there"


def _given(party: Party) -> dict[str, Any]:
    """The members of the answer that were posted."""
    values = {
        "emailAddress": party.email_address,
        "name": party.name,
        "phoneNumber": party.phone_number,
        "context": None if party.user_id else _links(party.context),
    }
    return {name: value for name, value in values.items() if value}


def _acquaintance(book: Book, party: Party) -> tuple[Account | None, Contact | None]:
    """The account and contact of an address; the account alone for a colleague of theirs."""
    email = (party.email_address or "").casefold()
    domain = email.rpartition("@")[2]
    for account in book.accounts:
        if domain and account.website == f"https://www.{domain}":
            return account, next((one for one in account.contacts if one.email == email), None)
    return None, None


def _company_name(cast: tuple[Participant, ...]) -> str:
    """As the address of the first guest spells it."""
    for person in cast:
        domain = str(person.given.get("emailAddress") or "").rpartition("@")[2]
        if person.user is None and domain:
            return domain.split(".")[0].replace("-", " ").title()
    return _WITHOUT_ACCOUNT


def _links(links: tuple[CrmLink, ...] | None) -> list[dict[str, Any]] | None:
    """CRM links as reads show them."""
    if links is None:
        return None
    return [
        {
            "system": link.system,
            "objects": [
                {
                    "objectType": item.object_type,
                    "objectId": item.object_id,
                    "fields": [
                        {"name": field.name, "value": field.value} for field in item.fields or ()
                    ],
                }
                for item in link.objects or ()
            ],
        }
        for link in links
    ]
