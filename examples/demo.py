"""The main job, with no credentials: `make demo`.

A made-up Gong company goes through `tap-gong` into DuckDB and CSV by `meltano run`, twice, to show
how little a second run asks for; then one question is answered in SQL, and others by the charts of
a report. Then calls of a phone system go from a CSV file through `target-gong` into a Gong, and
come back from there. `--picture PATH` also writes what was printed to an SVG.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path

import duckdb
from report import write_report
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "output"
WAREHOUSE = OUTPUT / "warehouse.duckdb"
CSV = OUTPUT / "csv"
REPORT = OUTPUT / "report.html"
# A ledger belongs to one Gong, and the one that the demo writes to ends with it.
LEDGER = OUTPUT / "demo-ledger.db"
# What comes back from there is no part of the company that was loaded before.
SCHEMA_OF_WRITTEN = "written_back"
BIN = Path(sys.executable).parent
MELTANO = BIN / "meltano"

QUESTION = "Which competitors come up on the calls of which open opportunities?"
# Tables need room; a log file has no width of its own.
console = Console(width=None if sys.stdout.isatty() else 120, record=True)
# In a picture, fonts would be fetched from elsewhere.
FONT_FACES = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def main() -> int:
    """Run the demo; the exit code of the first step that fails, else 0."""
    options = argparse.ArgumentParser(description="The main job, with no credentials.")
    options.add_argument("--picture", type=Path, help="also write what is printed to this SVG")
    picture = options.parse_args().picture
    status = demonstrate()
    if picture and not status:
        drawn = console.export_svg(title="make demo", unique_id="demo")
        picture.write_text(FONT_FACES.sub("", drawn), encoding="utf-8")
    return status


def demonstrate() -> int:
    """All steps; the exit code of the first that fails, else 0."""
    clear()
    steps = (
        ("Calls, transcripts and the rest into DuckDB", "tap-gong", "target-duckdb"),
        ("The same into CSV files", "--full-refresh", "tap-gong", "target-csv"),
        ("Once more into DuckDB: what is new", "tap-gong", "target-duckdb"),
    )
    for title, *arguments in steps:
        status = run(title, *arguments)
        if status:
            return status
    if not show_what_was_loaded():
        console.print("[red]The tables and the files do not hold the same rows.")
        return 1
    answer_the_question()
    write_report(WAREHOUSE, REPORT)
    if not write_back():
        return 1
    console.print(
        f"\nIt is all in [bold]{WAREHOUSE.relative_to(ROOT)}[/] and [bold]"
        f"{CSV.relative_to(ROOT)}/[/], with charts in [bold]{REPORT.relative_to(ROOT)}[/]"
        " (open it in a browser). With your own Gong: see README.md.\n"
    )
    return 0


def clear() -> None:
    """Begin anew: what an earlier demo left would make this one incremental."""
    WAREHOUSE.unlink(missing_ok=True)
    REPORT.unlink(missing_ok=True)
    for path in OUTPUT.glob(f"{LEDGER.name}*"):
        path.unlink()
    shutil.rmtree(CSV, ignore_errors=True)
    CSV.mkdir(parents=True)
    meltano("state", "clear", "--force", "dev:tap-gong-to-target-duckdb", capture=True)


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def write_back() -> bool:
    """Calls of a phone system into a Gong, and back; whether they are all there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(BIN / "gong-sandbox"), "--port", str(port), "--processing-minutes", "0"]
    sandbox = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not listens(port):
            if sandbox.poll() is not None:
                console.print(f"gong-sandbox has ended with exit code {sandbox.returncode}")
                return False
            time.sleep(0.1)
        for name in ("TAP_GONG", "TARGET_GONG"):
            os.environ[f"{name}_API_URL"] = f"http://127.0.0.1:{port}"
            os.environ[f"{name}_ACCESS_KEY"] = os.environ[f"{name}_ACCESS_KEY_SECRET"] = "sandbox"
        os.environ["TARGET_GONG_LEDGER_PATH"] = str(LEDGER)
        os.environ["TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA"] = SCHEMA_OF_WRITTEN
        title = "Calls of a phone system, from CSV into Gong"
        # Without state: the file is the same as in an earlier demo, the Gong is not.
        options = ("--full-refresh", "--state-id-suffix", "demo")
        if run(title, *options, "tap-recordings", "target-gong"):
            return False
        receipts = meltano("invoke", "target-gong", "--receipts", capture=True).stdout
        rows = [json.loads(line) for line in receipts.splitlines() if line.startswith("{")]
        os.environ["TAP_GONG_CALL_IDS"] = json.dumps([row["callId"] for row in rows])
        if run("They come back, as soon as Gong has processed them", "tap-gong", "target-duckdb"):
            return False
    finally:
        sandbox.terminate()
        sandbox.wait()
    shown = {}
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        for name, title, seconds in warehouse.sql(
            f"select clientUniqueId, title, duration from {SCHEMA_OF_WRITTEN}.calls"
        ).fetchall():
            shown[name] = f"{title}, {seconds} s"
    table = Table(title="What target-gong wrote", title_justify="left")
    for column in ("clientUniqueId", "callId", "status", "what Gong shows"):
        table.add_column(column)
    for row in rows:
        name = row["clientUniqueId"]
        table.add_row(
            name, row["callId"], row["status"], shown.get(name, "nothing: a draft, no recording")
        )
    console.print(table)
    return len(rows) == 3 and sum(row["clientUniqueId"] in shown for row in rows) == 2


def run(title: str, *arguments: str) -> int:
    """One `meltano run`, with what it cost."""
    command = " ".join(("meltano run", *arguments))
    console.rule(f"[bold]{title}")
    console.print(f"[dim]$ {command}[/]")
    began = time.monotonic()
    done = meltano("run", *arguments, capture=True)
    took = time.monotonic() - began
    if done.returncode:
        console.print(done.stdout, done.stderr, markup=False)
        console.print(f"[red]`{command}` ended with exit code {done.returncode}")
        return done.returncode
    cost = re.findall(r"(\d+ requests, .*? (?:rate limit|retries))", done.stdout + done.stderr)
    console.print(f"{took:.0f} s; {cost[-1] if cost else ''}\n")
    return 0


def meltano(*arguments: str, capture: bool) -> subprocess.CompletedProcess[str]:
    """Run Meltano in this project."""
    return subprocess.run(
        [str(MELTANO), *arguments],
        cwd=ROOT,
        text=True,
        encoding="utf-8",
        errors="replace",
        capture_output=capture,
        check=False,
    )


def show_what_was_loaded() -> bool:
    """Rows of each table, and of each file as a CSV parser reads them; whether they agree."""
    whole = True
    csv.field_size_limit(2**31 - 1)
    table = Table(title="What was loaded, in rows", title_justify="left")
    for _ in range(2):
        table.add_column("table")
        table.add_column("in DuckDB", justify="right")
        table.add_column("in CSV", justify="right")
    cells = []
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        names = warehouse.sql(
            "select table_name from information_schema.tables"
            " where table_schema = 'gong' order by table_name"
        ).fetchall()
        for (name,) in names:
            (rows,) = warehouse.sql(f'select count(*) from gong."{name}"').fetchall()[0]
            exported = rows_in(CSV / f"{name}.csv")
            whole = whole and rows == exported
            cells.append((name, f"{rows:,}", f"{exported:,}"))
    half = (len(cells) + 1) // 2
    for left, right in zip_longest(cells[:half], cells[half:], fillvalue=()):
        table.add_row(*left, *right)
    console.print(table)
    return whole


def rows_in(path: Path) -> int:
    """Rows of a CSV file."""
    if not path.exists():
        return 0
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def answer_the_question() -> None:
    """Competitors by open opportunity, from `calls` alone."""
    sql = (Path(__file__).parent / "competitors_by_opportunity.sql").read_text(encoding="utf-8")
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        answer = warehouse.sql(sql)
        table = Table(title=QUESTION, title_justify="left")
        for column in answer.columns:
            table.add_column(column.replace("_", " "))
        for row in answer.fetchall():
            table.add_row(*(f"{v:,}" if isinstance(v, (int, Decimal)) else str(v) for v in row))
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
