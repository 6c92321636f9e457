"""What Gong makes of a call, computed from its conversation so that the two agree.

(api: POST /v2/calls/extensive, `content` and `interaction`)
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.arcs import OUTCOMES

if TYPE_CHECKING:
    from random import Random

    from gong_sandbox.company.calls import Plan
    from gong_sandbox.company.conversation import Conversation, Line
    from gong_sandbox.company.tracker_definitions import Tracker

_COMPANY = ("R", "S")
_IDLE_TOPICS = ("Small Talk", "Competitors", "Support Issues")


class Analyst:
    """Reads one conversation."""

    def __init__(self, plan: Plan, conversation: Conversation, duration: int) -> None:
        self._plan = plan
        self._lines = conversation.lines
        self._passages = conversation.passages
        self._duration = duration
        self._speakers = {p.role: p.speaker_id for p in plan.cast if p.role}
        self._lowered = [line.text.lower() for line in self._lines]
        self._text = "\n".join(self._lowered)
        self._offsets: list[int] = []
        offset = 0
        for text in self._lowered:
            self._offsets.append(offset)
            offset += len(text) + 1

    def _occurrence(self, line: Line, share: float) -> dict[str, Any]:
        seconds = (line.start + (line.end - line.start) * share) / 1000
        return {"startTime": round(seconds, 2), "speakerId": self._speakers[line.role]}

    def _phrases(self, tracker: Tracker) -> list[dict[str, Any]]:
        found = []
        for keyword in tracker.words:
            hits = []
            for position in keyword.positions(self._text):
                index = bisect_right(self._offsets, position) - 1
                line = self._lines[index]
                if tracker.applies(company=line.role in _COMPANY, text=line.text, start=line.start):
                    share = (position - self._offsets[index]) / len(line.text)
                    hits.append(self._occurrence(line, share))
            if hits:
                found.append({"phrase": keyword.text, "count": len(hits), "occurrences": hits})
        return found

    def trackers(
        self, trackers: list[Tracker], smart: list[tuple[str, str, tuple[str, ...]]]
    ) -> list[dict[str, Any]]:
        """Every tracker of the workspace with its hits, then the smart ones."""
        found: list[dict[str, Any]] = []
        for tracker in trackers:
            phrases = self._phrases(tracker)
            hits = [hit for phrase in phrases for hit in phrase["occurrences"]]
            hits.sort(key=lambda hit: hit["startTime"])
            found.append(
                {
                    "id": tracker.id,
                    "name": tracker.name,
                    "count": len(hits),
                    "type": "KEYWORD",
                    "occurrences": hits,
                    "phrases": phrases,
                }
            )
        for tracker_id, name, sections in smart:
            hits = [
                self._occurrence(self._lines[first], 0)
                for passage in self._passages
                if passage.section in sections
                for _, first in passage.gists
            ]
            found.append(
                {
                    "id": tracker_id,
                    "name": name,
                    "count": len(hits),
                    "type": "SMART",
                    "occurrences": hits,
                }
            )
        return found

    def _spans(self, *, topics: bool) -> dict[str, int]:
        """Whole seconds by topic or by section; their sum never exceeds the call."""
        spans: dict[str, int] = defaultdict(int)
        for passage in self._passages:
            name = passage.topic if topics else passage.section
            if name:
                spans[name] += passage.end // 1000 - passage.start // 1000
        return spans

    def content(
        self,
        rng: Random,
        trackers: list[Tracker],
        smart: list[tuple[str, str, tuple[str, ...]]],
        *,
        transcribed: bool,
    ) -> dict[str, Any]:
        """`content`: the AI's members only once the transcript is there, and not always."""
        topics = [{"name": name, "duration": s} for name, s in self._spans(topics=True).items()]
        known = {topic["name"] for topic in topics}
        topics += [{"name": name, "duration": 0} for name in _IDLE_TOPICS if name not in known]
        content: dict[str, Any] = {
            "structure": [
                {"name": name, "duration": seconds}
                for name, seconds in self._spans(topics=False).items()
            ],
            "topics": topics,
            "trackers": self.trackers(trackers, smart),
        }
        if transcribed:
            makers = (
                ("brief", 0.03, self._brief(rng)),
                ("outline", 0.05, self._outline()),
                ("highlights", 0.06, self._highlights()),
                ("keyPoints", 0.03, [{"text": text} for text, _, _ in self._points()]),
            )
            content.update(
                {name: value for name, rate, value in makers if rng.random() > rate and value}
            )
        if self._plan.variant and rng.random() < 0.92:
            outcome_id, category, name, _ = OUTCOMES[self._plan.variant]
            content["callOutcome"] = {"id": outcome_id, "category": category, "name": name}
        return content

    def _points(self) -> list[tuple[str, int, str]]:
        """What matters: gist, first line and section, at most two of a part."""
        return [
            (text, first, passage.section)
            for passage in self._passages
            if passage.topic
            for text, first in passage.gists[:2]
            if text
        ]

    def _brief(self, rng: Random) -> str:
        plan, points = self._plan, self._points()
        if not points:
            return ""
        chosen = sorted(rng.sample(range(len(points)), min(4, len(points))))
        body = " ".join(points[index][0] for index in chosen)
        names = [person.first for person in plan.cast if person.role in self._roles_spoken()]
        if len(names) < 2:
            return body
        who = f"{', '.join(names[:-1])} and {names[-1]}"
        account = f" ({plan.account.name})" if plan.account else ""
        gap = "\n\n" if rng.random() < 0.25 else " "
        minutes = max(2, round(self._duration / 60))
        return f"{who}{account} spoke for {minutes} minutes.{gap}{body}"

    def _roles_spoken(self) -> set[str]:
        return {line.role for line in self._lines}

    def _outline(self) -> list[dict[str, Any]]:
        return [
            {
                "section": passage.section,
                "startTime": passage.start / 1000,
                "duration": round((passage.end - passage.start) / 1000, 3),
                "items": [
                    {"text": text, "startTime": self._lines[first].start / 1000}
                    for text, first in passage.gists
                    if text
                ],
            }
            for passage in self._passages
            if any(text for text, _ in passage.gists)
        ]

    def _highlights(self) -> list[dict[str, Any]]:
        found: dict[str, list[dict[str, Any]]] = {}
        titles = {"Next Steps": "Next steps", "Pain Points": "Challenges", "Discovery": "Needs"}
        for text, first, section in self._points():
            item = {"text": text, "startTimes": [self._lines[first].start / 1000]}
            found.setdefault(titles.get(section, "Discussed"), []).append(item)
        return [{"title": title, "items": items[:5]} for title, items in found.items()]

    def interaction(self, rng: Random) -> dict[str, Any]:
        """`interaction`: who talked how long, questions, and what the screen showed."""
        talk: dict[str, int] = defaultdict(int)
        questions = {"companyCount": 0, "nonCompanyCount": 0}
        for line in self._lines:
            talk[line.role] += line.end - line.start
            if line.text.endswith("?"):
                side = "companyCount" if line.role in _COMPANY else "nonCompanyCount"
                questions[side] += 1
        speakers = []
        for person in self._plan.cast:
            if person.role in talk:
                speaker: dict[str, Any] = {"id": person.party_id}
                if person.user:
                    speaker["userId"] = person.user.id
                speaker["talkTime"] = talk[person.role] / 1000
                speakers.append(speaker)
        found: dict[str, Any] = {
            "speakers": speakers,
            "interactionStats": self._stats(talk),
            "questions": questions,
        }
        if self._plan.kind.channel == "conference":
            found["video"] = self._video(rng)
        return found

    def _stats(self, talk: dict[str, int]) -> list[dict[str, Any]]:
        turns: list[tuple[str, int, int]] = []
        for line in self._lines:
            if turns and turns[-1][0] == line.role:
                turns[-1] = (line.role, turns[-1][1], line.end)
            else:
                turns.append((line.role, line.start, line.end))
        ours = [end - start for role, start, end in turns if role in _COMPANY]
        theirs = [end - start for role, start, end in turns if role not in _COMPANY]
        waits = [
            after[1] - before[2]
            for before, after in itertools.pairwise(turns)
            if before[0] not in _COMPANY and after[0] in _COMPANY
        ]
        total = sum(talk.values()) or 1
        values = {
            "Talk Ratio": round(sum(talk[role] for role in _COMPANY) / total, 4),
            "Longest Monologue": max(ours, default=0) / 1000,
            "Longest Customer Story": max(theirs, default=0) / 1000,
            "Interactivity": round(min(10.0, len(turns) / max(self._duration / 60, 1) * 1.5), 2),
            "Patience": round(sum(waits) / len(waits) / 1000, 2) if waits else 0.0,
        }
        if not self._plan.kind.external:
            del values["Longest Customer Story"]
        return [{"name": name, "value": value} for name, value in values.items()]

    def _video(self, rng: Random) -> list[dict[str, Any]]:
        spans = self._spans(topics=False)
        shown = spans.get("Product Demo", 0) + spans.get("Configuration", 0)
        slides = int(self._duration * rng.uniform(0.0, 0.2)) if rng.random() < 0.6 else 0
        camera = max(0, self._duration - shown - slides)
        parts = {
            "Browser": shown * rng.uniform(0.7, 0.98),
            "Presentation": slides,
            "WebcamPrimaryUser": camera * rng.uniform(0.2, 0.5),
            "WebcamNonCompany": camera * rng.uniform(0.1, 0.4) if self._plan.account else 0,
        }
        return [
            {"name": name, "duration": round(float(seconds), 1)}
            for name, seconds in parts.items()
            if seconds > 0
        ]
