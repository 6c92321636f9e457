"""A call's meta data, participants and CRM context (api: GET /v2/calls, POST /v2/calls/extensive).

Everything is a function of the seed and the slot, so nothing needs to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.arcs import OUTCOMES, phone_variant
from gong_sandbox.company.kinds import kind_of
from gong_sandbox.company.people import VENDOR
from gong_sandbox.company.randomness import derived_id, gong_id, stream
from gong_sandbox.company.timeline import Seat
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo
    from random import Random

    from gong_sandbox.company.accounts import Account, Book, Contact
    from gong_sandbox.company.kinds import CallKind
    from gong_sandbox.company.people import Staff, User
    from gong_sandbox.company.timeline import CallSlot

APP = "https://us-31044.app.gong.io"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

_TITLES: dict[str, tuple[str, ...]] = {
    "discovery": (
        "{account} <> {vendor} | Intro call",
        "{vendor} / {account}: discovery",
        "{lead} / {rep}",
        "Intro: {account} & {vendor} (supply chain visibility)",
        '{account} - goals, "must-haves", timeline',
        "Discovery call - {account}",
    ),
    "demo": (
        "{vendor} demo for {account}",
        "{account} <> {vendor}: Control Tower demo",
        "Demo: live ETAs, yard & detention - {account}",
        "🚚 {account} x {vendor} - product walkthrough",
        "{account} | demo #2 with the wider team",
        "Deep dive, part 2 ({account})",
    ),
    "pricing": (
        "{account}: pricing, terms & next steps",
        "{account} <> {vendor} | Commercials",
        'Re: Proposal "v3" for {account}',
        "{account} - order form review",
        "{lead} / {rep} - pricing follow-up",
    ),
    "security": (
        "{account} security & architecture review",
        "{vendor} x {account}: InfoSec questionnaire",
        "Technical validation - {account} IT",
        "{account}: API, SSO and data flows",
    ),
    "renewal": (
        "{account} QBR",
        "{account} <> {vendor} - Quarterly Business Review 📈",
        "{account} renewal check-in",
        "{vendor} / {account}: value review, renewal",
    ),
    "onboarding": (
        "{account} onboarding kick-off 🚀",
        "{account} - Onboarding session 2: carriers & lanes",
        "{vendor} implementation sync: {account}",
        "{account}: admin training",
    ),
    "pipeline": (
        "Pipeline review",
        "Weekly forecast call",
        'Deal desk: "commit" vs. best case',
        "Team pipeline review - {rep}'s team",
    ),
    "coaching": ("{rep} / {second} 1:1", "1:1 {second}, {rep}", "Call coaching ({second})"),
    "upload": (
        "Site visit recording - {account}",
        "{account}, dock walk with {lead}",
        "Imported call: {account}",
    ),
    "deu": (
        "{account}: Kennenlernen & Bedarfsanalyse",
        "{vendor} für {account} - Vorführung",
        "Abstimmung mit {lead}, {account}",
    ),
    "spa": (
        "{account}: reunión de presentación",
        "{vendor} y {account} - demostración",
        "Seguimiento con {lead} ({account})",
    ),
}
_PURPOSES = ("Cold Call", "Follow-up", "Qualification", "Event Follow-up", "Inbound Lead")
_SECONDS: dict[str, tuple[float, tuple[str, ...]]] = {
    "discovery": (0.3, ("sdr",)),
    "demo": (0.75, ("se",)),
    "pricing": (0.5, ("manager",)),
    "security": (0.95, ("se",)),
    "renewal": (0.45, ("ae",)),
    "onboarding": (0.6, ("se",)),
    "upload": (0.1, ("se",)),
}


@dataclass(slots=True)
class Participant:
    """Somebody on the call or invited to it; `role` is R, S, C or D for those with lines."""

    role: str
    user: User | None
    contact: Contact | None
    methods: tuple[str, ...]
    phone: str | None = None
    known: bool = True
    number: int = 0  # of the call, and the place within it: the ids follow from both
    place: int = 0
    given: dict[str, Any] = field(default_factory=dict)  # of a created call: as it was posted

    @property
    def party_id(self) -> str:
        """Id of the participation."""
        return derived_id(self.number, 2 * self.place + 1)

    @property
    def speaker_id(self) -> str:
        """Id of the voice: what transcripts and trackers refer to."""
        return derived_id(self.number, 2 * self.place + 2)

    @property
    def first(self) -> str:
        """First name, for speech."""
        person = self.user or self.contact
        return person.first if person else "there"


@dataclass(frozen=True, slots=True)
class Plan:
    """The facts of one call that several answers share."""

    number: int
    kind: CallKind
    account: Account | None
    host: User
    cast: tuple[Participant, ...]
    language: str
    variant: str | None
    direction: str
    matched: bool
    facts: dict[str, str | None]  # the basic keys that chance decides
    given_context: list[dict[str, Any]] | None = None  # of a created call: as it was posted

    def role(self, name: str) -> Participant | None:
        """The participant of a role."""
        return next((person for person in self.cast if person.role == name), None)

    @property
    def roles(self) -> frozenset[str]:
        """Roles with somebody to speak their lines."""
        return frozenset(person.role for person in self.cast if person.role)


class CallMaker:
    """Makes the calls of the time line come alive."""

    def __init__(self, seed: int, staff: Staff, book: Book, zone: tzinfo) -> None:
        self._seed = seed
        self._staff = staff
        self._book = book
        self._zone = zone
        rng = stream(seed, "workspaces")
        self.sales_id = gong_id(rng)
        self.success_id = gong_id(rng)
        self.plan: Callable[[CallSlot], Plan] = lru_cache(1024)(self._make_plan)
        self.created: dict[str, Plan] = {}  # calls of the API's making, by id
        self._leads = [*staff.team("manager"), staff.everyone[2]]

    def seat(self, call_id: str, kind: CallKind, moment: datetime) -> Seat:
        """The account, host and workspace of a call; the id decides among those that fit."""
        number = int(call_id)
        if not kind.external:
            host = self._leads[number // 1000 % len(self._leads)]
            success = host.team == "lead"
            workspace = self.success_id if success else self.sales_id
            return Seat(None, host.id, workspace, foreign=False)
        fitting = self._book.fitting(kind.stages, moment, customers=kind.customers)
        account = self._book.seat_account(number, fitting)
        owner = {"ae": account.ae, "sdr": account.sdr, "csm": account.csm}[kind.host]
        workspace = self.success_id if kind.host == "csm" else self.sales_id
        foreign = account.language != "eng" and number // 10**6 % 10 < 6
        return Seat(account, owner.id, workspace, foreign=foreign and kind.channel == "conference")

    def _make_plan(self, slot: CallSlot) -> Plan:
        if slot.id in self.created:
            return self.created[slot.id]
        number = int(slot.id)
        kind = kind_of(number)
        seat = self.seat(slot.id, kind, slot.filter_time)
        host = self._staff.by_id[seat.host_id]
        rng = stream(self._seed, "plan", slot.id)
        inbound = kind.channel == "phone" and rng.random() < 0.14
        variant = None
        if kind.channel == "phone":
            variant = phone_variant(rng, slot.duration, inbound=inbound)
        language = "eng"
        if slot.transcript_at is None:
            language = "zxx"
        elif seat.foreign and seat.account:
            language = seat.account.language
        direction = "Conference"
        if kind.channel != "conference":
            direction = "Inbound" if inbound else "Outbound"
            if kind.channel == "upload" and rng.random() < 0.3:
                direction = "Unknown"
        cast = self._cast(rng, kind, host, seat.account, variant)
        for place, person in enumerate(cast):
            person.number, person.place = number, place
        plan = Plan(
            number=number,
            kind=kind,
            account=seat.account,
            host=host,
            cast=cast,
            language=language,
            variant=variant,
            direction=direction,
            matched=rng.random() > 0.05,
            facts={},
        )
        plan.facts.update(self._facts(rng, slot, plan))
        return plan

    def _cast(
        self,
        rng: Random,
        kind: CallKind,
        host: User,
        account: Account | None,
        variant: str | None,
    ) -> tuple[Participant, ...]:
        invited = () if kind.channel != "conference" else ("Invitee",)
        present = (*invited, "Attendee")

        def someone(role: str, user: User | None, contact: Contact | None) -> Participant:
            return Participant(role, user, contact, present)

        cast = [someone("R", host, None)]
        if account is None:
            team = [user for user in self._staff.everyone if user.manager_id == host.id]
            team = [user for user in team if not user.left] or self._staff.team("ae")
            cast.append(someone("S", rng.choice(team), None))
            if kind.name == "pipeline":
                cast.extend(
                    someone("", user, None)
                    for user in rng.sample(team, min(2, len(team)))
                    if user is not cast[1].user
                )
            return tuple(cast)
        contacts = rng.sample(account.contacts, 4)
        if kind.channel == "phone":
            phone = contacts[0].phone
            known = variant != "inbound" or rng.random() < 0.6
            person = Participant(
                "" if variant == "voicemail" else "C",
                None, contacts[0], present, phone, known,
            )  # fmt: skip
            return (cast[0], person)
        chance, teams = _SECONDS[kind.name]
        if rng.random() < chance:
            pool = [self._staff.manager_of(host)] if teams == ("manager",) else None
            if teams == ("ae",):
                pool = [account.ae]
            cast.append(someone("S", rng.choice(pool or self._staff.team(*teams)), None))
        cast.append(someone("C", None, contacts[0]))
        if rng.random() < 0.62:
            cast.append(someone("D", None, contacts[1]))
        cast.extend(self._silent(rng, contacts, invited))
        return tuple(cast)

    @staticmethod
    def _silent(
        rng: Random, contacts: list[Contact], invited: tuple[str, ...]
    ) -> list[Participant]:
        """Those who say nothing: listeners, no-shows, an unknown telephone."""
        found = []
        if rng.random() < 0.22:
            found.append(Participant("", None, contacts[2], (*invited, "Attendee")))
        if invited and rng.random() < 0.3:
            found.append(Participant("", None, contacts[3], invited))
        if rng.random() < 0.05:
            phone = f"+1{rng.randrange(212, 989)}555{rng.randrange(100, 9999):04d}"
            found.append(Participant("", None, None, ("Attendee",), phone))
        return found

    def _facts(self, rng: Random, slot: CallSlot, plan: Plan) -> dict[str, str | None]:
        system, meeting_url, event_id = self._venue(rng, plan)
        disposition = purpose = client_id = custom = None
        if plan.variant:
            disposition = OUTCOMES[plan.variant][3] if rng.random() < 0.8 else None
            purpose = rng.choice(_PURPOSES) if rng.random() < 0.35 else None
            if system == "Aircall":
                client_id = f"aircall-{rng.randrange(10**8, 10**9)}"
        elif plan.kind.channel == "upload":
            client_id = f"rec-{slot.started:%Y%m%d}-{rng.randrange(16**6):06x}"
            custom = f'{{"source": "field recorder", "batch": "{slot.started:%Y-%m}"}}'
        return {
            "title": self._title(rng, plan),
            "system": system,
            "sdrDisposition": disposition,
            "clientUniqueId": client_id,
            "customData": custom,
            "purpose": purpose,
            "meetingUrl": meeting_url,
            "calendarEventId": event_id,
        }

    def basic(self, slot: CallSlot) -> dict[str, Any]:
        """The 20 keys of GET /v2/calls, unknown = None."""
        plan = self.plan(slot)
        facts, kind = plan.facts, plan.kind
        scheduled = stamp(slot.scheduled, self._zone)
        same = slot.started == slot.scheduled
        return {
            "id": slot.id,
            "url": f"{APP}/call?id={slot.id}",
            "title": facts["title"],
            "scheduled": scheduled,
            "started": scheduled if same else stamp(slot.started, self._zone),
            "duration": slot.duration,
            "primaryUserId": slot.primary_user_id,
            "direction": plan.direction,
            "system": facts["system"],
            "scope": "External" if kind.external else "Internal",
            "media": "Video" if kind.channel == "conference" else "Audio",
            "language": plan.language,
            "workspaceId": slot.workspace_id,
            "sdrDisposition": facts["sdrDisposition"],
            "clientUniqueId": facts["clientUniqueId"],
            "customData": facts["customData"],
            "purpose": facts["purpose"],
            "meetingUrl": facts["meetingUrl"],
            "isPrivate": slot.is_private,
            "calendarEventId": facts["calendarEventId"],
        }

    @staticmethod
    def _title(rng: Random, plan: Plan) -> str:
        second = plan.role("S")
        lead = plan.role("C")
        if plan.kind.channel == "phone":
            person = plan.cast[-1]
            account = plan.account.name if plan.account else ""
            if not person.known or rng.random() < 0.15:
                return f"Call with {person.phone}"
            name = person.contact.name if person.contact else ""
            return rng.choice((f"Call with {name}", f"{name} ({account})", f"To {name}, {account}"))
        texts = _TITLES.get(plan.language) or _TITLES[plan.kind.name]
        return rng.choice(texts).format(
            account=plan.account.name if plan.account else "",
            vendor=VENDOR,
            rep=plan.host.first,
            second=second.first if second else "",
            lead=lead.first if lead else "",
        )

    @staticmethod
    def _venue(rng: Random, plan: Plan) -> tuple[str, str | None, str | None]:
        """System, meeting URL and calendar event."""
        if plan.kind.channel == "phone":
            return rng.choice(("Outreach", "Outreach", "Aircall", "Gong Connect")), None, None
        if plan.kind.channel == "upload":
            url = None
            if rng.random() < 0.4:
                url = f"https://recordings.tidelane.example/{rng.randrange(16**8):08x}.wav"
            return "Upload API", url, None
        system = rng.choice(("Zoom", "Zoom", "Google Meet", "Microsoft Teams"))
        event = f"{rng.getrandbits(104):026x}"
        roll = rng.random()
        if system == "Zoom":
            url = f"https://{VENDOR.lower()}.zoom.us/j/9{rng.randrange(10**9, 10**10)}"
        elif system == "Google Meet":
            code = "".join(rng.choices(_LETTERS, k=10))
            url = f"https://meet.google.com/{code[:3]}-{code[3:7]}-{code[7:]}"
        else:
            thread = f"{rng.getrandbits(128):032x}"
            url = f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{thread}%40thread.v2/0"
            event = f"AAMkAGI{event}{event[::-1]}AAA="
        if roll < 0.03:
            return system, url, str(rng.randrange(10**51, 10**52))
        return system, url if roll < 0.98 else None, event if roll < 0.94 else None

    def parties(self, plan: Plan, spoke: set[str]) -> list[dict[str, Any]]:
        """The participants; keys of unknown values are absent, `speakerId` is null instead."""
        return [self._party(plan, person, spoke) for person in plan.cast]

    def _party(self, plan: Plan, person: Participant, spoke: set[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"id": person.party_id}
        user, contact = person.user, person.contact
        if user:
            found.update(emailAddress=user.email, name=user.name)
            if user.title:
                found["title"] = user.title
            found["userId"] = user.id
        elif contact and person.known:
            if person.phone is None or int(person.party_id) % 3:
                found["emailAddress"] = contact.email
            found["name"] = contact.name
            if int(person.party_id) % 7:
                found["title"] = contact.title
        found["speakerId"] = person.speaker_id if person.role in spoke else None
        found["context"] = self._party_context(plan, person)
        found["affiliation"] = "Internal" if user else "External" if contact else "Unknown"
        if person.phone:
            found["phoneNumber"] = person.phone
        found["methods"] = list(person.methods)
        found.update(person.given)
        return found

    @staticmethod
    def _party_context(plan: Plan, person: Participant) -> list[dict[str, Any]]:
        if plan.account is None or not plan.matched:
            return []
        user, contact = person.user, person.contact
        if user:
            fields: list[dict[str, Any]] = [{"name": "Name", "value": user.name}]
            kind, crm_id, system = "User", user.crm_id, "Salesforce"
        elif contact and person.known and int(person.party_id) % 11:
            lead = plan.kind.channel == "phone" and not plan.account.customer
            kind, crm_id = ("Lead", contact.lead_id) if lead else ("Contact", contact.crm_id)
            system = plan.account.system
            fields = [
                {"name": name, "value": value} for name, value in contact.crm_fields().items()
            ]
        else:
            return []
        return [
            {
                "system": system,
                "objects": [{"objectType": kind, "objectId": crm_id, "fields": fields}],
            }
        ]

    def context(self, slot: CallSlot, plan: Plan, now: datetime) -> list[dict[str, Any]]:
        """Account and opportunities, the latter as of now and as of the call."""
        account = plan.account
        if plan.given_context is not None:
            return plan.given_context
        if account is None or not plan.matched:
            return []
        objects = [self._book.account_object(account, timing=plan.number % 9 == 0)]
        for opportunity in self._book.linked(account, slot.started):
            for timing, moment in (("Now", now), ("TimeOfCall", slot.started)):
                objects.append(self._book.opportunity_object(account, opportunity, moment, timing))
        return [{"system": account.system, "objects": objects}]
