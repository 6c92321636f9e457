"""What is kept of an uploaded media file: its size, hash and length, and short ones whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

LARGEST_KEPT = 8_000_000  # bytes; of what is larger only the facts are kept
_HEAD = 4096
_SIGNATURES = (
    (0, b"RIFF", "WAV"),
    (0, b"ID3", "MP3"),
    (4, b"ftyp", "MP4"),
    (0, b"\x1aE\xdf\xa3", "MKV"),
    (0, b"fLaC", "FLAC"),
)
_BYTES_PER_SECOND = 16_000  # of a usual MP3, 128 kbit/s
_OPEN_ENDED = (0, 0xFFFFFFFF)  # data lengths of recorders that never went back to fill them in
_KBPS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True, slots=True)
class Media:
    """A media file that was taken in.

    Attributes:
        size: bytes.
        content_type: as declared, empty where it was not.
        sha256: of the content, hexadecimal.
        format: WAV, MP3, MP4, MKV or FLAC by the first bytes, None for others.
        seconds: as the file says, None where it cannot be read from its beginning.
        silent: PCM samples, and all of them zero.
        content: the file itself, None where it is too large to keep.
    """

    size: int
    content_type: str
    sha256: str
    format: str | None
    seconds: float | None
    silent: bool
    content: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def is_video(self) -> bool:
        """Whether there are pictures in it, as far as its type tells."""
        return self.content_type.startswith("video/") or (
            self.format in {"MP4", "MKV"} and not self.content_type.startswith("audio/")
        )

    @property
    def estimated_seconds(self) -> float:
        """The length, by the size where the file does not say."""
        return self.size / _BYTES_PER_SECOND if self.seconds is None else self.seconds


@dataclass(frozen=True, slots=True)
class _Wave:
    """Where the samples are: byte offsets; `quiet` is what silence is made of."""

    begin: int
    length: int | None
    bytes_per_second: int
    quiet: bytes


class Intake:
    """Takes a file in, piece by piece; what turns out to be large is let go as it comes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._head = bytearray()
        self._content: list[bytes] | None = []
        self._size = 0
        self._wave: _Wave | None = None
        self._sound = False

    def feed(self, data: bytes) -> None:
        """The next piece."""
        self._digest.update(data)
        begin, self._size = self._size, self._size + len(data)
        if self._size > LARGEST_KEPT:
            self._content = None
        if self._content is not None:
            self._content.append(data)
        room = _HEAD - len(self._head)
        if room > 0:
            self._head += data[:room]
            if len(self._head) < _HEAD:
                return
            self._look()
        self._listen(data[room:] if room > 0 else data, begin + max(room, 0))

    def media(self, content_type: str) -> Media:
        """The whole file."""
        if len(self._head) < _HEAD:
            self._look()
        head = bytes(self._head)
        seconds = None
        if self._wave and self._wave.bytes_per_second:
            length = self._wave.length
            if length is None:
                length = self._size - self._wave.begin
            seconds = length / self._wave.bytes_per_second
        elif _is_mp3(head):
            seconds = _mp3_seconds(head, self._size)
        return Media(
            size=self._size,
            content_type=content_type,
            sha256=self._digest.hexdigest(),
            format=_format(head),
            seconds=seconds,
            silent=self._wave is not None and not self._sound,
            content=None if self._content is None else b"".join(self._content),
        )

    def _look(self) -> None:
        self._wave = _wave(bytes(self._head))
        self._listen(bytes(self._head), 0)

    def _listen(self, data: bytes, begin: int) -> None:
        wave = self._wave
        if wave is None or self._sound:
            return
        end = len(data) if wave.length is None else max(0, wave.begin + wave.length - begin)
        samples = data[max(0, wave.begin - begin) : end]
        self._sound = bool(samples.strip(wave.quiet))


def _format(head: bytes) -> str | None:
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    return "MP3" if _is_mp3(head) else None


def _wave(head: bytes) -> _Wave | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, rate, quiet = 12, 0, b""
    while at + 8 <= len(head):
        name, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        body = at + 8
        if name == b"fmt ":
            rate = int.from_bytes(head[body + 8 : body + 12], "little")
            is_pcm = int.from_bytes(head[body : body + 2], "little") in {1, 0xFFFE}
            eight_bits = int.from_bytes(head[body + 14 : body + 16], "little") == 8
            quiet = (b"\x80" if eight_bits else b"\0") if is_pcm else b""
        if name == b"data":
            return _Wave(body, None if length in _OPEN_ENDED else length, rate, quiet)
        at = body + length + length % 2
    return None


def _is_mp3(head: bytes) -> bool:
    return head[:3] == b"ID3" or (len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)


def _mp3_seconds(head: bytes, size: int) -> float | None:
    """By the count of frames if an encoder left it, else by the first frame's bit rate."""
    at = 0
    if head[:3] == b"ID3" and len(head) > 9:
        at = 10
        for place, byte in enumerate(head[6:10]):
            at += (byte & 0x7F) << 7 * (3 - place)
    frame = head[at : at + 4]
    if not _is_mp3(frame) or len(frame) < 4:
        return None
    version, bitrate, rate = frame[1] >> 3 & 3, frame[2] >> 4, frame[2] >> 2 & 3
    if version == 1 or rate == 3 or bitrate in {0, 15}:
        return None
    is_mpeg1, is_mono = version == 3, frame[3] >> 6 == 3
    hertz = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    side_info = (17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17)
    tag = head[at + 4 + side_info : at + 16 + side_info]
    if tag[:4] in {b"Xing", b"Info"} and len(tag) == 12 and tag[7] & 1:
        return int.from_bytes(tag[8:], "big") * (1152 if is_mpeg1 else 576) / hertz
    return (size - at) * 8 / ((_KBPS_MPEG1 if is_mpeg1 else _KBPS_MPEG2)[bitrate] * 1000)
