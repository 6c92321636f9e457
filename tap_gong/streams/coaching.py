"""Coaching metrics (API: Coaching)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_gong.company_days import PeriodSlices, later, period_start
from tap_gong.cost import Cost
from tap_gong.nested import object_in, objects_in
from tap_gong.operations import COACHING as OPERATION
from tap_gong.schemas.coaching import COACHING
from tap_gong.source import Source
from tap_gong.windowed import WindowedStream
from tap_gong.windows import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Record

    from tap_gong.windows import Slices, Window


class CoachingSource(Source):
    """Metrics of each manager's reports, by months: the month under way is read again until over.

    Its row is replaced each time, since its key is the start of the month.
    """

    operation = OPERATION
    is_about_calls = False
    known_filters = ("workspace_ids",)

    @override
    def begin(self, wanted: pendulum.DateTime | None) -> pendulum.DateTime:
        return period_start(super().begin(wanted), "MONTH", self._tap.lists.company_zone)

    @override
    def slices(self, span: Window, cuts: Iterable[pendulum.DateTime]) -> Slices:
        return PeriodSlices(span, period="MONTH", zone=self._tap.lists.company_zone, count=1)

    @override
    def cost(self, span: Window) -> Cost:
        month = later(span.start, "MONTH", 1, self._tap.lists.company_zone) - span.start
        months = math.ceil(span.length / month.as_timedelta())
        asked = len(self._tap.lists.each_workspace) * len(self._tap.lists.managers)
        return Cost(0, months * asked, months)

    @override
    def window_filters(self, window: Window) -> Iterator[Mapping[str, Any]]:
        for workspace in self._tap.lists.each_workspace:
            for manager in self._tap.lists.managers:
                yield {
                    "workspace-id": workspace.get("workspaceId", ""),
                    "manager-id": manager,
                    "from": iso(window.start),
                    "to": iso(window.end),
                }

    @override
    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return {"params": filters}

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterator[Record]:
        for filters in self.window_filters(window):
            stamp = {
                "workspaceId": filters["workspace-id"],
                "managerId": filters["manager-id"],
                "from": filters["from"],
                "to": filters["to"],
            }
            for page in self.filtered_pages(filters):
                for row in page.records:
                    for metrics in objects_in(row, "directReportsMetrics"):
                        report_id = object_in(metrics, "report").get("id")
                        yield {
                            **stamp,
                            "reportId": report_id,
                            "manager": row.get("manager"),
                            **metrics,
                        }


class Coaching(WindowedStream):
    """Coaching metrics of the reports of each manager, by months."""

    name = "coaching"
    summary = (
        "Coaching metrics of each manager's reports; a request for each month, workspace and "
        "manager"
    )
    made_of = CoachingSource
    operation = OPERATION
    incremental = "windowed by month"
    primary_keys: ClassVar[list[str]] = ["workspaceId", "managerId", "reportId", "from"]
    schema = COACHING
    selected_by_default = False
