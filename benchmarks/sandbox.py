"""A sandbox in a process of its own, so that only the tap's CPU is measured."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def running_sandbox(*, calls: int, days: int = 90, **options: Any) -> Iterator[dict[str, Any]]:
    """Start `gong-sandbox`; yields settings of the tap for it, without any limit."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = {
        "port": port,
        "calls": calls,
        "days": days,
        "requests-per-second": 0,
        "daily-requests": 0,
        **options,
    }
    command = [sys.executable, "-m", "gong_sandbox"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(url, timeout=60)
                break
            time.sleep(0.1)
        yield {
            "api_url": url,
            "access_key": "sandbox",
            "access_key_secret": "sandbox",
            "requests_per_second": 0,
        }
    finally:
        process.terminate()
        process.wait()
