"""The course a call of each kind takes: its parts, their topics and the pools that feed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a call. `share` is relative, `most` limits the exchanges in it."""

    section: str
    topic: str | None
    share: float
    pools: tuple[str, ...]
    most: int = 99


_HELLO = Part("Small Talk", None, 4, ("smalltalk",), 1)
_SETUP = Part("Meeting Setup", "Call Setup", 4, ("agenda",), 1)
_EARLY = Part("Meeting Setup", "Call Setup", 4, ("agenda", "agenda.early"), 1)
_CUSTOMER = Part("Meeting Setup", "Call Setup", 4, ("agenda", "agenda.customer"), 1)
_NEXT = Part("Next Steps", "Next Steps", 8, ("next",), 2)
_NEXT_EARLY = Part("Next Steps", "Next Steps", 8, ("next", "next.early"), 2)
_NEXT_DEAL = Part("Next Steps", "Next Steps", 7, ("next", "next.deal"), 2)
_NEXT_CUSTOMER = Part("Next Steps", "Next Steps", 7, ("next.customer",), 2)
_BYE = Part("Wrap-up", "Wrap-up", 3, ("bye",), 1)
_PAIN = Part("Pain Points", "Customer Pain", 22, ("pain", "discovery"))
_COMPETITION = Part("Competition", "Competitors", 9, ("competitors",), 3)
_PRICE_TALK = Part("Pricing", "Pricing", 12, ("pricing",), 4)

ARCS: dict[str, tuple[Part, ...]] = {
    "discovery": (
        _HELLO,
        _EARLY,
        Part("Discovery", "Discovery", 30, ("discovery",)),
        _PAIN,
        Part("Business Case", "Value & ROI", 12, ("value",), 4),
        _COMPETITION,
        Part("Decision Process", "Decision Process", 10, ("decision",), 3),
        _NEXT_EARLY,
        _BYE,
    ),
    "demo": (
        _HELLO,
        _EARLY,
        Part("Discovery", "Discovery", 8, ("discovery",), 3),
        Part("Product Demo", "Product Demo", 42, ("demo",)),
        Part("Technical Questions", "Integration", 14, ("integration",), 5),
        Part("Objections", "Objections", 10, ("objections",), 4),
        _COMPETITION,
        _PRICE_TALK,
        _NEXT_EARLY,
        _BYE,
    ),
    "pricing": (
        _HELLO,
        _SETUP,
        Part("Business Case", "Value & ROI", 14, ("value",), 4),
        Part("Pricing", "Pricing", 34, ("pricing",)),
        Part("Negotiation", "Negotiation", 22, ("negotiation",)),
        _COMPETITION,
        Part("Decision Process", "Decision Process", 14, ("decision",)),
        Part("Rollout", "Rollout Planning", 8, ("rollout",), 3),
        _NEXT_DEAL,
        _BYE,
    ),
    "security": (
        _HELLO,
        _SETUP,
        Part("Security Review", "Security", 42, ("security",)),
        Part("Technical Questions", "Integration", 30, ("integration",)),
        Part("Rollout", "Rollout Planning", 12, ("rollout",)),
        Part("Objections", "Objections", 8, ("objections",), 4),
        _NEXT,
        _BYE,
    ),
    "renewal": (
        _HELLO,
        _CUSTOMER,
        Part("Business Review", "Usage & Adoption", 34, ("review",)),
        Part("Issues", "Support Issues", 18, ("issues",)),
        Part("Roadmap", "Roadmap", 14, ("roadmap",)),
        Part("Expansion", "Rollout Planning", 12, ("rollout", "training")),
        Part("Renewal", "Renewal", 16, ("renewing",)),
        _NEXT_CUSTOMER,
        _BYE,
    ),
    "onboarding": (
        _HELLO,
        _CUSTOMER,
        Part("Rollout", "Rollout Planning", 26, ("rollout",)),
        Part("Configuration", "Onboarding", 30, ("onboarding",)),
        Part("Technical Questions", "Integration", 20, ("integration",)),
        Part("Training", "Onboarding", 14, ("training",)),
        Part("Issues", "Support Issues", 8, ("issues",), 3),
        _NEXT_CUSTOMER,
        _BYE,
    ),
    "pipeline": (
        Part("Small Talk", None, 4, ("internal.hello",), 1),
        Part("Deal Review", "Pipeline Review", 62, ("internal.deal",)),
        Part("Forecast", "Forecast", 18, ("internal.forecast",)),
        Part("Next Steps", "Next Steps", 8, ("internal.next",), 2),
    ),
    "coaching": (
        Part("Small Talk", None, 5, ("internal.hello",), 1),
        Part("Coaching", "Coaching", 55, ("internal.coaching",)),
        Part("Deal Review", "Pipeline Review", 25, ("internal.deal",), 5),
        Part("Next Steps", "Next Steps", 10, ("internal.next",), 2),
    ),
    "upload": (
        _HELLO,
        Part("Discovery", "Discovery", 24, ("discovery",)),
        _PAIN,
        Part("Technical Questions", "Integration", 14, ("integration",), 5),
        _PRICE_TALK,
        _NEXT_EARLY,
        _BYE,
    ),
    "deu": (
        Part("Small Talk", None, 5, ("deu.open",), 2),
        Part("Discovery", "Discovery", 40, ("deu.need",)),
        Part("Product Demo", "Product Demo", 30, ("deu.product",)),
        Part("Pricing", "Pricing", 18, ("deu.terms",)),
        Part("Next Steps", "Next Steps", 8, ("deu.close",), 1),
    ),
    "spa": (
        Part("Small Talk", None, 5, ("spa.open",), 2),
        Part("Discovery", "Discovery", 40, ("spa.need",)),
        Part("Product Demo", "Product Demo", 30, ("spa.product",)),
        Part("Pricing", "Pricing", 18, ("spa.terms",)),
        Part("Next Steps", "Next Steps", 8, ("spa.close",), 1),
    ),
}

_OPEN = Part("Introduction", "Call Setup", 20, ("phone.open",), 1)
_PITCH = Part("Pitch", "Product Pitch", 20, ("phone.pitch",), 1)
_QUALIFY = Part("Qualification", "Discovery", 40, ("phone.qualify",))
_DOUBT = Part("Objections", "Objections", 12, ("phone.objection",), 2)


def _ending(pool: str, *before: Part) -> tuple[Part, ...]:
    return (*before, Part("Next Steps", "Next Steps", 14, (pool,), 1))


_PHONE_ARCS = {
    "booked": _ending("phone.book", _OPEN, _PITCH, _QUALIFY, _DOUBT),
    "followup": _ending("phone.followup", _OPEN, _PITCH, _QUALIFY),
    "referral": _ending("phone.referral", _OPEN, _PITCH, _QUALIFY),
    "solution": _ending("phone.solution", _OPEN, _PITCH, _DOUBT, _QUALIFY),
    "timing": _ending("phone.timing", _OPEN, _PITCH, _DOUBT),
    "declined": _ending("phone.declined", _OPEN, _PITCH),
    "busy": (Part("Introduction", "Call Setup", 20, ("phone.busy",), 1),),
    "gatekeeper": (Part("Introduction", "Call Setup", 20, ("phone.gatekeeper",), 1),),
    "voicemail": (Part("Introduction", "Call Setup", 20, ("phone.voicemail",), 1),),
    "inbound": _ending("phone.book", Part("Introduction", "Call Setup", 25, ("phone.inbound",), 1),
                       _QUALIFY),
}  # fmt: skip

# callOutcome id, category and name, and the disposition the dialler wrote.
OUTCOMES: dict[str, tuple[str, str, str, str]] = {
    "booked": ("MEETING_BOOKED", "Answered", "Meeting booked", "Connected - Meeting Set"),
    "inbound": ("MEETING_BOOKED", "Answered", "Meeting booked", "Inbound - Meeting Set"),
    "followup": ("FOLLOW_UP", "Answered", "Follow up", "Connected - Call Back"),
    "referral": ("GAVE_REFERRAL", "Answered", "Gave referral", "Connected - Referral"),
    "solution": ("HAS_A_SOLUTION", "Answered", "Has a solution", "Connected - Has Vendor"),
    "timing": ("BAD_TIMING", "Answered", "Bad timing", "Connected - Bad Timing"),
    "declined": ("NOT_INTERESTED", "Answered", "Not interested (other)", "Not Interested"),
    "busy": ("BUSY", "Not answered", "Busy", "Busy"),
    "gatekeeper": ("GATEKEEPER", "Answered", "Gatekeeper", "Got the gatekeeper"),
    "voicemail": ("LEFT_VOICEMAIL", "Not answered", "Left voicemail", "Left Voicemail"),
}


def phone_variant(rng: Random, duration: int, *, inbound: bool) -> str:
    """How a phone call went; short ones never got far."""
    if duration < 50:
        return rng.choice(("voicemail", "voicemail", "gatekeeper", "busy"))
    if inbound:
        return "inbound"
    if duration < 100:
        return rng.choice(("declined", "declined", "timing", "gatekeeper"))
    return rng.choice(
        ("booked", "booked", "booked", "followup", "followup", "referral", "solution", "timing")
    )


def arc(kind: str, language: str, variant: str | None) -> tuple[Part, ...]:
    """The parts of a call."""
    if language in {"deu", "spa"}:
        return ARCS[language]
    return _PHONE_ARCS[variant] if variant else ARCS[kind]
