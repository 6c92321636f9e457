"""Recordings on their way to Gong: found anywhere, never read into memory."""

from __future__ import annotations

import logging
import mimetypes
import os
import posixpath
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import fsspec

from gong_api.client import Content
from gong_api.errors import GongError, masked
from gong_api.progress import Progress, Stage, watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gong_api.clock import Clock

logger = logging.getLogger("target-gong")

LARGEST = 3 * 2**29
SUFFIXES = (".wav", ".mp3", ".mp4", ".mkv", ".flac")
_EXTRAS = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}
_CHUNK = 1 << 20
# Seconds between lines about an upload that takes long.
_PAUSE = 10


class BadMedia(GongError):
    """A recording cannot be read, or Gong would not take it."""

    concerns_operation = True
    never_arrived = True

    def __init__(self, message: str) -> None:
        # Users, passwords and signatures are in URLs.
        super().__init__(masked(message))


@dataclass(frozen=True)
class Media:
    """A recording.

    Attributes:
        path: as the record has it.
        filesystem: where it is.
        inner: its path there.
        name: of the file.
        size: bytes.
    """

    path: str
    filesystem: Any
    inner: str
    name: str
    size: int


def find(path: str, root: str | None = None) -> Media:
    """Look for a recording.

    Args:
        path: a local path, `file://`, `s3://`, `gs://` or `https://`.
        root: folder, or URL of one, that it must lie under; relative paths are taken from it.

    Raises:
        BadMedia: it is not there, is not below `root`, or is nothing that Gong takes.
    """
    media = locate(path, root)
    if not media.name.lower().endswith(SUFFIXES):
        msg = f"{path} is none of WAV, MP3, MP4, MKV and FLAC"
        raise BadMedia(msg)
    if media.size > LARGEST:
        msg = f"{path} has {media.size / 2**30:.2f} GB; Gong takes 1.5 GB at most"
        raise BadMedia(msg)
    return media


def locate(path: str, root: str | None = None) -> Media:
    """Look for any file.

    Raises:
        BadMedia: it is not there, is empty, or is not below `root`.
    """
    path = _below(root, path) if root else path
    is_local = "://" not in path or path.startswith("file://")
    protocol = path.partition("://")[0]
    try:
        filesystem, inner = _local(path) if is_local else fsspec.core.url_to_fs(path)
        size = filesystem.size(inner)
        is_folder = is_local and filesystem.isdir(inner)
        if is_local and not is_folder:
            filesystem.open(inner, "rb").close()
    except ImportError:
        extra = _EXTRAS.get(protocol, protocol)
        msg = f"{path} needs a further package: pip install 'gong-singer[{extra}]'"
        raise BadMedia(msg) from None
    except FileNotFoundError:
        msg = f"there is no file {path}"
        raise BadMedia(msg) from None
    except Exception as error:
        msg = f"{path} cannot be read: {_reason(error)}"
        raise BadMedia(msg) from error
    if is_folder:
        msg = f"{path} is a folder"
        raise BadMedia(msg)
    name = posixpath.basename((inner if is_local else inner.partition("?")[0]).replace("\\", "/"))
    if not size:
        reason = "is empty" if size == 0 else "does not tell its size"
        msg = f"{path} {reason}"
        raise BadMedia(msg)
    return Media(path, filesystem, inner, name, size)


def _local(path: str) -> tuple[Any, str]:
    """A file of this machine; fsspec would see more than names in `#`, `?` and `::`."""
    inner = os.path.abspath(os.path.expanduser(path.removeprefix("file://")))  # noqa: PTH100, PTH111
    return fsspec.filesystem("file"), inner


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.splitlines() or [""])[0] or type(error).__name__


def _below(root: str, path: str) -> str:
    """A path that does not lead out of a folder."""
    if "://" in root and not root.startswith("file://"):
        base = root.rstrip("/") + "/"
        whole = path if "://" in path else base + path.lstrip("/")
        inner = _unquoted(whole.removeprefix(base)).replace("\\", "/")
        # `::` chains a URL to another one, which may be anywhere.
        if not whole.startswith(base) or "::" in inner or ".." in re.split(r"[/?#]", inner):
            msg = f"{path} is not below media_root {root}"
            raise BadMedia(msg)
        return whole
    folder = Path(root.removeprefix("file://")).expanduser().resolve()
    is_elsewhere = "://" in path and not path.startswith("file://")
    whole_path = (folder / path.removeprefix("file://")).resolve()
    if is_elsewhere or not whole_path.is_relative_to(folder):
        msg = f"{path} is not below media_root {root}"
        raise BadMedia(msg)
    return str(whole_path)


def _unquoted(path: str) -> str:
    """A path without `%2e` and the like, however often they are quoted."""
    while (plainer := unquote(path)) != path:
        path = plainer
    return path


class Form:
    """multipart/form-data of known length, its files read piece by piece.

    Args:
        files: part -> file.
        clock: for the progress of long ones.
        fields: part -> text.
    """

    def __init__(
        self, files: Mapping[str, Media], clock: Clock, fields: Mapping[str, str] | None = None
    ) -> None:
        self._clock = clock
        boundary = secrets.token_hex(16)
        self.kind = f"multipart/form-data; boundary={boundary}"
        self._parts: list[tuple[bytes, Media | bytes]] = [
            (_head(boundary, name), value.encode()) for name, value in (fields or {}).items()
        ]
        self._parts += [(_head(boundary, name, media), media) for name, media in files.items()]
        self._tail = f"--{boundary}--\r\n".encode()

    @property
    def content(self) -> Content:
        """The form as a request carries it."""
        return Content(self, self.kind)

    def __len__(self) -> int:
        sizes = (
            len(head) + (len(part) if isinstance(part, bytes) else part.size) + len(b"\r\n")
            for head, part in self._parts
        )
        return sum(sizes) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        for head, part in self._parts:
            yield head
            if isinstance(part, bytes):
                yield part
            else:
                yield from self._read(part)
            yield b"\r\n"
        yield self._tail

    def _read(self, media: Media) -> Iterator[bytes]:
        began = self._clock.now()
        sent = 0

        def stages() -> list[Stage]:
            seconds = (self._clock.now() - began).total_seconds()
            return [_stage(media, sent, seconds)]

        with Progress(
            stages,
            clock=self._clock,
            logger=logger,
            console=watched(even_if_output_is_shown=True),
            every=_PAUSE,
        ) as progress:
            for chunk in _chunks(media):
                yield chunk
                sent += len(chunk)
                progress.tick()
        if sent != media.size:
            msg = f"{media.path} changed while it was being sent"
            raise BadMedia(msg)


def _chunks(media: Media) -> Iterator[bytes]:
    """The content of a file.

    Raises:
        BadMedia: it cannot be read; an OSError would pass for one of the connection to Gong.
    """
    try:
        with media.filesystem.open(media.inner, "rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except Exception as error:
        msg = f"{media.path} cannot be read: {_reason(error)}"
        raise BadMedia(msg) from error


def _head(boundary: str, name: str, media: Media | None = None) -> bytes:
    lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{_quoted(name)}"']
    if media is not None:
        lines[1] += f'; filename="{_quoted(media.name)}"'
        kind = mimetypes.guess_type(media.name)[0] or "application/octet-stream"
        lines.append(f"Content-Type: {kind}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _quoted(name: str) -> str:
    return re.sub(r'[\\"\r\n]', "_", name)


def _stage(media: Media, sent: int, seconds: float) -> Stage:
    """How far an upload has come in so many seconds."""
    rate = sent / seconds if seconds else 0.0
    return Stage(
        media.name,
        f"{sent / 1e6:,.0f} of {media.size / 1e6:,.0f} MB sent",
        share=sent / media.size if media.size else None,
        rate=f"{rate / 1e6:,.1f} MB/s",
        seconds_left=(media.size - sent) / rate if rate else None,
    )
