"""Any request as a record: the way out for what has no stream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import msgspec
from typing_extensions import override

from gong_api.client import Content
from target_gong.fields import ANYTHING, Field
from target_gong.ledger import content_hash
from target_gong.media import Form, locate
from target_gong.sink import GongSink, Unresolved, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_gong.ledger import Row

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_REPEATABLE = {"GET", "PUT", "DELETE"}
# What says who asks whom, and where a request ends.
_OURS = {
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_OURS_BEGIN = ("proxy-", "x-forwarded-")
# By which some servers take another method or path than the request's.
_OVERRIDES = {
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?! )[\t\x20-\x7e\xa0-\xff]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_encoder = msgspec.json.Encoder(decimal_format="number")


class Requests(GongSink):
    """A request as it is: same host, same limits, its answer in the ledger."""

    stream = "requests"
    summary = (
        "Any request; `key` tells records apart (default: their content). POST and PATCH are never "
        "repeated when their answer is lost"
    )
    operations = "any"
    scope = "depends on the path"
    fields = (
        Field("key"),
        Field("method", required=True, choices=_METHODS),
        Field("path", required=True),
        Field("params", ANYTHING),
        Field("headers", ANYTHING),
        Field("body", ANYTHING),
        Field("form", ANYTHING),
        Field("files", ANYTHING),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get("key") or content_hash(body)[:32])

    @override
    def check(self, write: Write) -> Iterable[str]:
        body = write.body
        path = str(body.get("path", ""))
        if path and (not path.startswith("/") or path.startswith("//") or "\\" in path):
            yield "path must begin with a single slash: requests stay on the host of api_url"
        for name in ("params", "headers", "form", "files"):
            if body.get(name) is not None and not isinstance(body[name], dict):
                yield f"{name} must be an object"
        headers = body["headers"] if isinstance(body.get("headers"), dict) else {}
        taken = [
            name
            for name in headers
            if name.lower() in _OURS | _OVERRIDES or name.lower().startswith(_OURS_BEGIN)
        ]
        if taken:
            yield f"headers must not have {', '.join(taken)}"
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(str(value)):
                yield f"headers must be single lines of Latin letters, not that of {name!r}"
        if body.get("body") is not None and (body.get("form") or body.get("files")):
            yield "body excludes form and files"
        if _CONTROL.search(path):
            yield "path must not have control characters"
        if _destroys(body, path) and self.stream not in self.config["allow_destructive"]:
            yield "deletes, which is refused unless allow_destructive has requests"

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return str(write.body["method"])

    @override
    def look(self, write: Write) -> None:
        self._content(write.body)

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        body = write.body
        answer = self.client.request(
            body["method"],
            body["path"],
            params=body.get("params"),
            headers={name: str(value) for name, value in (body.get("headers") or {}).items()},
            content=self._content(body),
            repeatable=body["method"] in _REPEATABLE,
        )
        return {"requestId": answer.get("requestId"), "answer": answer}

    @override
    def resolve(self, write: Write, row: Row) -> dict[str, Any] | None:
        if write.body["method"] not in _REPEATABLE:
            msg = "Gong may have acted on it, and nothing tells"
            raise Unresolved(msg)
        return None

    def _content(self, body: dict[str, Any]) -> Callable[[], Content] | None:
        if body.get("files"):
            root = self.config.get("media_root")
            files = {name: locate(str(path), root) for name, path in body["files"].items()}
            fields = {name: str(value) for name, value in (body.get("form") or {}).items()}

            def form() -> Content:
                made = Form(files, self._target.clock, fields)
                return Content(made, made.kind)

            return form
        if body.get("form"):
            encoded = Content(urlencode(body["form"]), "application/x-www-form-urlencoded")
            return lambda: encoded
        if body.get("body") is not None:
            plain = _encoder.encode(body["body"])
            return lambda: Content(plain, "application/json")
        return None


def _destroys(body: dict[str, Any], path: str) -> bool:
    """Whether a request deletes or erases, however its path is written."""
    if body.get("method") == "DELETE":
        return True
    place = path.partition("?")[0]
    while (plainer := unquote(place)) != place:
        place = plainer
    place = place.lower()
    if "erase-data" in place:
        return True
    fields = body.get("body")
    fields = fields if isinstance(fields, list) else [fields]
    marked = any(isinstance(one, dict) and one.get("isDeleted") for one in fields)
    return marked and "entity-schema" in place
