"""What sorts of calls the company has, how often, how long and with whom."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class CallKind:
    """One sort of call.

    `share` is out of 1000 calls, `minutes` the usual lengths, `stages` the opportunity stages in
    which an account has such a call (empty: any), `customers` limits it to paying customers.
    """

    name: str
    share: int
    channel: str  # conference, phone or upload
    minutes: tuple[int, ...]
    host: str  # the account's ae, sdr or csm; manager for internal meetings
    stages: tuple[str, ...] = ()
    customers: bool = False
    external: bool = True


KINDS: tuple[CallKind, ...] = (
    CallKind("phone", 280, "phone", (), "sdr", ("Qualification", "Discovery", "")),
    CallKind("discovery", 140, "conference", (30, 30, 45), "ae", ("Qualification", "Discovery")),
    CallKind("demo", 150, "conference", (30, 45, 60), "ae", ("Discovery", "Solution Demo")),
    CallKind("pricing", 90, "conference", (30, 30, 45), "ae", ("Proposal", "Negotiation")),
    CallKind("security", 70, "conference", (30, 45, 60), "ae", ("Technical Validation",)),
    CallKind("renewal", 70, "conference", (30, 45, 60), "csm", customers=True),
    CallKind("onboarding", 70, "conference", (30, 45, 60), "csm", customers=True),
    CallKind("pipeline", 60, "conference", (30, 45), "manager", external=False),
    CallKind("coaching", 30, "conference", (30,), "manager", external=False),
    CallKind("upload", 40, "upload", (15, 20, 30), "ae"),
)
_EDGES = list(accumulate(kind.share for kind in KINDS))


def kind_of(number: int) -> CallKind:
    """The kind of the call whose id is this number: part of the id, so that it needs no storage."""
    return KINDS[bisect_right(_EDGES, number % 1000)]
