"""How a run ends: exceptions become one line in the log and an exit code.

0 all done; 1 something failed; 3 stopped cleanly with work left: run again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from gong_api.errors import GongError, LimitReached, SettingsError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping

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
        try:
            return super().main(*args, **kwargs)
        except RunStopped as stop:
            self.logger.error("%s", stop)
            raise SystemExit(stop.exit_code) from None
        except GongError as error:
            self.logger.error("%s", error)
            raise SystemExit(RunStopped(error).exit_code) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command's callback.

        Raises:
            RunStopped: the program at the other end of the pipe has ended.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still buffered would break the pipe again when Python flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            msg = "The program that read the output has ended; run again to go on"
            raise RunStopped(Interrupted(msg)) from None


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


@contextlib.contextmanager
def settings_checked(schema: Mapping[str, Any]) -> Iterator[None]:
    """Turn the SDK's verdict on a plugin's configuration into one line.

    Args:
        schema: the plugin's `config_jsonschema`; values of its secrets are left out of the line.

    Raises:
        SettingsError: the configuration does not fit the schema.
    """
    try:
        yield
    except ConfigValidationError as invalid:
        secrets = [
            name for name, prop in schema.get("properties", {}).items() if prop.get("secret")
        ]
        lines = [_without_secret(error, secrets) for error in invalid.errors]
        msg = f"The settings are not valid: {'; '.join(lines)}"
        raise SettingsError(msg) from None
    except ValueError as error:
        # The SDK reads numbers from the environment by int().
        msg = f"A setting in the environment is not valid: {error}"
        raise SettingsError(msg) from error


def _without_secret(error: str, secrets: list[str]) -> str:
    for name in secrets:
        if error.endswith(f"in config['{name}']"):
            return f"{name} has the wrong type"
    return error
