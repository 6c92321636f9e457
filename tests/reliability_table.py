"""The table of docs/reliability.md: what happens in trouble, and the test that proves it.

A test says what it proves by a marker, on itself or on one of its parameters:

    @pytest.mark.proves("500 once", "tap", "tries again; nothing is lost")

`make reliability` runs these tests and writes a row for each that passes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
MARKER = "proves(fault, side, behaviour): a row of docs/reliability.md; see CONTRIBUTING.md"

_BLOCK = re.compile(r"(?<=<!-- \[begin proven\] -->\n).*(?=<!-- \[end proven\] -->)", re.DOTALL)
_HEAD = "| fault | side | what happens | proven by |\n|---|---|---|---|\n"


class Row(NamedTuple):
    """A line of the table, as Markdown has it."""

    fault: str
    side: str
    behaviour: str
    test: str

    def __str__(self) -> str:
        return f"| {' | '.join(self)} |\n"


def each_proves(names: Iterable[str], suffix: str, side: str, behaviour: str) -> list[ParameterSet]:
    """Parameters of a test, one a fault; each proves that the side behaves so, a row a fault."""
    return [
        pytest.param(name, marks=pytest.mark.proves(f"{name}{suffix}", side, behaviour), id=name)
        for name in names
    ]


def rows_of(item: pytest.Item) -> list[Row]:
    """What a test proves.

    Raises:
        TypeError: a marker has not its three texts.
    """
    when = " (nightly)" if item.get_closest_marker("slow") else ""
    test = f"`{item.nodeid}`{when}"
    told = [(*mark.args, *mark.kwargs.values(), test) for mark in item.iter_markers("proves")]
    for texts in told:
        if len(texts) != 4 or not all(isinstance(text, str) and text for text in texts):
            msg = f"{item.nodeid}: write @pytest.mark.proves(fault, side, behaviour), not {texts}"
            raise TypeError(msg)
    return [Row(*(text.replace("|", "\\|") for text in texts)) for texts in told]


def collected(session: pytest.Session) -> set[Row]:
    """What all tests prove, those included that this session does not run."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    proving = [file for file in files if "mark.proves(" in file.read_text(encoding="utf-8")]
    modules = [pytest.Module.from_parent(session, path=file) for file in proving]
    return {row for module in modules for item in session.genitems(module) for row in rows_of(item)}


def written() -> str:
    """The table in the docs."""
    found = _BLOCK.search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE} has lost its markers"
    return found[0]


def table(rows: Iterable[Row]) -> str:
    """Markdown, sorted by fault."""
    in_order = sorted(rows, key=lambda row: (row.fault.lower(), row.side, row.test, row.behaviour))
    return _HEAD + "".join(map(str, in_order))


class ReliabilityTable:
    """Writes the table at the end of a session in which no test failed.

    A test that proves something and was not run (the slow ones have a session of their own) keeps
    the row that it has.
    """

    def __init__(self) -> None:
        self._proven: dict[str, list[Row]] = {}
        self._passed: set[Row] = set()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note what a test proves."""
        self._proven[item.nodeid] = rows_of(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests pass."""
        if report.when == "call" and report.passed:
            self._passed.update(self._proven[report.nodeid])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write."""
        if session.testsfailed:
            return
        before = written()
        rows = self._passed | {row for row in collected(session) if str(row) in before}
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_BLOCK.sub(lambda _: table(rows), text), encoding="utf-8")
