"""What people did (API: Stats)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pendulum

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page
from gong_sandbox.company.activity import COUNTERS
from gong_sandbox.company.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from gong_sandbox.api.gateway import Call

_METHODS = ("AUTOMATIC", "MANUAL", "BOTH")
_PERIODS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")

# Company day -> counter -> ids of calls, of one user.
_UserDays = dict[date, dict[str, list[str]]]


def list_answered_scorecards(call: Call) -> dict[str, Any]:
    """POST /v2/stats/activity/scorecards: dates are days of the company's zone."""
    given = filters.filter_of(call.body)
    method = filters.choice(given, "reviewMethod", _METHODS, "MANUAL")
    users = filters.ids(given, "reviewedUserIds")
    scorecards = filters.ids(given, "scorecardIds")
    days = {
        "callStartTime": _days(given, "callFromDate", "callToDate"),
        "reviewTime": _days(given, "reviewFromDate", "reviewToDate"),
    }
    zone = call.company.timezone
    reviews = [
        review
        for review in call.company.answered_scorecards(now=call.now)
        if method in {"BOTH", review["reviewMethod"]}
        and (users is None or review["reviewedUserId"] in users)
        and (scorecards is None or review["scorecardId"] in scorecards)
        and all(_is_within(review[name], zone, *days[name]) for name in days)
    ]
    if not reviews:
        text = "No answered scorecards found corresponding to the provided filters."
        raise Refusal(404, text)
    served, records = page(
        reviews,
        _key,
        token=call.body.get("cursor"),
        total=len(reviews),
        now=call.now,
        size=call.site.page_size,
    )
    return {"records": records, "answeredScorecards": served}


def _key(review: dict[str, Any]) -> list[Any]:
    return [filters.moment(review["reviewTime"]).timestamp(), review["answeredScorecardId"]]


def _days(given: dict[str, Any], first: str, last: str) -> tuple[date | None, date | None]:
    start, end = filters.day(given, first), filters.day(given, last)
    if start and end and start > end:
        raise Refusal(400, f"filter.{first}: must be before {last}")
    return start, end


def _is_within(time: str, zone: str, first: date | None, last: date | None) -> bool:
    day = pendulum.instance(filters.moment(time)).in_timezone(zone).date()
    return (first is None or day >= first) and (last is None or day < last)


def list_activity(call: Call) -> dict[str, Any]:
    """POST /v2/stats/activity/aggregate: one row a user, over the whole range."""
    first, last = _range(call)

    def row(days: _UserDays) -> dict[str, Any]:
        return {"userAggregateActivityStats": _counts(days, first, last)}

    return {
        **_activity_page(call, first, last, "usersAggregateActivityStats", row),
        **_bounds(call, first, last),
    }


def list_activity_by_period(call: Call) -> dict[str, Any]:
    """POST /v2/stats/activity/aggregate-by-period: periods end where the range does."""
    first, last = _range(call)
    period = call.body.get("aggregationPeriod")
    if period is None:
        raise Refusal(400, "aggregationPeriod: must not be null")
    if period not in _PERIODS:
        raise Refusal(400, filters.BAD_JSON)
    periods = _periods(period, first, last)

    def row(days: _UserDays) -> dict[str, Any]:
        counted = [
            {**_counts(days, start, end), **_days_shown(call, start, end)} for start, end in periods
        ]
        return {"userAggregateActivity": counted}

    return _activity_page(call, first, last, "usersAggregateActivity", row)


def list_activity_day_by_day(call: Call) -> dict[str, Any]:
    """POST /v2/stats/activity/day-by-day: ids of calls, every day of the range."""
    first, last = _range(call)
    periods = _periods("DAY", first, last)

    def row(days: _UserDays) -> dict[str, Any]:
        listed = [
            {
                **{name: days.get(start, {}).get(name, []) for name in COUNTERS},
                **_days_shown(call, start, end),
            }
            for start, end in periods
        ]
        return {"userDailyActivityStats": listed}

    return _activity_page(call, first, last, "usersDetailedActivities", row)


def list_interaction(call: Call) -> dict[str, Any]:
    """POST /v2/stats/interaction: means over the calls that a user hosted."""
    first, last = _range(call)
    midnight = call.company.activities.midnight
    found = call.company.interaction_stats(midnight(first), midnight(last), now=call.now)

    def row(user_id: str) -> dict[str, Any]:
        stats = [{"name": name, "value": value} for name, value in found[user_id].items()]
        return {"personInteractionStats": stats}

    return {
        **_user_page(call, set(found), "peopleInteractionStats", row, "interaction stats"),
        **_bounds(call, first, last),
    }


def _range(call: Call) -> tuple[date, date]:
    """The days asked for; today is not over, so it cannot be among them."""
    given = filters.filter_of(call.body)
    first, last = (filters.required_day(given, name) for name in ("fromDate", "toDate"))
    if first >= last:
        raise Refusal(400, "filter.fromDate: must be before toDate")
    if last > call.now.astimezone(call.company.zone).date():
        raise Refusal(400, "filter.toDate: must not be later than the current day")
    return first, last


def _periods(period: str, first: date, last: date) -> list[tuple[date, date]]:
    found = []
    while first < last:
        end = min(_end(period, first), last)
        found.append((first, end))
        first = end
    return found


def _end(period: str, day: date) -> date:
    """The first day after the calendar period that a day is in."""
    if period == "DAY":
        return day + timedelta(days=1)
    if period == "WEEK":
        return day + timedelta(days=7 - day.weekday())
    length = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[period]
    months = (day.month - 1) // length * length + length
    return date(day.year + months // 12, months % 12 + 1, 1)


def _counts(days: _UserDays, first: date, last: date) -> dict[str, int]:
    within = [lists for day, lists in days.items() if first <= day < last]
    return {name: sum(len(lists.get(name, ())) for lists in within) for name in COUNTERS}


def _days_shown(call: Call, first: date, last: date) -> dict[str, str]:
    midnight, zone = call.company.activities.midnight, call.company.zone
    return {"fromDate": stamp(midnight(first), zone), "toDate": stamp(midnight(last), zone)}


def _bounds(call: Call, first: date, last: date) -> dict[str, str]:
    shown = _days_shown(call, first, last)
    return {
        "fromDateTime": shown["fromDate"],
        "toDateTime": shown["toDate"],
        "timeZone": call.company.timezone,
    }


def _activity_page(
    call: Call, first: date, last: date, name: str, row: Callable[[_UserDays], dict[str, Any]]
) -> dict[str, Any]:
    found = call.company.activities.days(first, last, now=call.now)
    return _user_page(call, set(found), name, lambda user_id: row(found[user_id]), "activity stats")


def _user_page(
    call: Call, found: set[str], name: str, row: Callable[[str], dict[str, Any]], what: str
) -> dict[str, Any]:
    """A page of one row a user, by id."""
    wanted = filters.ids(call.body["filter"], "userIds")
    emails = {
        user["id"]: user["emailAddress"]
        for user in call.company.users(now=call.now, include_avatars=True)
        if user["id"] in found and (wanted is None or user["id"] in wanted)
    }
    if not emails:
        raise Refusal(404, f"No {what} found corresponding to the provided filters")
    served, records = page(
        sorted(emails, key=int),
        lambda user_id: [int(user_id)],
        token=call.body.get("cursor"),
        total=len(emails),
        now=call.now,
        size=call.site.page_size,
    )
    rows = [
        {"userId": user_id, "userEmailAddress": emails[user_id], **row(user_id)}
        for user_id in served
    ]
    return {"records": records, name: rows}
