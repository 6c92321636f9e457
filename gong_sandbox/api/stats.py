"""What people did (API: Stats)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum

from gong_sandbox.api import filters
from gong_sandbox.api.answers import Refusal
from gong_sandbox.api.pages import page

if TYPE_CHECKING:
    from datetime import date

    from gong_sandbox.api.gateway import Call

_METHODS = ("AUTOMATIC", "MANUAL", "BOTH")


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
