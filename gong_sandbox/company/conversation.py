"""The script engine: from a call's kind, people and length to timed sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.scripts import STAND_INS, pools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from gong_sandbox.company.arcs import Part
    from gong_sandbox.company.scripts import Exchange

_CHOICE = re.compile(r"\[([^\]]*)\]")
_NODS = {
    "eng": (
        "Right.", "Mm-hmm.", "Okay.", "Got it.", "Makes sense.", "Yeah.", "Sure.", "Okay, got it.",
        "Yep, totally.", "I see.", "Interesting.", "Yeah, that makes sense.", "Fair enough.",
        "Uh-huh, go on.", "Right, right.", "Good to know.",
    ),
    "deu": ("Ja.", "Genau.", "Verstehe.", "Mhm.", "Alles klar.", "Okay.", "Stimmt."),
    "spa": ("Sí.", "Claro.", "Entiendo.", "Ajá.", "De acuerdo.", "Vale.", "Exacto."),
}  # fmt: skip


@dataclass(slots=True)
class Line:
    """One sentence; times are integer milliseconds from the start of the call."""

    role: str
    passage: int
    text: str
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class Passage:
    """One part of the call as it went; `gists` are summaries with the line they begin at."""

    section: str
    topic: str | None
    first: int  # index of its first line
    gists: list[tuple[str, int]] = field(default_factory=list)
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class Conversation:
    """Everything that was said."""

    lines: list[Line]
    passages: list[Passage]

    @property
    def roles(self) -> set[str]:
        """Who spoke."""
        return {line.role for line in self.lines}


class _Writer:
    """Collects lines, filling slots and choices from one random stream."""

    def __init__(
        self, rng: Random, roles: frozenset[str], slots: Mapping[str, str], language: str
    ) -> None:
        self._rng = rng
        self._roles = roles
        self._slots = slots
        self._nods = _NODS.get(language, _NODS["eng"])
        self._used: set[int] = set()
        self.lines: list[Line] = []
        self.passages: list[Passage] = []

    def _pick(self, match: re.Match[str]) -> str:
        options: list[str] = match[1].split("|")
        return self._rng.choice(options)

    def fill(self, text: str) -> str:
        """A template with its choices made and its slots filled."""
        while "[" in text:
            text = _CHOICE.sub(self._pick, text)
        if "{" in text:
            text = text.format_map(self._slots)
        return text[:1].upper() + text[1:]

    def _deck(self, part: Part) -> list[Exchange]:
        deck = [
            exchange
            for name in part.pools
            for exchange in pools()[name]
            if exchange.key not in self._used and exchange.needs <= self._roles
        ]
        self._rng.shuffle(deck)
        return deck

    def part(self, part: Part, quota: float) -> float:
        """Write one part of about `quota` sentences; returns how many it has."""
        deck = self._deck(part)
        if not deck:
            return 0
        passage = Passage(part.section, part.topic, len(self.lines))
        self.passages.append(passage)
        begun = len(self.lines)
        for taken, exchange in enumerate(deck):
            missing = quota - (len(self.lines) - begun)
            if taken and (taken >= part.most or missing < exchange.length * 0.5):
                break
            self._used.add(exchange.key)
            passage.gists.append((self.fill(exchange.gist), len(self.lines)))
            self._exchange(exchange, len(self.passages) - 1)
        return len(self.lines) - begun

    def _exchange(self, exchange: Exchange, passage: int) -> None:
        rng, lines = self._rng, self.lines
        cast = {
            role: role if role in self._roles else STAND_INS.get(role, role)
            for role in exchange.roles
        }
        others = sorted(cast.values())
        for turn in exchange.turns:
            speaker = cast[turn.role]
            middle = len(turn.sentences) // 2
            before = turn.sentences[middle - 1]
            nod = len(others) > 1 and middle and len(before) > 48 and before[-1] == "."
            nod = nod and passage > 0 and turn.sentences[middle][-1] != "?"
            nod = nod and rng.random() < 0.4
            for index, sentence in enumerate(turn.sentences):
                if nod and index == middle:
                    who = rng.choice([role for role in others if role != speaker])
                    lines.append(Line(who, passage, rng.choice(self._nods)))
                lines.append(Line(speaker, passage, self.fill(sentence)))


def write(
    rng: Random,
    parts: Sequence[Part],
    *,
    roles: frozenset[str],
    slots: Mapping[str, str],
    language: str,
    duration: int,
) -> Conversation:
    """A conversation of that many seconds: 4 sentences a minute and a few more."""
    writer = _Writer(rng, roles, slots, language)
    target = 5 + duration / 60 * rng.uniform(3.4, 4.4)
    shares = sum(part.share for part in parts)
    spare = 0.0
    for index, part in enumerate(parts):
        quota = target * part.share / shares + spare
        if quota > 0 or index in {0, len(parts) - 1} or part.topic == "Next Steps":
            spare = quota - writer.part(part, quota)
    conversation = Conversation(writer.lines, writer.passages)
    _time(rng, conversation, duration * 1000)
    return conversation


def _time(rng: Random, conversation: Conversation, limit: int) -> None:
    """Lay the sentences over the call: speech at a natural pace, the rest is pauses."""
    lines = conversation.lines
    if not lines:
        return
    random = rng.random
    speech = [(350 + len(line.text) * 58) * (0.88 + 0.3 * random()) for line in lines]
    weights, before = [], None
    for line in lines:
        turn = (line.role, line.passage)
        weight = 0.35 if turn == before else 1.0 if before and before[1] == turn[1] else 2.2
        weights.append(weight * (0.25 + random() * random() * 2.2))
        before = turn
    room = limit * (0.93 + 0.06 * random())
    spoken = sum(speech)
    if spoken > room * 0.9:
        pace, pauses = room * 0.9 / spoken, room * 0.1
    else:
        pace = min(1.35, max(1.0, room * 0.72 / spoken))
        pauses = room - spoken * pace
    pause = pauses / sum(weights)
    clock = 0.0
    for line, length, weight in zip(lines, speech, weights, strict=True):
        clock += weight * pause
        line.start = int(clock)
        clock += length * pace
        line.end = int(clock)
    for index, passage in enumerate(conversation.passages):
        passage.start = lines[passage.first].start
        last = index + 1 == len(conversation.passages)
        passage.end = lines[-1].end if last else lines[conversation.passages[index + 1].first].start


def monologues(conversation: Conversation, speakers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The transcript on the wire (api: POST /v2/calls/transcript)."""
    found: list[dict[str, Any]] = []
    before = None
    for line in conversation.lines:
        turn = (line.role, line.passage)
        if turn != before:
            found.append(
                {
                    "speakerId": speakers[line.role],
                    "topic": conversation.passages[line.passage].topic,
                    "sentences": [],
                }
            )
            before = turn
        found[-1]["sentences"].append({"start": line.start, "end": line.end, "text": line.text})
    return found
