"""Public comments colleagues leave on a call (api: POST /v2/calls/extensive, `collaboration`)."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from gong_sandbox.company.calls import Plan
    from gong_sandbox.company.people import Staff
    from gong_sandbox.company.timeline import CallSlot

_REMARKS = (
    "Great way to open the agenda, {host}!",
    "@[{name}]({id}) listen to how the objection is handled here, worth copying.",
    'They said "we can\'t go another peak season like this" - that is the headline for the deck.',
    "Careful: we promised an answer on this by Friday.\n\nWho owns it?",
    "Nice pause before the price. 👏",
    "@[{name}]({id}), can you send them the security pack?",
    "Competitor mention, please add it to the opportunity.",
    'I would have asked one more "why" here; the pain is still a bit vague, no?',
    "Key stakeholder, let's get them into the next call:\n- lanes\n- carriers\n- who signs",
    "Numbers to remember: they quoted, unprompted, what late deliveries cost them.",
    "@[{name}]({id}) FYI - same question as last week, we need a one-pager.",
)
_REPLIES = (
    "Done, sent this morning.",
    "Good point, will do.",
    "Agreed.\nAdded to my notes.",
    "@[{name}]({id}) on it 👍",
    'Thanks! I was "winging it" a little.',
)


def has_comments(seed: int, slot: CallSlot) -> bool:
    """Whether a call ever gets comments: a fifth of them do."""
    return stream(seed, "comments", slot.id).random() <= 0.2


def public_comments(
    seed: int, staff: Staff, slot: CallSlot, plan: Plan, *, zone: tzinfo, now: datetime
) -> list[dict[str, Any]]:
    """The comments written up to `now`; a fifth of the calls have any."""
    rng = stream(seed, "comments", slot.id)
    if rng.random() > 0.2:
        return []
    people = staff.team("manager", "ae", "csm", "se")
    found: list[dict[str, Any]] = []
    for remark in rng.sample(_REMARKS, rng.choice((1, 1, 2, 3))):
        author, tagged = rng.sample(people, 2)
        at = round(rng.uniform(5, max(10, slot.duration - 15)), 1)
        during = rng.random() < 0.1
        posted = slot.started + timedelta(seconds=at + 4)
        if not during:
            posted = slot.listed_at + timedelta(milliseconds=rng.randrange(600_000, 200_000_000))
        comment_id = gong_id(rng)
        comment: dict[str, Any] = {
            "id": comment_id,
            "audioStartTime": at,
            "audioEndTime": round(min(at + rng.uniform(3, 25), slot.duration), 1),
            "commenterUserId": author.id,
            "comment": remark.format(host=plan.host.first, name=tagged.name, id=tagged.id),
            "posted": stamp(posted, zone),
            "duringCall": during,
        }
        answered = posted + timedelta(seconds=rng.randrange(300, 90_000))
        reply = {
            **comment,
            "id": gong_id(rng),
            "commenterUserId": plan.host.id,
            "comment": rng.choice(_REPLIES).format(name=author.name, id=author.id),
            "posted": stamp(answered, zone),
            "inReplyTo": comment_id,
            "duringCall": False,
        }
        is_answered = rng.random() < 0.4
        if posted <= now:
            found.append(comment)
            if is_answered and answered <= now:
                found.append(reply)
    return found
