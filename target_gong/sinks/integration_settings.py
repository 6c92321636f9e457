"""Settings of integrations (API: Integration settings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from target_gong.fields import Field
from target_gong.sink import GongSink, Write

if TYPE_CHECKING:
    from target_gong.ledger import Row

_TYPES = ("EMAIL_COMPOSER", "ACCOUNT_PAGES", "DIALER")


class IntegrationSettings(GongSink):
    """Where the frames of integrations may come from."""

    stream = "integration_settings"
    summary = "Origins that frames of integrations may come from"
    operations = "POST /v2/integration-settings"
    scope = "api:integration-settings:write"
    fields = (
        Field(
            "integrationTypeSettings",
            required=True,
            many=True,
            fields=(
                Field("integrationType", required=True, choices=_TYPES),
                Field("allowedOrigin", required=True),
            ),
        ),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        kinds = {s.get("integrationType", "") for s in body.get("integrationTypeSettings") or []}
        return ",".join(sorted(kinds))

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return "set"

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        answer = self.client.request("POST", "/v2/integration-settings", body=write.body)
        return {"requestId": answer.get("requestId")}
