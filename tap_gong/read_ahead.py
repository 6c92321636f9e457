"""Reading ahead: pages are fetched by threads before the streams come to them.

The only place with threads. Streams ask for their pages one after the other, as if there were
none; what they ask for may have been begun before, and is then at hand or under way. So the order
of everything that is emitted, and each decision taken, is that of a plain sequential run.

A request is sent for what is wanted soonest whenever the limiter grants a turn: fast answers keep
few chains of pages under way, slow ones many.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gong_api.client import read_sheet
from gong_api.errors import NothingFound
from gong_api.operation import Operation, Sheet


@dataclass(frozen=True)
class Coming:
    """A list that will be asked for.

    Attributes:
        operation: as for `ReadAhead.pages`.
        asked: the other arguments of `ReadAhead.pages`.
        leads_to: what will be asked for after each of its pages.
    """

    operation: Operation
    asked: Mapping[str, Any]
    leads_to: LeadsTo | None = None


# What a page leads to; it is told in a thread, so it must depend on the page alone, save for what
# has failed.
LeadsTo = Callable[[Sheet], Iterable[Coming]]

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pendulum

    from gong_api.client import GongClient
    from gong_api.operation import Page
    from tap_gong.windows import Window

# Bytes of pages that wait to be read or are under way; what is wanted now comes beside them. With
# slow answers it takes many pages to use each turn; without a limit, there is none to be lost.
_MOST_HELD = 48 * 2**20
_MOST_HELD_UNLIMITED = 8 * 2**20
# What is begun is fetched in this order.
_NEXT, _AHEAD, _FOLLOWING = range(3)
# So near to the end of the budget, what could not be finished is not begun.
_RESERVE = 200
# A cursor dies an hour after the first request of its list; what is left must fit into the rest.
_CURSOR_LIFE = timedelta(minutes=50)
# An interrupt is noticed within this many seconds where waiting for a lock keeps it out.
_GLANCE = 0.5


@dataclass(eq=False)
class _Chain:
    """The pages of one list, each with the cursor that the one before it gave.

    Attributes:
        operation: what is asked.
        source: yields the pages; whoever takes the next one sends its request.
        rank: those of lower rank are wanted sooner.
        leads_to: what will be asked for after a page.
        most: if more rows are announced, the second page waits until it is asked for.
        window: that it is of, None for one of no window.
        began: when its first page was asked for.
        number: pages fetched so far.
        fetched: pages that wait to be read.
        is_wanted: somebody waits for its next page.
        is_held_up: more rows than `most` were announced.
        is_being_fetched: a thread is at it.
        is_over: there is nothing more to fetch.
        failure: why.
    """

    operation: Operation
    source: Iterator[Sheet]
    rank: tuple[int, ...]
    leads_to: LeadsTo | None = None
    most: int | None = None
    window: Window | None = None
    began: pendulum.DateTime | None = None
    number: int = 0
    fetched: deque[Sheet] = field(default_factory=deque)
    is_wanted: bool = False
    is_held_up: bool = False
    is_being_fetched: bool = False
    is_over: bool = False
    failure: Exception | None = None


class ReadAhead:
    """Fetches lists of Gong's, in the order in which they are wanted.

    Args:
        client: the connection.
        concurrency: requests in flight at most; 1 reads nothing ahead.

    Attributes:
        on_page: called with each page that a stream gets.
    """

    def __init__(self, client: GongClient, concurrency: int) -> None:
        self._client = client
        self.concurrency = concurrency
        self.on_page: Callable[[], None] = lambda: None
        # Guards all that follows, and wakes whoever waits for it to change.
        self._changed = threading.Condition()
        # One thread at a time, with what was wanted soonest, waits for the limiter.
        self._gate = threading.Lock()
        self._begun: dict[bytes, _Chain] = {}
        self._reading: list[_Chain] = []
        self._held = 0
        self._in_flight = 0
        self._size = 0
        self._ranks = itertools.count(1)
        self._most_held = _MOST_HELD if client.limiter.is_limited else _MOST_HELD_UNLIMITED
        self._threads = 0
        self._is_closed = False

    @property
    def is_used(self) -> bool:
        """Whether anything is read ahead at all."""
        return self.concurrency > 1

    def begin(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        most: int | None = None,
        leads_to: LeadsTo | None = None,
        window: Window | None = None,
        is_next: bool = False,
    ) -> None:
        """Fetch a list soon: `pages` will be asked for the same.

        Args:
            operation: as for `pages`.
            path: as for `pages`.
            params: as for `pages`.
            body: as for `pages`.
            most: if it announces more rows, its second page waits until it is asked for.
            leads_to: what will be asked for after each page.
            window: that it and what it leads to are read for, see `forget_window`.
            is_next: it is wanted before all that was begun.
        """
        if not self.is_used:
            return
        rank = (_NEXT if is_next else _AHEAD, next(self._ranks))
        asked = {"path": path, "params": params, "body": body}
        with self._changed:
            self._add(Coming(operation, asked, leads_to), rank, most=most, window=window)
        self._start_thread()

    def pages(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[Page]:
        """The pages of a list, in order: those that were begun, and those still to come.

        Raises:
            GongError: as `GongClient.pages`.
        """
        if not self.is_used:
            yield from self._client.pages(operation, path=path, params=params, body=body)
            return
        key = _key(operation, path=path, params=params, body=body)
        with self._changed:
            self._drop_if_old(key)
        self.begin(operation, path=path, params=params, body=body)
        with self._changed:
            chain = self._begun.pop(key)
            self._reading.append(chain)
        try:
            while (sheet := self._next_sheet(chain)) is not None:
                yield read_sheet(sheet)
        finally:
            with self._changed:
                self._reading.remove(chain)
                self._drop(chain)

    def first_page(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Page | None:
        """The first page of a list whose others are not wanted; None where nothing is found.

        Raises:
            GongError: as `GongClient.pages`.
        """
        try:
            return next(self._client.pages(operation, path=path, params=params, body=body), None)
        except NothingFound:
            return None

    def forget(self, operation: Operation) -> None:
        """Drop what was begun of an operation and is not wanted after all."""
        self._forget(lambda chain: chain.operation == operation)

    def forget_window(self, window: Window) -> None:
        """Drop what was begun for a window that will be read in another way."""
        self._forget(lambda chain: chain.window == window)

    def _forget(self, is_unwanted: Callable[[_Chain], bool]) -> None:
        with self._changed:
            for key, chain in list(self._begun.items()):
                if is_unwanted(chain):
                    del self._begun[key]
                    self._drop(chain)

    def close(self) -> None:
        """Let the threads end; answers that are under way are not waited for."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _add(
        self,
        coming: Coming,
        rank: tuple[int, ...],
        *,
        most: int | None = None,
        window: Window | None = None,
    ) -> None:
        key = _key(coming.operation, **coming.asked)
        if key not in self._begun:
            source = self._client.sheets(coming.operation, **coming.asked)
            self._begun[key] = _Chain(coming.operation, source, rank, coming.leads_to, most, window)
            self._changed.notify_all()
        self._begun[key].rank = min(rank, self._begun[key].rank)

    def _next_sheet(self, chain: _Chain) -> Sheet | None:
        with self._changed:
            chain.is_wanted = True
            if not chain.fetched:
                chain.is_held_up = False
            self._changed.notify_all()
            while not chain.fetched and not chain.is_over:
                self._changed.wait(_GLANCE)
            chain.is_wanted = False
            if chain.fetched:
                sheet = chain.fetched.popleft()
                self._held -= len(sheet.content)
                self._changed.notify_all()
                return sheet
            if chain.failure:
                raise chain.failure
            return None

    def _start_thread(self) -> None:
        with self._changed:
            if self._threads >= self.concurrency:
                return
            self._threads += 1
        # A thread that waits for an answer must not keep the process from ending.
        threading.Thread(target=self._fetch, name="gong-read-ahead", daemon=True).start()

    def _fetch(self) -> None:
        while True:
            self._gate.acquire()
            chain = self._take()
            with self._client.limiter.at_next_turn(self._gate.release):
                if chain is None:
                    return
                self._step(chain)

    def _take(self) -> _Chain | None:
        """Wait for something that is wanted, and take it; None when all is over."""
        with self._changed:
            while not self._is_closed:
                chain = self._soonest()
                if chain is not None:
                    chain.began = chain.began or self._client.clock.now()
                    chain.is_being_fetched = True
                    self._in_flight += 1
                    return chain
                self._changed.wait()
            return None

    def _step(self, chain: _Chain) -> None:
        """Fetch a chain's next page."""
        sheet: Sheet | None = None
        failure: Exception | None = None
        follow_up: list[Coming] = []
        try:
            sheet = next(chain.source)
            follow_up = list(chain.leads_to(sheet)) if chain.leads_to else []
        except Exception as error:  # noqa: BLE001
            # Raised where the page is asked for, whatever it is.
            failure = error
        with self._changed:
            chain.is_being_fetched = False
            self._in_flight -= 1
            if failure or sheet is None:
                self._end(chain, failure)
                return
            self._size = max(self._size, len(sheet.content))
            if not chain.is_over:
                if chain.most is not None:
                    chain.is_held_up = (sheet.total or 0) > chain.most
                    chain.most = None
                if not chain.is_held_up:
                    for number, coming in enumerate(follow_up):
                        # What others follow from goes first: it is their order that takes time.
                        rank = (_FOLLOWING, *chain.rank, chain.number, number)
                        self._add(coming, rank, window=chain.window)
                chain.number += 1
                chain.fetched.append(sheet)
                self._held += len(sheet.content)
                chain.is_over = sheet.cursor is None
            self._changed.notify_all()

    def _drop_if_old(self, key: bytes) -> None:
        """Drop a list that was begun so long ago that its cursor may die before its end."""
        chain = self._begun.get(key)
        if chain is None or chain.is_over or chain.began is None:
            return
        if self._client.clock.now() - chain.began > _CURSOR_LIFE:
            del self._begun[key]
            self._drop(chain)

    def _drop(self, chain: _Chain) -> None:
        chain.is_over = True
        self._held -= sum(len(sheet.content) for sheet in chain.fetched)
        self._changed.notify_all()

    def _end(self, chain: _Chain, failure: Exception | None) -> None:
        chain.is_over = True
        chain.failure = failure
        self._changed.notify_all()

    def _soonest(self) -> _Chain | None:
        """What to ask for next: lists being read before those to come, the innermost first."""
        has_room = self._held + self._in_flight * self._size < self._most_held
        for chain in reversed(self._reading):
            is_starving = chain.is_wanted and not chain.fetched
            if self._may_go_on(chain) and (is_starving or has_room):
                return chain
        if not has_room:
            return None
        is_short = self._client.limiter.left <= _RESERVE
        coming = (
            chain
            for chain in self._begun.values()
            if self._may_go_on(chain) and not (is_short and chain.rank[0] > _NEXT)
        )
        return min(coming, key=lambda chain: chain.rank, default=None)

    @staticmethod
    def _may_go_on(chain: _Chain) -> bool:
        return not (chain.is_over or chain.is_being_fetched or chain.is_held_up)


def _key(
    operation: Operation,
    *,
    path: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> bytes:
    """The same for the same list."""
    asked = (operation.method, operation.path, path or {}, params or {}, body or {})
    return msgspec.json.encode(asked, order="deterministic")
