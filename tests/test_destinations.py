"""What the loaders in meltano.yml make of what the tap writes, in two runs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pendulum
import pytest
from singer_sdk.contrib.msgspec import decoder

from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from tests.clocks import NOW
from tests.conftest import settings
from tests.csv_cells import assert_same, read_csv
from tests.meltano_project import MELTANO, STREAM_MAPS, UV, config_of, copy_project, meltano
from tests.servers import DATABASE, USER, postgres_server, query
from tests.singer_run import Output
from tests.target import target_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

# Titles, names and custom data of calls that Gong lets one create.
AWKWARD = (
    'Zoë "Zed" O\'Neil, 日本語 🎧',
    "line one\nline two\r\nline, three\ttab",
    "=cmd|' /C calc'!A0",
    "back\\slash \\n \\N $$ {} %s :x",
    "separator \u2028 ; ' -- DROP",
    "-",
    "null",
    "12345678901234567890",
)
# All streams selected by default, and the tables.
STREAMS = {
    rule.split(".")[0]
    for rule in MELTANO["environments"][0]["config"]["plugins"]["extractors"][0]["select"]
}


@dataclass
class TwoRuns:
    """What the tap wrote in a first run and in an incremental one after it."""

    outputs: tuple[Output, Output]

    def schema(self, stream: str) -> dict[str, dict[str, Any]]:
        """The fields of a stream."""
        (found,) = (m for m in self.outputs[0].of("SCHEMA") if m["stream"] == stream)
        properties: dict[str, dict[str, Any]] = found["schema"]["properties"]
        return properties

    def keys(self, stream: str) -> list[str]:
        """The key of a stream."""
        (found,) = (m for m in self.outputs[0].of("SCHEMA") if m["stream"] == stream)
        keys: list[str] = found["key_properties"]
        return keys

    def upserted(self, stream: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """What a table should hold at last: each row by its key, whole."""
        keys, names = self.keys(stream), self.schema(stream)
        return {
            tuple(row[key] for key in keys): {name: row.get(name) for name in names}
            for output in self.outputs
            for row in output.records[stream]
        }


def read(config: dict[str, Any], state: dict[str, Any]) -> Output:
    """Run the tap as Meltano does: with a catalog, and maps of the streams."""
    config = {**config, "stream_maps": STREAM_MAPS}
    catalog = json.loads(TapGong(config=dict(config)).catalog_json_text)
    for entry in catalog["streams"]:
        (root,) = (m["metadata"] for m in entry["metadata"] if not m["breadcrumb"])
        root["selected"] = entry["tap_stream_id"] in STREAMS
    output = Output()
    tap = TapGong(config=config, catalog=catalog, state=state, message_writer=output)
    tap.sync_all()
    tap.close()
    assert not tap.failed
    return output


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Awkward calls go into a Gong by the target; the tap reads it, and two days later again."""
    folder = tmp_path_factory.mktemp("recordings")
    with Sandbox(
        calls=60, days=40, seed=11, now=NOW, requests_per_second=0, daily_requests=0
    ) as sandbox:
        user = target_run.importing_user(sandbox)
        calls = [
            target_run.call(
                user,
                f"awkward-{number}",
                title=text,
                customData=text,
                purpose=text,
                parties=[{"userId": user}, {"name": text, "phoneNumber": "+15550000001"}],
                mediaFile=str(target_run.recording(folder / f"{number}.wav", seed=number)),
            )
            for number, text in enumerate(AWKWARD)
        ]
        config = target_run.settings(sandbox, folder)
        assert target_run.run_target(config, target_run.messages("calls", calls)).tally.done == len(
            AWKWARD
        )
        sandbox.clock.advance(timedelta(hours=5))
        first = read(settings(sandbox, end_date=sandbox.clock.now().isoformat()), {})
        sandbox.clock.advance(timedelta(days=2))
        second = read(settings(sandbox, end_date=sandbox.clock.now().isoformat()), first.state)
    return TwoRuns((first, second))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def load(project: Path, loader: str, output: Output, **more: Any) -> None:
    """Hand what the tap wrote to a loader as meltano.yml has it; it must pass the state on.

    Args:
        project: where Meltano has installed the loader.
        loader: its name.
        output: what the tap wrote.
        more: settings of the loader.
    """
    (plugin,) = (p for p in MELTANO["plugins"]["loaders"] if p["name"] == loader)
    config = project / f"{loader}.json"
    config.write_text(json.dumps({**config_of(project, loader), **more}))
    messages = b"".join(line.rstrip(b"\n") + b"\n" for line in output.lines)
    program = project / ".meltano" / "loaders" / loader / "venv" / "bin" / plugin["executable"]
    done = subprocess.run(
        [str(program), "--config", str(config)],
        input=messages,
        cwd=project,
        env={**os.environ, **plugin.get("env", {})},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(json.dumps(output.state))


@pytest.fixture(scope="module")
def warehouse(project, runs):
    """Both runs in DuckDB."""
    meltano(project, "install", "loader", "target-duckdb")
    (project / "output").mkdir()
    for output in runs.outputs:
        load(project, "target-duckdb", output)
    return project / "output" / "warehouse.duckdb"


def plain(value: Any, field: dict[str, Any], *, empty_is_null: bool = False) -> Any:
    """A value so that it can be told from others whatever notation they have.

    Args:
        value: of a record, or as a destination has it.
        field: its schema.
        empty_is_null: the destination cannot tell an empty text from NULL.
    """
    if value is None or (empty_is_null and value == ""):
        return None
    if field.get("format") == "date-time":
        moment = value if isinstance(value, datetime) else pendulum.parse(str(value))
        assert isinstance(moment, datetime)
        # Destinations drop the zone; what they keep must be UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    if "object" in field["type"] or "array" in field["type"]:
        value = json.loads(value) if isinstance(value, str) else value
        return json.loads(json.dumps(value, default=float))
    if "boolean" in field["type"]:
        return bool(value)
    return float(value) if isinstance(value, (int, float, Decimal)) else value


def assert_upserted(runs: TwoRuns, stream: str, found: Any, **more: Any) -> None:
    """A table has each row once, and every value is the one written last.

    Args:
        runs: what the tap wrote.
        stream: the table's.
        found: its rows, with the loader's own columns or without.
        more: of `plain`.
    """
    schema, keys = runs.schema(stream), runs.keys(stream)
    expected = runs.upserted(stream)
    rows = {tuple(row[key] for key in keys): row for row in found}
    assert len(found) == len(rows) == len(expected), stream
    for key, wanted in expected.items():
        for name, value in wanted.items():
            told = plain(rows[key][name], schema[name], **more)
            assert told == plain(value, schema[name], **more), (stream, key, name)


def renamed(runs: TwoRuns, stream: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the names of their columns as the tap has them, where a loader lowers them."""
    names = {name.lower(): name for name in runs.schema(stream)}
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]


def rows_of(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_the_runs_hold_what_destinations_stumble_over(runs):
    first, second = (output.records for output in runs.outputs)
    titles = {call["title"] for call in first["calls"]}
    assert set(AWKWARD) <= titles
    assert set(AWKWARD) <= {party.get("name") for party in first["call_parties"]}
    ids = {call["id"]: call for call in first["calls"]}
    assert any(len(call) == 19 for call in ids)
    again = [call for call in second["calls"] if call["id"] in ids]
    assert any(ids[call["id"]] != call for call in again), "no row is updated"
    assert len(again) < len(second["calls"]), "no row is new"
    assert set(first) == STREAMS


def test_duckdb_updates_rows_and_keeps_types(runs, warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as database:
        for stream in STREAMS:
            rows = rows_of(database.execute(f"SELECT * FROM gong.{stream}"))
            assert_upserted(runs, stream, renamed(runs, stream, rows), empty_is_null=True)
        types = dict(
            database.execute(
                "SELECT table_name || '.' || column_name, data_type FROM duckdb_columns()"
            ).fetchall()
        )
        asked = database.execute(
            "SELECT DISTINCT title FROM gong.calls, "
            "unnest(CAST(parties AS JSON[])) AS p(party) WHERE party->>'name' = title"
        ).fetchall()
    assert types["calls.id"] == "VARCHAR"
    assert types["calls.started"] == "TIMESTAMP"
    assert types["calls.duration"] == "HUGEINT"
    assert types["calls.isprivate"] == "BOOLEAN"
    assert types["calls.parties"] == "JSON"
    assert types["call_speakers.talktime"] == "DOUBLE"
    assert {title for (title,) in asked} == set(AWKWARD)


def test_parquet_is_a_copy_of_the_warehouse(project, runs, warehouse):
    for _ in range(2):
        assert "parquet" in meltano(project, "invoke", "warehouse:parquet")
    folder = project / "output" / "parquet"
    assert {path.stem for path in folder.iterdir()} == STREAMS
    for stream in STREAMS:
        rows = rows_of(duckdb.execute(f"SELECT * FROM '{folder / stream}.parquet'"))
        assert_upserted(runs, stream, renamed(runs, stream, rows), empty_is_null=True)
    columns = duckdb.execute(f"DESCRIBE SELECT * FROM '{folder}/calls.parquet'").fetchall()
    types = {column[0]: column[1] for column in columns}
    assert types["id"] == "VARCHAR"
    assert types["started"] == "TIMESTAMP"
    assert types["isprivate"] == "BOOLEAN"
    # Parquet has no integers of 128 bits.
    assert types["duration"] == "DOUBLE"


def test_sqlite_is_a_copy_of_the_warehouse(project, runs, warehouse):
    for _ in range(2):
        assert "sqlite" in meltano(project, "invoke", "warehouse:sqlite")
    database = sqlite3.connect(project / "output" / "warehouse.sqlite")
    database.row_factory = sqlite3.Row
    for stream in STREAMS:
        rows = [dict(row) for row in database.execute(f"SELECT * FROM {stream}")]
        assert_upserted(runs, stream, renamed(runs, stream, rows), empty_is_null=True)
        columns = database.execute(f"PRAGMA table_info({stream})").fetchall()
        keys = {row["name"] for row in columns if row["pk"]}
        assert keys == {key.lower() for key in runs.keys(stream)}
    kinds = database.execute("SELECT typeof(id), typeof(duration), typeof(started) FROM calls")
    assert {tuple(row) for row in kinds} == {("text", "integer", "text")}
    hours = database.execute("SELECT strftime('%H:%M', started) FROM calls WHERE title = '-'")
    assert hours.fetchone()[0] == "08:00"
    database.close()


def test_postgres_updates_rows_and_keeps_types(project, runs):
    meltano(project, "install", "loader", "target-postgres")
    # A server of a company in California: its zone must not get into the data.
    with postgres_server(timezone="America/Los_Angeles") as port:
        for output in runs.outputs:
            load(
                project,
                "target-postgres",
                output,
                host="127.0.0.1",
                port=port,
                user=USER,
                password="pw",
                database=DATABASE,
            )
        for stream in STREAMS:
            answer = query(port, f"SELECT row_to_json(t) FROM gong.{stream} AS t")
            assert_upserted(runs, stream, [decoder.decode(line) for line in answer])
        types = dict(
            line.split("|")
            for line in query(
                port,
                "SELECT table_name || '.' || column_name || '|' || data_type || udt_name "
                "FROM information_schema.columns WHERE table_schema = 'gong'",
            )
        )
        keys = query(
            port,
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a "
            "ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
            "WHERE i.indisprimary AND i.indrelid = 'gong.call_parties'::regclass",
        )
        asked = query(
            port,
            "SELECT count(DISTINCT title) FROM gong.calls, unnest(parties) AS party "
            "WHERE party->>'name' = title",
        )
    assert types["calls.id"] == "texttext"
    assert types["calls.started"] == "timestamp without time zonetimestamp"
    assert types["calls.duration"] == "bigintint8"
    assert types["calls.isPrivate"] == "booleanbool"
    assert types["calls.content"] == "jsonbjsonb"
    assert types["calls.parties"] == "ARRAY_jsonb"
    assert types["call_speakers.talkTime"] == "numericnumeric"
    assert set(keys) == {"callId", "id"}
    assert asked == [str(len(AWKWARD))]


def test_jsonl_appends_and_loses_nothing(project, runs):
    meltano(project, "install", "loader", "target-jsonl")
    folder = project / "output" / "jsonl"
    folder.mkdir(parents=True)
    for output in runs.outputs:
        load(project, "target-jsonl", output)
    for stream in STREAMS:
        lines = (folder / f"{stream}.jsonl").read_bytes().split(b"\n")[:-1]
        written = [row for output in runs.outputs for row in output.records[stream]]
        found = [decoder.decode(line) for line in lines]
        assert [json.dumps(row, default=float) for row in found] == [
            json.dumps(row, default=float) for row in written
        ]


def test_csv_begins_anew_or_keeps_a_file_for_each_run(project, runs):
    meltano(project, "install", "loader", "target-csv")
    folder = project / "output" / "csv"
    folder.mkdir(parents=True)
    for output in runs.outputs:
        load(project, "target-csv", output)
    for output in runs.outputs:
        load(project, "target-csv", output, file_naming_scheme="{stream_name}-{timestamp}.csv")
    for stream in STREAMS:
        only = folder / f"{stream}.csv"
        told = [output.records[stream] for output in runs.outputs]
        if not told[1]:
            # Nothing new: the header stays alone, or the first run's rows where no schema came.
            continue
        assert_same(read_csv(only), told[1], stream)
        kept = sorted(folder.glob(f"{stream}-*.csv"))
        assert [len(read_csv(path)) for path in kept] == [len(rows) for rows in told], stream
        for path, rows in zip(kept, told, strict=True):
            assert_same(read_csv(path), rows, stream)


@pytest.mark.parametrize(
    ("package", "config", "complaint"),
    [
        ("target-sqlite==0.2.0", {"database": "gong.db"}, "MutableMapping"),
        (
            "target-universal-file==0.0.1",
            {"protocol": "local", "file_type": "parquet", "path": "files"},
            "unhashable type: 'list'",
        ),
    ],
)
def test_loaders_that_the_docs_warn_of(tmp_path, runs, package, config, complaint):
    """When one of these passes, it is time to say so in docs/destinations.md."""
    name, _ = package.split("==")
    venv = tmp_path / "venv"
    subprocess.run([*UV, "venv", "-q", str(venv)], check=True, timeout=120)
    subprocess.run(
        [*UV, "pip", "install", "-q", "--python", str(venv / "bin" / "python"), package],
        check=True,
        timeout=300,
    )
    (tmp_path / "config.json").write_text(json.dumps(config))
    users = [line for line in runs.outputs[0].lines if b'"stream":"users"' in line]
    done = subprocess.run(
        [str(venv / "bin" / name), "--config", "config.json"],
        input=b"".join(line.rstrip(b"\n") + b"\n" for line in users),
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert complaint in done.stderr.decode()
