"""A preview as a table: one row an arm, for terminal, notebook, page and App."""

from __future__ import annotations

import html
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..comparing import number
from . import LABEL

COLUMNS = {
    "frechet_distance": ("Frechet", "lower"),
    "precision": ("precision", "higher"),
    "recall": ("recall", "higher"),
    "coverage": ("coverage", "higher"),
}
REAL = "(real images)"
LEGEND = (
    "Forecast: the chosen images themselves against held-out images, nothing is drawn. Drawn: "
    "pictures from the same noise, mean over noise seeds; in brackets a 95 % interval, of random "
    "the range of its draws. Lower Frechet is better, of the others higher. Compare rows of "
    "equal counts only."
)


@dataclass(frozen=True)
class Row:
    """One line of the table; texts in the order of `column_titles`."""

    arm: str
    cells: list[str]


def column_titles() -> list[str]:
    """Return the titles of the columns."""
    titles = [title for title, _ in COLUMNS.values()]
    return [
        "arm",
        "images",
        *(f"forecast {title}" for title in titles),
        *(f"drawn {title}" for title in titles),
        "outliers",
        "near-copies",
    ]


def table_rows(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> list[Row]:
    """Return a row for each arm, those of random in one, and one of what real images score."""
    lines = []
    for name in dict.fromkeys(outcome["name"] for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome["name"] == name]
        cells = [_middle([outcome["images"] for outcome in mine])]
        cells += [_forecast(mine, column) for column in COLUMNS]
        cells += [_drawn(mine, column) for column in COLUMNS]
        cells += [_middle([o.get(what) for o in mine]) for what in COUNTED]
        lines.append(Row(name if len(mine) == 1 else f"{name} ({len(mine)} draws)", cells))
    if real:
        shown = [number(real[column]) if column in real else "" for column in COLUMNS]
        lines.append(Row(REAL, ["", *[""] * len(COLUMNS), *shown, "", ""]))
    return lines


COUNTED = ("outliers", "near_copies")


def drawn_value(outcome: Mapping[str, Any], column: str) -> float | None:
    """Return the mean over noise seeds of a value of what an arm drew."""
    values = [one["values"].get(column) for one in outcome.get("drawn", {}).values()]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _forecast(mine: Sequence[Mapping[str, Any]], column: str) -> str:
    known = [o["forecast"].get(column) for o in mine if o.get("forecast")]
    return _range([value for value in known if value is not None])


def _drawn(mine: Sequence[Mapping[str, Any]], column: str) -> str:
    values = [value for o in mine if (value := drawn_value(o, column)) is not None]
    if len(mine) > 1 or not values:
        return _range(values)
    between = [one["intervals"].get(column) for one in mine[0]["drawn"].values()]
    known = [one for one in between if one]
    if not known:
        return number(values[0])
    low, high = (statistics.fmean(one[side] for one in known) for side in (0, 1))
    return f"{number(values[0])} [{number(low)}, {number(high)}]"


def _range(values: Sequence[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return number(values[0])
    return f"{number(statistics.fmean(values))} [{number(min(values))}, {number(max(values))}]"


def _middle(values: Sequence[float | None]) -> str:
    """Write the mean of counts, to one digit where it is small and no whole number."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = statistics.fmean(known)
    return f"{mean:,.0f}" if mean == round(mean) or mean >= 10 else f"{mean:.1f}"


def as_text(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> str:
    """Lay the table out for a terminal, in two parts that fit beside 100 characters."""
    lines = table_rows(outcomes, real)
    titles = [title for title, _ in COLUMNS.values()]
    n = len(titles)
    forecast = [["arm", "images", *titles, "outliers", "near-copies"]]
    forecast += [
        [row.arm, *row.cells[: 1 + n], *row.cells[-2:]] for row in lines if row.arm != REAL
    ]
    drawn = [["arm", *titles], *([row.arm, *row.cells[1 + n : 1 + 2 * n]] for row in lines)]
    return "\n\n".join(
        [
            LABEL,
            f"Forecast: the chosen images themselves against held-out images\n{_lines(forecast)}",
            f"Drawn: pictures from the same noise against held-out images\n{_lines(drawn)}",
        ]
    )


def _lines(cells: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def as_html(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> str:
    """Lay the table out for a page or a notebook."""
    titles = "".join(f"<th>{html.escape(title)}</th>" for title in column_titles())
    lines = "".join(
        f"<tr class='{'real' if row.arm == REAL else ''}'><th>{html.escape(row.arm)}</th>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row.cells)
        + "</tr>"
        for row in table_rows(outcomes, real)
    )
    return (
        f"<p><b>{LABEL}</b></p><div class=scroll><table><thead><tr>{titles}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div><p class=quiet>{html.escape(LEGEND)}</p>"
    )
