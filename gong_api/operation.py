"""An operation of the Gong API, and a page of what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Operation:
    """One read operation: everything that is needed to call it.

    Attributes:
        method: GET or POST.
        path: below the host, `{placeholders}` for path parameters.
        records: key of the answer's list of records.
        scope: what the credentials must be granted.
        documented: key of that list in Gong's document, where answers differ from it.
    """

    method: str
    path: str
    records: str
    scope: str
    documented: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Page:
    """One answer of a list.

    Attributes:
        records: the rows, at most 100.
        total: `totalRecords`, which may exceed the rows that come; None where Gong gives none.
        cursor: of the next page, None on the last.
        answer: the whole answer, for the few operations that say more beside their rows.
    """

    records: list[dict[str, Any]]
    total: int | None
    cursor: str | None
    answer: dict[str, Any]


@dataclass(frozen=True)
class Sheet:
    """A page as it arrived: so it takes a fifth of the memory that its rows will.

    Attributes:
        operation: what was called.
        content: the answer.
        total: as `Page.total`.
        cursor: as `Page.cursor`.
        begins: its list of rows, the first few thousand bytes.
    """

    operation: Operation
    content: bytes
    total: int | None
    cursor: str | None
    begins: bytes
