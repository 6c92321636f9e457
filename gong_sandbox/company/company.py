"""The facade: one seeded company whose calls, people and settings the API server hands out."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pendulum

from gong_sandbox.company.access import Access
from gong_sandbox.company.accounts import Book
from gong_sandbox.company.activity import Activities
from gong_sandbox.company.analysis import Analyst
from gong_sandbox.company.arcs import arc
from gong_sandbox.company.associations import Association, Associations
from gong_sandbox.company.audit_log import AuditLog
from gong_sandbox.company.briefs import Briefs
from gong_sandbox.company.bulk_assignments import BulkAssignments
from gong_sandbox.company.calls import CallMaker, Plan
from gong_sandbox.company.coaching import Coaching
from gong_sandbox.company.comments import public_comments
from gong_sandbox.company.conversation import Conversation, monologues, write
from gong_sandbox.company.crm import Crm
from gong_sandbox.company.engagement import Engagement, Event
from gong_sandbox.company.erasures import Erasure, Erasures
from gong_sandbox.company.flows import Flows
from gong_sandbox.company.integration_settings import IntegrationSettings
from gong_sandbox.company.interaction import CallStats, averages
from gong_sandbox.company.kinds import kind_of
from gong_sandbox.company.library import Library
from gong_sandbox.company.meetings import Meetings
from gong_sandbox.company.outcomes import call_outcomes
from gong_sandbox.company.people import Staff, User
from gong_sandbox.company.phrasebook import fill_slots
from gong_sandbox.company.privacy import Privacy
from gong_sandbox.company.profiles import Profiles
from gong_sandbox.company.randomness import stream
from gong_sandbox.company.reviews import Review, Reviews
from gong_sandbox.company.settings_history import settings_history
from gong_sandbox.company.tasks import Tasks
from gong_sandbox.company.timeline import CallSlot, Timeline
from gong_sandbox.company.tracker_definitions import make_smart_ids, make_trackers
from gong_sandbox.company.uploaded import new_call_id, plan_of, slot_of
from gong_sandbox.company.uploads import Clash, CreatedCall, Uploads
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime, tzinfo

    from gong_sandbox.company.media import Media
    from gong_sandbox.company.uploads import NewCall

_CLIENT_ID_PREFIXES = ("aircall-", "rec-")  # of seeded calls


def _review_key(review: Review) -> tuple[datetime, str]:
    return review.time, review.slot.id


class Company:
    """A believable company behind the API; see the methods for what each endpoint gets.

    `calls` of them are listed at `now`, spread over about `days`; later instants given to the
    methods show more. The same seed gives the same content for the same call id, always.
    `processing_minutes` pass from the arrival of a call's media until the call is listed.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        calls: int = 500,
        days: int = 90,
        now: datetime,
        timezone: str = "America/Los_Angeles",
        processing_minutes: float = 4,
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
        self.crm = Crm(seed, self._staff, self._book)
        self.flows = Flows(seed, self._staff, self._book, (sales, success), self.crm)
        self.bulk_assignments = BulkAssignments(seed, self.flows, self.crm)
        self.tasks = Tasks(seed, self._book, self.flows, self._zone, (sales, success))
        self.privacy = Privacy(
            seed,
            self._book,
            self.crm,
            self._zone,
            parties=lambda slot: self._maker.parties(self._maker.plan(slot), set()),
            calendar_event=lambda slot: self._maker.plan(slot).facts["calendarEventId"],
        )
        self.meetings = Meetings(seed, self._staff, self._zone)
        self.engagement = Engagement()
        self.erasures = Erasures()
        self.integration_settings = IntegrationSettings(seed)
        self._briefs = Briefs(seed, self._staff, (sales, success))
        self._associations = Associations(seed, self._book, self._maker)
        self.access = Access()
        self.profiles = Profiles(
            seed,
            self._staff,
            (sales, success),
            {
                workspace: [
                    f.id
                    for f in self._library.folders.values()
                    if f.workspace_id == workspace and f.size > 8
                ]
                for workspace in (sales, success)
            },
        )
        self.uploads = Uploads(seed, timedelta(minutes=processing_minutes))
        self._client_ids: dict[str, str] = {}  # ids of seeded calls by their clientUniqueId
        self._client_ids_day: date | None = None
        self._edits: dict[str, dict[str, Any]] = {}
        self._reviewed: list[Review] = []
        self._reviewed_day: date | None = None
        self._added: set[str] = set()
        self._review_lock = threading.Lock()
        self._talk: Callable[[CallSlot], tuple[Plan, Conversation | None]] = lru_cache(512)(
            self._hold
        )
        self.activities = Activities(
            seed,
            self._staff,
            self._zone,
            timeline=self._timeline,
            plan=self._maker.plan,
            answered_scorecards=self.answered_scorecards,
        )
        self.audit_log = AuditLog(
            seed,
            self._staff,
            self._zone,
            since=self._timeline.first_day,
            activities=self.activities,
            workspaces=(sales, success),
            call=self._planned,
        )
        self.coaching = Coaching(self._staff, self.activities, self._timeline.find)
        self._stats: Callable[[CallSlot], CallStats | None] = lru_cache(2**17)(self._measure)

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
        if plan.account is not None or plan.given_context is not None:
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
        self.uploads.delete(call_id)
        self._reviewed = [review for review in self._reviewed if review.slot.id != call_id]

    def settle(self, now: datetime) -> None:
        """Let everything that was asked for, and is due by now, take effect."""
        self.crm.settle(now)
        for erasure in self.erasures.due(now):
            self._erase(erasure, now)

    def _erase(self, erasure: Erasure, now: datetime) -> None:
        """Delete a person's calls, listed or not, and all records of the person."""
        slots = [s for s in self._timeline.made_since(None, now) if s.started <= now]
        look_up = self.privacy.of_email if erasure.email else self.privacy.of_phone
        found = look_up(erasure.email or erasure.phone, slots, now=now)
        calls = [call["id"] for call in found["calls"]]
        if len(calls) > self.erasures.most_calls:
            erasure.stopped = True
            return
        erasure.calls = calls
        for call_id in calls:
            self.delete(call_id)
        for kind, row in self.crm.people(email=erasure.email, phone=erasure.phone, now=now):
            self.crm.put(kind, row["objectId"], None)
            self.flows.forget(row["objectId"])
        if erasure.email:
            self.privacy.forget_engagement(erasure.email)
            self.engagement.forget(erasure.email)
            self.meetings.forget(erasure.email)

    def report(self, event: Event) -> bool:
        """Keep an event of customer engagement, False where it is known."""
        if not self.engagement.report(event):
            return False
        for email in event.emails:
            self.privacy.add_engagement(email, event.wire(stamp(event.at, self._zone)))
        return True

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

    def create_call(
        self, new: NewCall, *, started: datetime, scheduled: datetime, now: datetime
    ) -> CreatedCall:
        """A call that is to be uploaded (api: POST /v2/calls).

        Raises:
            Clash: its clientUniqueId or its downloadMediaUrl is taken.
        """
        client_id = new.client_unique_id or ""
        if client_id.startswith(_CLIENT_ID_PREFIXES):
            self._index_client_ids(now)
        if client_id in self._client_ids:
            raise Clash("clientUniqueId", self._client_ids[client_id])
        call_id = new_call_id(
            self._seed,
            client_id,
            lambda number: self._timeline.has(number) or bool(self.uploads.find(number)),
        )
        call = CreatedCall(call_id, new, started, scheduled, created_at=now)
        self.uploads.create(call)
        self._place(call, now)
        return call

    def add_media(self, call_id: str, media: Media, *, now: datetime) -> CreatedCall | None:
        """The media of a created call, None for an unknown one (api: PUT /v2/calls/{id}/media).

        Raises:
            Clash: the call has media, or another call has the same.
        """
        call = self.uploads.find(call_id)
        if call is None and self.slot(call_id, now=now):
            raise Clash("media", call_id)
        if call is not None:
            self.uploads.receive(call, media, now)
            self._place(call, now)
        return call

    def _place(self, call: CreatedCall, now: datetime) -> None:
        """Put a created call on the time line, if it has media that will do."""
        if call.visible_at is None or call.dropped:
            return
        plan = plan_of(call, self._staff, self._book, now=now)
        self._maker.created[call.id] = plan
        if call.media and call.media.is_video:
            self.edit(call.id, media="Video")
        workspace = self._maker.success_id if plan.host.team == "csm" else self._maker.sales_id
        slot = slot_of(call, self.uploads, call.new.workspace_id or workspace)
        self._timeline.insert(slot)

    def _index_client_ids(self, now: datetime) -> None:
        """Learn of the clientUniqueIds of calls that came onto the time line."""
        for slot in self._timeline.made_since(self._client_ids_day, now):
            if kind_of(int(slot.id)).channel != "conference":
                client_id = self._maker.plan(slot).facts["clientUniqueId"]
                if client_id:
                    self._client_ids[client_id] = slot.id
        self._client_ids_day = self._timeline.last_day

    # What people did

    def interaction_stats(
        self, start: datetime, end: datetime, *, now: datetime
    ) -> dict[str, dict[str, float]]:
        """Means over the calls that a user hosted and that began in the range, by user id.

        Seconds, but Interactivity is a grade and Question Rate counts a host's side's questions
        an hour (api: POST /v2/stats/interaction).
        """
        measured: dict[str, list[CallStats]] = {}
        day = timedelta(days=1)
        for slot in self._timeline.slots(start - day, end + day, now):
            if slot.primary_user_id and start <= slot.started < end:
                stats = self._stats(slot)
                if stats is not None:
                    measured.setdefault(slot.primary_user_id, []).append(stats)
        return {user_id: averages(calls) for user_id, calls in measured.items()}

    def _measure(self, slot: CallSlot) -> CallStats | None:
        plan, conversation = self._talk(slot)
        if conversation is None:
            return None
        analyst = Analyst(plan, conversation, slot.duration)
        interaction = analyst.interaction(stream(self._seed, "interaction", slot.id))
        values = {stat["name"]: stat["value"] for stat in interaction["interactionStats"]}
        return CallStats(values, interaction["questions"]["companyCount"], slot.duration)

    def _planned(self, call_id: str, now: datetime) -> tuple[CallSlot, Plan] | None:
        slot = self._timeline.find(call_id, now)
        return (slot, self._maker.plan(slot)) if slot else None

    # People and settings

    def settings_history(self, user_id: str, *, now: datetime) -> list[dict[str, Any]] | None:
        """Of a user, None for an unknown one (api: GET /v2/users/{id}/settings-history)."""
        user = self._staff.by_id.get(user_id)
        if user is None or user.created > now:
            return None
        return settings_history(self._seed, user, zone=self._zone, now=now)

    def call_outcomes(self) -> list[dict[str, Any]]:
        """How calls of the dialler may end (api: GET /v2/call-outcomes)."""
        return call_outcomes()

    def users(self, *, now: datetime, include_avatars: bool = False) -> list[dict[str, Any]]:
        """The vendor's staff (api: GET /v2/users)."""
        return self._staff.wire(self._zone, now=now, include_avatars=include_avatars)

    @property
    def zone(self) -> tzinfo:
        """The company's time zone."""
        return self._zone

    def user(self, email: str, *, now: datetime) -> User | None:
        """The user of an address or alias."""
        return self._staff.find(email, now=now)

    def tasks_of(self, user_id: str, *, now: datetime) -> list[dict[str, Any]]:
        """A user's tasks, nobody's for an unknown one (api: POST /v2/tasks)."""
        user = self._staff.by_id.get(user_id)
        return self.tasks.tasks(user, now=now) if user else []

    def briefs(self, workspace_id: str | None, *, now: datetime) -> list[dict[str, Any]]:
        """Briefs of one workspace or of all (api: GET /v2/settings/briefs)."""
        return self._briefs.wire(workspace_id, self._zone, now=now)

    def manual_associations(self, *, now: datetime) -> list[Association]:
        """What users put to accounts and deals (api: GET /v2/calls/manual-crm-associations)."""
        return self._associations.made(self._timeline.slots(None, None, now), now)

    def data_for_email(self, email: str, *, now: datetime) -> dict[str, Any]:
        """What refers to an address (api: GET /v2/data-privacy/data-for-email-address)."""
        found = self.privacy.of_email(email, self._timeline.slots(None, None, now), now=now)
        made = [{"id": meeting_id} for meeting_id in self.meetings.of_invitee(email)]
        return {**found, "meetings": [*found["meetings"], *made]}

    def data_for_phone(self, phone: str, *, now: datetime) -> dict[str, Any]:
        """What refers to a number (api: GET /v2/data-privacy/data-for-phone-number)."""
        return self.privacy.of_phone(phone, self._timeline.slots(None, None, now), now=now)

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
            and not self.uploads.find(slot.id)
        )
        return self._library.content(
            folder, candidates, now=now, title=lambda slot: self.basic(slot, now=now)["title"]
        )

    # Reviews

    def _review(self, slot: CallSlot) -> Review | None:
        kind = kind_of(int(slot.id))
        if not kind.external or self.uploads.find(slot.id):
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
