"""What fills the slots of the scripts on one call: people, names, numbers and dates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gong_sandbox.company.people import VENDOR
from gong_sandbox.company.tracker_definitions import COMPETITORS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from random import Random

    from gong_sandbox.company.calls import Plan

PRODUCT = f"{VENDOR} Horizon"
_ERPS = ("SAP", "NetSuite", "Oracle", "Microsoft Dynamics", "Infor", "Epicor")
_TMS = ("MercuryGate", "BluJay", "Oracle OTM", "Manhattan", "Descartes", "Alpega")
_PORTS = ("Long Beach", "Savannah", "Rotterdam", "Oakland", "Hamburg", "Newark", "Manzanillo")
_CITIES = ("Columbus", "Reno", "Memphis", "Dallas", "Leipzig", "Atlanta", "Tilburg", "Fresno")
_BOSSES = ("CFO", "COO", "VP of operations", "CIO", "managing director")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_WEEKDAYS_DEU = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag")
_WEEKDAYS_SPA = ("lunes", "martes", "miércoles", "jueves", "viernes")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_CLOCKS = ("nine thirty", "ten", "eleven", "one", "two", "two thirty", "three", "four")


def fill_slots(rng: Random, plan: Plan, started: datetime, deals: Sequence[str]) -> dict[str, str]:
    """Slot values; `started` is local, `deals` are accounts that internal calls talk about."""
    first = dict.fromkeys("RSCD", "")
    first.update({person.role: person.first for person in plan.cast if person.role})
    if not first["C"] and plan.account:  # a voice mail: they say nothing but are spoken to
        first["C"] = plan.cast[-1].first
    competitor, rival = rng.sample(COMPETITORS, 2)
    weekday = rng.randrange(5)
    later = started + timedelta(days=rng.choice((45, 60, 75, 90)))
    amount = rng.randrange(24, 190) * 1000
    discount = rng.choice((8, 10, 12, 15))
    lower = amount * (100 - discount) // 100
    boss = rng.choice(_BOSSES)
    weeks = rng.randrange(4)
    slots = {
        "rep": first["R"],
        "second": first["S"],
        "lead": first["C"],
        "guest": first["D"],
        "account": plan.account.short if plan.account else "",
        "vendor": VENDOR,
        "product": PRODUCT,
        "competitor": competitor,
        "rival": rival,
        "erp": rng.choice(_ERPS),
        "tms": rng.choice(_TMS),
        "amount": f"${amount:,}",
        "lower": f"${lower:,}",
        "discount": f"{discount} percent",
        "price": rng.choice(("a dollar ten", "ninety cents", "a dollar forty", "eighty cents")),
        "fee": f"${rng.randrange(2, 7) * 500:,}",
        "lanes": str(rng.choice((18, 25, 40, 60, 85, 120, 210))),
        "carriers": str(rng.choice((9, 14, 22, 35, 48, 70))),
        "shipments": rng.choice(("eight hundred", "two thousand", "about three and a half thousand",
                                 "roughly six thousand", "eleven thousand")),
        "sites": rng.choice(("two", "three", "four", "six", "nine")),
        "pct": str(rng.choice((62, 68, 71, 74, 78, 81))),
        "better": str(rng.choice((88, 91, 93, 95))),
        "hours": rng.choice(("ten", "fifteen", "twenty", "thirty")),
        "fines": f"${rng.randrange(8, 60) * 1000:,}",
        "savings": f"${rng.randrange(120, 900, 10) * 1000:,}",
        "weeks": ("four", "six", "eight", "ten")[weeks],
        "wochen": ("vier", "sechs", "acht", "zehn")[weeks],
        "semanas": ("cuatro", "seis", "ocho", "diez")[weeks],
        "betrag": f"{amount:,} Dollar".replace(",", "."),
        "weniger": f"{lower:,} Dollar".replace(",", "."),
        "rabatt": f"{discount} Prozent",
        "uhrzeit": rng.choice(("zehn", "elf", "zwei", "drei", "halb vier")),
        "importe": f"{amount:,} dólares".replace(",", "."),
        "menor": f"{lower:,} dólares".replace(",", "."),
        "descuento": f"un {discount} por ciento",
        "users": str(rng.choice((8, 12, 20, 35, 60))),
        "weekday": _WEEKDAYS[weekday],
        "wochentag": _WEEKDAYS_DEU[weekday],
        "dia": _WEEKDAYS_SPA[weekday],
        "clock": rng.choice(_CLOCKS),
        "month": _MONTHS[later.month - 1],
        "season": rng.choice(("peak season", "holiday season", "harvest season")),
        "port": rng.choice(_PORTS),
        "city": rng.choice(_CITIES),
        "boss": f"our {boss}",
        "your_boss": f"your {boss}",
        "the_boss": f"the {boss}",
    }  # fmt: skip
    slots.update({f"deal{index + 1}": deal for index, deal in enumerate(deals)})
    return slots
