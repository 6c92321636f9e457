"""Files in multipart/form-data, passed on piece by piece as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from gong_sandbox.api.answers import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class FilePart:
    """The part of a form that holds a file, as its headers describe it."""

    filename: str
    content_type: str


async def read_file(
    request: Request, name: str, take: Callable[[bytes], None]
) -> FilePart | Refusal:
    """Read a form to its end, giving the content of one part to `take`, or say what is wrong."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    form = _Form(name.encode(), take)
    parser = form.parser(boundary) if kind == b"multipart/form-data" and boundary else None
    sound = parser is not None
    async for chunk in request.stream():
        # Even what will be refused is read: an answer before its end would break the connection.
        if parser is not None and sound and chunk:
            try:
                parser.write(chunk)
            except MultipartParseError:
                sound = False
    if kind != b"multipart/form-data":
        return Refusal(415, "Unsupported Media Type")
    if not sound or not form.complete:
        return Refusal(400, "Bad request")
    return form.found or Refusal(400, f"{name} part is missing")


class _Form:
    """Follows a form part by part."""

    def __init__(self, name: bytes, take: Callable[[bytes], None]) -> None:
        self._name = name
        self._take = take
        self._header = (b"", b"")
        self._headers: dict[bytes, bytes] = {}
        self._wanted = False
        self.found: FilePart | None = None
        self.complete = False

    def parser(self, boundary: bytes) -> MultipartParser:
        """A parser that reports here."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._headers = {}
        self._wanted = False

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _header_end(self) -> None:
        field, value = self._header
        self._headers[field.lower()] = value
        self._header = (b"", b"")

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._wanted = options.get(b"name") == self._name and self.found is None
        if self._wanted:
            self.found = FilePart(
                options.get(b"filename", b"").decode(errors="replace"),
                self._headers.get(b"content-type", b"").decode("latin-1").strip().lower(),
            )

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._take(data[start:end])

    def _end(self) -> None:
        self.complete = True
