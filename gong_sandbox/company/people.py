"""The vendor's own staff: Gong users (api: GET /v2/users)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from gong_sandbox.company.randomness import gong_id, salesforce_id, stream
from gong_sandbox.company.wire import stamp, utc

VENDOR = "Tidelane"
DOMAIN = "tidelane.example"

# First name, last name, title, team, index of the manager, remarks.
_STAFF: tuple[tuple[str, str, str | None, str, int | None, str], ...] = (
    ("Margaret", "Okonkwo-Hale", "Chief Revenue Officer", "lead", None, ""),
    ("Zoë", "Lindqvist", "VP Sales", "lead", 0, ""),
    ("Anna", "Ruiz, MBA", "VP Customer Success", "lead", 0, ""),
    ("Łukasz", "Wiśniewski", "Sales Manager, Enterprise", "manager", 1, "pol"),
    ("Priya", "Raghunathan", "Sales Manager, Mid-Market", "manager", 1, ""),
    ("Declan", "O'Brien", "SDR Manager", "manager", 1, ""),
    ("Søren", "Bjerregaard", "Account Executive", "ae", 3, "dan"),
    ("Katharina", "Müller", "Senior Account Executive", "ae", 3, "deu"),
    ("Marcus", "Whitfield", "Account Executive", "ae", 3, ""),
    ("美咲", "佐藤", "Account Executive", "ae", 3, "jpn"),
    ("Chidi", "Eze", "Account Executive", "ae", 4, ""),
    ("Lucía", "Fernández Soto", "Account Executive", "ae", 4, "spa"),
    ("Tom", "Hargreaves", "Account Executive", "ae", 4, ""),
    ("Linh", "Nguyễn", "Associate Account Executive", "ae", 4, "vie"),
    ("Jamal", "Carter", "Sales Development Representative", "sdr", 5, ""),
    ("Emily", "Strand", "Sales Development Representative", "sdr", 5, ""),
    ("Mateo", "Vargas", "Sales Development Representative", "sdr", 5, "spa"),
    ("Aoife", "Brennan", "Senior SDR", "sdr", 5, ""),
    ("Yusuf", "Demir", "Sales Development Representative", "sdr", 5, "tur"),
    ("Hannah", "Goldberg", "Customer Success Manager", "csm", 2, ""),
    ("Rafael", "d'Ávila", "Customer Success Manager", "csm", 2, "por"),
    ("Ingrid", "Solheim", "Senior Customer Success Manager", "csm", 2, "nor"),
    ("Jonas", "Weiß", "Onboarding Specialist", "csm", 2, "deu"),
    ("Wei", "Zhang", "Solutions Engineer", "se", 1, "zho"),
    ("Olivia", "Bennett", "Senior Solutions Engineer", "se", 1, ""),
    ("Amir", "Haddad", "Solutions Engineer", "se", 1, "ara"),
    ("Peter", "Novák", "Account Executive", "ae", 4, "left"),
    ("Grace", "Kim", None, "sdr", None, "left"),
    ("Gong", "Support", None, "avatar", None, "avatar"),
)

_LANGUAGES = {
    "pol": "pl-PL",
    "dan": "da-DK",
    "deu": "de-DE",
    "jpn": "ja-JP",
    "spa": "es-ES",
    "vie": "vi-VN",
    "tur": "tr-TR",
    "por": "pt-BR",
    "nor": "nb-NO",
    "zho": "zh-CN",
    "ara": "ar-LB",
}
_LATIN_NAMES = {"美咲": "misaki", "佐藤": "sato"}
_LEFT = utc(2023, 11, 30, 18)


def _ascii(name: str) -> str:
    """A name as it stands in an e-mail address."""
    name = _LATIN_NAMES.get(name, name).split(",")[0]
    name = name.replace("Ł", "L").replace("ł", "l").replace("ø", "o").replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain.lower())


@dataclass(frozen=True, slots=True)
class User:
    """One Gong user of the vendor."""

    id: str
    first: str
    last: str
    title: str | None
    team: str
    manager_id: str | None
    email: str
    aliases: tuple[str, ...]
    phone: str | None
    extension: str | None
    created: datetime
    crm_id: str
    languages: tuple[str, ...]
    left: bool

    @property
    def name(self) -> str:
        """Full name as Gong shows it."""
        return f"{self.first} {self.last}"

    @property
    def left_at(self) -> datetime | None:
        """When the user left, None while here."""
        return _LEFT if self.left else None

    def is_active(self, now: datetime) -> bool:
        """Whether the user works here, as far as Gong knows."""
        return not (self.left and now >= _LEFT)

    def wire(self, zone: tzinfo, *, now: datetime) -> dict[str, Any]:
        """The record of GET /v2/users."""
        active = self.is_active(now)
        records = active and self.team in {"ae", "csm", "manager", "se"}
        phones = active and self.team in {"sdr", "ae"}
        handle = self.email.split("@")[0]
        return {
            "id": self.id,
            "emailAddress": self.email,
            "created": stamp(self.created, zone),
            "active": active,
            "emailAliases": list(self.aliases),
            "trustedEmailAddress": None,
            "firstName": self.first,
            "lastName": self.last,
            "title": self.title,
            "phoneNumber": self.phone,
            "extension": self.extension,
            "personalMeetingUrls": (
                [f"https://{VENDOR.lower()}.zoom.us/my/{handle}"] if self.team == "ae" else []
            ),
            "settings": {
                "webConferencesRecorded": records,
                "preventWebConferenceRecording": self.team == "avatar",
                "telephonyCallsImported": phones,
                "emailsImported": active,
                "preventEmailImport": self.team == "lead",
                "nonRecordedMeetingsImported": active,
                "gongConnectEnabled": self.team == "sdr" and active,
            },
            "managerId": self.manager_id,
            "meetingConsentPageUrl": (
                None
                if self.team == "avatar"
                else f"https://us-31044.join.gong.io/{VENDOR.lower()}/{handle}"
            ),
            "conferencingProviders": None,
            "spokenLanguages": [
                {"language": language, "primary": index == 0}
                for index, language in enumerate(self.languages)
            ],
        }


class Staff:
    """Everyone who works at the vendor, by id and by team."""

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "staff")
        ids = [gong_id(rng) for _ in _STAFF]
        self.everyone: list[User] = []
        for index, (first, last, title, team, manager, remark) in enumerate(_STAFF):
            handle = f"{_ascii(first)}.{_ascii(last)}"
            domain = "gong.example" if team == "avatar" else DOMAIN
            created = utc(2019, 2, 4, 17) + timedelta(
                days=rng.randrange(0, 700),
                seconds=rng.randrange(0, 30_000),
                milliseconds=rng.choice((0, rng.randrange(1, 999))),
            )
            phone = f"+1415555{rng.randrange(100, 9999):04d}"
            extension = str(rng.randrange(200, 799))
            languages = ["en-US"]
            if remark in _LANGUAGES:
                languages.append(_LANGUAGES[remark])
            self.everyone.append(
                User(
                    id=ids[index],
                    first=first,
                    last=last,
                    title=title,
                    team=team,
                    manager_id=None if manager is None else ids[manager],
                    email=f"{handle}@{domain}",
                    aliases=(f"{handle[0]}{handle.split('.')[1]}@{domain}",)
                    if index % 6 == 1
                    else (),
                    phone=None if team in {"lead", "se", "avatar"} else phone,
                    extension=extension if team == "sdr" else None,
                    created=created,
                    crm_id=salesforce_id(rng, "005"),
                    languages=tuple(languages) if team != "avatar" else (),
                    left=remark == "left",
                )
            )
        self.by_id = {user.id: user for user in self.everyone}

    def team(self, *names: str) -> list[User]:
        """Those of the named teams who still work here."""
        return [user for user in self.everyone if user.team in names and not user.left]

    def manager_of(self, user: User) -> User:
        """The manager, or the user where there is none."""
        return self.by_id[user.manager_id] if user.manager_id else user

    def find(self, email: str, *, now: datetime) -> User | None:
        """Who has this address or alias, in whatever case, and has joined by `now`."""
        wanted = email.casefold()
        for user in self.everyone:
            if wanted in {user.email, *user.aliases} and user.created <= now:
                return user
        return None

    def wire(self, zone: tzinfo, *, now: datetime, include_avatars: bool) -> list[dict[str, Any]]:
        """The users that exist at `now` (api: GET /v2/users)."""
        return [
            user.wire(zone, now=now)
            for user in self.everyone
            if user.created <= now and (include_avatars or user.team != "avatar")
        ]
