"""Keyword trackers (api: GET /v2/settings/trackers) and the names of the smart ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import gong_id, stream
from gong_sandbox.company.wire import stamp, utc

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPETITORS = ("Cargolantern", "ShipSonar", "Freightowl", "Meridock", "Loadstarling")


@dataclass(frozen=True, slots=True)
class _Draft:
    """A tracker before it belongs to a workspace."""

    name: str
    keywords: dict[str, tuple[str, ...]]
    affiliation: str = "Anyone"
    question: bool = False
    related: bool = True
    first_minutes: int | None = None


_COMPETITION = _Draft("Competitors", {"mul": COMPETITORS}, related=False)
_SECURITY = _Draft(
    "Security",
    {
        "eng": ("security", "SOC 2", "single sign-on", "SSO", "encryption", "penetration test",
                "data residency", "GDPR", "audit log"),
        "deu": ("Datenschutz", "Sicherheit", "Verschlüsselung"),
        "spa": ("seguridad", "protección de datos"),
    },
)  # fmt: skip
_INTEGRATION = _Draft(
    "Integration",
    {
        "eng": ("integration", "API", "EDI", "webhook", "connector", "middleware"),
        "deu": ("Schnittstelle", "Anbindung"),
        "spa": ("integración", "conector"),
    },
)
_TIMELINE = _Draft(
    "Timeline",
    {"eng": ("timeline", "go-live", "deadline", "by end of quarter", "kick off", "milestone")},
)
_NEXT_STEPS = _Draft(
    "Next steps",
    {
        "eng": (
            "next step", "follow up", "calendar invite", "send over", "circle back", "action item",
        ),
        "deu": ("nächster Schritt", "nächsten Schritte", "Kalendereinladung"),
        "spa": ("próximo paso", "siguiente paso", "invitación"),
    },
    affiliation="Company",
)  # fmt: skip
_ROI = _Draft(
    "ROI",
    {"eng": ("ROI", "payback", "business case", "return on investment", "cost savings")},
)
_PRICING = _Draft(
    "Pricing",
    {
        "eng": ("pricing", "price per", "list price", "per shipment", "platform fee", "quote"),
        "deu": ("Preis", "Preise", "Listenpreis"),
        "spa": ("precio", "precios", "tarifa"),
    },
)

_SALES = (
    _COMPETITION,
    _PRICING,
    _Draft(
        "Discount",
        {
            "eng": ("discount", "better price", "volume tier", "price break", "concession"),
            "deu": ("Rabatt", "Nachlass"),
            "spa": ("descuento",),
        },
    ),
    _SECURITY,
    _Draft("Budget", {"eng": ("budget", "funding", "cost center"), "deu": ("Etat",),
                      "spa": ("presupuesto",)}),
    _NEXT_STEPS,
    _TIMELINE,
    _INTEGRATION,
    _ROI,
    _Draft(
        "Decision process",
        {"eng": ("sign off", "decision", "steering committee", "procurement", "approval", "legal")},
    ),
    _Draft(
        "Objections",
        {"eng": ("concern", "worried", "too expensive", "skeptical", "hesitant", "burned before")},
        affiliation="NonCompany",
    ),
    _Draft(
        "Discovery questions",
        {"eng": ("how do you", "walk me through", "what happens", "how often", "who owns")},
        affiliation="Company",
        question=True,
        related=False,
    ),
    _Draft("Agenda set", {"eng": ("agenda",)}, affiliation="Company", first_minutes=10),
)  # fmt: skip
_SUCCESS = (
    _COMPETITION,
    _PRICING,
    _SECURITY,
    _NEXT_STEPS,
    _TIMELINE,
    _INTEGRATION,
    _ROI,
    _Draft("Onboarding", {"eng": ("onboarding", "training", "admin", "rollout", "go-live")}),
    _Draft("Renewal", {"eng": ("renewal", "renew", "contract term", "uplift", "multi-year")},
           related=False),
    _Draft(
        "Churn risk",
        {"eng": ("frustrated", "cancel", "disappointed", "looking at alternatives", "not using")},
        affiliation="NonCompany",
    ),
    _Draft("Support", {"eng": ("ticket", "support", "bug", "workaround", "outage")}),
)  # fmt: skip

# Smart trackers: name, and the sections of a call in which they fire.
SMART = (
    ("Customer raises a concern", ("Objections", "Issues")),
    ("Price conversation", ("Pricing", "Negotiation", "Renewal")),
    ("Value articulated", ("Business Case", "Product Demo", "Pitch")),
)


@dataclass(frozen=True, slots=True)
class Keyword:
    """One phrase of a tracker; `ending` matches what may follow it within the word."""

    text: str
    lower: str
    ending: re.Pattern[str]

    def positions(self, text: str) -> Iterator[int]:
        """Where the phrase stands in lower-case text as words of its own.

        (A plain search first: most phrases are not there, and a regex would look everywhere.)
        """
        at = text.find(self.lower)
        while at >= 0:
            end = at + len(self.lower)
            if (at == 0 or not text[at - 1].isalnum()) and self.ending.match(text, end):
                yield at
            at = text.find(self.lower, end)


_EXACT = re.compile(r"(?!\w)")
_RELATED = re.compile(r"(?:s|es|d|ed|ing)?(?!\w)")


@dataclass(frozen=True, slots=True)
class Tracker:
    """A keyword tracker of one workspace, ready for matching."""

    id: str
    workspace_id: str
    draft: _Draft
    created: datetime
    updated: datetime
    editor_id: str | None
    words: tuple[Keyword, ...]

    @property
    def name(self) -> str:
        """Name as shown."""
        return self.draft.name

    def applies(self, *, company: bool, text: str, start: int) -> bool:
        """Whether a sentence of that side, beginning at that millisecond, is looked at."""
        draft = self.draft
        if draft.affiliation != "Anyone" and (draft.affiliation == "Company") != company:
            return False
        if draft.question and not text.endswith("?"):
            return False
        return draft.first_minutes is None or start < draft.first_minutes * 60_000

    def wire(self, zone: tzinfo) -> dict[str, Any]:
        """The record of GET /v2/settings/trackers."""
        draft = self.draft
        return {
            "trackerId": self.id,
            "trackerName": draft.name,
            "workspaceId": self.workspace_id,
            "languageKeywords": [
                {
                    "language": language,
                    "keywords": list(keywords),
                    "includeRelatedForms": draft.related,
                }
                for language, keywords in draft.keywords.items()
            ],
            "affiliation": draft.affiliation,
            "partOfQuestion": draft.question,
            "saidAt": "First" if draft.first_minutes else "Anytime",
            "saidAtInterval": draft.first_minutes,
            "saidAtUnit": "minutes" if draft.first_minutes else None,
            "saidInTopics": [],
            "filterQuery": "{}",
            "created": stamp(self.created, zone),
            "creatorUserId": self.editor_id,
            "updated": stamp(self.updated, zone),
            "updaterUserId": self.editor_id,
        }


def make_trackers(
    seed: int, workspace_id: str, *, sales: bool, editors: list[str]
) -> list[Tracker]:
    """The keyword trackers of a workspace; built-in ones have no editor."""
    rng = stream(seed, "trackers", workspace_id)
    born = utc(2019, 1, 22, 18) + timedelta(microseconds=816_562)
    found = []
    for index, draft in enumerate(_SALES if sales else _SUCCESS):
        builtin = index % 3 == 1
        created = born if builtin else born + timedelta(
            days=rng.randrange(90, 700), milliseconds=rng.randrange(10**8)
        )  # fmt: skip
        updated = created if builtin else created + timedelta(
            days=rng.randrange(1, 900), milliseconds=rng.randrange(10**8)
        )  # fmt: skip
        ending = _RELATED if draft.related else _EXACT
        words = {
            keyword.lower(): Keyword(keyword, keyword.lower(), ending)
            for keywords in draft.keywords.values()
            for keyword in keywords
        }
        found.append(
            Tracker(
                id=gong_id(rng),
                workspace_id=workspace_id,
                draft=draft,
                created=created,
                updated=updated,
                editor_id=None if builtin else rng.choice(editors),
                words=tuple(words.values()),
            )
        )
    return found


def make_smart_ids(seed: int) -> list[tuple[str, str, tuple[str, ...]]]:
    """Id, name and sections of the smart trackers."""
    rng = stream(seed, "smart trackers")
    return [(gong_id(rng), name, sections) for name, sections in SMART]
