"""Calls as automation rules have posted them (Gong: Automation rules)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from gong_api.decoding import decoded
from tap_gong.call_source import is_wanted
from tap_gong.cost import Cost
from tap_gong.hints import reached
from tap_gong.operations import AUTOMATION_RULE
from tap_gong.schemas.automation import AUTOMATION_EVENT
from tap_gong.stream import BookmarkedStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record

    from gong_webhook.inbox import Event, InboxReader

_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
# Events between two STATE messages.
_LOT = 100


class AutomationEvents(BookmarkedStream):
    """What `gong-webhook` holds, in the order in which it came.

    The bookmark is a number of the inbox, since nothing that comes late can be before it.
    """

    name = "automation_events"
    summary = "Calls as automation rules posted them, from the inbox of `gong-webhook`"
    operation = AUTOMATION_RULE
    incremental = "inbox"
    primary_keys: ClassVar[list[str]] = ["eventId"]
    schema = AUTOMATION_EVENT
    selected_by_default = False
    is_list = False
    ids_may_be_numbers = True
    keeps_unknown_fields = True
    known_filters: ClassVar[tuple[str, ...]] = (
        "workspace_ids",
        "primary_user_ids",
        "private_calls",
    )

    @override
    def begin(self) -> None:
        """Nothing: Gong is not asked."""

    @override
    def records(self) -> Iterable[Record]:
        inbox = self._tap.inbox
        if inbox is None:
            self.logger.warning(
                "automation_events stays empty: set automation_inbox to the file that "
                "`gong-webhook --inbox` writes"
            )
            return
        after = self._read_before(inbox)
        if 0 < after < inbox.removed:
            self.logger.warning(
                "gong-webhook has removed events that this tap had not read; raise --keep-days, or "
                "run more often. Their calls are found by the lookback"
            )
        for number, event in enumerate(inbox.events(after), start=1):
            row = self._row(event)
            if row is not None:
                yield row
            if number % _LOT == 0:
                self._move(inbox, event.sequence)
        self._move(inbox, inbox.newest)

    @override
    def cost(self) -> Cost:
        inbox = self._tap.inbox
        return Cost(0 if inbox is None else inbox.count(self._read_before(inbox)), 0)

    def _read_before(self, inbox: InboxReader) -> int:
        """The number of the last event that earlier runs have read."""
        state = self.stream_state
        if self.replication_method != "INCREMENTAL" or "sequence" not in state:
            return 0
        if self.is_wider_now():
            return 0
        after = reached(state, inbox)
        if not after and state["sequence"]:
            self.logger.warning(
                "automation_events is read from the start: automation_inbox is not the inbox that "
                "its bookmark was made for"
            )
        return after

    def _row(self, event: Event) -> Record | None:
        """An event as a record; None where the filters leave it out."""
        payload = decoded(event.body.encode(), _decoder)
        data = payload.get("callData")
        told = data.get("metaData") if isinstance(data, dict) else None
        call = dict(told) if isinstance(told, dict) else {}
        call["isPrivate"] = bool(payload.get("isPrivate") or call.get("isPrivate"))
        self.report.seen += 1
        self.report.private += call["isPrivate"]
        chosen = self.run.call_ids
        if not is_wanted(call, self.run.filters) or (chosen and str(call.get("id")) not in chosen):
            return None
        return {
            **payload,
            "eventId": event.event_id,
            "sequence": event.sequence,
            "received": event.received.isoformat(),
            "callId": call.get("id"),
        }

    def _move(self, inbox: InboxReader, sequence: int) -> None:
        """Everything up to an event has been emitted: write that down, if it has."""
        if self.run.keeps_bookmarks or self.has_failed:
            return
        state = self.stream_state
        state["inbox"] = inbox.identity
        state["sequence"] = sequence
        state.pop("filters", None)
        if self.filters:
            state["filters"] = self.filters
        self.write_state()
