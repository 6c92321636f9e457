"""What the example for Airflow says of the tap is so. It runs in tests/fleet."""

from __future__ import annotations

import ast
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tap_gong.streams import STREAMS
from tests.answering_server import AnsweringServer

EXAMPLE = Path(__file__).parent.parent / "examples" / "airflow"


def constant(name):
    """A constant of the DAG file, which only Airflow can import."""
    module = ast.parse((EXAMPLE / "dags" / "gong_companies.py").read_text(encoding="utf-8"))
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


def test_slices_read_every_stream_that_may_be_cut_anywhere():
    cut_anywhere = {
        stream.name for stream in STREAMS if stream.incremental in {"windowed", "windowed, owed"}
    }
    assert set(constant("SLICED")) == cut_anywhere


def test_every_company_has_a_pool():
    pools = runpy.run_path(str(EXAMPLE / "pools.py"))["pools"]
    companies = json.loads((EXAMPLE / "dags" / "companies.json").read_text(encoding="utf-8"))
    made = pools(companies)
    assert made.keys() == {f"gong_{name}" for name in companies}
    assert made["gong_acme"]["slots"] == companies["acme"]["slots"]
    assert pools({"initech": {}})["gong_initech"]["slots"] == 2


# Stands in for Meltano: its state is in files, a run leaves a report and an exit code.
MELTANO = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path({folder!r})
arguments = sys.argv[3:]
if arguments[:2] == ["state", "get"]:
    path = folder / arguments[2]
    print(path.read_text() if path.exists() else "{{}}")
elif arguments[:2] == ["state", "set"]:
    whole = json.loads(pathlib.Path(arguments[5]).read_text())
    (folder / arguments[3]).write_text(json.dumps(whole["singer_state"]))
elif "--plan" in arguments:
    days = ["2026-01-01", "2026-02-01", "2026-03-01"]
    for begin, end in zip(days, days[1:]):
        print(json.dumps({{"start_date": begin, "end_date": end, "lookback_days": 7}}))
elif "--merge-state" in arguments:
    print(json.dumps({{"bookmarks": {{"calls": {{"x": 1}}}}}}))
else:
    code, report = json.loads((folder / "run.json").read_text())
    if report:
        pathlib.Path(os.environ["TAP_GONG_REPORT"]).write_text(json.dumps(report))
    print(json.dumps({{"event": "ended", "exit_codes": {{"extractors": code}} if code else {{}}}}),
          file=sys.stderr)
    sys.exit(1 if code else 0)
"""


class Reschedule(Exception):
    pass


class NotFound(Exception):
    pass


class Orchestrator:
    """What the DAG file takes of Airflow, and what it told and kept there.

    Attributes:
        dag: the DAG file's module.
        told: texts that reached the webhook.
        webhook: how it answers.
    """

    def __init__(self, folder, monkeypatch):
        self.told = []
        self.webhook = 200
        self._folder = folder
        self._variables: dict[str, Any] = {}
        self._server = AnsweringServer(self._hear)
        self.backfill = False
        self.run_id = "one"
        sdk = MagicMock()
        sdk.Connection.get = self._connection
        sdk.Variable.get = lambda name, default, **_: self._variables.get(name, default)
        sdk.Variable.set = lambda name, value, **_: self._variables.update({name: value})
        sdk.get_current_context = lambda: {
            "params": {"backfill": self.backfill},
            "run_id": self.run_id,
        }
        exceptions = SimpleNamespace(
            AirflowNotFoundException=NotFound, AirflowRescheduleException=Reschedule
        )
        monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
        monkeypatch.setitem(sys.modules, "airflow.sdk.exceptions", exceptions)
        operators = "airflow.providers.standard.operators.trigger_dagrun"
        monkeypatch.setitem(sys.modules, operators, MagicMock())
        command = folder / "meltano"
        command.write_text(MELTANO.format(python=sys.executable, folder=str(folder)))
        command.chmod(0o755)
        (folder / "companies.json").write_text("{}")
        monkeypatch.setenv("GONG_MELTANO", str(command))
        monkeypatch.setenv("GONG_PROJECT", str(folder))
        monkeypatch.setenv("GONG_COMPANIES", str(folder / "companies.json"))
        self.dag = SimpleNamespace(**runpy.run_path(str(EXAMPLE / "dags" / "gong_companies.py")))

    def _hear(self, _method, _path, _query, body):
        self.told.append(body["text"])
        return self.webhook, {}

    def _connection(self, name):
        if name == "gong_alerts":
            return SimpleNamespace(host=f"{self._server.url}/secret")
        return SimpleNamespace(
            **dict.fromkeys(("host", "login", "password", "schema"), name),
            port=1,
            extra_dejson={},
            get_uri=lambda: f"postgres://{name}",
        )

    def __enter__(self):
        self._server.__enter__()
        return self

    def __exit__(self, *error):
        self._server.__exit__(*error)

    def runs_end(self, code, report):
        """How runs of Meltano end from here on."""
        (self._folder / "run.json").write_text(json.dumps([code, report]))


@pytest.fixture
def airflow(tmp_path, monkeypatch):
    with Orchestrator(tmp_path, monkeypatch) as running:
        yield running


def report(end, **calls):
    stream = {"announced": 0, "seen": 0, "unkeyed": 0, "unknown_fields": [], **calls}
    return {"end": end, "streams": {"calls": stream}}


def test_a_history_whose_slice_failed_for_good_goes_on_with_the_same_slices(airflow):
    planned = airflow.dag.plan("acme", 2)
    airflow.run_id = "two"
    assert airflow.dag.plan("acme", 2) == planned
    airflow.dag.merge("acme", [{"state": {"bookmarks": {}}}])
    assert airflow.dag.plan("acme", 2) == []
    airflow.backfill = True
    again = airflow.dag.plan("acme", 2)
    assert {part["name"] for part in again}.isdisjoint(part["name"] for part in planned)


def test_what_a_try_left_out_is_told_though_it_did_not_end(airflow):
    airflow.runs_end(3, report("work left", announced=900, seen=100, unkeyed=2))
    with pytest.raises(Reschedule):
        airflow.dag.sync("acme")
    assert airflow.told == ["gong_acme: calls: 2 left out for want of an id"]


def test_a_try_that_did_not_begin_has_no_report(airflow):
    airflow.runs_end(1, None)
    with pytest.raises(airflow.dag.MeltanoFailed, match="extractors 1"):
        airflow.dag.sync("acme")
    assert airflow.told == []


def test_many_calls_that_are_not_served_are_told_of(airflow):
    airflow.runs_end(0, report("done", announced=9, seen=4))
    airflow.dag.sync("acme")
    airflow.runs_end(0, report("done", announced=900, seen=800))
    airflow.dag.sync("acme")
    assert airflow.told == ["gong_acme: calls: 900 announced, 800 served"]


@pytest.mark.parametrize("status", [500, None])
def test_a_webhook_that_fails_fails_nothing_else_and_is_not_shown(airflow, caplog, status):
    airflow.runs_end(0, report("done", unkeyed=1))
    if status is None:
        airflow.__exit__(None, None, None)
    airflow.webhook = status
    assert airflow.dag.sync("acme")["end"] == "done"
    assert "The webhook of gong_alerts" in caplog.text
    assert "secret" not in caplog.text
