"""Reading an operation's pages for a stream, counted in its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gong_api.errors import NothingFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gong_api.operation import Operation, Page
    from tap_gong.read_ahead import ReadAhead
    from tap_gong.report import StreamReport


def read(
    ahead: ReadAhead,
    report: StreamReport,
    operation: Operation,
    *,
    path: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Iterator[Page]:
    """Pages of an operation; none where nothing matches the filters.

    Raises:
        GongError: as `ReadAhead.pages`.
    """
    report.requests += 1
    try:
        for page in ahead.pages(operation, path=path, params=params, body=body):
            ahead.on_page()
            yield page
            report.requests += bool(page.cursor)
    except NothingFound:
        return
