"""Access of single users to single calls, as far as the API gave it (api: calls/users-access)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Access:
    """Who was let in to which call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[str, dict[str, None]] = {}  # by call id; the inner keys keep their order

    def grant(self, call_id: str, user_ids: Iterable[str]) -> None:
        """Let users in; those who are in already stay."""
        with self._lock:
            self._users.setdefault(call_id, {}).update(dict.fromkeys(user_ids))

    def revoke(self, call_id: str, user_ids: Iterable[str]) -> None:
        """Put users out; those who are not in are ignored."""
        with self._lock:
            for user_id in user_ids:
                self._users.get(call_id, {}).pop(user_id, None)

    def users(self, call_id: str) -> list[str]:
        """The ids of those who were let in, in the order of their grants."""
        with self._lock:
            return list(self._users.get(call_id, ()))

    def __len__(self) -> int:
        """How many grants there are."""
        with self._lock:
            return sum(map(len, self._users.values()))
