"""Copies of the warehouse: `meltano run tap-gong target-duckdb warehouse:parquet`, or `:sqlite`.

Each run makes its copy anew, from all that the warehouse holds: what was updated there is up to
date in the copy, and nothing is in it twice.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import duckdb
from sqlite_utils import Database

WAREHOUSE = Path(os.environ.get("WAREHOUSE_FILEPATH", "output/warehouse.duckdb"))
SCHEMA = os.environ.get("WAREHOUSE_SCHEMA", "gong")
BATCH = 500


def main() -> int:
    """Make the copy that is named; 1 when there is nothing to copy."""
    copies = {"parquet": to_parquet, "sqlite": to_sqlite}
    if len(sys.argv) != 2 or sys.argv[1] not in copies:
        sys.stderr.write(f"which copy? {' or '.join(copies)}\n")
        return 2
    if not WAREHOUSE.exists():
        sys.stderr.write(f"there is no {WAREHOUSE}: run tap-gong target-duckdb first\n")
        return 1
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        target = copies[sys.argv[1]](warehouse)
    sys.stdout.write(f"copied {WAREHOUSE} to {target}\n")
    return 0


def to_parquet(warehouse: duckdb.DuckDBPyConnection) -> Path:
    """A file for each table: `output/parquet/{stream}.parquet`."""
    target = WAREHOUSE.parent / "parquet"
    building = target.with_name("parquet.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    for table in tables(warehouse):
        path = str(building / f"{table}.parquet").replace("'", "''")
        warehouse.execute(f"COPY {SCHEMA}.\"{table}\" TO '{path}' (FORMAT parquet)")
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)
    return target


def to_sqlite(warehouse: duckdb.DuckDBPyConnection) -> Path:
    """One database: nested columns are JSON text, instants are text in UTC."""
    target = WAREHOUSE.with_suffix(".sqlite")
    building = target.with_suffix(".sqlite.new")
    building.unlink(missing_ok=True)
    database = Database(building)
    for table in tables(warehouse):
        types = dict(
            warehouse.execute(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
                [SCHEMA, table],
            ).fetchall()
        )
        (keys,) = warehouse.execute(
            "SELECT constraint_column_names FROM duckdb_constraints() WHERE schema_name = ? "
            "AND table_name = ? AND constraint_type = 'PRIMARY KEY'",
            [SCHEMA, table],
        ).fetchone() or ([],)
        kinds = {name: _SQLITE.get(kind, str) for name, kind in types.items()}
        rows = database.table(table).create(kinds, pk=tuple(keys) or None)
        columns = ", ".join(
            f"strftime(\"{name}\", '%Y-%m-%dT%H:%M:%S.%fZ')" if kind == "TIMESTAMP" else f'"{name}"'
            for name, kind in types.items()
        )
        cursor = warehouse.execute(f'SELECT {columns} FROM {SCHEMA}."{table}"')
        while batch := cursor.fetchmany(BATCH):
            rows.insert_all(dict(zip(types, row, strict=True)) for row in batch)
    database.close()
    building.replace(target)
    return target


_SQLITE = {"HUGEINT": int, "BIGINT": int, "BOOLEAN": int, "DOUBLE": float}


def tables(warehouse: duckdb.DuckDBPyConnection) -> list[str]:
    """What the loader made."""
    found = warehouse.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? ORDER BY 1", [SCHEMA]
    )
    return [name for (name,) in found.fetchall()]


if __name__ == "__main__":
    sys.exit(main())
