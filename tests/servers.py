"""Servers that tests need beside the sandbox: Redis and Postgres, from Debian's packages."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

# Of a Postgres server, and the database that it always has.
USER = "gong"
DATABASE = "postgres"


def program(name, package):
    """Where a server's program is; on a CI machine whose root we are, it is installed.

    Skips the test where it is not to be had.
    """
    found = _found(name)
    if found is None and os.environ.get("CI") and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["update", "-qq"], ["install", "-qq", "-y", package]):
            subprocess.run(["apt-get", *command], check=False, capture_output=True, timeout=300)
        found = _found(name)
    if found is None:
        pytest.skip(f"no {name} here, and it cannot be installed")
    return found


def _found(name):
    # Debian keeps several versions of Postgres beside each other, out of the path.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(versions[-1]) if versions else None)


def free_port():
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until(is_ready, *, seconds, process):
    """Until a server is ready.

    Raises:
        TimeoutError: it is not, or the process has ended.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready():
            return
        time.sleep(0.05)
    msg = f"{process.args} is not ready after {seconds} s"
    raise TimeoutError(msg)


def listens(port):
    """Whether somebody does on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def redis_server(port=None):
    """A Redis server of one's own, on a port that is free or was; its URL."""
    server, port = program("redis-server", "redis-server"), port or free_port()
    process = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: listens(port), seconds=10, process=process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def postgres_server(*databases, timezone="UTC"):
    """A Postgres server of one's own that trusts everybody, with these databases; its port."""
    names = "initdb", "postgres", "pg_isready"
    initdb, postgres, pg_isready = (program(name, "postgresql") for name in names)
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    # It does not run as root.
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        shutil.chown(folder, owner)
    own: dict[str, Any] = {"user": owner, "cwd": folder, "stdout": subprocess.DEVNULL}
    quiet = {**own, "stderr": subprocess.DEVNULL}
    try:
        data = folder / "data"
        made = [initdb, "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(made, check=True, timeout=120, **quiet)
        if databases:
            # In single-user mode a line is a command: the server starts with what it needs.
            create = "".join(f"CREATE DATABASE {name}\n" for name in databases)
            single = [postgres, "--single", "-F", "-D", data, DATABASE]
            subprocess.run(single, input=create, text=True, check=True, timeout=120, **quiet)
        port = free_port()
        asks = [pg_isready, "-h", "127.0.0.1", "-p", str(port)]
        command = [postgres, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        # Nothing of it outlives the test.
        options = ["-c", "fsync=off", "-c", "max_connections=200", "-c", f"timezone={timezone}"]
        process = subprocess.Popen([*command, *options], **quiet)
        try:
            wait_until(
                lambda: subprocess.run([*asks, "-q"], check=False).returncode == 0,
                seconds=60,
                process=process,
            )
            yield port
        finally:
            # An interrupt ends it at once; else it would wait for its clients.
            process.send_signal(signal.SIGINT)
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def query(port, sql):
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
