"""Running the receiver, in a thread or as a process, and signing as Gong does."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gong_api.clock import SystemClock
from gong_webhook.cli import _listen, server
from gong_webhook.inbox import Inbox, InboxReader
from gong_webhook.receiver import Receiver
from gong_webhook.verification import Verifier, read_public_key

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from gong_api.clock import Clock
    from gong_sandbox import Sandbox
    from gong_webhook.inbox import Event

SECRET = "a-secret-that-nobody-can-guess-0001"


def key(number: int = 0) -> rsa.RSAPrivateKey:
    """Key pairs; the first is Gong's."""
    return _key(number)


@lru_cache
def _key(_: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(number: int = 0) -> str:
    """A public key."""
    shown = key(number).public_key()
    return shown.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims(url: str, body: bytes, **other: Any) -> dict[str, Any]:
    """What Gong signs; None leaves a claim out."""
    right = {
        "webhook_url": url,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "exp": int(time.time()) + 60,
    }
    return {name: value for name, value in {**right, **other}.items() if value is not None}


def signed(url: str, body: bytes, **other: Any) -> str:
    """Gong's token for a body."""
    return jwt.encode(claims(url, body, **other), key(), algorithm="RS256")


def payload(number: int = 1, **more: Any) -> bytes:
    """What a rule posts, as small as can be."""
    call = {"metaData": {"id": f"{number:019d}", "title": f"Call {number}"}}
    return json.dumps({"callData": call, "isTest": False, "isPrivate": False, **more}).encode()


def inbox_of(sandbox: Sandbox, folder: Path) -> str:
    """An inbox with some calls of a company in it."""
    path = folder / "inbox.db"
    now = sandbox.clock.now()
    with contextlib.closing(Inbox(path, SystemClock())) as inbox:
        for slot in sandbox.company.slots(None, None, now=now)[-3:]:
            call = sandbox.company.extensive(slot, now=now)
            body = {"callData": call, "isTest": False, "isPrivate": slot.is_private}
            inbox.put(json.dumps(body).encode(), is_test=False)
    return str(path)


def held(path: Path) -> list[Event]:
    """The events of an inbox, without tests."""
    with contextlib.closing(InboxReader(path)) as inbox:
        return list(inbox.events(0))


@dataclass
class Served:
    """A receiver that runs.

    Attributes:
        url: of the webhook, without a secret.
        path: of the inbox.
        receiver: itself, where it runs in this process.
        inbox: likewise.
    """

    url: str
    path: Path
    receiver: Receiver
    inbox: Inbox

    def post(self, body: bytes, token: str | None = None, *, suffix: str = "") -> int:
        """Deliver; the status of the answer."""
        headers = {"Authorization": token} if token is not None else {}
        return requests.post(self.url + suffix, data=body, headers=headers, timeout=10).status_code

    @property
    def events(self) -> list[Event]:
        """What is in the inbox."""
        return held(self.path)


@contextlib.contextmanager
def served(
    path: Path,
    *,
    secret: str | None = None,
    public_key: str | None = None,
    listener: socket.socket | None = None,
    clock: Clock | None = None,
    keep_days: int | None = None,
) -> Iterator[Served]:
    """A receiver in a thread of this process."""
    listener = listener or _listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/gong"
    verifier = Verifier(
        secret=secret,
        public_key=read_public_key(public_key) if public_key else None,
        url=url if public_key else None,
    )
    clock = clock or SystemClock()
    inbox = Inbox(path, clock)
    receiver = Receiver(inbox, verifier, clock, keep_days=keep_days)
    running = server(receiver)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.005)
    try:
        yield Served(url, path, receiver, inbox)
    finally:
        running.should_exit = True
        thread.join(timeout=10)


class Process(subprocess.Popen[str]):
    """A process that does not outlive its test."""

    def __exit__(self, *_: object) -> None:
        self.kill()
        super().__exit__(None, None, None)


def begun(*options: object, **env: str) -> Process:
    """The command, as a process."""
    return Process(
        [sys.executable, "-m", "gong_webhook", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **env},
    )


def port_of(process: subprocess.Popen[str]) -> int:
    """The port that a receiver tells when it is ready."""
    assert process.stderr
    for line in process.stderr:
        if "on port" in line:
            return int(line.partition("on port ")[2].split()[0])
    raise AssertionError(process.wait())
