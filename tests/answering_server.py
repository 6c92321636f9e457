"""Servers that stand in for Gong without knowing anything: they answer what they are told to."""

from __future__ import annotations

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import msgspec
from typing_extensions import Self

from tests.gong_document import answer_schema, document, resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[str, str, dict[str, list[str]], Any], tuple[int, Any]]

_encoder = msgspec.json.Encoder(decimal_format="number")
_TIMES = re.compile(
    r"(date|time|created|updated|started|scheduled|posted|modified)$", re.IGNORECASE
)


class LocalServer:
    """An HTTP server on a free port of this machine, as long as it is entered.

    Args:
        handler: of its requests.
    """

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class AnsweringServer(LocalServer):
    """One function answers all requests, whoever asks.

    Args:
        answer: (method, path, query, body) -> (status, JSON, or bytes as they are).
    """

    access_key = "key"
    access_key_secret = "secret"

    def __init__(self, answer: Answer) -> None:
        class Handler(BaseHTTPRequestHandler):
            # One write an answer: small ones would wait for each other's acknowledgement.
            wbufsize = -1
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                url = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                body = json.loads(content) if content else None
                status, said = answer(self.command, url.path, parse_qs(url.query), body)
                content = said if isinstance(said, bytes) else _encoder.encode(said)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(Handler)


class DocumentServer(AnsweringServer):
    """Answers every operation by Gong's document, and notes what the document does not allow.

    Attributes:
        answered: operations that were asked for, `METHOD /path` as the document has it.
        faults: requests that the document does not allow, and why.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.answered: set[str] = set()
        self.faults: list[str] = []
        self._numbers = itertools.count(10**17 + 1)

    def _answer(self, method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        template = template_of(path)
        operation = document()["paths"].get(template, {}).get(method.lower())
        if operation is None:
            self.faults.append(f"{method} {path}: not in the document")
            return 404, {"requestId": "r", "errors": ["Not Found"]}
        self.answered.add(f"{method} {template}")
        self.faults += [
            f"{method} {path}: {fault}" for fault in request_faults(operation, query, body)
        ]
        return 200, self._example(answer_schema(method, template), "")

    def _example(self, schema: dict[str, Any], name: str) -> Any:
        if "properties" in schema:
            return {
                key: self._example(prop, key)
                for key, prop in schema["properties"].items()
                if key != "cursor"
            }
        if schema.get("type") == "array":
            return [self._example(schema["items"], name) for _ in range(2)]
        if isinstance(schema.get("additionalProperties"), dict):
            inner = schema["additionalProperties"]
            return {f"{name}{n}": self._example(inner, name) for n in range(2)}
        if schema.get("enum"):
            return schema["enum"][0]
        return self._scalar(schema, name)

    def _scalar(self, schema: dict[str, Any], name: str) -> Any:
        number = next(self._numbers)
        if schema["type"] == "integer":
            return number if schema.get("format") == "int64" else number % 1000
        if schema["type"] == "number":
            return number % 1000 + 0.5
        if schema["type"] == "boolean":
            return True
        if name == "timeZone":
            return "US/Pacific"
        if schema.get("format") == "date-time" or _TIMES.search(name):
            return "2026-06-10T10:00:00.123-07:00"
        return str(number) if name.lower().endswith("id") else f"{name} {number}"


def template_of(path: str, segment: str = r"\d+") -> str:
    """The document's path for a real one, whose ids are of a form."""
    if path in document()["paths"]:
        return path
    for template in document()["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", lambda _: segment, template), path):
            return str(template)
    return path


def request_faults(operation: dict[str, Any], query: dict[str, list[str]], body: Any) -> list[str]:
    declared = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
    faults = [f"unknown parameter {name}" for name in query.keys() - declared.keys()]
    faults += [
        f"parameter {name} is missing"
        for name, parameter in declared.items()
        if parameter.get("required") and name not in query
    ]
    wanted = operation.get("requestBody")
    if wanted:
        (content,) = wanted["content"].values()
        schema = _closed(resolved(content["schema"]))
        faults += [
            error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(body)
        ]
    return faults


def _closed(schema: Any) -> Any:
    """A schema that allows no field it does not have."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict):
        closed["additionalProperties"] = False
    return closed
