"""Every stream that the target accepts, in the order of the API's table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_gong.sinks.access import CallUserAccess
from target_gong.sinks.calls import CallMedia, Calls
from target_gong.sinks.permissions import PermissionProfiles

if TYPE_CHECKING:
    from target_gong.sink import Writing

SINKS: dict[str, type[Writing]] = {
    sink.stream: sink for sink in (Calls, CallMedia, PermissionProfiles, CallUserAccess)
}
