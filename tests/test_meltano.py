"""The whole way: Meltano, real loaders in environments of their own, and the demo."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
import pytest
import yaml

from gong_sandbox import Sandbox
from tap_gong.streams import STREAMS
from tests.conftest import settings
from tests.singer_run import run_tap
from tests.webhook.receiver_run import SECRET
from tests.webhook.receiver_run import served as receiving

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT = (
    "gong_api",
    "gong_sandbox",
    "gong_webhook",
    "tap_gong",
    "target_gong",
    "examples",
    "meltano.yml",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)

MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
STREAM_MAPS = MELTANO["plugins"]["extractors"][0]["config"]["stream_maps"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, so that nothing of a developer's is touched."""
    folder = tmp_path_factory.mktemp("project")
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def run(project, *command, **more):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=project,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
        **more,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def requests_of(log):
    return int(re.findall(r"(\d+) requests, \d+ of them retries", log)[-1])


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_meltano_runs_twice_and_asks_for_less(project):
    first = run(project, BIN / "meltano", "run", "tap-gong", "target-jsonl")
    calls = records(project / "output" / "jsonl" / "calls.jsonl")
    assert len({call["id"] for call in calls}) >= 500
    second = run(project, BIN / "meltano", "run", "tap-gong", "target-jsonl")
    again = records(project / "output" / "jsonl" / "calls.jsonl")[len(calls) :]
    assert len(again) < 100
    assert requests_of(second) < requests_of(first)
    assert "Incremental state has been updated" in first + second


def test_meltano_discovers_tests_and_selects(project):
    assert "started" in run(project, BIN / "meltano", "select", "tap-gong", "--list", "--all")
    assert "calls: read, a record" in run(project, BIN / "meltano", "invoke", "tap-gong", "--test")


def test_a_plain_pipe_into_a_target(project, tmp_path):
    """Outside Meltano: only the loader's environment is Meltano's."""
    run(project, BIN / "meltano", "install", "loader", "target-jsonl")
    target = project / ".meltano" / "loaders" / "target-jsonl" / "venv"
    target_jsonl = next(target.glob("*/target-jsonl*"))
    (tmp_path / "config.json").write_text('{"api_url": "sandbox"}')
    with subprocess.Popen(
        [str(BIN / "tap-gong"), "--config", "config.json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as tap:
        state = subprocess.run(
            [str(target_jsonl)], stdin=tap.stdout, cwd=tmp_path, capture_output=True, check=True
        ).stdout
    assert tap.returncode == 0
    assert "calls" in json.loads(state.splitlines()[-1])["bookmarks"]
    (calls,) = tmp_path.glob("calls-*.jsonl")
    assert len(records(calls)) >= 500


@pytest.fixture(scope="module")
def served():
    """A company whose clock stands still, for Meltano to read."""
    now = datetime(2026, 6, 15, 18, tzinfo=timezone.utc)
    with Sandbox(
        calls=60, days=40, seed=11, now=now, requests_per_second=0, daily_requests=0
    ) as sandbox:
        yield sandbox


def for_the(sandbox, **more):
    """The environment that leads Meltano's tap there."""
    return {
        **os.environ,
        "MELTANO_ENVIRONMENT": "prod",
        "TAP_GONG_API_URL": sandbox.url,
        "TAP_GONG_ACCESS_KEY": sandbox.access_key,
        "TAP_GONG_ACCESS_KEY_SECRET": sandbox.access_key_secret,
        "TAP_GONG_REQUESTS_PER_SECOND": "0",
        **more,
    }


def as_text(value):
    """A value as the CSV files have it, so that it can be told from the text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.loads(json.dumps(value, default=float))


def flat(row, cells):
    """A record with the objects in it spread over columns, as the file has them."""
    spread = {}
    for name, value in row.items():
        if name in cells or not isinstance(value, dict):
            spread[name] = value
        else:
            spread.update({f"{name}__{part}": inner for part, inner in value.items()})
    return spread


def from_text(text, value):
    """What a CSV cell says, read as what it should be."""
    if isinstance(value, bool):
        return {"True": True, "False": False, "true": True, "false": False}[text]
    if isinstance(value, (int, float)):
        return float(text)
    if isinstance(value, str):
        # The loader parses instants and writes them with a blank.
        is_instant = text != value and text.replace(" ", "T", 1)[:16] == value[:16]
        return value if is_instant and pendulum.parse(text) == pendulum.parse(value) else text
    return json.loads(text)


def test_every_table_reopens_from_csv_without_loss(project, served):
    end = served.clock.now().isoformat()
    env = for_the(served, TAP_GONG__SELECT='["*.*"]', TAP_GONG_END_DATE=end)
    run(project, BIN / "meltano", "run", "--full-refresh", "tap-gong", "target-csv", env=env)
    config = settings(served, end_date=end)
    expected = run_tap(config, streams={stream.name for stream in STREAMS}).records
    for name, replaced in STREAM_MAPS.items():
        for row in expected[name]:
            row.update({field: row[field] or "-" for field in replaced})
    csv.field_size_limit(2**31 - 1)
    for stream in STREAMS:
        path = project / "output" / "csv" / f"{stream.name}.csv"
        rows = expected[stream.name]
        if not rows:
            continue
        with path.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert len(found) == len(rows), stream.name
        if stream.name == "call_outcomes":
            # Gong lists them in whatever order.
            found, rows = (
                sorted(some, key=lambda row: row["callOutcome"]) for some in (found, rows)
            )
        for cells, row in zip(found, rows, strict=True):
            for name, value in flat(row, cells).items():
                wanted = as_text(value)
                text = cells[name]
                assert (from_text(text, wanted) if text else "") == wanted, (stream.name, name)


def test_deleted_calls_are_found_in_duckdb(project, served):
    steps = (
        ("tap-gong", "target-duckdb"),
        ("tap-gong-index", "target-duckdb"),
    )
    python = project / ".meltano" / "loaders" / "target-duckdb" / "venv" / "bin" / "python"
    query = (
        "import duckdb, pathlib; print([row[0] for row in duckdb.connect("
        "'output/deleted.duckdb').execute(pathlib.Path("
        "'examples/deleted_calls.sql').read_text()).fetchall()])"
    )
    gone = [slot.id for slot in served.company.slots(None, None, now=served.clock.now())[3:5]]
    env = for_the(served, TARGET_DUCKDB_FILEPATH="output/deleted.duckdb")
    for step in steps:
        run(project, BIN / "meltano", "run", *step, env=env)
    assert run(project, python, "-c", query).strip() == "[]"
    for call in gone:
        served.company.delete(call)
    run(project, BIN / "meltano", "run", *steps[1], env=env)
    assert sorted(json.loads(run(project, python, "-c", query).replace("'", '"'))) == sorted(gone)


def test_from_a_delivery_to_the_competitors_in_duckdb(project):
    """What automation rules post is in DuckDB after one run, and what it cost."""
    now = datetime(2026, 6, 15, 18, tzinfo=timezone.utc)
    inbox = project / ".gong" / "inbox.db"
    for folder in (inbox.parent, project / "output"):
        folder.mkdir(exist_ok=True)
    with (
        receiving(inbox, secret=SECRET) as receiver,
        Sandbox(
            calls=300,
            days=40,
            seed=11,
            now=now,
            requests_per_second=0,
            daily_requests=0,
            webhook=f"{receiver.url}?secret={SECRET}",
        ) as sandbox,
    ):
        env = for_the(
            sandbox,
            TAP_GONG_HINTS_START_DATE="2026-06-13T00:00:00Z",
            TAP_GONG_HINTS_END_DATE=now.isoformat(),
            TARGET_DUCKDB_FILEPATH="output/arrivals.duckdb",
        )
        command = (BIN / "meltano", "run", "tap-gong-hints", "target-duckdb")
        run(project, *command, env=env)
        sandbox.clock.advance(timedelta(days=3))
        slots = sandbox.company.slots(None, None, now=sandbox.clock.now())
        wanted = {slot.id for slot in slots if slot.listed_at > now}
        assert 10 <= len(wanted) <= 100
        assert sandbox.webhook
        while len(receiver.events) < len(wanted):
            sandbox.webhook.post_due()
        sandbox.clear_requests()
        env["TAP_GONG_HINTS_END_DATE"] = sandbox.clock.now().isoformat()
        log = run(project, *command, env=env)
        asked = [(e.path, len(e.body["filter"].get("callIds", []))) for e in sandbox.requests]
    assert asked[:2] == [
        ("/v2/calls/extensive", len(wanted)),
        ("/v2/calls/transcript", len(wanted)),
    ]
    # Beside the hints: the window since the last run, which holds most of them again, and a
    # transcript that the last run left owed.
    assert [path for path, _ in asked[2:]] == [
        "/v2/calls/extensive",
        "/v2/calls/transcript",
        "/v2/calls/transcript",
    ]
    assert requests_of(log) == len(asked)
    python = project / ".meltano" / "loaders" / "target-duckdb" / "venv" / "bin" / "python"
    query = (
        "import duckdb, json, pathlib; db = duckdb.connect('output/arrivals.duckdb');"
        "rows = lambda sql: db.execute(sql).fetchall();"
        "print(json.dumps([rows('select id from gong.calls'),"
        " rows('select callId from gong.automation_events'),"
        " rows(pathlib.Path('examples/competitors_by_opportunity.sql').read_text())], default=str))"
    )
    calls, events, competitors = json.loads(run(project, python, "-c", query))
    assert wanted <= {call for (call,) in calls}
    assert {call for (call,) in events} == wanted
    assert competitors


def test_the_demo_from_nothing(project):
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    shutil.copy(ROOT / "Makefile", project / "Makefile")
    out = run(project, "make", "demo", env=env)
    assert "open opportunities" in out
    assert "output/report.html" in out
    report = (project / "output" / "report.html").read_text(encoding="utf-8")
    assert report.count("<svg") == 4
    csv.field_size_limit(2**31 - 1)
    with (project / "output" / "csv" / "calls.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows) >= 500
    python = project / ".venv-demo" / "bin" / "python"
    query = (
        "import duckdb, json; print(json.dumps(duckdb.connect('output/warehouse.duckdb')"
        ".execute('select count(*), count(distinct id) from gong.calls').fetchone()))"
    )
    calls, ids = json.loads(run(project, python, "-c", query))
    assert len(rows) <= calls == ids
    run(project, BIN / "meltano", "run", "tap-gong-index", "target-duckdb")
    query = (
        "import duckdb, pathlib; print(duckdb.connect('output/warehouse.duckdb').execute("
        "pathlib.Path('examples/deleted_calls.sql').read_text()).fetchall())"
    )
    assert run(project, python, "-c", query).strip() == "[]"
    sent = run(project, BIN / "meltano", "run", "tap-recordings", "target-gong")
    assert "3 sent" in sent
