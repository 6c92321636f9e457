"""The whole way: Meltano, real loaders in environments of their own, and the demo."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT = (
    "gong_api",
    "gong_sandbox",
    "tap_gong",
    "examples",
    "meltano.yml",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)

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
    assert len({call["id"] for call in calls}) == 500
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
    assert len(records(calls)) == 500


def test_the_demo_from_nothing(project):
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    shutil.copy(ROOT / "Makefile", project / "Makefile")
    out = run(project, "make", "demo", env=env)
    assert "open opportunities" in out
    csv.field_size_limit(2**31 - 1)
    with (project / "output" / "csv" / "calls.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows) == 500
    query = (
        "import duckdb; print(duckdb.connect('output/warehouse.duckdb')"
        ".execute('select count(*), count(distinct id) from gong.calls').fetchall())"
    )
    counted = run(project, project / ".venv-demo" / "bin" / "python", "-c", query)
    assert counted.strip() in {"[(500, 500)]", "[(501, 501)]", "[(502, 502)]"}
