"""The text bank: exchanges people have on calls, in the .txt files beside this module.

Format: `## pool` starts a pool, `= gist` starts an exchange with the sentence that sums it up,
`R:`, `S:` (our host and our second person), `C:`, `D:` (their lead and their second person) are
turns. `{name}` is a slot, `[this|that]` a choice; no sentence ends within brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_SENTENCE_END = re.compile(r"(?<=[.?!…]) (?=[^\]]*(?:\[|$))")


# Whose lines the first person of a side takes when nobody else is there.
STAND_INS = {"S": "R", "D": "C"}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one role says in one go, sentence by sentence."""

    role: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A few turns that belong together; `gist` is what a summary would say of them.

    `needs` are the roles that must be filled: those that speak, less a second person who is alone
    on their side and whose lines the first one can take, and those that are named.
    """

    key: int
    gist: str
    turns: tuple[Turn, ...]
    roles: frozenset[str]
    needs: frozenset[str]
    length: int  # sentences


def _exchange(key: int, gist: str, turns: list[Turn]) -> Exchange:
    roles = {turn.role for turn in turns}
    named = " ".join([gist, *(sentence for turn in turns for sentence in turn.sentences)])
    needs = set(roles)
    for second, first in STAND_INS.items():
        if second in needs and first not in needs:
            needs = needs - {second} | {first}
    needs |= {role for slot, role in (("{guest}", "D"), ("{second}", "S")) if slot in named}
    return Exchange(
        key=key,
        gist=gist,
        turns=tuple(turns),
        roles=frozenset(roles),
        needs=frozenset(needs),
        length=sum(len(turn.sentences) for turn in turns),
    )


def _parse(text: str, pools: dict[str, list[Exchange]], key: int) -> int:
    pool, gist, turns = "", "", list[Turn]()
    for line in [*text.splitlines(), "## "]:
        if line.startswith(("## ", "=")):
            if turns:
                pools.setdefault(pool, []).append(_exchange(key, gist, turns))
                key, turns = key + 1, []
            if line.startswith("## "):
                pool = line[3:].strip()
            else:
                gist = line[2:].strip()
        elif line[1:3] == ": ":
            turns.append(Turn(line[0], tuple(_SENTENCE_END.split(line[3:].strip()))))
    return key


@lru_cache(1)
def pools() -> dict[str, tuple[Exchange, ...]]:
    """All exchanges by pool."""
    found: dict[str, list[Exchange]] = {}
    key = 0
    for path in sorted(files(__name__).iterdir(), key=lambda path: path.name):
        if path.name.endswith(".txt"):
            key = _parse(path.read_text(encoding="utf-8"), found, key)
    return {name: tuple(exchanges) for name, exchanges in found.items()}
