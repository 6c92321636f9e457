"""Writing messages, each line whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter
from typing_extensions import override

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message

    from gong_api.command import RunStopped


class WholeLineWriter(MsgSpecWriter):
    """Writes messages to stdout; a stop that comes in the middle of a line waits for its end."""

    def __init__(self) -> None:
        super().__init__()
        self._is_writing = False
        self._stop: RunStopped | None = None

    def stop(self, stop: RunStopped) -> None:
        """End the run, now or when the present line is out.

        Raises:
            RunStopped: now.
        """
        if not self._is_writing:
            raise stop
        self._stop = stop

    @override
    def write_message(self, message: Message) -> None:
        self._is_writing = True
        try:
            # With PYTHONUNBUFFERED, stdout is raw: a signal may cut a write short.
            with memoryview(self.format_message(message)) as line:
                written = 0
                while written < len(line):
                    written += sys.stdout.buffer.write(line[written:])
            sys.stdout.flush()
        finally:
            self._is_writing = False
        if self._stop:
            raise self._stop
