"""Who did what in Gong (API: Auditing)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from tap_gong.operations import LOGS
from tap_gong.schemas.auditing import LOG_ENTRY
from tap_gong.settings import LOG_TYPES
from tap_gong.source import Source
from tap_gong.windowed import WindowedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Record

    from tap_gong.windows import Window

# How long Gong keeps a log, for the one that it does not keep.
_KEPT = {"AccessLog": timedelta(days=14)}


class LogSource(Source):
    """Entries of the logs that `log_types` names."""

    operation = LOGS
    is_about_calls = False
    known_filters = ()

    @override
    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return {"params": filters}

    @override
    def window_filters(self, window: Window) -> Iterator[Mapping[str, Any]]:
        for log_type in self._tap.config["log_types"]:
            kept = _KEPT.get(log_type)
            if kept is None or window.end > self.run.present - kept:
                yield {"logType": log_type, **self.span_filter(window)}

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        for filters in self.window_filters(window):
            for page in self.filtered_pages(filters):
                for entry in page.records:
                    entry["logType"] = filters["logType"]
                    entry["entryHash"] = entry_hash(entry)
                    yield entry

    @override
    def begin(self, wanted: pendulum.DateTime | None) -> pendulum.DateTime:
        # Logs are older than the first call.
        return wanted or super().begin(wanted)

    @override
    def remembered(self) -> dict[str, Any]:
        chosen = sorted(self._tap.config["log_types"])
        return {} if chosen == sorted(LOG_TYPES) else {"log_types": chosen}

    @override
    def expected_records(self, span: Window) -> int | None:
        return None


class Logs(WindowedStream):
    """Entries of Gong's logs."""

    name = "logs"
    summary = "Who did what in Gong; a chain of pages for each of `log_types`"
    made_of = LogSource
    operation = LOGS
    primary_keys: ClassVar[list[str]] = ["entryHash"]
    schema = LOG_ENTRY
    selected_by_default = False


def entry_hash(entry: Mapping[str, Any]) -> str:
    """The same for the same entry, whichever run reads it: Gong's entries have no id."""
    content = msgspec.json.encode(entry, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:32]
