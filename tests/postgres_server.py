"""A PostgreSQL server of a test's own, from what Debian's packages bring."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "gong"
DATABASE = "postgres"


@contextmanager
def postgres(*, timezone: str) -> Iterator[int]:
    """Its port; the test is skipped where there is no server and none can be installed."""
    programs = _programs()
    # The server refuses to be root, and a test's own folder is closed to all others.
    owner = "postgres" if os.geteuid() == 0 else None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if owner:
        shutil.chown(folder, owner)
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"

    def control(*arguments: str) -> None:
        pg_ctl = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
        # Without a log file, and with pipes, it would hold this process's pipes open.
        subprocess.run(
            [*pg_ctl, *arguments],
            user=owner,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=120,
        )

    initdb = [str(programs / "initdb"), "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    try:
        subprocess.run(
            [*initdb, "-D", str(data), "-U", USER],
            user=owner,
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=120,
        )
        control("-o", f"{options} -c timezone={timezone}", "start")
        try:
            yield port
        finally:
            control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def query(port: int, sql: str) -> list[str]:
    """The lines of an answer that has one column."""
    psql = shutil.which("psql")
    assert psql
    done = subprocess.run(
        [psql, "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-d", DATABASE, "-XAt", "-c", sql],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    # Not splitlines(), which takes more than line feeds for the end of a line.
    return [line for line in done.stdout.split("\n") if line]


def _programs() -> Path:
    """The folder of the server's programs."""
    found = _find()
    if found is None and os.environ.get("CI") and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["update", "-qq"], ["install", "-qq", "-y", "postgresql"]):
            subprocess.run(["apt-get", *command], check=False, capture_output=True, timeout=300)
        found = _find()
    if found is None:
        pytest.skip("no PostgreSQL server here, and it cannot be installed")
    return found


def _find() -> Path | None:
    """Debian keeps each version's server off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return versions[-1].parent if versions else Path(on_path).parent if on_path else None
