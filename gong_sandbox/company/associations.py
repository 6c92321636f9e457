"""Calls that users put to an account or a deal by hand (api: GET calls/manual-crm-associations)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import stream
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, tzinfo

    from gong_sandbox.company.accounts import Book
    from gong_sandbox.company.calls import CallMaker
    from gong_sandbox.company.timeline import CallSlot

_ONE_IN = 12  # calls


@dataclass(frozen=True, slots=True)
class Association:
    """One act of associating; a later one of the same call stands beside it."""

    call_id: str
    user_id: str
    created: datetime
    account_id: str
    deal_id: str | None

    def wire(self, zone: tzinfo) -> dict[str, Any]:
        """The record of the list."""
        return {
            "callId": self.call_id,
            "userId": self.user_id,
            "created": stamp(self.created, zone),
            "associatedCrmObjects": [
                {"accountCrmId": self.account_id, "dealCrmId": self.deal_id},
            ],
        }


class Associations:
    """The corrections that reps make to what their calls belong to."""

    def __init__(self, seed: int, book: Book, maker: CallMaker) -> None:
        self._seed = seed
        self._book = book
        self._maker = maker

    def made(self, slots: Iterable[CallSlot], now: datetime) -> list[Association]:
        """Those of the calls given up to `now`, by time."""
        found = [
            association
            for slot in slots
            if int(slot.id) // 10**7 % _ONE_IN == 0
            for association in self._of(slot)
            if association.created <= now
        ]
        return sorted(found, key=lambda one: (one.created, one.call_id))

    def _of(self, slot: CallSlot) -> list[Association]:
        """First to the account alone, as some do, then to its deal: what the context shows."""
        plan = self._maker.plan(slot)
        if plan.account is None or not plan.matched:
            return []
        rng = stream(self._seed, "association", slot.id)
        at = slot.listed_at + timedelta(milliseconds=rng.randrange(120_000, 90_000_000))
        deal = self._book.linked(plan.account, slot.started)[0].id
        found = []
        for deal_id in (None, deal) if rng.random() < 0.3 else (deal,):
            found.append(Association(slot.id, plan.host.id, at, plan.account.crm_id, deal_id))
            at += timedelta(milliseconds=rng.randrange(5_000, 200_000_000))
        return found
