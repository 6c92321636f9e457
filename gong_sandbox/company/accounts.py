"""Customers and prospects: accounts, contacts and opportunities as the CRM knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.randomness import hubspot_id, salesforce_id, stream
from gong_sandbox.company.wire import utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from gong_sandbox.company.people import Staff, User

# Name, industry, country, language of its people, contacts as "First Last|Title".
_ACCOUNTS: tuple[tuple[str, str, str, str], ...] = (
    ("Brightwater Foods", "Food & Beverage", "United States", "eng"),
    ("Halden Pharma", "Pharmaceuticals", "Norway", "eng"),
    ("Kestrel & Sons, Ltd.", "Consumer Goods", "United Kingdom", "eng"),
    ("Nordhafen Logistik GmbH", "Transportation", "Germany", "deu"),
    ("Copper Ridge Outfitters", "Retail", "United States", "eng"),
    ("Sakura Precision 株式会社", "Industrial Manufacturing", "Japan", "eng"),
    ("Almendra Textiles S.A.", "Apparel", "Spain", "spa"),
    ("Meridian Cold Chain", "Food & Beverage", "United States", "eng"),
    ("Obsidian Tools", "Industrial Manufacturing", "United States", "eng"),
    ("Fjordline Seafood AS", "Food & Beverage", "Norway", "eng"),
    ("Juniper Home", "Retail", "United States", "eng"),
    ("Vantage Auto Parts", "Automotive", "United States", "eng"),
    ("Zielinski Chemicals", "Chemicals", "Poland", "eng"),
    ("Palmetto Paper Co.", "Paper & Packaging", "United States", "eng"),
    ("Bellweather Medical", "Medical Devices", "Ireland", "eng"),
    ("Alpenquell Getränke AG", "Food & Beverage", "Austria", "deu"),
    ("Ironbark Building Supply", "Building Materials", "Australia", "eng"),
    ("Lumière Cosmétiques", "Consumer Goods", "France", "eng"),
    ("Redwood Appliance Group", "Consumer Electronics", "United States", "eng"),
    ("TransPacífico Carga", "Transportation", "Mexico", "spa"),
    ("Hearthstone Furniture", "Furniture", "United States", "eng"),
    ("Quillon Semiconductors", "Semiconductors", "Taiwan", "eng"),
    ("Greenfield Ag Cooperative", "Agriculture", "United States", "eng"),
    ("Stannard Wine & Spirits", "Food & Beverage", "United States", "eng"),
    ("Cobalt Bay Marine", "Industrial Manufacturing", "Canada", "eng"),
    ("Tallgrass Pet Nutrition", "Consumer Goods", "United States", "eng"),
    ("Werkmann Antriebstechnik", "Industrial Manufacturing", "Germany", "deu"),
    ("Saffron Lane Grocers", "Retail", "United Kingdom", "eng"),
    ("Orchard Street Apparel", "Apparel", "United States", "eng"),
    ("Polaris Battery Systems", "Energy", "United States", "eng"),
    ("Dunmore Dairy", "Food & Beverage", "Ireland", "eng"),
    ("Blue Heron Books", "Retail", "United States", "eng"),
    ("Castellan Steel", "Metals", "United States", "eng"),
    ("Aurora Solar Mounts", "Energy", "Canada", "eng"),
    ("Huerta del Sol Exportadora", "Agriculture", "Mexico", "spa"),
    ("Northgate Plumbing Supply", "Building Materials", "United States", "eng"),
    ("Pinnacle Sporting Goods", "Retail", "United States", "eng"),
    ("Svalinn Coatings", "Chemicals", "Sweden", "eng"),
    ("Maple & Main Toys", "Consumer Goods", "Canada", "eng"),
    ("Grantham Aerospace", "Aerospace", "United States", "eng"),
    ("Delmar Fresh Produce", "Agriculture", "United States", "eng"),
    ("Whitcombe Optical", "Medical Devices", "United Kingdom", "eng"),
    ("Riverbend Packaging", "Paper & Packaging", "United States", "eng"),
    ("Summit Trail Bikes", "Consumer Goods", "United States", "eng"),
    ("Harper Quinn Cabinetry", "Furniture", "United States", "eng"),
)
_FIRST_NAMES = {
    "eng": (
        "Karen", "Miguel", "Siobhán", "David", "Aisha", "Robert", "Noémie", "Sanjay", "Beth",
        "Terrence", "Yuki", "Monica", "Grzegorz", "Alicia", "Kwame", "Heather", "Ravi", "Joanna",
        "Luis", "Denise", "Håkon", "Patrick", "Mei-Ling", "Graham", "Tasha", "Viktor", "Rosalind",
        "Omar", "Caitlin", "Stephen",
    ),
    "deu": ("Jürgen", "Anke", "Bernd", "Ulrike", "Stefan", "Dörte", "Matthias", "Sabine"),
    "spa": ("Íñigo", "María José", "Javier", "Begoña", "Alejandro", "Ximena", "Raúl", "Pilar"),
}  # fmt: skip
_LAST_NAMES = {
    "eng": (
        "Thompson", "O'Connell", "Patel", "Kowalczyk", "Mbeki", "Larsen", "Dubois", "Castillo",
        "Fitzgerald", "Ng", "St. James", "Andersson", "Bhattacharya", "McAllister", "Rossi",
        "Tanaka", "Sørensen", "Whitaker", "Abernathy", "Delgado", "Osei", "Holloway", "Petrović",
        "Lund", "Sinclair-Wu", "Hernández", "Brandt", "Quigley", "Farouk", "Marsh",
    ),
    "deu": ("Schäfer", "Krüger", "Böhm", "Hoffmann", "Großmann", "Vogt", "Jäger", "Lindner"),
    "spa": ("Ibáñez", "Muñoz", "Peña", "Gutiérrez", "Núñez", "Carrasco", "Ordóñez", "Vega"),
}  # fmt: skip
_TITLES = (
    "VP Supply Chain",
    "Director of Logistics",
    "Transportation Manager",
    "Logistics Analyst",
    "IT Director",
    "Procurement Manager",
    "Customer Service Lead",
    "CFO",
)
_LEAD_SOURCES = ("Web", "Trade Show", "Outbound", "Partner Referral", "Webinar", None)
_COUNTRY_CODES = {
    "Germany": "+4940555",
    "Austria": "+431555",
    "Spain": "+3491555",
    "Mexico": "+5255555",
    "United Kingdom": "+4420794",
    "Ireland": "+3531555",
}

# Name, share of the opportunity's life spent in it, probability, forecast category.
_STAGES: tuple[tuple[str, float, int, str], ...] = (
    ("Qualification", 0.16, 10, "Pipeline"),
    ("Discovery", 0.18, 20, "Pipeline"),
    ("Solution Demo", 0.22, 40, "Pipeline"),
    ("Technical Validation", 0.16, 60, "Best Case"),
    ("Proposal", 0.15, 75, "Best Case"),
    ("Negotiation", 0.13, 90, "Commit"),
)
STAGE_NAMES = (*(name for name, *_ in _STAGES), "Closed Won", "Closed Lost")
_EPOCH = utc(2016, 1, 4)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody at an account."""

    first: str
    last: str
    title: str
    email: str
    phone: str
    crm_id: str
    lead_id: str

    @property
    def name(self) -> str:
        """Full name."""
        return f"{self.first} {self.last}"

    def crm_fields(self) -> dict[str, Any]:
        """What the CRM says of the contact or lead."""
        return {
            "Name": self.name,
            "Title": self.title,
            "Email": self.email,
            "MobilePhone": None,
            "HasOptedOutOfEmail": False,
        }


@dataclass(frozen=True, slots=True)
class Account:
    """A company that buys or might buy."""

    index: int
    name: str
    industry: str
    country: str
    language: str
    website: str
    employees: int
    system: str
    crm_id: str
    contacts: tuple[Contact, ...]
    ae: User
    sdr: User
    csm: User
    customer: bool
    cycle: timedelta
    offset: timedelta

    @property
    def short(self) -> str:
        """The name as people say it."""
        words = self.name.replace(",", "").split()
        return " ".join(words[:2]) if words[1:2] not in (["&"], ["del"]) else words[0]


@dataclass(frozen=True, slots=True)
class Opportunity:
    """One deal with an account: its whole life is known, `stage_at` shows it at an instant."""

    id: str
    name: str
    kind: str
    source: str | None
    created: datetime
    changes: tuple[datetime, ...]  # the ends of the six open stages
    won: bool
    amount: int
    final_amount: int
    close_dates: tuple[date, date]  # as first expected, and after it slipped

    def stage_at(self, moment: datetime) -> int:
        """Index of the stage at an instant; 6 = closed."""
        return sum(moment >= change for change in self.changes)

    def open_at(self, moment: datetime) -> bool:
        """Whether it is being worked on."""
        return self.created <= moment < self.changes[-1]


def _close_values(opportunity: Opportunity, moment: datetime) -> tuple[str, int, str, int, date]:
    """Stage, probability, forecast category, amount and close date at an instant."""
    stage = opportunity.stage_at(moment)
    if stage == len(_STAGES):
        day = opportunity.changes[-1].date()
        amount = opportunity.final_amount
        if opportunity.won:
            return "Closed Won", 100, "Closed", amount, day
        return "Closed Lost", 0, "Omitted", amount, day
    name, _, probability, category = _STAGES[stage]
    amount = opportunity.amount if stage < 4 else opportunity.final_amount
    return name, probability, category, amount, opportunity.close_dates[stage >= 3]


class Book:
    """The book of business: all accounts and what is going on with them."""

    def __init__(self, seed: int, staff: Staff) -> None:
        self._seed = seed
        self._staff = staff
        self.accounts = [self._account(index) for index in range(len(_ACCOUNTS))]
        self.opportunity: Callable[[int, int], Opportunity] = lru_cache(4096)(self._opportunity)
        self._fitting: Callable[[tuple[str, ...], bool, int], list[Account]] = lru_cache(2048)(
            self._find_fitting
        )

    def _account(self, index: int) -> Account:
        name, industry, country, language = _ACCOUNTS[index]
        rng = stream(self._seed, "account", str(index))
        system = "HubSpot" if rng.random() < 0.15 else "Salesforce"
        slug = "".join(c for c in name.lower() if c.isascii() and c.isalnum())[:24]
        domain = f"{slug}.example"
        return Account(
            index=index,
            name=name,
            industry=industry,
            country=country,
            language=language,
            website=f"https://www.{domain}",
            employees=rng.choice((85, 140, 320, 600, 1200, 2500, 4800, 11_000)),
            system=system,
            crm_id=hubspot_id(rng) if system == "HubSpot" else salesforce_id(rng, "001"),
            contacts=self._contacts(index, language, country, domain, system),
            ae=rng.choice(self._staff.team("ae")),
            sdr=rng.choice(self._staff.team("sdr")),
            csm=rng.choice(self._staff.team("csm")),
            customer=index % 5 in {0, 2},
            cycle=timedelta(days=rng.randrange(140, 330)),
            offset=timedelta(days=rng.randrange(0, 330), seconds=rng.randrange(50_000, 80_000)),
        )

    def _contacts(
        self, index: int, language: str, country: str, domain: str, system: str
    ) -> tuple[Contact, ...]:
        rng = stream(self._seed, "contacts", str(index))
        count = rng.randrange(4, 8)
        firsts = rng.sample(_FIRST_NAMES[language], count)
        lasts = rng.sample(_LAST_NAMES[language], count)
        titles = [*rng.sample(_TITLES[:3], 3), *rng.sample(_TITLES[3:], 5)]
        prefix = _COUNTRY_CODES.get(country, f"+1{rng.randrange(212, 989)}555")
        made = []
        for first, last, title in zip(firsts, lasts, titles, strict=False):
            plain = "".join(c for c in f"{first}.{last}".lower() if c == "." or c.isascii())
            handle = plain.replace(" ", "").replace("'", "").strip(".")
            made.append(
                Contact(
                    first=first,
                    last=f"{last}, CSCP" if rng.random() < 0.04 else last,
                    title=title,
                    email=f"{handle}@{domain}",
                    phone=f"{prefix}{rng.randrange(100, 9999):04d}",
                    crm_id=hubspot_id(rng) if system == "HubSpot" else salesforce_id(rng, "003"),
                    lead_id=hubspot_id(rng) if system == "HubSpot" else salesforce_id(rng, "00Q"),
                )
            )
        return tuple(made)

    def _opportunity(self, index: int, number: int) -> Opportunity:
        account = self.accounts[index]
        rng = stream(self._seed, "opportunity", f"{index}:{number}")
        begin = _EPOCH - account.offset + number * account.cycle
        created = begin + timedelta(seconds=rng.randrange(0, 10 * 86_400))
        life = account.cycle * rng.uniform(0.74, 0.93)
        changes, share = [], 0.0
        for _, part, _, _ in _STAGES:
            share += part * rng.uniform(0.8, 1.05)
            changes.append((begin + life * min(share, 1.0)).replace(microsecond=0))
        amount = rng.randrange(18, 260) * 1000
        first_close = (begin + life * rng.uniform(0.7, 0.9)).date()
        kind = rng.choice(("Renewal", "Expansion")) if account.customer else "New Business"
        modules = rng.choice(
            ("Visibility", "Visibility + ETA", "Yard", "Control Tower", "Detention")
        )
        return Opportunity(
            id=hubspot_id(rng) if account.system == "HubSpot" else salesforce_id(rng, "006"),
            name=f"{account.name} - {modules} {kind} {begin.year}",
            kind="New Business" if kind == "New Business" else "Existing Business",
            source=rng.choice(_LEAD_SOURCES),
            created=created,
            changes=tuple(changes),
            won=rng.random() < (0.8 if account.customer else 0.4),
            amount=amount,
            final_amount=round(amount * rng.choice((0.85, 0.9, 1.0, 1.0, 1.15)) / 100) * 100,
            close_dates=(first_close, changes[-1].date() + timedelta(days=rng.randrange(-6, 12))),
        )

    def current(self, account: Account, moment: datetime) -> Opportunity:
        """The newest opportunity that exists at an instant."""
        number = (moment - _EPOCH + account.offset) // account.cycle
        found = self.opportunity(account.index, number)
        return found if found.created <= moment else self.opportunity(account.index, number - 1)

    def opportunities(self, account: Account, moment: datetime) -> list[Opportunity]:
        """All that exist at an instant, oldest first."""
        count = (moment - _EPOCH + account.offset) // account.cycle + 1
        made = (self.opportunity(account.index, number) for number in range(count))
        return [opportunity for opportunity in made if opportunity.created <= moment]

    def linked(self, account: Account, moment: datetime) -> list[Opportunity]:
        """The opportunities a call of that time is associated with: the open one, or the last."""
        newest = self.current(account, moment)
        number = (moment - _EPOCH + account.offset) // account.cycle
        before = self.opportunity(account.index, number - 1)
        both = account.index % 6 == 1 and before.id != newest.id and before.won
        return [newest, before] if both else [newest]

    def _find_fitting(self, stages: tuple[str, ...], customers: bool, week: int) -> list[Account]:
        moment = utc(1, 1, 1) + timedelta(days=week * 7 + 3)
        found = []
        for account in self.accounts:
            if account.customer and customers:
                found.append(account)
            elif not customers:
                newest = self.current(account, moment)
                stage = newest.stage_at(moment)
                name = _STAGES[stage][0] if stage < len(_STAGES) else ""
                if not stages or name in stages:
                    found.append(account)
        return found or self.accounts

    def fitting(
        self, stages: tuple[str, ...], moment: datetime, *, customers: bool
    ) -> list[Account]:
        """Accounts that have such calls in that week."""
        return self._fitting(stages, customers, moment.toordinal() // 7)

    def account_object(self, account: Account, *, timing: bool) -> dict[str, Any]:
        """The account as a CRM context object (api: POST /v2/calls/extensive)."""
        found: dict[str, Any] = {
            "objectType": "Account",
            "objectId": account.crm_id,
            "fields": [
                {"name": "Name", "value": account.name},
                {"name": "Website", "value": account.website},
                {"name": "Industry", "value": account.industry},
                {"name": "NumberOfEmployees", "value": account.employees},
                {"name": "BillingCountry", "value": account.country},
                {"name": "Type", "value": "Customer" if account.customer else "Prospect"},
                {"name": "ParentId", "value": None},
            ],
        }
        if timing:
            found["timing"] = "Now"
        return found

    def opportunity_object(
        self, account: Account, opportunity: Opportunity, moment: datetime, timing: str
    ) -> dict[str, Any]:
        """The opportunity as it stood at an instant, as a CRM context object."""
        stage, probability, category, amount, closes = _close_values(opportunity, moment)
        closed = stage.startswith("Closed")
        step = None if closed else ("Send proposal" if probability > 50 else "Book next meeting")
        values: dict[str, Any] = {
            "Name": opportunity.name,
            "StageName": stage,
            "Amount": amount + 0.5 if opportunity.amount % 7 == 0 else amount,
            "CloseDate": closes.isoformat(),
            "IsClosed": closed,
            "IsWon": stage == "Closed Won",
            "Probability": probability,
            "ForecastCategoryName": category,
            "Type": opportunity.kind,
            "LeadSource": opportunity.source,
            "NextStep": step,
            "OwnerId": account.ae.crm_id,
            "CampaignId": None,
        }
        return {
            "objectType": "Opportunity",
            "objectId": opportunity.id,
            "fields": [{"name": name, "value": value} for name, value in values.items()],
            "timing": timing,
        }

    def seat_account(self, number: int, accounts: list[Account]) -> Account:
        """The account among those fitting that belongs to the call of this number."""
        return accounts[number // 1000 % 1_000_003 % len(accounts)]
