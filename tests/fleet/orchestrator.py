"""Airflow as it comes from the package index: its services, and what its database says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from tests.servers import free_port, listens, wait_until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "airflow"
# Seconds that its services may take to come up on a busy machine.
START = 600
SERVICES = (["api-server", "--workers", "1"], ["scheduler"], ["dag-processor"])


class Airflow:
    """Services of Airflow with LocalExecutor.

    Args:
        programs: folder of its commands.
        home: an empty folder.
        database: URL of an empty Postgres database.
        workers: tasks at once.
        companies: what `companies.json` says.
        env: more environment of its services.
    """

    def __init__(self, programs, home, *, database, workers, companies, env):
        self._programs = programs
        self._home = home
        self._database = database
        api = free_port()
        self._api = api
        (home / "companies.json").write_text(json.dumps(companies))
        shutil.copytree(EXAMPLE / "dags", home / "dags")
        self.env = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(workers),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "fleet" * 16,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace("://", "+psycopg2://"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            # A worker that died is noticed after this many seconds.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # A busy machine is no reason to give a task up.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "GONG_COMPANIES": str(home / "companies.json"),
            **env,
        }
        self._services: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self):
        self.run("db", "migrate")
        pools = self._home / "pools.json"
        companies = self._home / "companies.json"
        with pools.open("w") as file:
            command = [sys.executable, EXAMPLE / "pools.py", companies]
            subprocess.run(command, stdout=file, check=True)
        self.run("pools", "import", pools)
        with contextlib.ExitStack() as stack:
            for arguments in SERVICES:
                self._services[arguments[0]] = stack.enter_context(self._service(arguments))
            names = {f"gong_{name}" for name in json.loads(companies.read_text())}
            for is_ready, needed in (
                (lambda: listens(self._api), "api-server"),
                (lambda: names <= self._known(), "dag-processor"),
            ):
                wait_until(is_ready, seconds=START, process=self._services[needed])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    @contextlib.contextmanager
    def _service(self, arguments):
        with (self._home / f"{arguments[0]}.log").open("w") as log:
            process = subprocess.Popen(
                [self._programs / "airflow", *arguments],
                env=self.env,
                stdout=log,
                stderr=log,
                cwd=self._home,
            )
            try:
                yield process
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                process.kill()
                process.wait()

    def _known(self):
        return {row[0] for row in self.query("select dag_id from dag")}

    @property
    def scheduler(self):
        """Process id of the service whose children are the workers."""
        return self._services["scheduler"].pid

    def run(self, *arguments):
        """Run a command of Airflow's."""
        command = [str(part) for part in (self._programs / "airflow", *arguments)]
        done = subprocess.run(
            command, env=self.env, cwd=self._home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def query(self, statement, *values):
        """Rows of Airflow's database."""
        with psycopg.connect(self._database) as connection:
            return connection.execute(statement, values).fetchall()

    def runs(self):
        """Of each run of a company's DAG: its name, state, and when it was queued and ended."""
        return self.query(
            "select dag_id, state, queued_at, end_date from dag_run "
            "where dag_id <> 'gong_all_companies' order by queued_at"
        )

    def trigger(self, dag):
        """Start a run of a DAG."""
        self.run("dags", "trigger", dag)

    def wait_for_runs(self, number, *, seconds):
        """Until so many runs of companies' DAGs have ended.

        Raises:
            TimeoutError: they have not.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            runs = self.runs()
            if len(runs) >= number and all(state in {"success", "failed"} for _, state, *_ in runs):
                return runs
            time.sleep(0.5)
        msg = f"after {seconds} s: {self.tasks()}"
        raise TimeoutError(msg)

    def tasks(self):
        """Of each task instance: DAG, task, map index, state, tries, beginning and end."""
        return self.query(
            "select dag_id, task_id, map_index, state, try_number, start_date, end_date "
            "from task_instance order by start_date"
        )

    def keep(self, name, content):
        """Leave a file beside its logs, for whoever wants to know how it went."""
        (self._home / name).write_text(json.dumps(content, default=str), encoding="utf-8")

    def reschedules(self):
        """How often tasks were put off without using up a try."""
        return self.query("select count(*) from task_reschedule")[0][0]
