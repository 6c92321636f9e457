"""Access of single users to single calls (API: Calls)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from gong_api.errors import GongError, Refused
from target_gong.fields import ID, Field
from target_gong.sink import GongBatchSink, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_gong.ledger import Row

_PATH = "/v2/calls/users-access"
_SOME_UNKNOWN = "Some calls not found"


class CallUserAccess(GongBatchSink):
    """Access that is granted, or revoked when the record is marked as deleted."""

    stream = "call_user_access"
    summary = "Access of a user to a call; `_sdc_deleted_at` revokes it"
    operations = "PUT /v2/calls/users-access, DELETE /v2/calls/users-access"
    scope = "api:call-user-access:write"
    deletes = True
    fields = (Field("callId", ID, required=True), Field("userId", ID, required=True))

    @override
    def key(self, body: dict[str, Any]) -> str:
        return f"{body.get('callId', '')}/{body.get('userId', '')}".strip("/")

    @override
    def action(self, write: Write) -> str:
        return "revoke" if write.deletes else "grant"

    @override
    def send_all(self, writes: Sequence[Write], rows: Sequence[Row]) -> None:
        users: dict[str, list[str]] = defaultdict(list)
        for write in writes:
            users[write.body["callId"]].append(write.body["userId"])
        listed = [{"callId": call, "userIds": ids} for call, ids in users.items()]
        method = "DELETE" if writes[0].deletes else "PUT"
        try:
            answer = self.client.request(method, _PATH, body={"callAccessList": listed})
        except Refused as error:
            # One call that Gong does not know fails them all: find it.
            if _SOME_UNKNOWN in error.texts and len(writes) > 1:
                half = len(writes) // 2
                self.send_all(writes[:half], rows[:half])
                self.send_all(writes[half:], rows[half:])
                return
            self.settle_failures(rows, error)
        except GongError as error:
            self.settle_failures(rows, error)
        else:
            self.settle(rows, requestId=answer.get("requestId"))
