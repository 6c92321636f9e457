"""The demo's report: its charts show what the records say, and its queries agree."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from tap_gong.tap import TapGong
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap

EXAMPLES = Path(__file__).parent.parent / "examples"
STREAMS = {
    "calls",
    "call_context_objects",
    "call_interaction_stats",
    "call_trackers",
    "transcripts",
    "users",
}


@pytest.fixture(scope="module")
def report():
    """The module."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import report
    finally:
        sys.path.remove(str(EXAMPLES))
    return report


@pytest.fixture(scope="module")
def output(company):
    """What the tap says of the shared company."""
    return run_tap(settings(company, end_date=NOW.isoformat()), streams=STREAMS)


@pytest.fixture(scope="module")
def warehouse(output, tmp_path_factory):
    """The tap's records in DuckDB, in the types that the demo's loader gives them."""
    path = tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb"
    load(output, path)
    return path


def load(output, path):
    keys = {"access_key": "k", "access_key_secret": "s"}
    known = TapGong(config={"api_url": "http://localhost", **keys})
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema gong")
        for name in STREAMS:
            fields = known.streams[name].schema["properties"]
            types = {key: sql_type(kind) for key, kind in fields.items()}
            lines = path.with_name(f"{name}.jsonl")
            lines.write_text(
                "".join(json.dumps(row, default=float) + "\n" for row in output.records[name]),
                encoding="utf-8",
            )
            connection.execute(
                f"create table gong.{name} as select * from read_json("
                f"'{lines.as_posix()}', format = 'newline_delimited', columns = {types})"
            )


def sql_type(kind):
    names = [kind["type"]] if isinstance(kind.get("type"), str) else kind.get("type", [])
    if kind.get("format") == "date-time":
        return "TIMESTAMP"
    for name, sql in (
        ("object", "JSON"),
        ("array", "JSON"),
        ("boolean", "BOOLEAN"),
        ("integer", "HUGEINT"),
        ("number", "DOUBLE"),
    ):
        if name in names:
            return sql
    return "VARCHAR"


@pytest.fixture(scope="module")
def charts(report, warehouse, tmp_path_factory):
    """The marks of each part's chart, as the SVG labels them, by the part's title."""
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    report.write_report(warehouse, path)
    text = path.read_text(encoding="utf-8")
    assert len(text) < 500_000
    # It works without internet: nothing is fetched, nothing runs.
    assert "<script" not in text
    assert set(re.findall(r"(?:src|href)=\"([^\"]*)", text)) == set()
    found = {}
    for section in text.split("<section")[1:]:
        title = re.search(r"<h2[^>]*>(.*?)</h2>", section)
        assert title
        marks = re.findall(r'aria-label="([\w ]+: [^"]*)" role="graphics-symbol"', section)
        found[title[1]] = [
            dict(field.split(": ", 1) for field in html.unescape(mark).split("; "))
            for mark in marks
        ]
    return found


def week_of(call):
    # As DuckDB reads it: in UTC.
    started = datetime.fromisoformat(call["started"]).astimezone(timezone.utc)
    return str((started - timedelta(days=started.weekday())).date())


def test_talk_ratios_are_the_means_of_the_calls(charts, output):
    names = {u["id"]: f"{u['firstName']} {u['lastName']}" for u in output.records["users"]}
    host = {
        c["id"]: names[c["primaryUserId"]]
        for c in output.records["calls"]
        if c["scope"] == "External" and c["primaryUserId"] in names
    }
    ratios = defaultdict(list)
    for stat in output.records["call_interaction_stats"]:
        if stat["name"] == "Talk Ratio" and stat["callId"] in host:
            ratios[host[stat["callId"]]].append(float(stat["value"]))
    expected = {rep: sum(all_) / len(all_) for rep, all_ in ratios.items() if len(all_) >= 3}
    bars = {
        m["rep"]: float(m["talk ratio"].rstrip("%")) / 100
        for m in charts["Talk ratio by rep"]
        if "rep" in m
    }
    assert len(bars) > 5
    assert bars == pytest.approx(expected, abs=0.0051)


def test_tracker_mentions_are_those_of_the_records(charts, output):
    weeks = {call["id"]: week_of(call) for call in output.records["calls"]}
    counted: Counter[tuple[str, str]] = Counter()
    for row in output.records["call_trackers"]:
        counted[weeks[row["callId"]], row["name"]] += row["count"]
    points = {
        (m["week"], m["tracker"]): int(m["mentions"].replace(",", ""))
        for m in charts["Tracker mentions by week"]
    }
    assert len({tracker for _, tracker in points}) == 6
    assert len({week for week, _ in points}) == len(set(weeks.values()))
    assert points == {key: counted[key] for key in points}
    total: Counter[str] = Counter()
    for (_, name), count in counted.items():
        total[name] += count
    shown = {name for _, name in points}
    assert min(total[name] for name in shown) >= max(
        count for name, count in total.items() if name not in shown
    )


def test_competitors_agree_with_the_other_query(charts, report, warehouse):
    pieces: dict[str, dict[str, int]] = defaultdict(dict)
    for mark in charts["Competitors by opportunity"]:
        pieces[mark["opportunity"]][mark["competitor"]] = int(mark["mentions"])
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        sql = (EXAMPLES / "competitors_by_opportunity.sql").read_text(encoding="utf-8")
        rows = connection.execute(sql).fetchall()
    expected = {}
    for opportunity, _, _, told in rows:
        said = (one.rsplit(" ", 1) for one in told.split(", "))
        expected[opportunity] = {name: int(times) for name, times in said}
    assert len(expected) == 12
    assert pieces == expected


def test_coverage_counts_calls_and_transcripts(charts, output):
    calls = Counter(week_of(call) for call in output.records["calls"])
    have = {row["callId"] for row in output.records["transcripts"]}
    transcribed = Counter(week_of(c) for c in output.records["calls"] if c["id"] in have)
    marks = charts["Transcript coverage"]
    # The text of an axis that two layers share is both their names.
    bars = [(m["week"], int(next(v for k, v in m.items() if k != "week"))) for m in marks]
    half = len(bars) // 2
    assert dict(bars[:half]) == dict(calls)
    assert dict(bars[half:]) == {week: transcribed[week] for week in calls}
    assert sum(transcribed.values()) < sum(calls.values())


def test_names_of_others_are_text(report, warehouse, tmp_path):
    path = Path(shutil.copy(warehouse, tmp_path))
    with duckdb.connect(str(path)) as connection:
        connection.execute("update gong.users set firstName = '<script>alert(1)</script>'")
    report.write_report(path, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_an_empty_warehouse_makes_a_report_that_says_so(report, warehouse, tmp_path):
    path = Path(shutil.copy(warehouse, tmp_path))
    with duckdb.connect(str(path)) as connection:
        for name in STREAMS:
            connection.execute(f"delete from gong.{name}")
    report.write_report(path, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("nothing to answer this with") == 4
    assert "<svg" not in text


def test_a_warehouse_that_is_not_there_is_told_in_one_line(report, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["report.py", str(tmp_path / "no.duckdb")])
    with pytest.raises(SystemExit, match=r"there is no .*no\.duckdb: run `make demo`"):
        report.main()


def test_a_warehouse_without_the_taps_tables_is_told_in_one_line(report, tmp_path, monkeypatch):
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    monkeypatch.setattr(sys, "argv", ["report.py", str(tmp_path / "other.duckdb")])
    with pytest.raises(SystemExit, match=r"does not hold what the tap loads: [^\n]*gong[^\n]*$"):
        report.main()
