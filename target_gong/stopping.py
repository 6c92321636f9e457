"""Ending a run by a signal, at a point where no answer of Gong's is thrown away."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gong_api.command import Interrupted, RunStopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pendulum

    from gong_api.clock import Clock


class Stopping:
    """Whether a signal has asked the run to end, and where it may."""

    def __init__(self) -> None:
        self._asked: str | None = None
        self._is_working = False
        self._is_waiting = False

    def ask(self, reason: str) -> None:
        """A signal came: end at once if nothing is lost, else after what is under way.

        Raises:
            Interrupted: a wait is cut short, and what waited was not sent.
            RunStopped: nothing is under way, or it was asked for twice.
        """
        is_second = self._asked is not None
        self._asked = reason
        if self._is_waiting:
            raise Interrupted(reason)
        if is_second or not self._is_working:
            raise RunStopped(Interrupted(reason))

    def check(self) -> None:
        """Nothing is under way.

        Raises:
            RunStopped: the run was asked to end.
        """
        if self._asked is not None:
            raise RunStopped(Interrupted(self._asked))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """A context that a signal does not break off."""
        self._is_working = True
        try:
            yield
        finally:
            self._is_working = False
        self.check()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """A context that a signal breaks off, whatever it is in.

        Raises:
            Interrupted: it was asked for before.
        """
        if self._asked is not None:
            raise Interrupted(self._asked)
        self._is_waiting = True
        try:
            yield
        finally:
            self._is_waiting = False


class StoppableClock:
    """A clock whose waits end at a signal.

    Args:
        clock: that is waited on.
        stopping: of the run.
    """

    def __init__(self, clock: Clock, stopping: Stopping) -> None:
        self._clock = clock
        self._stopping = stopping

    def now(self) -> pendulum.DateTime:
        """The present instant, in UTC."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            Interrupted: a signal asked the run to end.
        """
        with self._stopping.waiting():
            self._clock.sleep(seconds)
