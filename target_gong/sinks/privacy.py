"""Erasing what Gong holds about a person (API: Data privacy)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from target_gong.fields import Field
from target_gong.ledger import DONE
from target_gong.sink import GongSink, Write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_gong.ledger import Row


# Gong erases within hours.
_TAKES = timedelta(days=1)


class Erasure(GongSink):
    """A person whose calls, e-mails and CRM data Gong is to erase, for good.

    Attributes:
        subject: the field, and the parameter, that names the person.
        path: of the erasure.
        lookup: of what Gong holds.
    """

    scope = "api:data-privacy:delete"
    destructive = True
    subject: ClassVar[str]
    path: ClassVar[str]
    lookup: ClassVar[str]

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get(self.subject, ""))

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        # Somebody who was erased may have been imported again since.
        if last is not None and last.status == DONE and not self._is_under_way(last):
            return not any(self._held(write).values()) and super().is_settled(write, last)
        return super().is_settled(write, last)

    def _is_under_way(self, row: Row) -> bool:
        """Whether what was asked for may not be done yet."""
        return self.target.clock.now() < datetime.fromisoformat(row.updated) + _TAKES

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return "erase"

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        held = self._held(write)
        self.logger.info("%s %s: Gong held %s", self.stream, write.key, json.dumps(held))
        answer = self.client.request("POST", self.path, params={self.subject: write.key})
        return {"requestId": answer.get("requestId"), "held": held}

    @override
    def look(self, write: Write) -> None:
        held = json.dumps(self._held(write))
        self.logger.info("%s %s: Gong holds %s", self.stream, write.key, held)

    def _held(self, write: Write) -> dict[str, Any]:
        """What would be erased: ids of calls, and how much of the rest."""
        found = self.client.request("GET", self.lookup, params={self.subject: write.key})
        objects = [o for data in found.get("customerData") or [] for o in data.get("objects") or []]
        return {
            "calls": [call.get("id") for call in found.get("calls") or []],
            "emails": len(found.get("emails") or []),
            "meetings": len(found.get("meetings") or []),
            "crmObjects": len(objects),
        }


class ErasedEmailAddresses(Erasure):
    """By e-mail address."""

    stream = "erased_email_addresses"
    summary = "An e-mail address whose owner's calls, e-mails and CRM data are erased"
    operations = "POST /v2/data-privacy/erase-data-for-email-address"
    subject = "emailAddress"
    path = "/v2/data-privacy/erase-data-for-email-address"
    lookup = "/v2/data-privacy/data-for-email-address"
    fields = (Field("emailAddress", required=True),)


class ErasedPhoneNumbers(Erasure):
    """By phone number."""

    stream = "erased_phone_numbers"
    summary = "A phone number whose owner's calls and CRM data are erased"
    operations = "POST /v2/data-privacy/erase-data-for-phone-number"
    subject = "phoneNumber"
    path = "/v2/data-privacy/erase-data-for-phone-number"
    lookup = "/v2/data-privacy/data-for-phone-number"
    fields = (Field("phoneNumber", required=True),)

    @override
    def check(self, write: Write) -> Iterable[str]:
        if write.key and not write.key.startswith("+"):
            yield "phoneNumber must begin with +"
