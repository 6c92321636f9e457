"""How far something has come: in place on a terminal, now and then as a line in the log."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    import pendulum
    from typing_extensions import Self

    from gong_api.clock import Clock

# Seconds between two looks.
IN_PLACE = 0.25
IN_LOG = 30.0


@dataclass(frozen=True)
class Stage:
    """How far one thing has come.

    Attributes:
        name: of the thing.
        done: how much of it is done, in words.
        share: between 0 and 1, None where the whole is unknown.
        rate: how fast it goes, in words.
        seconds_left: None where that is unknown.
    """

    name: str
    done: str
    share: float | None = None
    rate: str = ""
    seconds_left: float | None = None

    def __str__(self) -> str:
        parts = (self.done, self.percent, self.rate, self.left and f"{self.left} left")
        return f"{self.name} {', '.join(part for part in parts if part)}"

    @property
    def percent(self) -> str:
        """The share in words."""
        return "" if self.share is None else f"{100 * self.share:.0f} %"

    @property
    def left(self) -> str:
        """The time left in words."""
        if self.seconds_left is None:
            return ""
        if self.seconds_left < 60:
            return f"{self.seconds_left:.0f} s"
        minutes = round(self.seconds_left / 60)
        return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


class Progress:
    """Shows stages while it is entered, and looks at them whenever it is told that time has passed.

    Nothing runs beside: who waits for an answer shows nothing new.

    Args:
        stages: how far everything has come.
        clock: tells when it is time to look.
        logger: of the lines.
        console: of the terminal, None where nobody watches.
        every: seconds between two lines in the log.
    """

    def __init__(
        self,
        stages: Callable[[], Sequence[Stage]],
        *,
        clock: Clock,
        logger: logging.Logger,
        console: Console | None,
        every: float = IN_LOG,
    ) -> None:
        self._stages = stages
        self._clock = clock
        self._logger = logger
        self._live = Live(console=console, auto_refresh=False, transient=True) if console else None
        self._pause = IN_PLACE if console else every
        self._looked: pendulum.DateTime = clock.now()
        self._said: dict[str, str] = {}
        self._streams: list[tuple[logging.StreamHandler[Any], Any]] = []

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
            # Lines of the log go above what is shown in place.
            for handler in _handlers_on_stderr():
                self._streams.append((handler, handler.setStream(sys.stderr)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()
        if self._live:
            self._live.stop()

    def tick(self) -> None:
        """Time has passed."""
        now = self._clock.now()
        if (now - self._looked).total_seconds() < self._pause:
            return
        self._looked = now
        stages = self._stages()
        if self._live:
            self._live.update(_table(stages), refresh=True)
            return
        moved = [stage for stage in stages if self._said.get(stage.name) != stage.done]
        self._said = {stage.name: stage.done for stage in stages}
        if moved:
            self._logger.info("So far: %s", "; ".join(map(str, moved)))


def watched(*, even_if_output_is_shown: bool = False) -> Console | None:
    """The terminal that somebody watches this process on, None where there is none.

    Args:
        even_if_output_is_shown: also where standard output goes to the terminal.
    """
    if not sys.stderr.isatty() or (sys.stdout.isatty() and not even_if_output_is_shown):
        return None
    return Console(stderr=True)


def _table(stages: Sequence[Stage]) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "right", "right"):
        table.add_column(justify=justify)
    for stage in stages:
        left = stage.left and f"{stage.left} left"
        table.add_row(stage.name, stage.done, stage.percent, stage.rate, left)
    return table


def _handlers_on_stderr() -> Iterator[logging.StreamHandler[Any]]:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.__stderr__:
            yield handler
