"""What people did, over HTTP: stats, logs, coaching, settings history and call outcomes."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gong_sandbox import Sandbox
from gong_sandbox.company.activity import COUNTERS
from gong_sandbox.company.audit_log import LOG_TYPES
from tests.clocks import NOW
from tests.gong_document import answer_schema, leaves, recorded
from tests.sandbox.test_api import (
    EVERYTHING,
    EXTENSIVE,
    REVIEWS,
    UNLIMITED,
    USERS,
    found_leaves,
    get,
    instant,
    loosened,
    misfits,
    post,
    refusal,
    send,
)

AGGREGATE = "/v2/stats/activity/aggregate"
BY_PERIOD = "/v2/stats/activity/aggregate-by-period"
DAY_BY_DAY = "/v2/stats/activity/day-by-day"
INTERACTION = "/v2/stats/interaction"
STATS = (AGGREGATE, BY_PERIOD, DAY_BY_DAY, INTERACTION)
LOGS = "/v2/logs"
COACHING = "/v2/coaching"
OUTCOMES = "/v2/call-outcomes"

ZONE = ZoneInfo("America/Los_Angeles")
TODAY = NOW.astimezone(ZONE).date()
RANGE = {"fromDate": "2026-04-16", "toDate": TODAY.isoformat()}
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def narrow():
    """Pages of seven rows."""
    with Sandbox(calls=60, days=20, now=NOW, page_size=7, **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def busy():
    """A company of the usual size."""
    with Sandbox(calls=500, days=90, now=NOW, **UNLIMITED) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def all_calls(company):
    """All calls with everything."""
    pages = [post(company, EXTENSIVE, contentSelector=EVERYTHING)]
    while cursor := pages[-1]["records"].get("cursor"):
        pages.append(post(company, EXTENSIVE, contentSelector=EVERYTHING, cursor=cursor))
    return [call for page in pages for call in page["calls"]]


@pytest.fixture(scope="module")
def daily(company):
    """User id -> company day -> the row of day-by-day."""
    rows = post(company, DAY_BY_DAY, RANGE)["usersDetailedActivities"]
    return {
        row["userId"]: {row["fromDate"][:10]: row for row in row["userDailyActivityStats"]}
        for row in rows
    }


def ask(sandbox: Sandbox, path: str, given: dict[str, Any], **more: Any) -> Any:
    if path == BY_PERIOD:
        more = {"aggregationPeriod": "WEEK", **more}
    return post(sandbox, path, given, **more)


def refused(sandbox: Sandbox, path: str, given: Any, **more: Any) -> Any:
    body = {"filter": given, "aggregationPeriod": "DAY", **more}
    return refusal(send(sandbox, "POST", path, body))


def log(sandbox: Sandbox, log_type: str, **more: Any) -> list[dict[str, Any]]:
    """All pages of a log."""
    query = {"logType": log_type, "fromDateTime": LONG_AGO, **more}
    page = get(sandbox, LOGS, **query)
    entries: list[dict[str, Any]] = page["logEntries"]
    while cursor := page["records"].get("cursor"):
        page = get(sandbox, LOGS, **query, cursor=cursor)
        entries += page["logEntries"]
    assert len(entries) == page["records"]["totalRecords"]
    return entries


def company_day(text: str) -> str:
    return instant(text).astimezone(ZONE).date().isoformat()


def listed_days(daily: Any, counter: str) -> set[tuple[str, str, str]]:
    """(user, day, call) of a counter."""
    return {
        (user_id, day, call_id)
        for user_id, rows in daily.items()
        for day, row in rows.items()
        for call_id in row[counter]
    }


def in_range(found: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    return {item for item in found if RANGE["fromDate"] <= item[1] < RANGE["toDate"]}


def managers(sandbox: Sandbox) -> Counter[str]:
    return Counter(
        user["managerId"]
        for user in get(sandbox, USERS)["users"]
        if user["managerId"] and user["active"]
    )


def coaching(sandbox: Sandbox, manager_id: str, **more: Any) -> Any:
    query = {
        "workspace-id": get(sandbox, "/v2/workspaces")["workspaces"][0]["id"],
        "manager-id": manager_id,
        "from": "2026-04-16T00:00:00-07:00",
        "to": "2026-06-15T00:00:00-07:00",
        **more,
    }
    return send(sandbox, "GET", COACHING, **query)


# Shapes


@pytest.mark.parametrize("path", STATS)
def test_stats_fit_the_document(company, path):
    answer = ask(company, path, RANGE)
    schema = answer_schema("POST", path)
    assert not misfits(answer, loosened(schema))
    assert found_leaves(answer) | {("records", "cursor")} == leaves(schema)


@pytest.mark.parametrize("log_type", LOG_TYPES)
def test_logs_fit_the_document(company, log_type):
    answer = get(company, LOGS, logType=log_type, fromDateTime=LONG_AGO)
    schema = loosened(answer_schema("GET", LOGS))
    # The document has objects for all its members; recorded ones have lists, texts and nulls.
    schema["properties"]["logEntries"]["items"]["properties"]["logRecord"] = {"type": "object"}
    assert not misfits(answer, schema)
    assert len(answer["logEntries"]) > 30


def test_other_answers_fit_the_document(company):
    manager_id = managers(company).most_common(1)[0][0]
    history = "/v2/users/{id}/settings-history"
    answers = {
        COACHING: coaching(company, manager_id).json(),
        OUTCOMES: get(company, OUTCOMES),
        history: get(company, history.format(id=manager_id)),
    }
    for path, answer in answers.items():
        assert not misfits(answer, loosened(answer_schema("GET", path))), path
        assert all(value for value in answer.values() if isinstance(value, list))


def test_answers_have_the_fields_of_the_recorded_ones(company):
    (real_log,) = recorded("get-logs")
    real = found_leaves(real_log["response"]["logEntries"])
    entries = log(company, "UserActivityLog")
    plain = [entry for entry in entries if "impersonatorUserId" not in entry]
    assert found_leaves(plain) == real
    (real_history,) = recorded("get-user-settings-history")
    history = get(company, f"{USERS}/{next(iter(managers(company)))}/settings-history")
    shown = history["userSettingsHistory"]
    real_settings = real_history["response"]["userSettingsHistory"]
    assert found_leaves(shown) == found_leaves(real_settings)
    assert {s["setting"] for s in shown} == {s["setting"] for s in real_settings}
    (real_outcomes,) = recorded("list-call-outcomes")
    found = get(company, OUTCOMES)["outcomes"]
    for name, values in real_outcomes["response"]["outcomes"][0].items():
        assert {type(outcome[name]) for outcome in found} >= {type(values)}, name
    assert found_leaves(found) == found_leaves(real_outcomes["response"]["outcomes"])


# Stats agree with what they are about


def test_hosted_calls_are_those_that_began_that_day(all_calls, daily):
    hosted = {
        (call["metaData"]["primaryUserId"], company_day(call["metaData"]["started"]),
         call["metaData"]["id"])
        for call in all_calls
        if call["metaData"]["primaryUserId"]
    }  # fmt: skip
    assert listed_days(daily, "callsAsHost") == in_range(hosted)
    assert len(hosted) > 200


def test_attended_calls_are_those_with_the_user_as_a_party_but_not_as_host(all_calls, daily):
    attended, known = set(), set()
    for call in all_calls:
        data = call["metaData"]
        if "parties" in call:
            known.add(data["id"])
            attended |= {
                (party["userId"], company_day(data["started"]), data["id"])
                for party in call["parties"]
                if party.get("userId") not in {None, data["primaryUserId"]}
            }
    counted = {item for item in listed_days(daily, "callsAttended") if item[2] in known}
    assert counted == in_range(attended)
    assert len(counted) > 50


def test_scorecards_agree_with_the_answered_ones(company, daily):
    filled, received = set(), set()
    for review in post(company, REVIEWS, {"reviewMethod": "MANUAL"})["answeredScorecards"]:
        day, call_id = company_day(review["reviewTime"]), review["callId"]
        filled.add((review["reviewerUserId"], day, call_id))
        received.add((review["reviewedUserId"], day, call_id))
    assert listed_days(daily, "callsScorecardsFilled") == in_range(filled)
    assert listed_days(daily, "callsScorecardsReceived") == in_range(received)
    assert filled


def test_comments_agree_with_those_of_the_calls(all_calls, daily):
    given, received = set(), set()
    for call in all_calls:
        host = call["metaData"]["primaryUserId"]
        for comment in call["collaboration"].get("publicComments", []):
            author, day = comment["commenterUserId"], company_day(comment["posted"])
            given.add((author, day, call["metaData"]["id"]))
            if host and author != host:
                received.add((host, day, call["metaData"]["id"]))
    assert listed_days(daily, "callsCommentsGiven") == in_range(given)
    assert listed_days(daily, "callsCommentsReceived") == in_range(received)
    assert len(given) > 20


def test_every_counter_counts_something_and_every_call_is_real(all_calls, daily):
    known = {call["metaData"]["id"] for call in all_calls}
    for counter in COUNTERS:
        found = {call_id for _, _, call_id in listed_days(daily, counter)}
        assert found, counter
        assert found <= known, counter


def test_own_calls_are_ones_own(all_calls, daily):
    hosts = {call["metaData"]["id"]: call["metaData"]["primaryUserId"] for call in all_calls}
    assert all(hosts[c] == user for user, _, c in listed_days(daily, "ownCallsListenedTo"))
    assert all(hosts[c] != user for user, _, c in listed_days(daily, "othersCallsListenedTo"))


def test_plays_are_in_the_log(company, daily):
    played = {
        (entry["userId"], company_day(entry["eventTime"]), entry["logRecord"]["callId"])
        for entry in log(company, "UserCallPlay")
    }
    listed = listed_days(daily, "ownCallsListenedTo") | listed_days(daily, "othersCallsListenedTo")
    assert listed == in_range(played)


def test_aggregates_are_the_lengths_of_the_days(company, daily):
    answer = post(company, AGGREGATE, RANGE)
    rows = {
        row["userId"]: row["userAggregateActivityStats"]
        for row in answer["usersAggregateActivityStats"]
    }
    assert rows == {
        user_id: {name: sum(len(row[name]) for row in days.values()) for name in COUNTERS}
        for user_id, days in daily.items()
    }
    assert all(sum(row.values()) for row in rows.values())
    assert (answer["fromDateTime"], answer["toDateTime"], answer["timeZone"]) == (
        "2026-04-16T00:00:00-07:00",
        f"{TODAY}T00:00:00-07:00",
        "America/Los_Angeles",
    )


@pytest.mark.parametrize("period", ["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"])
def test_periods_sum_to_the_aggregate(company, period):
    whole = {
        row["userId"]: row["userAggregateActivityStats"]
        for row in post(company, AGGREGATE, RANGE)["usersAggregateActivityStats"]
    }
    answer = post(company, BY_PERIOD, RANGE, aggregationPeriod=period)
    assert set(answer) == {"requestId", "records", "usersAggregateActivity"}
    for row in answer["usersAggregateActivity"]:
        parts = row["userAggregateActivity"]
        assert whole[row["userId"]] == {name: sum(p[name] for p in parts) for name in COUNTERS}
        bounds = [parts[0]["fromDate"], *(part["toDate"] for part in parts)]
        assert [part["fromDate"] for part in parts] == bounds[:-1]
        assert (bounds[0][:10], bounds[-1][:10]) == (RANGE["fromDate"], RANGE["toDate"])


@pytest.mark.parametrize(
    ("period", "edges"),
    [
        ("WEEK", ["2025-12-25", "2025-12-29", "2026-01-05", "2026-01-07"]),
        ("MONTH", ["2025-12-25", "2026-01-01", "2026-01-07"]),
        ("QUARTER", ["2025-12-25", "2026-01-01", "2026-01-07"]),
        ("YEAR", ["2025-12-25", "2026-01-01", "2026-01-07"]),
    ],
)
def test_periods_follow_the_calendar_and_are_clipped(period, edges):
    now = datetime(2026, 1, 20, 18, tzinfo=timezone.utc)
    with Sandbox(calls=60, days=30, now=now, **UNLIMITED) as sandbox:
        given = {"fromDate": edges[0], "toDate": edges[-1]}
        rows = post(sandbox, BY_PERIOD, given, aggregationPeriod=period)["usersAggregateActivity"]
    found = [part["fromDate"] for part in rows[0]["userAggregateActivity"]]
    assert found == [f"{edge}T00:00:00-08:00" for edge in edges[:-1]]


def test_days_are_those_of_the_company_whatever_the_clock(company, daily):
    for rows in daily.values():
        assert len(rows) == (TODAY - date(2026, 4, 16)).days
        assert all(
            instant(row["toDate"]) - instant(row["fromDate"]) == timedelta(days=1)
            for row in rows.values()
        )


def test_interaction_is_the_mean_of_the_hosted_calls(company, all_calls):
    stats: dict[tuple[str, str], list[float]] = defaultdict(list)
    questions: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for call in all_calls:
        data = call["metaData"]
        day = company_day(data["started"])
        if RANGE["fromDate"] <= day < RANGE["toDate"] and call.get("interaction"):
            host = data["primaryUserId"]
            for stat in call["interaction"]["interactionStats"]:
                stats[host, stat["name"]].append(stat["value"])
            questions[host] += call["interaction"]["questions"]["companyCount"]
            seconds[host] += data["duration"]
    answer = post(company, INTERACTION, RANGE)
    for row in answer["peopleInteractionStats"]:
        host = row["userId"]
        values = {stat["name"]: stat["value"] for stat in row["personInteractionStats"]}
        rate = questions[host] / seconds[host] * 3600
        assert values.pop("Question Rate") == pytest.approx(rate, abs=0.01)
        for name, value in values.items():
            given = stats[host, name]
            assert value == pytest.approx(sum(given) / len(given), abs=0.01)
    assert {row["userId"] for row in answer["peopleInteractionStats"]} == set(seconds) - {None}
    assert answer["timeZone"] == "America/Los_Angeles"


# What stats accept and refuse


@pytest.mark.parametrize("path", STATS)
def test_stats_refuse_bad_ranges(company, path):
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    day = TODAY.isoformat()
    late = "filter.toDate: must not be later than the current day"
    order = "filter.fromDate: must be before toDate"
    form = "filter.fromDate: must be a date of the form YYYY-MM-DD"
    for first, last, text in (
        (None, day, "filter.fromDate: must not be null"),
        ("2026-06-01", None, "filter.toDate: must not be null"),
        ("2026-06-01", tomorrow, late),
        (day, day, order),
        ("2026-06-10", "2026-06-09", order),
        ("2026-06-01T00:00:00Z", day, form),
        ("2026-02-30", day, form),
    ):
        given = {"fromDate": first, "toDate": last}
        assert refused(company, path, given) == (400, [text])
    assert refusal(send(company, "POST", path, {})) == (400, ["filter: must not be null"])


@pytest.mark.parametrize("path", STATS)
def test_stats_without_rows_are_404(company, path):
    status, (text,) = refused(company, path, {"fromDate": "2019-01-01", "toDate": "2019-01-08"})
    assert (status, text[:3], text[-44:]) == (
        404,
        "No ",
        " found corresponding to the provided filters",
    )
    assert refused(company, path, {**RANGE, "userIds": ["123"]})[0] == 404


@pytest.mark.parametrize("period", [None, "HOUR", "day"])
def test_the_period_must_be_one_of_five(company, period):
    assert refused(company, BY_PERIOD, RANGE, aggregationPeriod=period)[0] == 400


@pytest.mark.parametrize("path", STATS)
def test_stats_of_chosen_users_and_by_pages(narrow, path):
    given = {"fromDate": "2026-05-20", "toDate": TODAY.isoformat()}
    pages = [ask(narrow, path, given)]
    while cursor := pages[-1]["records"].get("cursor"):
        pages.append(ask(narrow, path, given, cursor=cursor))
    (name,) = (name for name, value in pages[0].items() if isinstance(value, list))
    rows = [row for page in pages for row in page[name]]
    assert len(pages) > 1
    assert len({row["userId"] for row in rows}) == len(rows) == pages[0]["records"]["totalRecords"]
    chosen = ask(narrow, path, {**given, "userIds": [rows[8]["userId"]]})
    assert chosen[name] == [rows[8]]


def test_the_current_day_is_that_of_the_company():
    evening = datetime(2026, 6, 16, 3, tzinfo=timezone.utc)
    with Sandbox(calls=30, days=10, now=evening, **UNLIMITED) as sandbox:
        assert (
            refused(sandbox, AGGREGATE, {"fromDate": "2026-06-08", "toDate": "2026-06-16"})[0]
            == 400
        )
        assert post(sandbox, AGGREGATE, {"fromDate": "2026-06-08", "toDate": "2026-06-15"})


def test_the_past_stays_as_it_was_when_time_goes_on(sandbox):
    queries = [{"logType": kind, "fromDateTime": LONG_AGO} for kind in LOG_TYPES]
    queries = [{**query, "toDateTime": "2026-06-15T18:00:00Z"} for query in queries]
    given = {"fromDate": "2026-06-02", "toDate": "2026-06-08"}

    def look() -> Any:
        rows = post(sandbox, DAY_BY_DAY, given)["usersDetailedActivities"]
        stats = {
            (row["userId"], day["fromDate"], name, call_id)
            for row in rows
            for day in row["userDailyActivityStats"]
            for name in COUNTERS
            for call_id in day[name]
        }
        return stats, [get(sandbox, LOGS, **query)["logEntries"] for query in queries[1:]]

    before = look()
    sandbox.clock.set(NOW + timedelta(days=2))
    assert look() == before
    later = {**given, "toDate": "2026-06-17"}
    assert post(sandbox, AGGREGATE, later)["records"]["totalRecords"] > 0


def test_the_same_seed_gives_the_same_answers():
    answers = []
    for _ in range(2):
        with Sandbox(calls=40, days=14, seed=5, now=NOW, **UNLIMITED) as sandbox:
            found: list[Any] = [
                get(sandbox, LOGS, logType=kind, fromDateTime=LONG_AGO)["logEntries"]
                for kind in LOG_TYPES
            ]
            given = {"fromDate": "2026-06-02", "toDate": "2026-06-12"}
            found.append(post(sandbox, DAY_BY_DAY, given)["usersDetailedActivities"])
            found.append(post(sandbox, INTERACTION, given)["peopleInteractionStats"])
            answers.append(found)
    assert answers[0] == answers[1]


def test_a_deleted_call_is_in_no_statistics(sandbox):
    given = {"fromDate": "2026-05-20", "toDate": TODAY.isoformat()}
    rows = post(sandbox, DAY_BY_DAY, given)["usersDetailedActivities"]
    days = [day for row in rows for day in row["userDailyActivityStats"]]
    call_id = next(day["callsAsHost"][0] for day in days if day["callsAsHost"])
    sandbox.company.delete(call_id)
    rows = post(sandbox, DAY_BY_DAY, given)["usersDetailedActivities"]
    days = [day for row in rows for day in row["userDailyActivityStats"]]
    assert not any(call_id in day[name] for day in days for name in COUNTERS)


# Logs


@pytest.mark.parametrize("log_type", LOG_TYPES)
def test_logs_fill_pages_and_are_sorted(busy, log_type):
    entries = log(busy, log_type)
    assert len(entries) > 120
    times = [entry["eventTime"] for entry in entries]
    assert times == sorted(times)
    assert all(time[-5] == "." and time.endswith("Z") for time in times)
    assert instant(times[-1]) <= NOW
    users = {u["id"]: u for u in get(busy, USERS, includeAvatars="true")["users"]}
    for entry in entries:
        user = users[entry["userId"]]
        assert entry["userEmailAddress"] == user["emailAddress"]
        assert entry["userFullName"] == f"{user['firstName']} {user['lastName']}"
    impersonated = [entry for entry in entries if "impersonatorUserId" in entry]
    assert len(impersonated) < len(entries) / 5
    assert all(None not in entry.values() for entry in entries)
    assert all(entry["impersonatorUserId"] in users for entry in impersonated)


def test_a_few_are_impersonated(busy):
    assert any("impersonatorCompanyId" in entry for entry in log(busy, "UserActivityLog"))


@pytest.mark.parametrize("log_type", LOG_TYPES[2:])
def test_calls_were_listed_when_played(busy, log_type):
    for entry in log(busy, log_type):
        slot = busy.company.slot(entry["logRecord"]["callId"], now=NOW)
        assert slot is not None
        assert slot.listed_at < instant(entry["eventTime"])


def test_external_accesses_follow_a_share(busy):
    given = {"fromDate": "2026-03-10", "toDate": TODAY.isoformat()}
    rows = post(busy, DAY_BY_DAY, given)["usersDetailedActivities"]
    shared = {
        (row["userId"], call_id)
        for row in rows
        for day in row["userDailyActivityStats"]
        for call_id in day["callsSharedExternally"]
    }
    until = f"{TODAY}T00:00:00-07:00"
    for log_type in LOG_TYPES[3:]:
        for entry in log(busy, log_type, toDateTime=until):
            assert (entry["userId"], entry["logRecord"]["callId"]) in shared


def test_access_logs_are_kept_for_two_weeks(busy):
    first = get(busy, LOGS, logType="AccessLog", fromDateTime=LONG_AGO)["logEntries"][0]
    assert NOW - timedelta(days=14) <= instant(first["eventTime"]) < NOW - timedelta(days=11)


def test_logs_are_cut_by_time(company):
    start, end = "2026-06-01T00:00:00-07:00", "2026-06-03T00:00:00-07:00"
    for log_type in ("UserActivityLog", "UserCallPlay"):
        whole = log(company, log_type)
        part = log(company, log_type, fromDateTime=start, toDateTime=end)
        assert part == [
            e for e in whole if instant(start) <= instant(e["eventTime"]) < instant(end)
        ]
        assert part


def test_logs_refuse_what_makes_no_sense(company):
    log_type, start = {"logType": "AccessLog"}, {"fromDateTime": LONG_AGO}
    for query, text in (
        (start, "logType: must not be null"),
        (log_type, "fromDateTime: must not be null"),
        ({**start, "logType": "Everything"}, "logType: must be one of"),
        ({**log_type, "fromDateTime": "2026-06-01"}, "fromDateTime: must be a date and time"),
        ({**log_type, **start, "toDateTime": LONG_AGO}, "fromDateTime: must be before toDateTime"),
    ):
        status, (found,) = refusal(send(company, "GET", LOGS, **query))
        assert (status, found[: len(text)]) == (400, text)
    old = {"fromDateTime": LONG_AGO, "toDateTime": "2020-02-01T00:00:00Z"}
    for name in LOG_TYPES:
        empty = refusal(send(company, "GET", LOGS, logType=name, **old))
        assert empty == (404, ["No logs found corresponding to the provided filters"])


# Coaching, settings history, outcomes


def test_coaching_lists_the_direct_reports_and_real_calls(company, all_calls):
    users = {user["id"]: user for user in get(company, USERS)["users"]}
    hosts = {call["metaData"]["id"]: call["metaData"]["primaryUserId"] for call in all_calls}
    filled = 0
    for manager_id, count in managers(company).items():
        (data,) = coaching(company, manager_id).json()["coachingData"]
        assert data["manager"] == {key: users[manager_id][key] for key in data["manager"]}
        assert len(data["directReportsMetrics"]) == count
        for row in data["directReportsMetrics"]:
            assert users[row["report"]["id"]]["managerId"] == manager_id
            for calls in row["metrics"].values():
                assert len(set(calls)) == len(calls)
                assert all(hosts[call_id] == row["report"]["id"] for call_id in calls)
                filled += len(calls)
    assert filled > 30


def test_who_manages_nobody_has_no_coaching_data(company):
    leaders = managers(company)
    nobody = next(u["id"] for u in get(company, USERS)["users"] if u["id"] not in leaders)
    assert coaching(company, nobody).json()["coachingData"] == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("workspace-id", None, "workspace-id: must not be null"),
        ("manager-id", "anna", "manager-id: must be an id"),
        ("from", None, "from: must not be null"),
        ("to", "2026-06-01", "to: must be a date and time in ISO-8601 format"),
        ("to", "2026-04-01T00:00:00Z", "from: must be before to"),
    ],
)
def test_coaching_needs_all_its_parameters(company, name, value, text):
    assert refusal(coaching(company, "1", **{name: value})) == (400, [text])


def test_settings_history_ends_in_what_holds_now(company):
    lengths = set()
    for user in get(company, USERS, includeAvatars="true")["users"]:
        history = get(company, f"{USERS}/{user['id']}/settings-history")["userSettingsHistory"]
        times = [instant(entry["time"]) for entry in history]
        assert times == sorted(times)
        assert times[0] == instant(user["created"])
        last = {entry["setting"]: entry["value"] for entry in history}
        assert last["active"] == user["active"]
        current = {**user["settings"], "callsImported": user["settings"]["telephonyCallsImported"]}
        assert all(value == last[name] for name, value in current.items() if name in last)
        states: dict[str, bool] = {}
        for entry in history:
            assert states.get(entry["setting"]) is not entry["value"], "a change changes something"
            states[entry["setting"]] = entry["value"]
        lengths.add(len(history))
    assert len(lengths) > 2


def test_settings_history_of_strangers_is_not_found(company):
    found = refusal(send(company, "GET", f"{USERS}/123/settings-history"))
    assert found == (404, ["User ID 123 was not found"])


def test_call_outcomes_are_those_of_the_calls_in_any_order(company, all_calls):
    answers = [get(company, OUTCOMES, limit=3)["outcomes"] for _ in range(5)]
    orders = {tuple(outcome["callOutcome"] for outcome in answer) for answer in answers}
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1
    categories = {outcome["callOutcome"]: outcome["category"] for outcome in answers[0]}
    used = [
        c["content"]["callOutcome"] for c in all_calls if c.get("content", {}).get("callOutcome")
    ]
    assert used
    for outcome in used:
        category = outcome["category"].upper().replace(" ", "_")
        assert categories[outcome["name"]] == category


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("api:stats:user-actions", "POST", AGGREGATE),
        ("api:stats:user-actions", "POST", BY_PERIOD),
        ("api:stats:user-actions:detailed", "POST", DAY_BY_DAY),
        ("api:stats:interaction", "POST", INTERACTION),
        ("api:logs:read", "GET", LOGS),
        ("api:coaching:read", "GET", COACHING),
        ("api:call-outcomes:read", "GET", OUTCOMES),
    ],
)
def test_scopes_are_named_when_missing(sandbox, monkeypatch, scope, method, path):
    monkeypatch.setattr(sandbox.site, "without_scopes", frozenset({scope}))
    text = f"You don't have permission to use '{scope}' in your app."
    assert refusal(send(sandbox, method, path, {} if method == "POST" else None)) == (401, [text])
