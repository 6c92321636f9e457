"""A token endpoint that answers what a test tells it to, and counts what it was asked."""

from __future__ import annotations

import json
import socket
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.answering_server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable

    Headers = dict[str, str]

GOOD = {
    "access_token": "access-2",
    "refresh_token": "refresh-2",
    "expires_in": 86400,
    "api_base_url_for_customer": "https://us-1.api.gong.io",
}


class TokenEndpoint(LocalServer):
    """Answers POSTs of a form.

    Args:
        answer: (refresh token) -> (status, headers, what is made JSON unless it is bytes); None to
            break the connection instead.
    """

    def __init__(self, answer: Callable[[str], tuple[int, Headers, Any] | None]) -> None:
        self.asked: list[str] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                (token,) = parse_qs(form)["refresh_token"]
                endpoint.asked.append(token)
                answered = answer(token)
                if answered is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, said = answered
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"{super().url}/token"
