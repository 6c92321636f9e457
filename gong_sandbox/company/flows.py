"""Engage flows, their folders and steps, and the prospects in them (api: /v2/flows...)."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gong_sandbox.company.posted import Posted
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp, utc

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from gong_sandbox.company.accounts import Account, Book, Contact
    from gong_sandbox.company.crm import Crm
    from gong_sandbox.company.people import Staff, User

COOL_OFF = timedelta(days=14)  # from the end of one flow to the next
_WAIT = timedelta(minutes=10)  # from an assignment until the flow runs
SHARED_FOLDER = "100"
_SHARED_NAME = "Shared With You"
_NOTHING = "null"  # what folders say instead of a missing id
_EPOCH = utc(2016, 1, 4)
_CYCLE = timedelta(days=60)  # between two flows of one prospect; longer than any flow

# Day, action, name, subject, body; an e-mail whose subject repeats is a reply.
_Draft = tuple[int, str, str, str, str]
_SEQUENCES: dict[str, tuple[_Draft, ...]] = {
    "outbound": (
        (0, "SEND_EMAIL", "First e-mail", "Where are {{account.name}}'s trucks right now?",
         "Hi {{recipient.first_name}},\n\nmost shippers learn it from the customer. And you?"),
        (1, "CALL", "First call", "", ""),
        (3, "LINKEDIN_CONNECT", "Connect", "", "Hi {{recipient.first_name}}, good to meet you."),
        (5, "AUTO_SEND_EMAIL", "Reminder", "Where are {{account.name}}'s trucks right now?",
         "Did this get lost, {{recipient.first_name}}? Ten minutes are enough."),
        (8, "CALL", "Second call", "", ""),
        (12, "LINKEDIN_MESSAGE", "Last word", "", "I will stop here. My door stays open."),
    ),
    "inbound": (
        (0, "CALL", "Call at once", "", ""),
        (0, "SEND_EMAIL", "Thank you", "Your request at Tidelane",
         "Hi {{recipient.first_name}},\n\nthank you for asking. When may I call you?"),
        (2, "CALL", "Second call", "", ""),
        (4, "AUTO_SEND_EMAIL", "Reminder", "Your request at Tidelane",
         "Would later this week suit you better, {{recipient.first_name}}?"),
    ),
    "deal": (
        (0, "SEND_EMAIL", "Recap", "{{account.name}} and Tidelane: what we said",
         "Hi {{recipient.first_name}},\n\nhere is what we agreed on, and what comes next."),
        (3, "CALL", "Next steps", "", ""),
        (7, "CUSTOM", "Send the savings sheet", "", "With their own detention figures."),
        (14, "AUTO_SEND_EMAIL", "Any news?", "{{account.name}} and Tidelane: what we said",
         "Has there been a decision on your side, {{recipient.first_name}}?"),
    ),
    "customer": (
        (0, "SEND_EMAIL", "Invitation", "Your quarter with Tidelane",
         "Hi {{recipient.first_name}},\n\nlet us look at your lanes and what they saved."),
        (7, "CALL", "Find a date", "", ""),
        (14, "CUSTOM", "Prepare the figures", "", "Dwell time, on-time share, detention paid."),
        (21, "CALL", "Before renewal", "", ""),
    ),
}  # fmt: skip
_SEQUENCE_OF_TEAM = {"sdr": "outbound", "ae": "deal", "csm": "customer"}

# Name, parent; folders and flows of the company.
_FOLDERS: tuple[tuple[str, str | None, bool], ...] = (  # the last: of customer success
    ("Company flows", None, False),
    ("Prospecting", "Company flows", False),
    ("Open deals", "Company flows", False),
    ("Events", "Prospecting", False),
    ("Customers", None, True),
    ("Renewals", "Customers", True),
)
# Name, description, folder, team, sequence, exclusive.
_FLOWS: tuple[tuple[str, str, str, str, str, bool], ...] = (
    ("Cold outbound - supply chain", "Six touches in twelve days", "Prospecting", "sdr",
     "outbound", True),
    ("Cold outbound - IT", "As supply chain, for those who integrate", "Prospecting", "sdr",
     "outbound", True),
    ("Inbound demo request", "Within the hour, or they are gone", "Prospecting", "sdr",
     "inbound", True),
    ('Trade show "Lanes & Docks"', "For badges scanned at our stand", "Events", "sdr",
     "inbound", False),
    ("Webinar no-shows", "They signed up, so they care", "Events", "sdr", "outbound", False),
    ("After the demo", "Keep it warm until the next meeting", "Open deals", "ae", "deal", False),
    ("Proposal out 📄", "Two weeks from proposal to answer", "Open deals", "ae", "deal", False),
    ("Quarterly review", "Get the QBR on the calendar", "Customers", "csm", "customer", False),
    ("Renewal, 90 days out", "Nobody shall be surprised", "Renewals", "csm", "customer", True),
)  # fmt: skip
_PERSONAL = ("{first}'s follow-up", "{first} - no reply yet", "{first}: warm intros")


@dataclass(frozen=True, slots=True)
class Step:
    """One touch, `day` days after the prospect came into the flow; `number` counts from 1."""

    id: str
    number: int
    day: int
    action: str
    name: str
    subject: str | None
    body: str | None
    is_reply: bool

    def wire(self) -> dict[str, Any]:
        """The record of POST /v2/flows/steps."""
        return {
            "id": self.id,
            "stepOrder": self.number,
            "action": self.action,
            "subject": self.subject,
            "body": self.body,
            "isReply": self.is_reply,
        }


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of flows; one without owner is the company's."""

    id: str
    name: str
    parent_id: str | None
    owner_id: str | None
    creator_id: str | None
    workspace_id: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow; one without owner is the company's, others are seen by whom they are shared with."""

    id: str
    name: str
    description: str
    folder: Folder
    owner_id: str | None
    shared_with: tuple[str, ...]
    team: str
    created: datetime
    exclusive: bool
    steps: tuple[Step, ...]

    def visibility_to(self, user_id: str) -> str | None:
        """What the flow is to a user: Company, Personal, Shared, or nothing."""
        if self.owner_id is None:
            return "Company"
        if user_id == self.owner_id:
            return "Personal"
        return "Shared" if user_id in self.shared_with else None

    def wire(self, visibility: str, zone: tzinfo) -> dict[str, Any]:
        """The record of GET /v2/flows as one sees it to whom it is visible."""
        shared = visibility == "Shared"
        return {
            "id": self.id,
            "name": self.name,
            "folderId": SHARED_FOLDER if shared else self.folder.id,
            "folderName": _SHARED_NAME if shared else self.folder.name,
            "visibility": visibility,
            "creationDate": stamp(self.created, zone),
            "exclusive": self.exclusive,
        }


@dataclass(frozen=True, slots=True)
class Prospect:
    """A contact or lead as its CRM id, and the user who would put it into flows."""

    crm_id: str
    is_lead: bool
    account: Account
    contact: Contact
    owner: User


class StepOverride(Posted, frozen=True):
    """Other words for one step, counted from 1."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"number"})
    number: int | None = None
    subject: str | None = None
    body: str | None = None


class Variable(Posted, frozen=True):
    """A value for a variable of a flow."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name", "value"})
    name: str | None = None
    value: str | None = None


class Overrides(Posted, frozen=True):
    """What is other for some prospects than the flow has it."""

    steps: tuple[StepOverride, ...] | None = None
    flow_instance_variables: tuple[Variable, ...] | None = None
    cool_off_override: bool | None = None


class Assignment(Posted, frozen=True):
    """The body of POST /v2/flows/prospects/assign."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset(
        {"crm_prospects_ids", "flow_id", "flow_instance_owner_email"}
    )
    crm_prospects_ids: tuple[str, ...] | None = None
    flow_id: str | None = None
    flow_instance_owner_email: str | None = None
    overrides: Overrides | None = None
    flow_instance_description: str | None = None


class Unassignable(Exception):
    """A prospect cannot be put into a flow.

    Args:
        code: as the wire has it.
        text: that tells people why.
    """

    def __init__(self, code: Literal["InvalidArgument", "InvalidState"], text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Instance:
    """A prospect's way through a flow; `pause` may be empty, `given` is what asked for it."""

    id: str
    flow: Flow
    prospect_id: str
    owner: User
    created: datetime
    starts: datetime
    pause: tuple[datetime, datetime]
    ends: datetime
    given: Assignment | None = None

    def status_at(self, moment: datetime) -> str | None:
        """Pending, Running or Paused, None before and after."""
        if not self.created <= moment < self.ends:
            return None
        if moment < self.starts:
            return "Pending"
        return "Paused" if self.pause[0] <= moment < self.pause[1] else "Running"

    def wire(self, status: str, zone: tzinfo) -> dict[str, Any]:
        """The record of POST /v2/flows/prospects."""
        return {
            "flowId": self.flow.id,
            "flowName": self.flow.name,
            "crmProspectId": self.prospect_id,
            "flowInstanceId": self.id,
            "flowInstanceOwnerEmail": self.owner.email,
            "flowInstanceOwnerFullName": self.owner.name,
            "flowInstanceCreateDate": stamp(self.created, zone),
            "flowInstanceStatus": status,
            "workspaceId": self.flow.folder.workspace_id,
            "exclusive": self.flow.exclusive,
        }


class Flows:
    """All flows, and who is in them: as the seed has it, and as has been changed since.

    Attributes:
        by_id: the flows.
        prospects: of the seed; others are contacts and leads of the CRM.
        times_assigned: how often each prospect was put into each flow through the API.
    """

    def __init__(
        self, seed: int, staff: Staff, book: Book, workspaces: tuple[str, str], crm: Crm
    ) -> None:
        self._seed = seed
        self._staff = staff
        self._crm = crm
        self._lock = threading.Lock()
        self._folders: list[Folder] = []
        self.by_id: dict[str, Flow] = {}
        self._add_company(*workspaces)
        for user in staff.team("sdr", "ae", "csm"):
            self._add_personal(user, workspaces[user.team == "csm"])
        self.prospects = {
            prospect.crm_id: prospect
            for account in book.accounts
            for contact in account.contacts
            for prospect in _prospects(account, contact)
        }
        self._assigned: list[Instance] = []
        self._unassigned: dict[str, datetime] = {}
        self.times_assigned: Counter[tuple[str, str]] = Counter()

    def flows(self, user: User, *, now: datetime) -> list[tuple[Flow, str]]:
        """Those that a user sees, each with its visibility, oldest first."""
        seen = (
            (flow, visibility)
            for flow in self.by_id.values()
            if flow.created <= now and (visibility := flow.visibility_to(user.id))
        )
        return sorted(seen, key=lambda pair: (pair[0].created, pair[0].id))

    def folders(self, user: User, workspace_id: str | None = None) -> list[dict[str, Any]]:
        """The records of GET /v2/flows/folders for a user; ids that are missing say "null"."""
        shown = [
            {
                "id": folder.id,
                "name": folder.name,
                "parentFolderId": folder.parent_id or _NOTHING,
                "createdById": folder.creator_id or _NOTHING,
                "visibility": "Personal" if folder.owner_id else "Company",
            }
            for folder in self._folders
            if folder.owner_id in {None, user.id} and workspace_id in {None, folder.workspace_id}
        ]
        shared = {
            "id": SHARED_FOLDER,
            "name": _SHARED_NAME,
            "parentFolderId": _NOTHING,
            "createdById": _NOTHING,
            "visibility": "Shared",
        }
        return [shared, *shown]

    def find(self, flow_id: str, *, now: datetime) -> Flow | None:
        """A flow, once it has been made."""
        flow = self.by_id.get(flow_id)
        return flow if flow and flow.created <= now else None

    def instances(self, prospect_ids: Collection[str], *, now: datetime) -> list[Instance]:
        """What the prospects are in, or were within the last weeks, by time."""
        return [one for one in self._ever(prospect_ids, now) if one.id not in self._unassigned]

    def owned(self, user: User, *, now: datetime) -> list[Instance]:
        """What prospects of the seed are in by the name of a user."""
        own = {p.crm_id for p in self.prospects.values() if p.owner is user}
        with self._lock:
            own.update(one.prospect_id for one in self._assigned if one.owner is user)
        return [
            one for one in self.instances(own & set(self.prospects), now=now) if one.owner is user
        ]

    def running(self, instance_ids: Collection[str], *, now: datetime) -> list[str] | None:
        """Those that are not over, None if one never was."""
        with self._lock:
            others = {one.prospect_id for one in self._assigned}
        known = {one.id: one for one in self._ever(others | set(self.prospects), now)}
        if not known.keys() | self._unassigned.keys() >= set(instance_ids):
            return None
        return [
            one for one in instance_ids if one not in self._unassigned and known[one].status_at(now)
        ]

    def _ever(self, prospect_ids: Collection[str], now: datetime) -> list[Instance]:
        seeded = (
            self._seeded(self.prospects[crm_id], now)
            for crm_id in prospect_ids
            if crm_id in self.prospects
        )
        with self._lock:
            found = [
                instance
                for instance in (*seeded, *self._assigned)
                if instance is not None
                and instance.prospect_id in prospect_ids
                and instance.created <= now
            ]
        return sorted(found, key=lambda instance: (instance.created, instance.id))

    def assign(self, instance: Instance) -> None:
        """Put a prospect into a flow."""
        with self._lock:
            self._assigned.append(instance)

    def try_assign(
        self, crm_id: str, flow: Flow, owner: User, given: Assignment | None, *, now: datetime
    ) -> Instance:
        """Put a prospect into a flow, if the rules allow it.

        Raises:
            Unassignable: they do not.
        """
        if not self.is_prospect(crm_id, now=now):
            raise Unassignable("InvalidArgument", f"Prospect {crm_id} was not found")
        overrides = given.overrides if given else None
        cool = not (overrides and overrides.cool_off_override)
        for one in self._ever([crm_id], now):
            ends = min(one.ends, self._unassigned.get(one.id, one.ends))
            if ends <= now:
                if cool and now < ends + COOL_OFF:
                    text = f"Prospect {crm_id} is in the cool off period of another flow"
                    raise Unassignable("InvalidState", text)
            elif one.flow.id == flow.id:
                raise Unassignable("InvalidState", f"Prospect {crm_id} is in the flow already")
            elif one.flow.exclusive:
                text = f"Prospect {crm_id} is in the exclusive flow {one.flow.id}"
                raise Unassignable("InvalidState", text)
        with self._lock:
            number = self.times_assigned[crm_id, flow.id]
            self.times_assigned[crm_id, flow.id] += 1
        rng = stream(self._seed, "assigned", f"{crm_id}:{flow.id}:{number}")
        starts = now + _WAIT
        instance = Instance(
            id=gong_id(rng),
            flow=flow,
            prospect_id=crm_id,
            owner=owner,
            created=now,
            starts=starts,
            pause=(starts, starts),
            ends=starts + timedelta(days=flow.steps[-1].day + 5),
            given=given,
        )
        self.assign(instance)
        return instance

    def is_prospect(self, crm_id: str, *, now: datetime) -> bool:
        """Whether an id is that of a contact or a lead."""
        return crm_id in self.prospects or any(
            self._crm.objects(kind, [crm_id], now=now)[crm_id] for kind in ("CONTACT", "LEAD")
        )

    def unassign(self, instance_id: str, at: datetime = _EPOCH) -> None:
        """Take a prospect out of a flow."""
        with self._lock:
            self._unassigned.setdefault(instance_id, at)

    def forget(self, crm_id: str) -> None:
        """Let a prospect vanish with all that it was in."""
        with self._lock:
            self.prospects.pop(crm_id, None)
            self._assigned = [one for one in self._assigned if one.prospect_id != crm_id]

    def _add_company(self, sales_id: str, success_id: str) -> None:
        rng = stream(self._seed, "company flows")
        makers = self._staff.team("manager", "lead")
        folders: dict[str, Folder] = {}
        for name, parent, success in _FOLDERS:
            folders[name] = Folder(
                id=gong_id(rng),
                name=name,
                parent_id=folders[parent].id if parent else None,
                owner_id=None,
                creator_id=rng.choice(makers).id if parent else None,
                workspace_id=success_id if success else sales_id,
            )
        self._folders.extend(folders.values())
        for name, description, folder, team, sequence, exclusive in _FLOWS:
            self._add(
                rng, name, description, folders[folder],
                team=team, sequence=sequence, exclusive=exclusive,
            )  # fmt: skip

    def _add_personal(self, user: User, workspace_id: str) -> None:
        """One or two of a rep's own; the second is shared with two of the team."""
        rng = stream(self._seed, "personal flows", user.id)
        folder = Folder(gong_id(rng), "My flows", None, user.id, user.id, workspace_id)
        self._folders.append(folder)
        team = [other.id for other in self._staff.team(user.team) if other is not user]
        names = rng.sample(_PERSONAL, rng.choice((1, 2, 2)))
        for place, name in enumerate(names):
            self._add(
                rng, name.format(first=user.first), "", folder,
                team=user.team,
                sequence=_SEQUENCE_OF_TEAM[user.team],
                owner_id=user.id,
                shared_with=tuple(rng.sample(team, 2)) if place else (),
            )  # fmt: skip

    def _add(
        self,
        rng: Random,
        name: str,
        description: str,
        folder: Folder,
        *,
        team: str,
        sequence: str,
        exclusive: bool = False,
        owner_id: str | None = None,
        shared_with: tuple[str, ...] = (),
    ) -> None:
        day = utc(2022, 9, 12, 16) if owner_id is None else utc(2023, 3, 1, 16)
        steps: list[Step] = []
        for draft in _SEQUENCES[sequence]:
            is_reply = bool(draft[3]) and draft[3] in {step.subject for step in steps}
            steps.append(_step(gong_id(rng), len(steps) + 1, draft, is_reply=is_reply))
        flow = Flow(
            id=gong_id(rng),
            name=name,
            description=description,
            folder=folder,
            owner_id=owner_id,
            shared_with=shared_with,
            team=team,
            created=day + timedelta(milliseconds=rng.randrange(15 * 10**9)),
            exclusive=exclusive,
            steps=tuple(steps),
        )
        self.by_id[flow.id] = flow

    def _seeded(self, prospect: Prospect, now: datetime) -> Instance | None:
        """The newest instance at an instant: one prospect has a flow every other month or so."""
        phase = timedelta(
            seconds=stream(self._seed, "phase", prospect.crm_id).randrange(_CYCLE.days * 86_400)
        )
        number = (now - _EPOCH - phase) // _CYCLE
        rng = stream(self._seed, "prospect", f"{prospect.crm_id}:{number}")
        if rng.random() < 0.3:
            return None
        created = _EPOCH + phase + number * _CYCLE
        known = [
            flow
            for flow in self.by_id.values()
            if flow.team == prospect.owner.team
            and flow.created <= created
            and flow.visibility_to(prospect.owner.id)
        ]
        if not known:
            return None
        flow = rng.choice(known)
        starts = created + timedelta(seconds=rng.randrange(600, 60_000))
        paused = starts + timedelta(days=rng.uniform(1, 9))
        back = paused + timedelta(days=rng.uniform(1, 8) if rng.random() < 0.4 else 0)
        length = timedelta(days=flow.steps[-1].day + rng.uniform(4, 7))
        return Instance(
            id=gong_id(rng),
            flow=flow,
            prospect_id=prospect.crm_id,
            owner=prospect.owner,
            created=created,
            starts=starts,
            pause=(paused, back),
            ends=starts + length + (back - paused),
        )


def _prospects(account: Account, contact: Contact) -> list[Prospect]:
    """Customers are prospects of their CSM; others of the SDR as leads, of the AE as contacts."""
    if account.customer:
        return [Prospect(contact.crm_id, False, account, contact, account.csm)]
    return [
        Prospect(contact.lead_id, True, account, contact, account.sdr),
        Prospect(contact.crm_id, False, account, contact, account.ae),
    ]


def _step(step_id: str, number: int, draft: _Draft, *, is_reply: bool) -> Step:
    day, action, name, subject, body = draft
    return Step(step_id, number, day, action, name, subject or None, body or None, is_reply)
