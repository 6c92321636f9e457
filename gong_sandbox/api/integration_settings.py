"""Origins of partner apps (API: Integration settings)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.company.posted import Posted

if TYPE_CHECKING:
    from gong_sandbox.api.gateway import Call

_ORIGIN = re.compile(r"https?://[^\s/?#]+/?", re.IGNORECASE)


class TypeSetting(Posted, frozen=True):
    """An origin for one kind of app."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"integration_type", "allowed_origin"})
    integration_type: Literal["EMAIL_COMPOSER", "ACCOUNT_PAGES", "DIALER"] | None = None
    allowed_origin: str | None = None


class NewSettings(Posted, frozen=True):
    """The body of POST /v2/integration-settings."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"integration_type_settings"})
    integration_type_settings: tuple[TypeSetting, ...] | None = None


def get_settings(call: Call) -> dict[str, Any]:
    """GET /v2/integration-settings: undocumented, and tells nothing but an id."""
    return {"integrationSettings": {"id": call.company.integration_settings.id}}


def update_settings(call: Call) -> dict[str, Any]:
    """POST /v2/integration-settings: the list replaces the one before."""
    given = filters.posted(call.body, NewSettings).integration_type_settings or ()
    faults = [
        f"integrationTypeSettings[{index}].allowedOrigin: must be a valid origin"
        for index, setting in enumerate(given)
        if not _ORIGIN.fullmatch(setting.allowed_origin or "")
    ]
    if faults:
        raise Refusal(400, *faults)
    call.company.integration_settings.allow(
        [(str(setting.integration_type), str(setting.allowed_origin)) for setting in given]
    )
    call.made = f"{len(given)} allowed origins"
    return {}
