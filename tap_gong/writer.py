"""Writing messages, each line whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter
from typing_extensions import override

from gong_api.command import drop_output, output_failed

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
        """End the run, now or when the present line is out; if told twice, now.

        Raises:
            RunStopped: now.
        """
        if self._is_writing and self._stop is None:
            self._stop = stop
            return
        if self._is_writing:
            # The reader does not read; neither should the rest of the line wait for it.
            drop_output()
        raise stop

    @override
    def write_message(self, message: Message) -> None:
        """Write a line.

        Raises:
            RunStopped: it cannot be written, or a stop came meanwhile.
        """
        self._is_writing = True
        try:
            # With PYTHONUNBUFFERED, stdout is raw: a signal may cut a write short.
            with memoryview(self.format_message(message)) as line:
                written = 0
                while written < len(line):
                    written += sys.stdout.buffer.write(line[written:])
            sys.stdout.flush()
        except OSError as error:
            # The SDK would report an exception as unhandled.
            raise output_failed(error) from None
        finally:
            self._is_writing = False
        if self._stop:
            raise self._stop
