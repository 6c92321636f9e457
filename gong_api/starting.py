"""Ctrl-C and SIGTERM while a command is still being loaded: a line in place of a traceback.

It imports next to nothing, so that it is there before what takes long to load.
"""

from __future__ import annotations

import os
import signal

# As type checkers know it; `typing` takes longer to load than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_WORK_LEFT = 3


def end_at_signals() -> None:
    """End the process at a signal, until the command takes the signals over."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> NoReturn:
    # Nothing has been opened that would need to be closed; an exception could be lost in an import.
    told = f"Stopped by {signal.Signals(number).name} before anything was done; run again\n"
    os.write(2, told.encode())
    os._exit(_WORK_LEFT)
