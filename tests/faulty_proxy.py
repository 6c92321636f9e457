"""A connection to the sandbox that breaks: a proxy that passes requests on until it is told not to.

The sandbox has faults of Gong's; these are those of the network and of what stands in between.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from typing_extensions import Self

from tests.clocks import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_HEAD = re.compile(rb"(?P<line>[^\r\n]*)\r\n(?P<headers>.*?\r\n)?\r\n", re.DOTALL)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PAGE = "<html><head><title>Sign in</title></head><body>Sign in to go on</body></html>"


@dataclass(frozen=True)
class Fault:
    """What becomes of a request.

    Attributes:
        kind: `answer`, not passed on and answered by `content`; `reset`, not passed on. All others
            reach Gong: `lost`, its answer is dropped; `half`, breaks off in the middle; `closed`
            and `broken`, the whole answer comes and the connection is closed at once, or breaks
            when it is used again; `short`, fewer bytes than announced; `cut`, half the bytes and
            announced so; `cut-gzip`, the same of a compressed answer; `silent`, no answer;
            `silent-half`, half an answer; `page`, a page in place of the answer.
        content: of `answer`: the bytes on the wire.
    """

    kind: str
    content: bytes = b""


def answering(status: int, body: str = "", headers: Mapping[str, str] | None = None) -> Fault:
    """A fault: the request is answered before it reaches Gong."""
    content = body.encode()
    told = {"Content-Length": str(len(content)), "Content-Type": "text/plain", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return Fault("answer", f"HTTP/1.1 {status} Told\r\n{lines}\r\n".encode() + content)


def refusing(status: int, text: str, headers: Mapping[str, str] | None = None) -> Fault:
    """A fault: the request is refused in Gong's words."""
    body = json.dumps({"requestId": "4al018gzaztcr8nbukw", "errors": [text]})
    return answering(status, body, {"Content-Type": "application/json", **(headers or {})})


def limiting(retry_after: str | datetime | None = None) -> Fault:
    """A fault: 429, with what it says of when to come again."""
    if retry_after is None:
        told = {}
    elif isinstance(retry_after, str):
        told = {"Retry-After": retry_after}
    else:
        told = {"Retry-After": formatdate(retry_after.timestamp(), usegmt=True)}
    return refusing(429, "API request limit exceeded", told)


def page(status: int) -> Fault:
    """A fault: something in front of Gong answers with a page."""
    return answering(status, _PAGE, {"Content-Type": "text/html; charset=utf-8"})


# Faults by the name that a reader knows them by; the clock begins at `NOW`.
LIMITS = {
    "429 without Retry-After": limiting(),
    "429, Retry-After in seconds": limiting("7"),
    "429, Retry-After as a date": limiting(NOW + timedelta(seconds=7)),
}
LONG_WAITS = {
    "429, Retry-After of hours": limiting("14400"),
    "429, Retry-After as a date hours away": limiting(NOW + timedelta(hours=4)),
    "503, Retry-After of hours": refusing(503, "Down for maintenance", {"Retry-After": "14400"}),
}
FAILURES = {
    **{str(status): refusing(status, "Internal error") for status in (500, 502, 503, 504)},
    "503 with a proxy's page": page(503),
}
PAGES = {
    "200 with a login page": page(200),
    "200 with nothing": answering(200),
    "200 with a page, after Gong has acted": Fault("page"),
}
BROKEN_CONNECTIONS = {
    "connection reset before the answer": Fault("reset"),
    "connection reset when Gong has acted": Fault("lost"),
    "connection reset in the middle of the answer": Fault("half"),
    "connection reset after the answer": Fault("broken"),
}
CUT_ANSWERS = {
    "answer shorter than announced": Fault("short"),
    "JSON cut short": Fault("cut"),
    "gzip cut short": Fault("cut-gzip"),
}
SILENCES = {
    "no answer": Fault("silent"),
    "answer that stops in the middle": Fault("silent-half"),
}
REFUSALS = {
    "401 in mid-run": refusing(
        401, "Validate credentials failed. Please check your credentials and try again."
    ),
    "403 with a firewall's page": page(403),
    "404 with a proxy's page": page(404),
    "JSON that is not Gong's": answering(200, "[]", {"Content-Type": "application/json"}),
    "redirect to another host": answering(
        302, headers={"Location": "https://login.example/?from=secret-place"}
    ),
}


@dataclass
class _Planned:
    faults: list[Fault]
    path: str
    after: int
    for_ever: bool


def named(name: str) -> Fault:
    """The fault of a name."""
    groups = LIMITS, LONG_WAITS, FAILURES, PAGES, BROKEN_CONNECTIONS, CUT_ANSWERS, SILENCES
    return next(group[name] for group in (*groups, REFUSALS) if name in group)


class FaultyProxy:
    """Listens on a free port of this machine.

    Args:
        upstream: URL of the sandbox.

    Attributes:
        when_silent: called when an answer has not come, or has stopped in the middle.
    """

    def __init__(self, upstream: str) -> None:
        self.when_silent: Callable[[], None] = lambda: None
        self._upstream = urlsplit(upstream)
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    proxy._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def meet(self, *faults: Fault, path: str = "", after: int = 0, for_ever: bool = False) -> None:
        """Requests to a path meet faults, one each; the last one stays where it is for ever.

        Args:
            faults: in order.
            path: what the request's path begins with.
            after: so many requests to it pass before.
            for_ever: the last fault is met by every request from then on.
        """
        with self._lock:
            self._planned.append(_Planned(list(faults), path, after, for_ever))

    def mend(self) -> None:
        """From now on every request passes."""
        with self._lock:
            self._planned.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _draw(self, path: str) -> Fault | None:
        with self._lock:
            for planned in self._planned:
                if not path.startswith(planned.path):
                    continue
                if planned.after:
                    planned.after -= 1
                elif planned.faults:
                    is_last = len(planned.faults) == 1
                    return (
                        planned.faults[0] if is_last and planned.for_ever else planned.faults.pop(0)
                    )
            return None

    def _serve(self, client: socket.socket) -> None:
        while request := _message(client):
            path = request.split(b" ", 2)[1].decode().partition("?")[0]
            fault = self._draw(path)
            if fault is None:
                client.sendall(self._forward(request))
            elif not self._break(fault, client, request):
                return

    def _break(self, fault: Fault, client: socket.socket, request: bytes) -> bool:
        """Let a request meet a fault; whether the connection goes on."""
        if fault.kind == "answer":
            client.sendall(fault.content)
            return True
        if fault.kind == "reset":
            _reset(client)
            return False
        answer = self._forward(request)
        if fault.kind == "page":
            client.sendall(page(200).content)
            return True
        client.sendall(b"".join(_spoiled(fault.kind, answer)))
        if fault.kind in {"silent", "silent-half"}:
            self.when_silent()
            client.recv(1)
        elif fault.kind == "broken":
            client.recv(1)
            _reset(client)
        elif fault.kind in {"lost", "half"}:
            _reset(client)
        return fault.kind in {"cut", "cut-gzip"}

    def _forward(self, request: bytes) -> bytes:
        """Gong's answer, as if it kept the connection open."""
        assert self._upstream.hostname
        assert self._upstream.port
        address = self._upstream.hostname, self._upstream.port
        with socket.create_connection(address) as upstream:
            upstream.sendall(request)
            return _message(upstream)


def _spoiled(kind: str, answer: bytes) -> Iterable[bytes]:
    """What of an answer is sent."""
    head = _HEAD.match(answer)
    assert head
    body = answer[head.end() :]
    if kind in {"closed", "broken"}:
        yield answer
    elif kind in {"half", "silent-half"}:
        yield answer[: head.end() + len(body) // 2]
    elif kind in {"short", "cut", "cut-gzip"}:
        sent = gzip.compress(body) if kind == "cut-gzip" else body
        sent = sent if kind == "short" else sent[: len(sent) // 2]
        announced = len(sent) + 1000 if kind == "short" else len(sent)
        yield _LENGTH.sub(b"content-length: %d" % announced, head[0][:-2])
        yield b"content-encoding: gzip\r\n\r\n" if kind == "cut-gzip" else b"\r\n"
        yield sent


def _message(connection: socket.socket) -> bytes:
    """A whole request or answer, empty when the other side has closed."""
    received = b""
    while not (head := _HEAD.match(received)):
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    length = _LENGTH.search(head[0])
    whole = head.end() + (int(length[1]) if length else 0)
    while len(received) < whole:
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    return received


def _reset(connection: socket.socket) -> None:
    """Close with a RST in place of a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
