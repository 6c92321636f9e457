"""Scorecards (api: GET /v2/settings/scorecards) and the reviews that answer them.

(api: POST /v2/stats/activity/scorecards)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp, utc

if TYPE_CHECKING:
    from random import Random

    from gong_sandbox.company.people import Staff
    from gong_sandbox.company.timeline import CallSlot

# Question type, text, answer guide, options.
_Draft = tuple[str, str, str | None, tuple[str, ...]]
_GUIDE = "<p>1 = not at all<br/>5 = a model for others, <b>save it to the library</b></p>"
_CARDS: tuple[tuple[str, str, str, tuple[_Draft, ...]], ...] = (
    (
        "Discovery & Demo Scorecard",
        "MANUAL",
        "sales",
        (
            ("RANGE", "Was an agenda agreed in the first minutes?", "", ()),
            ("RANGE", "How well were pains and their cost explored?", _GUIDE, ()),
            ("BOOLEAN", "Was the economic buyer identified?", None, ()),
            (
                "SELECT",
                "Which part of the platform was the focus?",
                "",
                ("Visibility", "Predictive ETA", "Yard", "Detention", "Control Tower"),
            ),
            ("OPEN", "What should be done differently next time?", None, ()),
            ("RANGE", "How would you rate this call overall?", "", ()),
        ),
    ),
    (
        "SDR Phone Scorecard",
        "MANUAL",
        "phone",
        (
            ("RANGE", "Opening: did the SDR earn the next 30 seconds?", _GUIDE, ()),
            ("BOOLEAN", "Was a next step booked?", None, ()),
            ("OPEN", "One thing to practise", "<p>Be <i>specific</i>.</p>", ()),
            ("RANGE", "Overall call quality", None, ()),
        ),
    ),
    (
        "AI Call Quality",
        "AUTOMATIC",
        "any",
        (
            ("RANGE", "Did the customer talk about a business problem?", "", ()),
            ("BOOLEAN", "Were next steps agreed with a date?", "", ()),
            ("RANGE", "Overall", "", ()),
        ),
    ),
)
_REMARKS = (
    "Strong opening, then a bit too much talking. Let the silence work.",
    'Ask "what happens if nothing changes?" before showing anything.',
    "Good questions, but the cost of the pain was never put in numbers,\nso there is no urgency.",
    "Confirm the decision process; who signs, when, and what else is on their desk?",
    "Slow down on the price. Otherwise excellent 👏",
    "Use their words: they said 'blind spots', we said 'visibility gaps'.",
)


@dataclass(frozen=True, slots=True)
class Review:
    """That a call is reviewed, when and on which scorecard; the answers are made on demand."""

    time: datetime
    slot: CallSlot
    host_id: str
    card: int


class Reviews:
    """The scorecards and who filled them in."""

    def __init__(self, seed: int, staff: Staff, zone: tzinfo, workspace_id: str) -> None:
        self._seed = seed
        self._staff = staff
        self._zone = zone
        rng = stream(seed, "scorecards")
        self._cards = [
            self._card(rng, index, workspace_id, staff.everyone[1].id)
            for index in range(len(_CARDS))
        ]

    def _card(self, rng: Random, index: int, workspace_id: str, editor: str) -> dict[str, Any]:
        name, method, _, drafts = _CARDS[index]
        builtin = index == 2
        created = utc(2020, 3, 11, 16) + timedelta(seconds=rng.randrange(30_000_000))
        changed = created if builtin else created + timedelta(seconds=rng.randrange(80_000_000))
        questions = []
        for number, (kind, text, guide, options) in enumerate(drafts):
            ranged = kind == "RANGE"
            written = created if number % 2 else changed
            questions.append(
                {
                    "questionId": gong_id(rng),
                    "questionRevisionId": gong_id(rng),
                    "questionText": text,
                    "isOverall": number == len(drafts) - 1,
                    "updaterUserId": "-1" if builtin else editor,
                    "questionType": kind,
                    "answerGuide": guide,
                    "minRange": "1" if ranged else None,
                    "maxRange": "5" if ranged else None,
                    "answerOptions": [
                        {"id": str(option + 1), "text": text} for option, text in enumerate(options)
                    ],
                    "created": stamp(created, self._zone),
                    "updated": stamp(written, self._zone),
                }
            )
        return {
            "scorecardId": gong_id(rng),
            "scorecardName": name,
            "workspaceId": workspace_id,
            "enabled": True,
            "updaterUserId": "-1" if builtin else editor,
            "created": stamp(created, self._zone),
            "updated": stamp(changed, self._zone),
            "reviewMethod": method,
            "questions": questions,
        }

    def scorecards(self) -> list[dict[str, Any]]:
        """The records of GET /v2/settings/scorecards."""
        return [
            {
                **card,
                "questions": [
                    {**q, "answerOptions": [dict(option) for option in q["answerOptions"]]}
                    for q in card["questions"]
                ],
            }
            for card in self._cards
        ]

    def review(self, slot: CallSlot, host_id: str, *, phone: bool) -> Review | None:
        """The review of an external call with a transcript, if there ever is one."""
        if slot.is_private or slot.transcript_at is None:
            return None
        number = int(slot.id) // 10**5 % 1000
        if number >= 268:
            return None
        card = 2 if number % 10 < 3 else 1 if phone else 0
        share = int(slot.id) // 10**8 % 9973 / 9973
        seconds = 3600 + (share * share * (4 * 86_400 - 3600) if card < 2 else share * 4000)
        delay = timedelta(milliseconds=int(seconds * 1000))
        if card == 2:
            return Review(max(slot.listed_at, slot.transcript_at) + delay, slot, host_id, card)
        return Review(slot.listed_at + delay, slot, host_id, card)

    def wire(self, review: Review) -> dict[str, Any]:
        """The record of POST /v2/stats/activity/scorecards."""
        rng = stream(self._seed, "review", review.slot.id)
        card = self._cards[review.card]
        automatic = card["reviewMethod"] == "AUTOMATIC"
        host = self._staff.by_id[review.host_id]
        reviewer = self._staff.manager_of(host)
        if rng.random() < 0.2:
            reviewer = rng.choice(self._staff.team("manager", "lead"))
        level = rng.choice((2, 3, 3, 4, 4, 5))
        edited = not automatic and rng.random() < 0.08
        return {
            "answeredScorecardId": gong_id(rng),
            "scorecardId": card["scorecardId"],
            "scorecardName": card["scorecardName"],
            "callId": review.slot.id,
            "callStartTime": stamp(review.slot.started, self._zone),
            "reviewedUserId": review.host_id,
            "reviewerUserId": None if automatic else reviewer.id,
            "reviewMethod": card["reviewMethod"],
            "editorUserId": reviewer.id if edited else None,
            "reviewTime": stamp(review.time, self._zone),
            "visibilityType": rng.choice(("PUBLIC", "PUBLIC", "PUBLIC", "PRIVATE")),
            "answers": [self._answer(rng, question, level) for question in card["questions"]],
        }

    @staticmethod
    def _answer(rng: Random, question: dict[str, Any], level: int) -> dict[str, Any]:
        kind = question["questionType"]
        skipped = not question["isOverall"] and rng.random() < 0.07
        score = text = options = None
        if not skipped:
            if kind == "RANGE":
                score = min(5, max(1, level + rng.choice((-1, 0, 0, 1))))
            elif kind == "BOOLEAN":
                text = "Yes" if rng.random() < level / 6 else "No"
            elif kind == "OPEN":
                text = rng.choice(_REMARKS)
            else:
                count = rng.choice((1, 1, 2))
                options = sorted(o["id"] for o in rng.sample(question["answerOptions"], count))
        return {
            "questionId": question["questionId"],
            "questionRevisionId": question["questionRevisionId"],
            "isOverall": question["isOverall"],
            "score": score,
            "answerText": text,
            "notApplicable": skipped,
            "selectedOptions": options,
        }
