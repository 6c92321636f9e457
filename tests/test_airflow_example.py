"""What the example for Airflow says of the tap is so. It runs in tests/fleet."""

from __future__ import annotations

import ast
import json
import runpy
from pathlib import Path

from tap_gong.streams import STREAMS

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
