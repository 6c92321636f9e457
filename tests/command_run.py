"""The commands with all that a user meets, exit code and log, but in this process.

So they are quick, and a wait takes no time.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from singer_sdk.logging import ConsoleFormatter

from gong_api.given_settings import variable
from tests.clocks import Frozen, Hasty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from tap_gong.tap import TapGong
    from target_gong.target import TargetGong


@dataclass(frozen=True)
class Ended:
    """A run of a command.

    Attributes:
        code: exit code.
        out: what would be on stdout.
        log: what would be on stderr.
    """

    code: int
    out: str
    log: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Lines of stdout, parsed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[str]:
        """Lines of the log that say what went wrong."""
        return [line for line in self.log.splitlines() if "| ERROR " in line]

    @property
    def retries(self) -> list[str]:
        """Lines of the log that say that something is tried again."""
        return [line for line in self.log.splitlines() if "; trying again in " in line]

    @property
    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Records of a tap, by stream."""
        streams: dict[str, list[dict[str, Any]]] = {}
        for message in self.messages:
            if message["type"] == "RECORD":
                streams.setdefault(message["stream"], []).append(message["record"])
        return streams

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE of a tap."""
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return states[-1] if states else {}


# A run that is asked to end has ended within so many seconds, on a busy machine too; what it waited
# for would take longer.
PROMPT = 5


def ask_to_end() -> None:
    """Ask this process to end, as `docker stop` does."""
    os.kill(os.getpid(), signal.SIGTERM)


class Interrupting(Frozen):
    """A clock on which the run is asked to end while it waits for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self._has_asked = False

    def sleep(self, seconds: float) -> None:
        if not self._has_asked:
            self._has_asked = True
            ask_to_end()
        # Where a thread waits, it is the main thread that ends the run.
        time.sleep(min(seconds, PROMPT))


def run_command(
    plugin: type[TapGong | TargetGong],
    folder: Path,
    config: dict[str, Any] | None,
    *arguments: str,
    patch: pytest.MonkeyPatch,
    clock: Hasty | None = None,
    **files: Any,
) -> Ended:
    """Run a command to its end.

    Args:
        plugin: whose command.
        folder: for its files.
        config: settings; None for no `--config`.
        arguments: of the command line.
        patch: sets the clock.
        clock: default one that only waiting moves, in no time.
        files: options that name a file, and its content as JSON; lists become JSON lines, texts
            stay as they are, and None leaves what is there.

    Raises:
        Exception: one that the command let out, where a user would meet a traceback.
    """
    options = []
    if config is not None:
        files = {"config": config, **files}
    for name, content in files.items():
        path = folder / f"{name}.json"
        if content is not None:
            parts = content if isinstance(content, list) else [content]
            path.write_text("".join(_line(part) for part in parts), encoding="utf-8")
        options += [f"--{name}", str(path)]
    patch.setattr(plugin, "clock", clock or Frozen())
    with console() as log:
        done = CliRunner().invoke(plugin.get_singer_command(), [*options, *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ended(done.exit_code, done.stdout, log.getvalue())


def in_environment(plugin: type[TapGong | TargetGong], config: dict[str, Any]) -> dict[str, str]:
    """Settings of a plugin as variables of the environment, for `--config ENV`."""
    return {
        variable(plugin.name, name): value if isinstance(value, str) else json.dumps(value)
        for name, value in config.items()
    }


def _line(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content) + "\n"


@contextlib.contextmanager
def console() -> Iterator[io.StringIO]:
    """What a command changes in its process, undone; and its log, as the console would show it."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(ConsoleFormatter())
    root = logging.getLogger()
    level, excepthook, threshold = root.level, sys.excepthook, gc.get_threshold()
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        sys.excepthook = excepthook
        for number, action in signals.items():
            signal.signal(number, action)
        gc.set_threshold(*threshold)
        gc.unfreeze()
