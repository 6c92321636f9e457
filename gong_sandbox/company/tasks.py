"""Engage tasks: calls that reps have to make, from flows or of their own (api: POST /v2/tasks)."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.crm import crm_url, digits_of
from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp, utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gong_sandbox.company.accounts import Account, Book, Contact
    from gong_sandbox.company.flows import Flow, Flows, Instance, Step
    from gong_sandbox.company.people import User

CRM_TYPE = "GENERIC"
TYPES = ("FLOW", "MANUAL")
ACTIONS = ("CALL",)
STATUSES = ("OPEN", "DONE", "DISMISSED")
_EPOCH = utc(2016, 1, 4)
_WEEK = timedelta(days=7)
_REMEMBERED = 6  # weeks
_PRIORITIES = (("high", 100), ("medium", 50), ("low", 10))
_TITLES = (
    "Call {first} about the order form",
    "Ask {first} who else has to sign",
    "Ring {first} before the weekend",
    "{short}: check in",
    "Follow up on the security questions ({short})",
)
# Country -> time zone, city, state, zip code of the head office.
_PLACES: dict[str, tuple[str, str, str | None, str | None]] = {
    "Australia": ("Australia/Sydney", "Sydney", "New South Wales", "2000"),
    "Austria": ("Europe/Vienna", "Wien", None, "1010"),
    "Canada": ("America/Toronto", "Toronto", "Ontario", "M5H 2N2"),
    "France": ("Europe/Paris", "Paris", None, "75009"),
    "Germany": ("Europe/Berlin", "Hamburg", None, "20457"),
    "Ireland": ("Europe/Dublin", "Dublin", None, None),
    "Japan": ("Asia/Tokyo", "Tokyo", None, "105-0011"),
    "Mexico": ("America/Mexico_City", "Monterrey", "Nuevo León", "64000"),
    "Norway": ("Europe/Oslo", "Bergen", None, "5003"),
    "Poland": ("Europe/Warsaw", "Gdańsk", None, "80-001"),
    "Spain": ("Europe/Madrid", "Valencia", None, "46001"),
    "Sweden": ("Europe/Stockholm", "Göteborg", None, "411 03"),
    "Taiwan": ("Asia/Taipei", "Hsinchu", None, "300"),
    "United Kingdom": ("Europe/London", "Leeds", None, "LS1 4AP"),
    "United States": ("America/Chicago", "Omaha", "Nebraska", "68102"),
}
_CALLING_CODES = (1, 34, 43, 44, 49, 52, 353)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do; `closed` says when it will have been done or dismissed."""

    id: int
    user: User
    workspace_id: str
    created: datetime
    due: datetime
    closed: datetime
    outcome: str
    account: Account
    contacts: tuple[Contact, ...]
    is_lead: bool
    priority: int  # 1 to 3
    title: str | None
    flow: Flow | None = None
    step: Step | None = None

    @property
    def type(self) -> str:
        """FLOW or MANUAL."""
        return "FLOW" if self.flow else "MANUAL"


class Tasks:
    """The reps' tasks of the last weeks: as the seed has them, and as has been changed since.

    Attributes:
        changes: how often each task was changed.
    """

    def __init__(
        self, seed: int, book: Book, flows: Flows, zone: tzinfo, workspaces: tuple[str, str]
    ) -> None:
        self._seed = seed
        self._book = book
        self._flows = flows
        self._zone = zone
        self._workspaces = workspaces
        self._lock = threading.Lock()
        self._changes: dict[int, dict[str, Any]] = {}
        self.changes: Counter[int] = Counter()

    def tasks(self, user: User, *, now: datetime) -> list[dict[str, Any]]:
        """A user's tasks, each with its workspace beside it (`workspaceId`), by due date."""
        made = [*self._manual(user, now), *self._of_flows(user, now)]
        made = [task for task in made if task.created <= now]
        return [self._wire(task, now) for task in sorted(made, key=lambda one: (one.due, one.id))]

    def change(self, task_id: int, **fields: Any) -> None:
        """Show other values of fields from now on."""
        with self._lock:
            self._changes.setdefault(task_id, {}).update(fields)
            self.changes[task_id] += 1

    def _manual(self, user: User, now: datetime) -> Iterator[Task]:
        accounts = [a for a in self._book.accounts if user in (a.ae, a.sdr, a.csm)]
        this_week = (now - _EPOCH) // _WEEK
        for week in range(this_week - _REMEMBERED, this_week + 1) if accounts else ():
            rng = stream(self._seed, "tasks", f"{user.id}:{week}")
            for _ in range(rng.randrange(1, 4)):
                account = rng.choice(accounts)
                contacts = rng.sample(account.contacts, rng.choice((1, 1, 2)))
                # Weekdays in office hours, about.
                hours = rng.randrange(5) * 24 + rng.uniform(16, 24)
                created = _EPOCH + week * _WEEK + timedelta(milliseconds=int(hours * 3_600_000))
                yield Task(
                    id=int(gong_id(rng)),
                    user=user,
                    workspace_id=self._workspaces[user.team == "csm"],
                    created=created,
                    due=created.replace(microsecond=0) + timedelta(days=rng.randrange(1, 6)),
                    closed=created + timedelta(milliseconds=rng.randrange(10**7, 10**9)),
                    outcome="DISMISSED" if rng.random() < 0.15 else "DONE",
                    account=account,
                    contacts=tuple(contacts),
                    is_lead=user is account.sdr and not account.customer,
                    priority=rng.randrange(1, 4),
                    title=rng.choice(_TITLES).format(first=contacts[0].first, short=account.short),
                )

    def _of_flows(self, user: User, now: datetime) -> Iterator[Task]:
        for instance in self._flows.owned(user, now=now):
            for step in instance.flow.steps:
                if step.action in ACTIONS:
                    yield self._of_step(instance, step)

    def _of_step(self, instance: Instance, step: Step) -> Task:
        prospect = self._flows.prospects[instance.prospect_id]
        rng = stream(self._seed, "task", f"{instance.id}:{step.id}")
        created = instance.starts + timedelta(days=step.day)
        if created >= instance.pause[0]:
            created += instance.pause[1] - instance.pause[0]
        # What is not done when the flow is over need not be done any more.
        closed = created + timedelta(hours=rng.uniform(1, 150))
        return Task(
            id=int(gong_id(rng)),
            user=instance.owner,
            workspace_id=instance.flow.folder.workspace_id,
            created=created,
            due=(created + timedelta(hours=rng.randrange(4, 30))).replace(microsecond=0),
            closed=min(closed, instance.ends),
            outcome="DONE" if closed < instance.ends else "DISMISSED",
            account=prospect.account,
            contacts=(prospect.contact,),
            is_lead=prospect.is_lead,
            priority=rng.randrange(1, 4),
            title=None,
            flow=instance.flow,
            step=step,
        )

    def _wire(self, task: Task, now: datetime) -> dict[str, Any]:
        closed = task.closed <= now
        account = task.account
        found: dict[str, Any] = {
            "id": task.id,
            "userId": int(task.user.id),
            "workspaceId": task.workspace_id,
            "created": stamp(task.created, self._zone),
            "updated": stamp(task.closed if closed else task.created, self._zone),
            "status": task.outcome if closed else "OPEN",
            "type": task.type,
            "actions": list(ACTIONS),
            "account": {
                "crmId": account.crm_id,
                "name": account.name,
                "crmUrl": crm_url("ACCOUNT", account.crm_id),
            },
            "opportunity": self._opportunity(account, now),
            "dueDate": stamp(task.due, self._zone),
            "contact": _person(account, task.contacts[0], is_lead=task.is_lead),
            "additionalContacts": [
                _person(account, contact, is_lead=task.is_lead) for contact in task.contacts[1:]
            ],
            "priority": priority_of(task.priority),
        }
        if task.flow and task.step:
            step = {
                "id": int(task.step.id),
                "name": task.step.name,
                "stepNumber": task.step.number,
            }
            found["flow"] = {"id": int(task.flow.id), "name": task.flow.name, "step": step}
        else:
            found["title"] = task.title
        with self._lock:
            return {**found, **self._changes.get(task.id, {})}

    def _opportunity(self, account: Account, now: datetime) -> dict[str, str]:
        """The newest one; even numbers are texts here."""
        opportunity = self._book.current(account, now)
        fields = self._book.opportunity_object(account, opportunity, now, "Now")["fields"]
        values = {field["name"]: field["value"] for field in fields}
        status = ("WON" if values["IsWon"] else "LOST") if values["IsClosed"] else "OPEN"
        return {
            "crmId": opportunity.id,
            "name": opportunity.name,
            "crmUrl": crm_url("DEAL", opportunity.id),
            "status": status,
            "stage": values["StageName"],
            "amount": str(values["Amount"]),
            "probability": str(values["Probability"]),
            "closeDate": values["CloseDate"],
        }


def priority_of(number: int) -> dict[str, Any] | None:
    """A priority by its id, None where there is none."""
    if not 1 <= number <= len(_PRIORITIES):
        return None
    name, weight = _PRIORITIES[number - 1]
    return {"id": number, "name": name, "weight": weight}


def _person(account: Account, contact: Contact, *, is_lead: bool) -> dict[str, Any]:
    kind, crm_id = ("LEAD", contact.lead_id) if is_lead else ("CONTACT", contact.crm_id)
    zone, city, state, zipcode = _PLACES[account.country]
    digits = digits_of(contact.phone)
    return {
        "crmId": crm_id,
        "type": kind,
        "data": {
            "firstName": contact.first,
            "lastName": contact.last,
            "crmUrl": crm_url(kind, crm_id),
            "companyName": account.name,
            "affiliation": "Them",
            "emails": [{"email": contact.email}],
            "title": contact.title,
            "timezone": zone,
            "phoneNumbers": [
                {
                    "raw": contact.phone,
                    "extension": None,
                    "countryCode": next(
                        code for code in _CALLING_CODES if digits.startswith(str(code))
                    ),
                    "normalized": f"+{digits}",
                    "label": "Work",
                    "isVerified": int(digits) % 3 == 0,
                }
            ],
            "city": city,
            "country": account.country,
            "state": state,
            "zipcode": zipcode,
            "optOutChannels": [],
            "linkedinProfile": f"https://linkedin.example/in/{contact.email.split('@')[0]}",
        },
    }
