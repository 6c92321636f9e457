"""How a run ends: exceptions become one line in the log and an exit code.

0 all done; 1 something failed; 3 stopped cleanly with work left: run again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import SingerCommand

from gong_api.errors import GongError, LimitReached, SettingsError

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator
    from types import FrameType

    import click

FAILED = 1
WORK_LEFT = 3


class Interrupted(LimitReached):
    """Ctrl-C, SIGTERM, or a reader that went away."""


class RunStopped(BaseException):
    """The whole run ends here, for a reason that is already in words.

    Not an `Exception`, for the same reason as `KeyboardInterrupt`: the SDK reports exceptions
    that leave a stream as unhandled errors, and this is neither.

    Attributes:
        exit_code: FAILED or WORK_LEFT.
    """

    def __init__(self, reason: GongError) -> None:
        super().__init__(str(reason))
        self.exit_code = WORK_LEFT if isinstance(reason, LimitReached) else FAILED


class GongCommand(SingerCommand):
    """The command line of tap and target."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; end with a line and an exit code instead of a traceback."""
        # Until the plugin is made, which then takes the signals over.
        _at_signals(_stop)
        try:
            if sys.stdout is None:
                msg = "stdout is closed; send it somewhere, at least to /dev/null"
                raise SettingsError(msg)
            return super().main(*args, **kwargs)
        except RunStopped as stop:
            ignore_signals()
            self.logger.error("%s", stop)
            raise SystemExit(stop.exit_code) from None
        except GongError as error:
            ignore_signals()
            self.logger.error("%s", error)
            raise SystemExit(RunStopped(error).exit_code) from None
        finally:
            ignore_signals()

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line, whose options may run a command of their own.

        Raises:
            RunStopped: as `invoke`.
        """
        with _output_guarded():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command's callback.

        Raises:
            RunStopped: the output cannot be written, or its reader has ended.
        """
        with _output_guarded():
            return super().invoke(ctx)


def _at_signals(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)
        signal.signal(signal.SIGTERM, handler)


def ignore_signals() -> None:
    """The end is near: a signal would only break off what is done for it."""
    _at_signals(signal.SIG_IGN)


def stopped_by(number: int) -> Interrupted:
    """What a signal ends a run with."""
    return Interrupted(f"Stopped by {signal.Signals(number).name}; run again to go on")


def _stop(number: int, _: FrameType | None) -> None:
    raise RunStopped(stopped_by(number))


# What a write to a disk, a terminal or a pipe fails with.
_UNWRITABLE = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, getattr(errno, "EDQUOT", None)}


@contextlib.contextmanager
def _output_guarded() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # An error of a file that was opened by its name has that name.
        is_of_output = error.errno in _UNWRITABLE and error.filename is None
        if not is_of_output and not isinstance(error, BrokenPipeError):
            raise
        raise output_failed(error) from None


def output_failed(error: OSError) -> RunStopped:
    """How a run ends whose output cannot be written; nothing is written any more.

    Args:
        error: what writing ended with.
    """
    drop_output()
    if isinstance(error, BrokenPipeError):
        msg = (
            "The program that read the output has ended before all was written; run again for the "
            "rest"
        )
        return RunStopped(Interrupted(msg))
    msg = f"The output cannot be written: {error.strerror}. Make room and run again to go on"
    return RunStopped(GongError(msg))


def drop_output() -> None:
    """Let what is still buffered go nowhere: Python would write it at its end, or wait."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def gong_command(command: click.Command, logger: logging.Logger) -> GongCommand:
    """The SDK's command of a plugin, with our way of ending."""
    return GongCommand(
        name=command.name,
        callback=command.callback,
        params=command.params,
        help=command.help,
        context_settings=command.context_settings,
        logger=logger,
    )
