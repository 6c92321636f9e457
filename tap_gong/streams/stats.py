"""What people did (API: Stats)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.operation import Operation
from tap_gong.partitions import BEFORE_ALL_CALLS
from tap_gong.schemas.stats import ANSWERED_SCORECARD
from tap_gong.windowed import WindowedStream
from tap_gong.windows import company_days, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pendulum
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
    known_filters = ("primary_user_ids",)

    @override
    def span_filter(self, span: Window) -> Mapping[str, Any]:
        first, last = company_days(span)
        return {"reviewFromDate": first, "reviewToDate": last}

    @override
    def more_filters(self) -> Mapping[str, Any]:
        # Without reviewMethod, Gong leaves out what it reviewed itself.
        users = {"reviewedUserIds": self.run.user_ids} if self.run.user_ids else {}
        return {"reviewMethod": "BOTH", **users}

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        for review in super().window_records(window, may_cut=may_cut):
            time = review.get("reviewTime")
            if time is None or instant(time, "reviewTime") in window:
                yield review

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        for page in self.filtered_pages(self.more_filters()):
            for review in page.records:
                if str(review.get("callId")) in call_ids:
                    yield review

    @override
    def earliest(self) -> pendulum.DateTime:
        # Those who may see reviews may still not see a single call, from which to begin.
        history = self._tap.partitions.history
        return history.start if history.calls else BEFORE_ALL_CALLS

    @override
    def expected_records(self, span: Window) -> int | None:
        # Reviews are far fewer than calls: one in four calls has some at most.
        calls = super().expected_records(span)
        return None if calls is None else calls // 4
