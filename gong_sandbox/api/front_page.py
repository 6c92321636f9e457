"""GET /: what the sandbox holds, how to use it, and what it was last asked and sent."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from anyio import to_thread
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from gong_sandbox.api.site import WELL_KNOWN_KEY
from gong_sandbox.company.media import LARGEST_KEPT

if TYPE_CHECKING:
    from datetime import datetime

    from jinja2 import Template
    from starlette.requests import Request

    from gong_sandbox.api.site import Site
    from gong_sandbox.company.media import Media
    from gong_sandbox.company.timeline import CallSlot
    from gong_sandbox.webhook import Webhook

PUBLIC_KEY_PATH = "/automation-rule/public-key"
_SHOWN = 50  # requests, writes, created calls
_CALLS = 6
_WEEKS = 26
_LIST = 100  # of users, deals …
_CUSTOMERS = 3
_CENSUS_SECONDS = 30
_TYPES = {
    "WAV": "audio/wav",
    "MP3": "audio/mpeg",
    "MP4": "video/mp4",
    "MKV": "video/x-matroska",
    "FLAC": "audio/flac",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Week:
    """How many calls began in a week of the company's.

    Attributes:
        monday: its first day.
        calls: begun in it, and listed by now.
        share: of the fullest week, 0 to 1.
    """

    monday: date
    calls: int
    share: float


@dataclass(frozen=True)
class Census:
    """What takes long to count, as of an instant of `time.monotonic`."""

    taken: float
    counts: dict[str, int]
    lists: dict[str, list[tuple[str, ...]]]


@cache
def _template() -> Template:
    """Compiled when the page is first asked for, once for all sandboxes of a process."""
    environment = Environment(
        loader=PackageLoader("gong_sandbox.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lasted"] = lasted
    environment.filters["sized"] = sized
    return environment.get_template("front_page.html")


class FrontPage:
    """The page, and the recordings that can be played on it.

    Neither asks for credentials, as neither shows any; what is shown came from the sandbox's own
    users. Requests for them are neither counted nor logged.

    Args:
        site: the sandbox.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._census: Census | None = None

    async def page(self, request: Request) -> Response:
        """The page as HTML; with `?live`, as its script asks for it, a census may be old."""
        live = "live" in request.query_params
        nonce = secrets.token_urlsafe(16)
        text = await to_thread.run_sync(self._render, live, nonce, limiter=self._site.desk)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "connect-src 'self'; media-src 'self'; img-src data:; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(text, headers=headers)

    async def recording(self, request: Request) -> Response:
        """The media file of a created call, or the part of it that is asked for; 404 if none."""
        call = self._site.company.uploads.find(str(request.path_params["id"]))
        media = call.media if call else None
        if media is None or media.content is None:
            return Response("No recording is kept for this call.", 404, media_type="text/plain")
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
            # What was sent here is nobody's page: it may be played and saved, and nothing else.
            "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        kind = _TYPES.get(media.format or "")
        if kind is None:
            headers["Content-Disposition"] = "attachment"
            kind = "application/octet-stream"
        part = _part(request.headers.get("range", ""), media.size)
        if part is None:
            return Response(media.content, headers=headers, media_type=kind)
        if not part:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{media.size}"})
        headers["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{media.size}"
        return Response(media.content[part[0] : part[-1] + 1], 206, headers, kind)

    async def public_key(self, _: Request) -> Response:
        """The key that the automation rule's tokens are signed for; Gong shows it beside a rule."""
        webhook = self._site.webhook
        if webhook is None:
            return Response("No automation rule is set.", 404, media_type="text/plain")
        return Response(webhook.public_key, media_type="text/plain")

    def _render(self, live: bool, nonce: str) -> str:
        site = self._site
        now = site.clock.now()
        company = site.company
        company.settle(now)
        slots = company.slots(None, None, now=now)
        census = self._census
        if not (live and census and time.monotonic() - census.taken < _CENSUS_SECONDS):
            census = self._census = _census(site, slots, now)
        users = {user["id"]: _name(user) for user in company.users(now=now, include_avatars=True)}
        requests, writes = site.latest(_SHOWN)
        shown = [company.basic(slot, now=now) for slot in reversed(slots[-_CALLS:])]
        created = [
            (call, call.state(now), users.get(call.new.primary_user or "", ""))
            for call in reversed(company.uploads.created[-_SHOWN:])
        ]
        return _template().render(
            live=live,
            nonce=nonce,
            url=site.url,
            now=now,
            zone=company.timezone,
            keys=_keys(site),
            config=msgspec.json.format(
                msgspec.json.encode({"api_url": site.url, **_keys(site)}), indent=2
            ).decode(),
            used=site.quota.used(now),
            per_day=site.quota.per_day,
            per_second=site.quota.per_second,
            faults=site.faults.told(),
            rule=_rule(site.webhook),
            latency=site.latency,
            page_size=site.page_size,
            processing=company.uploads.processing,
            lacking=sorted(site.without_scopes),
            counts={**_calls(slots, now), **census.counts},
            lists=census.lists,
            weeks=_weeks(site, slots),
            calls=[(call, users.get(call["primaryUserId"] or "", "")) for call in shown],
            states=company.uploads.counts(now),
            created=created,
            players={call.id: _player(call.media) for call, _, _ in created},
            noted=site.noted,
            requests=requests,
            writes=writes,
            shown=_SHOWN,
            largest=LARGEST_KEPT,
        )


def lasted(seconds: float) -> str:
    """A span of time for people: `3 ms`, `1.2 s`, `2 min`, `1 h 5 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def sized(count: int) -> str:
    """A size for people: `317 bytes`, `1.1 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _rule(webhook: Webhook | None) -> dict[str, Any] | None:
    """What the page tells of the automation rule, None where there is none."""
    if webhook is None:
        return None
    return {
        # The rest of the URL may be secret.
        "host": urlsplit(webhook.url).netloc.rpartition("@")[2],
        "delivered": webhook.delivered,
        "given_up": webhook.given_up,
        "path": PUBLIC_KEY_PATH,
        "key": webhook.public_key,
    }


def _keys(site: Site) -> dict[str, str]:
    """The settings that hold the key pair; a pair of the user's own is not told."""
    return {
        name: value if value == WELL_KNOWN_KEY else f"what you gave --{name.replace('_', '-')}"
        for name, value in (
            ("access_key", site.access_key),
            ("access_key_secret", site.access_key_secret),
        )
    }


def _calls(slots: list[CallSlot], now: datetime) -> dict[str, int]:
    return {
        "Calls": len(slots),
        "With a transcript": sum(1 for s in slots if s.transcript_at and s.transcript_at <= now),
        "Private calls": sum(slot.is_private for slot in slots),
    }


def _census(site: Site, slots: list[CallSlot], now: datetime) -> Census:
    company = site.company
    users = company.users(now=now)
    trackers = company.trackers()
    deals = company.crm.all("DEAL", now=now)
    workspaces = company.workspaces()
    names = {workspace["id"]: workspace["name"] for workspace in workspaces}
    open_deals = [deal for deal in deals if not deal.get("IsClosed")]
    counts = {
        "Users": len(users),
        "Workspaces": len(workspaces),
        "Trackers": len(trackers),
        "Deals": len(deals),
        "Open deals": len(open_deals),
        "Scorecards": len(company.scorecards()),
        "Reviews": len(company.answered_scorecards(now=now)),
        "Library folders": len(company.folders()),
        "Permission profiles": len(company.profiles),
        "Calls opened to single users": len(company.access),
    }
    lists: dict[str, list[tuple[str, ...]]] = {
        "Workspaces": [(one["name"], one["id"]) for one in workspaces],
        "Users": [(_name(one), str(one["title"] or ""), one["id"]) for one in users],
        "Users who may import calls": [
            (_name(one), str(one["title"] or ""), one["id"])
            for one in users
            if one["active"] and one["settings"]["telephonyCallsImported"]
        ],
        "Customers on the newest calls": _customers(site, slots, now),
        "Trackers": [
            (one["trackerName"], names.get(one["workspaceId"], ""), one["trackerId"])
            for one in trackers
        ],
        "Open deals": [
            (str(one.get("name") or ""), str(one.get("StageName") or ""), one["objectId"])
            for one in open_deals
        ],
    }
    return Census(time.monotonic(), counts, {name: rows[:_LIST] for name, rows in lists.items()})


def _customers(site: Site, slots: list[CallSlot], now: datetime) -> list[tuple[str, ...]]:
    """Name, telephone number and address of some that an erasure finds calls of."""
    company = site.company
    contacts = {row["emailAddress"]: row for row in company.crm.all("CONTACT", now=now)}
    found: dict[str, tuple[str, ...]] = {}
    for slot in reversed(slots[-_SHOWN:]):
        for party in company.extensive(slot, now=now).get("parties", ()):
            address = party.get("emailAddress")
            if address in contacts:
                number = str(contacts[address]["phoneNumber"])
                found[address] = (str(party.get("name") or ""), number, address)
        if len(found) >= _CUSTOMERS:
            break
    return list(found.values())[:_CUSTOMERS]


def _weeks(site: Site, slots: list[CallSlot]) -> list[Week]:
    """The last weeks up to the one of the newest call, those without calls too."""
    zone = site.company.zone
    days = (slot.started.astimezone(zone).date() for slot in slots)
    calls: Counter[date] = Counter(day - timedelta(days=day.weekday()) for day in days)
    if not calls:
        return []
    newest = max(calls)
    length = min(_WEEKS, (newest - min(calls)).days // 7 + 1)
    mondays = [newest - timedelta(weeks=back) for back in reversed(range(length))]
    most = max(calls[monday] for monday in mondays)
    return [Week(monday, calls[monday], calls[monday] / most) for monday in mondays]


def _name(user: dict[str, Any]) -> str:
    return " ".join(filter(None, (user["firstName"], user["lastName"])))


def _player(media: Media | None) -> str:
    """The element that plays a media file: audio, video, or none."""
    if media is None or media.content is None or media.format not in _TYPES:
        return ""
    return "video" if media.is_video else "audio"


def _part(header: str, size: int) -> range | None:
    """The bytes that a `Range` header asks for, none if there are none; None: all of it."""
    asked = _RANGE.fullmatch(header)
    if asked is None or not (asked[1] or asked[2]):
        return None
    if not asked[1]:
        return range(max(0, size - int(asked[2])), size)
    return range(int(asked[1]), min(size, int(asked[2]) + 1) if asked[2] else size)
