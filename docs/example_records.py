"""A record of each stream, as the sandbox's company has it, and what reading the stream cost there.

The company is made from a seed and its clock stands still, so that they are always the same.
"""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum

from gong_sandbox import Sandbox
from gong_webhook.inbox import Inbox
from tap_gong.streams import STREAMS
from tap_gong.tap import TapGong

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record

CALLS = 120
DAYS = 60
_NOW = datetime(2026, 6, 15, 18, tzinfo=timezone.utc)
_LONGEST = 120
# What these streams read is named in the settings, by what others have brought.
_NAMED = ("crm_objects", "flow_prospects", "email_address_references", "phone_number_references")


@dataclass(frozen=True)
class Example:
    """A stream in the example company.

    Attributes:
        record: one with much in it, shortened.
        records: how many there are.
        requests: that it takes to read this stream alone.
    """

    record: Any
    records: int
    requests: int


@functools.cache
def examples() -> dict[str, Example]:
    """Each stream by its name. Takes some seconds once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(
            calls=CALLS, days=DAYS, seed=7, now=_NOW, requests_per_second=0, daily_requests=0
        ) as sandbox,
    ):
        # Nobody in the company has given access to a call through the API.
        (slot, *_), (user, *_) = (
            sandbox.company.slots(None, None, now=_NOW),
            sandbox.company.users(now=_NOW),
        )
        sandbox.company.access.grant(slot.id, [user["id"]])
        settings = {
            "api_url": sandbox.url,
            "access_key": sandbox.access_key,
            "access_key_secret": sandbox.access_key_secret,
            "requests_per_second": 0,
            "end_date": _NOW.isoformat(),
        }
        names = {stream.name for stream in STREAMS}
        inbox = Path(folder) / "inbox.db"
        _fill(inbox, sandbox)
        settings["automation_inbox"] = str(inbox)
        records = _read(settings, names.difference(_NAMED))
        settings |= _subjects(records)
        records |= _read(settings, _NAMED)
        return {
            name: Example(
                shortened(max(records[name], key=_fullness)),
                len(records[name]),
                _requests(settings, name),
            )
            for name in names
        }


def shortened(value: Any) -> Any:
    """A record of a length to be read: lists by their fullest item, long texts by their start."""
    if isinstance(value, dict):
        return {name: shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shortened(max(value, key=_fullness))] if value else []
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST].rsplit(" ", 1)[0] + " …"
    return value


def as_json(record: Any) -> str:
    """A record to be shown."""
    return json.dumps(record, indent=2, ensure_ascii=False, default=float)


class _StandingClock:
    """Always the company's present."""

    def now(self) -> pendulum.DateTime:
        return pendulum.instance(_NOW)

    def sleep(self, seconds: float) -> None:
        """Nothing waits."""


def _fill(path: Path, sandbox: Sandbox) -> None:
    """An inbox with the newest calls, as an automation rule posts them."""
    with contextlib.closing(Inbox(path, _StandingClock())) as inbox:
        for slot in sandbox.company.slots(None, None, now=_NOW)[-3:]:
            call = sandbox.company.extensive(slot, now=_NOW)
            body = {"callData": call, "isTest": False, "isPrivate": slot.is_private}
            inbox.put(json.dumps(body).encode(), is_test=False)


class _Messages:
    """Keeps the records that a tap writes."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = {}

    def write_message(self, message: Any) -> None:
        told = message.to_dict()
        if told["type"] == "RECORD":
            self.records.setdefault(told["stream"], []).append(told["record"])


def _read(settings: dict[str, Any], names: Iterable[str]) -> dict[str, list[Record]]:
    messages = _Messages()
    tap = _tap(settings, names, messages)
    tap.sync_all()
    tap.close()
    return messages.records


def _requests(settings: dict[str, Any], name: str) -> int:
    """What `--plan` says of one stream alone."""
    tap = _tap(settings, {name}, _Messages())
    plan = tap.plan()
    tap.close()
    return plan.requests


def _tap(settings: dict[str, Any], names: Iterable[str], messages: _Messages) -> TapGong:
    tap = TapGong(config=dict(settings), message_writer=messages)
    for stream in tap.streams.values():
        stream.selected = stream.name in names
    return tap


def _subjects(records: dict[str, list[Record]]) -> dict[str, list[str]]:
    """Settings that name somebody and something in the company."""
    people = [p for p in records["call_parties"] if p.get("affiliation") == "External"]
    objects = records["call_context_objects"]
    return {
        "email_addresses": [next(p["emailAddress"] for p in people if p.get("emailAddress"))],
        "phone_numbers": [next(p["phoneNumber"] for p in people if p.get("phoneNumber"))],
        "crm_object_ids": sorted({o["objectId"] for o in objects if not o["partyId"]})[:3],
        "crm_prospect_ids": sorted({o["objectId"] for o in objects if o["partyId"]}),
    }


def _fullness(value: Any) -> int:
    """How much there is in a value: how many of its fields, nested ones too, have one."""
    if isinstance(value, dict):
        return sum(map(_fullness, value.values()))
    if isinstance(value, list):
        return max(map(_fullness, value), default=0)
    return 0 if value in {None, ""} else 1
