"""Cutting lists into pages of 100 (API: paging)."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, TypeVar

from gong_sandbox.api import cursors
from gong_sandbox.api.cursors import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_Row = TypeVar("_Row")


def page(
    rows: Sequence[_Row],
    key: Callable[[_Row], list[Any]],
    *,
    token: Any,
    total: int,
    now: datetime,
    size: int,
) -> tuple[list[_Row], dict[str, Any]]:
    """A page of sorted rows, and its `records` object.

    The chain continues behind the last row served, whatever has been added or taken away since.

    Args:
        rows: all that match now, ascending by `key`.
        key: of a row; a list of plain values.
        token: the cursor as it was sent, None for the first page.
        total: `totalRecords` if this is the first page.
        now: on the sandbox's clock.
        size: rows a page.

    Raises:
        Refusal: the cursor is bad or has expired.
    """
    chain = (
        cursors.read(str(token), now)
        if token
        else Cursor((now + cursors.LIFETIME).timestamp(), total, 0, [])
    )
    start = bisect_right(rows, chain.after, key=key) if chain.after else 0
    served = list(rows[start : start + size])
    records: dict[str, Any] = {
        "totalRecords": chain.total,
        "currentPageSize": len(served),
        "currentPageNumber": chain.page_number,
    }
    if start + size < len(rows):
        following = Cursor(chain.exp, chain.total, chain.page_number + 1, key(served[-1]))
        records["cursor"] = following.token()
    return served, records
