"""The facade: one seeded company whose calls, people and settings the API server hands out."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pendulum

from gong_sandbox.company.accounts import Book
from gong_sandbox.company.analysis import Analyst
from gong_sandbox.company.arcs import arc
from gong_sandbox.company.calls import CallMaker, Plan
from gong_sandbox.company.comments import public_comments
from gong_sandbox.company.conversation import Conversation, monologues, write
from gong_sandbox.company.kinds import kind_of
from gong_sandbox.company.library import Library
from gong_sandbox.company.people import Staff
from gong_sandbox.company.phrasebook import fill_slots
from gong_sandbox.company.randomness import stream
from gong_sandbox.company.reviews import Review, Reviews
from gong_sandbox.company.timeline import CallSlot, Timeline
from gong_sandbox.company.tracker_definitions import make_smart_ids, make_trackers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime


def _review_key(review: Review) -> tuple[datetime, str]:
    return review.time, review.slot.id


class Company:
    """A believable company behind the API; see the methods for what each endpoint gets.

    `calls` of them are listed at `now`, spread over about `days`; later instants given to the
    methods show more. The same seed gives the same content for the same call id, always.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        calls: int = 500,
        days: int = 90,
        now: datetime,
        timezone: str = "America/Los_Angeles",
    ) -> None:
        self.timezone = timezone
        self._zone = pendulum.timezone(timezone)
        self._seed = seed
        self._staff = Staff(seed)
        self._book = Book(seed, self._staff)
        self._maker = CallMaker(seed, self._staff, self._book, self._zone)
        self._timeline = Timeline(
            seed=seed, calls=calls, days=days, now=now, zone=self._zone, seat=self._maker.seat
        )
        sales, success = self._maker.sales_id, self._maker.success_id
        editors = [user.id for user in self._staff.team("manager", "lead")]
        self._trackers = {
            sales: make_trackers(seed, sales, sales=True, editors=editors),
            success: make_trackers(seed, success, sales=False, editors=editors),
        }
        self._smart = make_smart_ids(seed)
        self._reviews = Reviews(seed, self._staff, self._zone, sales)
        self._library = Library(seed, self._staff, self._zone, (sales, success))
        self._edits: dict[str, dict[str, Any]] = {}
        self._reviewed: list[Review] = []
        self._reviewed_day: date | None = None
        self._added: set[str] = set()
        self._review_lock = threading.Lock()
        self._talk: Callable[[CallSlot], tuple[Plan, Conversation | None]] = lru_cache(512)(
            self._hold
        )

    # Calls

    def slots(
        self, start: datetime | None, end: datetime | None, *, now: datetime
    ) -> list[CallSlot]:
        """Calls listed at `now` with start <= filter_time < end, by (filter_time, id)."""
        return self._timeline.slots(start, end, now)

    def pending(self, start: datetime | None, end: datetime | None, *, now: datetime) -> int:
        """Calls in the range that have ended but are not listed yet."""
        return self._timeline.pending(start, end, now)

    def slot(self, call_id: str, *, now: datetime) -> CallSlot | None:
        """A call by its id, once it is listed."""
        return self._timeline.find(call_id, now)

    def basic(self, slot: CallSlot, *, now: datetime) -> dict[str, Any]:  # noqa: ARG002
        """The 20 keys of a call, unknown = None (api: GET /v2/calls)."""
        return {**self._maker.basic(slot), **self._edits.get(slot.id, {})}

    def extensive(self, slot: CallSlot, *, now: datetime) -> dict[str, Any]:
        """A call with all that any selector may ask for, but media (api: POST calls/extensive)."""
        plan, conversation = self._talk(slot)
        found: dict[str, Any] = {"metaData": self.basic(slot, now=now)}
        if plan.account is not None:
            found["context"] = self._maker.context(slot, plan, now)
        spoke = conversation.roles if conversation else set()
        if plan.number // 1000 % 200 != 7:
            found["parties"] = self._maker.parties(plan, spoke)
        if conversation and slot.transcript_at:
            analyst = Analyst(plan, conversation, slot.duration)
            rng = stream(self._seed, "analysis", slot.id)
            found["content"] = analyst.content(
                rng,
                self._trackers[slot.workspace_id],
                self._smart,
                transcribed=slot.transcript_at <= now,
            )
            found["interaction"] = analyst.interaction(rng)
        comments = public_comments(self._seed, self._staff, slot, plan, zone=self._zone, now=now)
        found["collaboration"] = {"publicComments": comments} if comments else {}
        return found

    def transcript(self, slot: CallSlot) -> list[dict[str, Any]]:
        """Monologues with integer milliseconds; none without speech (api: POST transcript)."""
        plan, conversation = self._talk(slot)
        if conversation is None:
            return []
        return monologues(conversation, {p.role: p.speaker_id for p in plan.cast if p.role})

    def _hold(self, slot: CallSlot) -> tuple[Plan, Conversation | None]:
        plan = self._maker.plan(slot)
        if slot.transcript_at is None:
            return plan, None
        rng = stream(self._seed, "conversation", slot.id)
        deals = [account.short for account in rng.sample(self._book.accounts, 8)]
        local = slot.started.astimezone(self._zone)
        conversation = write(
            rng,
            arc(plan.kind.name, plan.language, plan.variant),
            roles=plan.roles,
            slots=fill_slots(rng, plan, local, deals),
            language=plan.language,
            duration=slot.duration,
        )
        return plan, conversation

    # Changes

    def edit(self, call_id: str, **basic_fields: Any) -> None:
        """Show other values of basic fields from now on."""
        self._edits.setdefault(call_id, {}).update(basic_fields)
        if "isPrivate" in basic_fields:
            self._timeline.mark_private(call_id, private=bool(basic_fields["isPrivate"]))

    def delete(self, call_id: str) -> None:
        """Make a call vanish, and everything that hangs on it."""
        self._timeline.delete(call_id)
        self._reviewed = [review for review in self._reviewed if review.slot.id != call_id]

    def add_call(
        self,
        *,
        filter_time: datetime,
        listed_at: datetime,
        transcript_at: datetime | None,
        duration: int = 1800,
        is_private: bool = False,
    ) -> CallSlot:
        """A further call, back-dated or late if need be, with content like any other."""
        slot = self._timeline.add(
            filter_time=filter_time,
            listed_at=listed_at,
            transcript_at=transcript_at,
            duration=duration,
            is_private=is_private,
        )
        review = self._review(slot)
        if review is not None:
            self._added.add(slot.id)
            insort(self._reviewed, review, key=_review_key)
        return slot

    # People and settings

    def users(self, *, now: datetime, include_avatars: bool = False) -> list[dict[str, Any]]:
        """The vendor's staff (api: GET /v2/users)."""
        return self._staff.wire(self._zone, now=now, include_avatars=include_avatars)

    def workspaces(self) -> list[dict[str, Any]]:
        """Both workspaces (api: GET /v2/workspaces)."""
        return [
            {
                "id": self._maker.sales_id,
                "name": "Sales",
                "description": "New business, from first call to signature",
            },
            {
                "id": self._maker.success_id,
                "name": "Customer Success",
                "description": "Onboarding, reviews and renewals",
            },
        ]

    def scorecards(self) -> list[dict[str, Any]]:
        """The scorecards (api: GET /v2/settings/scorecards)."""
        return self._reviews.scorecards()

    def trackers(self, workspace_id: str | None = None) -> list[dict[str, Any]]:
        """Keyword trackers of one workspace or of all (api: GET /v2/settings/trackers)."""
        return [
            tracker.wire(self._zone)
            for workspace, trackers in self._trackers.items()
            if not workspace_id or workspace == workspace_id
            for tracker in trackers
        ]

    def folders(self, workspace_id: str | None = None) -> list[dict[str, Any]]:
        """Library folders of one workspace or of all (api: GET /v2/library/folders)."""
        return self._library.wire(workspace_id)

    def folder_content(self, folder_id: str, *, now: datetime) -> dict[str, Any] | None:
        """A folder with its calls (api: GET /v2/library/folder-content)."""
        folder = self._library.folders.get(folder_id)
        if folder is None:
            return None
        candidates = (
            (slot, kind.name)
            for slot in self._timeline.slots(None, None, now)
            for kind in (kind_of(int(slot.id)),)
            if kind.external
            and slot.workspace_id == folder.workspace_id
            and slot.transcript_at is not None
            and not slot.is_private
        )
        return self._library.content(
            folder, candidates, now=now, title=lambda slot: self.basic(slot, now=now)["title"]
        )

    # Reviews

    def _review(self, slot: CallSlot) -> Review | None:
        kind = kind_of(int(slot.id))
        if not kind.external:
            return None
        host = slot.primary_user_id
        return self._reviews.review(slot, host, phone=kind.name == "phone") if host else None

    def _index_reviews(self, now: datetime) -> None:
        """Learn of the reviews of calls that came onto the time line since the last look."""
        with self._review_lock:
            for slot in self._timeline.made_since(self._reviewed_day, now):
                review = None if slot.id in self._added else self._review(slot)
                if review is not None:
                    insort(self._reviewed, review, key=_review_key)
            self._reviewed_day = self._timeline.last_day

    def answered_scorecards(
        self,
        *,
        now: datetime,
        review_from: datetime | None = None,
        review_to: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Reviews made up to `now`, by time (api: POST /v2/stats/activity/scorecards).

        `review_from` (inclusive) and `review_to` (exclusive) spare making the rest.
        """
        self._index_reviews(now)
        times = self._reviewed
        low = bisect_left(times, (review_from, ""), key=_review_key) if review_from else 0
        high = bisect_right(times, (now, "~"), key=_review_key)
        if review_to:
            high = min(high, bisect_left(times, (review_to, ""), key=_review_key))
        return [self._reviews.wire(review) for review in times[low:high]]
