"""A report with charts from the warehouse: `python examples/report.py [WAREHOUSE [REPORT]]`.

One HTML file without scripts, which shows the same with and without internet. The queries beside
this file are what it shows; take them for a dashboard of your own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import duckdb
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "output"
_WIDTH = 640
_ACCENT = "#6d4aff"
_COLOURS = ["#6d4aff", "#e8720c", "#0f9d75", "#d6336c", "#2b8ae2", "#9c8600"]
Rows = list[dict[str, Any]]
Chart = Any  # any of altair's many kinds of charts, whose own annotations disagree


@dataclass(frozen=True)
class Part:
    """A question, the query that answers it, and how the answer is drawn.

    Attributes:
        title: of the part.
        query: file name of the SQL.
        draw: makes a chart of the answer's rows.
    """

    title: str
    query: str
    draw: Callable[[Rows], Chart]

    @property
    def sql(self) -> str:
        """The query's text."""
        return (HERE / self.query).read_text(encoding="utf-8")

    def rows(self, warehouse: duckdb.DuckDBPyConnection) -> Rows:
        """The answer: a dictionary for each row, in the query's order."""
        answer = warehouse.execute(self.sql)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def talk_ratio(rows: Rows) -> Chart:
    """A bar for each rep, and a line at one half."""
    bars = (
        alt.Chart(_data(rows))
        .mark_bar(color=_ACCENT)
        .encode(
            x=alt.X("talk_ratio:Q", title="talk ratio", axis=alt.Axis(format="%")),
            y=alt.Y("rep:N", title=None, sort=None),
        )
    )
    half = alt.Chart(_data([{"half": 0.5}])).mark_rule(strokeDash=[4, 4], color="#888888")
    return alt.layer(bars, half.encode(x="half:Q"))


def mentions_by_week(rows: Rows) -> Chart:
    """A line for each tracker."""
    return (
        alt.Chart(_data(rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("week:O", title=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("mentions:Q"),
            color=alt.Color("tracker:N", title=None),
        )
    )


def competitors(rows: Rows) -> Chart:
    """A bar for each opportunity, the largest first, with a piece for each competitor."""
    return (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("mentions:Q", title="mentions", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("opportunity:N", title=None, sort=None, axis=alt.Axis(labelLimit=320)),
            color=alt.Color("competitor:N", title=None),
        )
    )


def coverage(rows: Rows) -> Chart:
    """Calls of each week in grey, those with a transcript before them."""
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("week:O", title=None, axis=alt.Axis(labelAngle=-45)),
    )
    calls = base.mark_bar(color="#8888", size=22).encode(y=alt.Y("calls:Q", title="calls"))
    return alt.layer(calls, base.mark_bar(color=_ACCENT, size=14).encode(y="transcribed:Q"))


PARTS = (
    Part("Talk ratio by rep", "talk_ratio_by_rep.sql", talk_ratio),
    Part("Tracker mentions by week", "tracker_mentions_by_week.sql", mentions_by_week),
    Part("Competitors by opportunity", "competitor_mentions_by_opportunity.sql", competitors),
    Part("Transcript coverage", "transcript_coverage.sql", coverage),
)


def write_report(warehouse: Path, report: Path) -> None:
    """Answer every question and draw the answers.

    Args:
        warehouse: the DuckDB file, with the tap's tables in the schema `gong`.
        report: where the HTML goes; what is there is replaced.

    Raises:
        duckdb.Error: a table is not there, or the file is none of DuckDB's.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        answers = [(part, part.rows(connection)) for part in PARTS]
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html").render(
        parts=[(part, rows, svg(part.draw(rows)) if rows else "") for part, rows in answers]
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(text, encoding="utf-8")


def svg(chart: Chart) -> str:
    """The chart as SVG, in the colours of the text around it; marks have their values as labels."""
    drawn = (
        chart.properties(width=_WIDTH)
        .configure(
            background="transparent",
            font="system-ui, sans-serif",
            # The reader's font may be wider than the one that labels are measured in.
            padding={"left": 44, "right": 44, "top": 5, "bottom": 5},
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor="currentColor",
            titleColor="currentColor",
            tickColor="#8888",
            domainColor="#8888",
            gridColor="#8883",
            labelFontSize=12,
        )
        .configure_legend(labelColor="currentColor", labelFontSize=12)
        .configure_range(category=_COLOURS)
    )
    text: str = vl_convert.vegalite_to_svg(drawn.to_dict())
    return text


def _data(rows: Rows) -> alt.InlineData:
    """Rows as Vega-Lite takes them: dates as text, decimals as numbers."""
    return alt.InlineData(
        [
            {
                name: value
                if isinstance(value, (int, float, str)) or value is None
                else (value.isoformat() if hasattr(value, "isoformat") else float(value))
                for name, value in row.items()
            }
            for row in rows
        ]
    )


def main() -> None:
    """Write the report of the warehouse that is named, or of the demo's."""
    given = [Path(argument) for argument in sys.argv[1:3]]
    warehouse, report = (
        *given,
        *(OUTPUT / "warehouse.duckdb", OUTPUT / "report.html")[len(given) :],
    )
    if not warehouse.exists():
        raise SystemExit(f"there is no {warehouse}: run `make demo`, or name a DuckDB file")
    try:
        write_report(warehouse, report)
    except duckdb.Error as error:
        what = str(error).splitlines()[0]
        raise SystemExit(f"{warehouse} does not hold what the tap loads: {what}") from None
    sys.stdout.write(f"{report}\n")


if __name__ == "__main__":
    main()
