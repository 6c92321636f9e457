"""What people did (API: Stats)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_gong import operations
from tap_gong.company_days import PeriodSlices, date_of, later, period_start
from tap_gong.cost import Cost
from tap_gong.nested import object_in, objects_in
from tap_gong.schemas import stats as schemas
from tap_gong.shared_lists import BEFORE_ALL_CALLS
from tap_gong.source import Source
from tap_gong.windowed import WindowedStream
from tap_gong.windows import company_days, told_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pendulum
    from singer_sdk.helpers.types import Record

    from gong_api.operation import Page
    from tap_gong.tap import TapGong
    from tap_gong.windows import Slices, Window


class ReviewSource(Source):
    """Reviews of calls, by days of the company's time zone."""

    operation = operations.ANSWERED_SCORECARDS
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
            time = told_instant(review.get("reviewTime"))
            if time is None or time in window:
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
        history = self._tap.lists.history
        return history.start if history.calls else BEFORE_ALL_CALLS

    @override
    def expected_records(self, span: Window) -> int | None:
        # Reviews are far fewer than calls: one in four calls has some at most.
        calls = super().expected_records(span)
        return None if calls is None else calls // 4


class AnsweredScorecards(WindowedStream):
    """Reviews of calls, by people and by Gong itself."""

    name = "answered_scorecards"
    summary = "Reviews: scorecards as filled in for calls, by people and by Gong"
    made_of = ReviewSource
    operation = operations.ANSWERED_SCORECARDS
    primary_keys: ClassVar[list[str]] = ["answeredScorecardId"]
    schema = schemas.ANSWERED_SCORECARD
    ids_may_be_numbers = True


class AnsweredScorecardAnswers(WindowedStream):
    """A row for each answer of a review."""

    name = "answered_scorecard_answers"
    summary = "Answers of reviews, out of `answered_scorecards`"
    made_of = ReviewSource
    operation = operations.ANSWERED_SCORECARDS
    primary_keys: ClassVar[list[str]] = ["answeredScorecardId", "questionId"]
    schema = schemas.ANSWERED_SCORECARD_ANSWER
    ids_may_be_numbers = True
    selected_by_default = False

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        for answer in objects_in(record, "answers"):
            yield {"answeredScorecardId": record.get("answeredScorecardId"), **answer}


class PeriodSource(Source):
    """Statistics of whole periods of the company's time zone, never of one that is not over.

    Attributes:
        period: that windows begin and end with.
        count: periods in a window.
    """

    is_about_calls = False
    known_filters = ()
    period: str = "DAY"
    count: ClassVar[int] = 1

    @property
    def zone(self) -> str:
        """Name of the company's time zone."""
        return self._tap.lists.company_zone

    @override
    def begin(self, wanted: pendulum.DateTime | None) -> pendulum.DateTime:
        return period_start(super().begin(wanted), self.period, self.zone)

    @override
    def end(self) -> pendulum.DateTime:
        return period_start(self.run.until, self.period, self.zone)

    @override
    def slices(self, span: Window, cuts: Iterable[pendulum.DateTime]) -> Slices:
        return PeriodSlices(span, period=self.period, zone=self.zone, count=self.count)

    @override
    def cost(self, span: Window) -> Cost:
        one = later(span.start, self.period, self.count, self.zone) - span.start
        windows = math.ceil(span.length / one.as_timedelta())
        return Cost(0, windows, windows)

    @override
    def span_filter(self, span: Window) -> Mapping[str, Any]:
        return {"fromDate": date_of(span.start, self.zone), "toDate": date_of(span.end, self.zone)}

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterator[Record]:
        for page in self.window_pages(window, may_cut=may_cut):
            for row in page.records:
                yield from self.person_rows(row, window, page)

    def person_rows(self, row: Record, window: Window, page: Page) -> Iterable[Record]:
        """What is made of one user's part of an answer."""
        raise NotImplementedError

    def stamp(self, window: Window, page: Page) -> dict[str, Any]:
        """The days that an answer is about, which its rows do not tell."""
        told = ("fromDateTime", "toDateTime", "timeZone")
        return {**self.span_filter(window), **{name: page.answer.get(name) for name in told}}


class AggregateSource(PeriodSource):
    """How often each user did what on a day."""

    operation = operations.ACTIVITY_AGGREGATE

    @override
    def person_rows(self, row: Record, window: Window, page: Page) -> Iterable[Record]:
        counters = object_in(row, "userAggregateActivityStats")
        row.pop("userAggregateActivityStats", None)
        yield {**row, **self.stamp(window, page), **counters}


class InteractionSource(PeriodSource):
    """How each user spoke on a day."""

    operation = operations.INTERACTION_STATS

    @override
    def person_rows(self, row: Record, window: Window, page: Page) -> Iterable[Record]:
        yield {**row, **self.stamp(window, page)}


class DayByDaySource(PeriodSource):
    """On which calls each user did what, day by day."""

    operation = operations.ACTIVITY_DAY_BY_DAY
    count = 30

    @override
    def person_rows(self, row: Record, window: Window, page: Page) -> Iterable[Record]:
        days = objects_in(row, "userDailyActivityStats")
        row.pop("userDailyActivityStats", None)
        return [{**row, **day} for day in days]


class ByPeriodSource(PeriodSource):
    """How often each user did what in each day, week, month, quarter or year."""

    operation = operations.ACTIVITY_BY_PERIOD
    count = 30

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self.period = tap.config["stats_period"]

    @override
    def remembered(self) -> dict[str, Any]:
        return {"stats_period": self.period}

    @override
    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return {"body": {"filter": filters, "aggregationPeriod": self.period}}

    @override
    def person_rows(self, row: Record, window: Window, page: Page) -> Iterable[Record]:
        periods = objects_in(row, "userAggregateActivity")
        row.pop("userAggregateActivity", None)
        return [{**row, "period": self.period, **period} for period in periods]


class ActivityAggregate(WindowedStream):
    """Counts of what each user did, a row for each company day."""

    name = "activity_aggregate"
    summary = "Counts of what each user did on a day; a request for each day"
    made_of = AggregateSource
    operation = operations.ACTIVITY_AGGREGATE
    incremental = "windowed by day"
    primary_keys: ClassVar[list[str]] = ["userId", "fromDate"]
    schema = schemas.ACTIVITY_AGGREGATE
    selected_by_default = False


class ActivityByPeriod(WindowedStream):
    """Counts of what each user did, a row for each whole period."""

    name = "activity_by_period"
    summary = "Counts of what each user did in a `stats_period`; a request for 30 periods"
    made_of = ByPeriodSource
    operation = operations.ACTIVITY_BY_PERIOD
    incremental = "windowed by period"
    primary_keys: ClassVar[list[str]] = ["userId", "fromDate", "period"]
    schema = schemas.ACTIVITY_BY_PERIOD
    selected_by_default = False


class ActivityDayByDay(WindowedStream):
    """Ids of the calls on which each user did something, a row for each company day."""

    name = "activity_day_by_day"
    summary = "Calls on which each user did something on a day; a request for 30 days"
    made_of = DayByDaySource
    operation = operations.ACTIVITY_DAY_BY_DAY
    incremental = "windowed by day"
    primary_keys: ClassVar[list[str]] = ["userId", "fromDate"]
    schema = schemas.ACTIVITY_DAY_BY_DAY
    selected_by_default = False


class InteractionStats(WindowedStream):
    """How each user spoke, a row for each company day."""

    name = "interaction_stats"
    summary = "How each user spoke on the calls of a day; a request for each day"
    made_of = InteractionSource
    operation = operations.INTERACTION_STATS
    incremental = "windowed by day"
    primary_keys: ClassVar[list[str]] = ["userId", "fromDate"]
    schema = schemas.INTERACTION_STATS
    selected_by_default = False
