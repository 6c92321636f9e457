"""Five companies, four slices each, four workers, one of which is killed: nothing is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pendulum
import psutil
import psycopg
import pytest
from psycopg import sql

from tap_gong.streams import STREAMS
from tests.answering_server import AnsweringServer
from tests.fleet.company import Company
from tests.fleet.orchestrator import ROOT, Airflow
from tests.meltano_project import STREAM_MAPS, copy_project
from tests.servers import USER, postgres_server, redis_server
from tests.singer_run import run_tap

pytestmark = pytest.mark.fleet

BIN = Path(sys.executable).parent
AIRFLOW = Path(os.environ.get("FLEET_AIRFLOW", ROOT / ".venv-fleet" / "bin"))
WORKERS = 4
SLICES = 4
# Small pages make many requests of few calls: what is proven here is about requests.
PAGE = 5
# The first company sets the pace: the others together keep three workers busy for less.
SIZES = {"acme": 4600, "globex": 800, "hooli": 800, "initech": 800, "umbrella": 800}
# Requests of the first company after which a worker dies that reads it.
KILL_AFTER = 150
STREAMS_READ = {stream.name for stream in STREAMS if stream.selected_by_default}


@pytest.fixture(scope="module")
def companies():
    """The sandboxes, by name. Their clocks stand still."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    served = {
        name: Company(name, now=now, calls=calls, days=500, seed=seed, page_size=PAGE)
        for seed, (name, calls) in enumerate(SIZES.items(), start=21)
    }
    yield served
    for company in served.values():
        company.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A Meltano project with its plugins installed, as an image of workers has it."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    for plugin in (["extractor", "tap-gong"], ["loader", "target-postgres"]):
        meltano(folder, "install", *plugin)
    return folder


def meltano(project, *arguments, **env):
    done = subprocess.run(
        [BIN / "meltano", "--environment=prod", *arguments],
        cwd=project,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def postgres():
    with postgres_server("airflow", "meltano", "warehouse") as port:
        yield f"postgresql://{USER}:{USER}@127.0.0.1:{port}"


@pytest.fixture(scope="module")
def alerts():
    """A webhook, and what it was told."""
    told = []

    def answer(_method, _path, _query, body):
        told.append(body["text"])
        return 200, {}

    with AnsweringServer(answer) as server:
        yield server.url, told


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, companies, project, postgres, alerts):
    if not (AIRFLOW / "airflow").exists():
        pytest.skip(f"no Airflow in {AIRFLOW}; `make test-fleet` installs it")
    # The tables of Meltano's own are made once, before several make them at the same time.
    database = f"{postgres}/meltano"
    meltano(project, "state", "list", MELTANO_DATABASE_URI=database.replace("://", "+psycopg://"))
    with redis_server() as redis:
        env = {
            "GONG_MELTANO": str(BIN / "meltano"),
            "GONG_PROJECT": str(project),
            "GONG_RETRY_SECONDS": "5",
            "GONG_CONTINUE_SECONDS": "20",
            "AIRFLOW_CONN_GONG_STATE": database,
            "AIRFLOW_CONN_GONG_WAREHOUSE": f"{postgres}/warehouse",
            "AIRFLOW_CONN_GONG_QUOTA": redis,
            "AIRFLOW_CONN_GONG_ALERTS": json.dumps({"conn_type": "http", "host": alerts[0]}),
        }
        for name, company in companies.items():
            env[f"AIRFLOW_CONN_GONG_{name.upper()}"] = json.dumps(
                {
                    "conn_type": "http",
                    "host": company.settings["api_url"],
                    "login": company.settings["access_key"],
                    "password": company.settings["access_key_secret"],
                    # Two cores for all: a request may be counted 110 ms later than its turn.
                    "extra": {"requests_per_second": "2.8"},
                }
            )
        settings = {
            name: {
                "slices": SLICES,
                # Two slices at a time for the one that takes longest.
                "slots": 2 if name == "acme" else 1,
                "schedule": None,
                "priority": calls,
                "retries": 2,
            }
            for name, calls in SIZES.items()
        }
        with Airflow(
            AIRFLOW,
            tmp_path_factory.mktemp("airflow"),
            database=f"{postgres}/airflow",
            workers=WORKERS,
            companies=settings,
            env=env,
        ) as running:
            yield running


def reader_of(scheduler, company):
    """The worker that reads a slice of a company, with its children; None when there is none."""
    for worker in psutil.Process(scheduler).children():
        family = worker.children(recursive=True)
        for process in family:
            try:
                environ = process.environ() if "tap-gong" in " ".join(process.cmdline()) else {}
            except psutil.Error:
                continue
            is_slice = "TAP_GONG__SELECT_FILTER" in environ
            if is_slice and environ["TAP_GONG_API_URL"] == company.settings["api_url"]:
                return [worker, *family]
    return None


def kill_one(scheduler, company, *, seconds):
    """Kill a worker that reads a slice of a company, as when its machine fails."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        family = reader_of(scheduler, company)
        if family:
            for process in family:
                process.kill()
            return
        time.sleep(0.2)
    msg = f"no worker reads {company.name}"
    raise TimeoutError(msg)


@pytest.fixture(scope="module")
def backfill(airflow, companies):
    """All companies read; of each its run, and the requests that came by then."""
    airflow.trigger("gong_all_companies")
    first = companies["acme"]
    while len(first.arrivals()) < KILL_AFTER:
        time.sleep(0.5)
    kill_one(airflow.scheduler, first, seconds=60)
    runs = airflow.wait_for_runs(len(SIZES), seconds=1500)
    arrivals = {name: company.arrivals() for name, company in companies.items()}
    airflow.keep("arrivals.json", arrivals)
    airflow.keep("tasks.json", airflow.tasks())
    return {name.removeprefix("gong_"): run for name, *run in runs}, arrivals


def same(found, wanted):
    """Whether a value of the warehouse is that of the record."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            same(found.get(name), wanted.get(name)) for name in {*found, *wanted}
        )
    if isinstance(wanted, list):
        return len(found or []) == len(wanted) and all(map(same, found or [], wanted))
    if found == wanted or wanted is None:
        return found == wanted
    if isinstance(wanted, (int, float, Decimal)):
        return Decimal(str(found)) == Decimal(str(wanted))
    # Columns of instants lose the offset, not the instant.
    return pendulum.parse(found) == pendulum.parse(wanted)


def plain(name):
    """A field's name, however the loader spells it as a column."""
    return name.replace("_", "").lower()


def rows_of(postgres, company, stream):
    """The rows of a table, by what the columns are called in Gong, as far as that can be told."""
    with psycopg.connect(f"{postgres}/warehouse") as connection:
        table = sql.Identifier(f"gong_{company}", stream)
        query = sql.SQL("select row_to_json(t)::text from {} t").format(table)
        return [
            {plain(name): value for name, value in json.loads(text, parse_float=Decimal).items()}
            for (text,) in connection.execute(query)
        ]


def test_all_tables_are_whole(companies, backfill, postgres):
    keys = {stream.name: stream.primary_keys for stream in STREAMS}
    for name, company in companies.items():
        company.lift()
        expected = run_tap(company.settings, streams=STREAMS_READ).records
        assert len(expected["calls"]) == SIZES[name]
        for stream, replaced in STREAM_MAPS.items():
            for row in expected.get(stream, []):
                row.update({field: row[field] or "-" for field in replaced})
        for stream, records in expected.items():
            key = [plain(field) for field in keys[stream]]  # type: ignore[attr-defined]
            rows = {
                tuple(row[part] for part in key): row for row in rows_of(postgres, name, stream)
            }
            assert len(rows) == len(records), (name, stream)
            for record in records:
                wanted = {plain(field): value for field, value in record.items()}
                found = rows[tuple(wanted[part] for part in key)]
                for field, value in wanted.items():
                    assert same(found.get(field), value), (name, stream, field)


def test_all_is_read_though_a_worker_was_killed(airflow, backfill):
    runs, _ = backfill
    assert {name: state for name, (state, *_) in runs.items()} == dict.fromkeys(SIZES, "success")
    tasks = airflow.tasks()
    tries = [tried for dag, task, _, _, tried, *_ in tasks if (dag, task) == ("gong_acme", "read")]
    assert len(tries) == SLICES
    assert max(tries) == 2


def test_each_company_keeps_within_its_quota(backfill):
    _, arrivals = backfill
    for name, came in arrivals.items():
        assert not any(refused for _, refused in came), name
        times = [at for at, _ in came]
        # Four in any second would be one too many.
        assert min(b - a for a, b in zip(times, times[3:], strict=False)) >= 1, name


def test_it_takes_little_longer_than_the_slowest_company_must(backfill, record_property):
    runs, arrivals = backfill
    floors = {name: len(came) / 3 for name, came in arrivals.items()}
    slowest = max(floors, key=lambda name: floors[name])
    began = min(queued for _, queued, _ in runs.values())
    took = (max(ended for _, _, ended in runs.values()) - began).total_seconds()
    ratio = took / floors[slowest]
    told = (
        f"{took:.0f} s from the first run's beginning to the last one's end; {slowest} alone: "
        f"{floors[slowest]:.0f} s at 3 requests a second ({3 * floors[slowest]:.0f} requests); "
        f"ratio {ratio:.2f}; load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    )
    print(told)
    record_property("took", told)
    assert ratio <= 1.25, told


def test_a_company_with_a_state_has_no_slices_and_a_failure_is_told(
    airflow, backfill, companies, alerts
):
    told = alerts[1]
    assert told == []
    company = companies["umbrella"]
    company.forget("api:users:read")
    airflow.trigger("gong_umbrella")
    runs = airflow.wait_for_runs(len(SIZES) + 1, seconds=600)
    assert runs[-1][:2] == ("gong_umbrella", "failed")
    last = {task: state for dag, task, _, state, *_ in airflow.tasks() if dag == "gong_umbrella"}
    assert (last["read"], last["run"]) == ("skipped", "failed")
    assert len(told) == 1
    assert "gong_umbrella.run" in told[0]
    assert "extractors 1" in told[0]


def test_work_that_is_left_is_put_off_and_no_try_used_up(airflow, backfill, companies):
    company = companies["hooli"]
    before = len(airflow.runs())
    company.shut()
    airflow.trigger("gong_hooli")
    while not airflow.reschedules():
        assert len(airflow.runs()) == before or airflow.runs()[-1][1] != "failed"
        time.sleep(0.5)
    company.open()
    runs = airflow.wait_for_runs(before + 1, seconds=600)
    assert runs[-1][:2] == ("gong_hooli", "success")
    *_, tries = [
        tried
        for dag, task, _, _, tried, *_ in airflow.tasks()
        if (dag, task) == ("gong_hooli", "run")
    ]
    assert tries == 1
