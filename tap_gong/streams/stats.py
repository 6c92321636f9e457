"""What people did (API: Stats)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.operation import Operation
from tap_gong.schemas.stats import ANSWERED_SCORECARD
from tap_gong.stream import WindowedStream
from tap_gong.windows import company_days, instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record

    from tap_gong.windows import Window


class AnsweredScorecards(WindowedStream):
    """Reviews of calls, by people and by Gong itself."""

    name = "answered_scorecards"
    summary = "Reviews: scorecards as filled in for calls, by people and by Gong"
    operation = Operation(
        "POST", "/v2/stats/activity/scorecards", "answeredScorecards", "api:stats:scorecards"
    )
    primary_keys: ClassVar[list[str]] = ["answeredScorecardId"]
    schema = ANSWERED_SCORECARD
    ids_may_be_numbers = True

    @override
    def window_records(self, window: Window) -> Iterable[Record]:
        first, last = company_days(window)
        # Without reviewMethod, Gong leaves out what it reviewed itself.
        filters = {"reviewFromDate": first, "reviewToDate": last, "reviewMethod": "BOTH"}
        for page in self.pages(body={"filter": filters}):
            for review in page.records:
                time = review.get("reviewTime")
                if time is None or instant(time, "reviewTime") in window:
                    yield review
