"""A preview as a table: one row an arm, for terminal, notebook, page and App."""

from __future__ import annotations

import html
import statistics
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...common.statistics import number
from ...config.metrics import METRICS as REGISTRY
from ...config.metrics import values as metric_values
from ..comparing import REAL
from . import LABEL

METRICS = (
    "frechet_distance",
    "clipped_density_coverage",
    "precision_recall",
    "density_coverage",
)
"""What drawings, and the chosen images themselves, are compared by."""

COLUMNS = tuple(value.name for name in METRICS for value in REGISTRY[name].values)
DECIDING = ("frechet_distance", "clipped_density", "clipped_coverage")
"""The whole, fidelity and diversity; the others can be turned around by one odd image."""
FURTHER = tuple(name for name in COLUMNS if name not in DECIDING)
ARROWS = {"lower": "↓", "higher": "↑"}
LEGEND = (
    "Forecast: the chosen images themselves against held-out images, nothing is drawn. Drawn: "
    "pictures from the same noise, mean over noise seeds; in brackets a 95 % interval, of random "
    "the range of its draws; of copies one training image makes half or more. An arrow points to "
    "the better values. Compare rows of equal counts only."
)


@dataclass(frozen=True)
class Cell:
    """A value as it is shown, and in brackets what it lies between."""

    value: str = "-"
    between: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.between}".rstrip()


EMPTY = Cell("")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        arm: What was asked for, and how often it was drawn anew.
        images: How many training images it has.
        forecast: Values of the chosen images, by column.
        drawn: Values of the drawings, by column.
        copied: Share of the drawings that are copies of a training image.
        outliers: How many of its images are outliers.
        near_copies: How many of them nearly repeat another.
    """

    arm: str
    images: str
    forecast: Mapping[str, Cell]
    drawn: Mapping[str, Cell]
    copied: str
    outliers: str
    near_copies: str


def title(column: str) -> str:
    """Return a column's heading, with an arrow to the better values."""
    value = metric_values()[column]
    return f"{value.title} {ARROWS[value.better]}"


def table_rows(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> list[Row]:
    """Return a row for each arm, those of random in one, and one of what real images score."""
    lines = []
    for name in dict.fromkeys(outcome["name"] for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome["name"] == name]
        lines.append(
            Row(
                name if len(mine) == 1 else f"{name} ({len(mine)} draws)",
                _middle([outcome["images"] for outcome in mine]),
                {column: _forecast(mine, column) for column in COLUMNS},
                {column: _drawn(mine, column) for column in COLUMNS},
                _copied(mine),
                _middle([outcome.get("outliers") for outcome in mine]),
                _middle([outcome.get("near_copies") for outcome in mine]),
            )
        )
    if real:
        scores = {column: Cell(number(real[column])) for column in COLUMNS if column in real}
        lines.append(Row(REAL, "", {}, scores, "", "", ""))
    return lines


def drawn_value(outcome: Mapping[str, Any], column: str) -> float | None:
    """Return the mean over noise seeds of a value of what an arm drew."""
    values = [one["values"].get(column) for one in outcome.get("drawn", {}).values()]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _forecast(mine: Sequence[Mapping[str, Any]], column: str) -> Cell:
    known = [o["forecast"].get(column) for o in mine if o.get("forecast")]
    return _range([value for value in known if value is not None])


def _drawn(mine: Sequence[Mapping[str, Any]], column: str) -> Cell:
    values = [value for o in mine if (value := drawn_value(o, column)) is not None]
    if len(mine) > 1 or not values:
        return _range(values)
    between = [one["intervals"].get(column) for one in mine[0]["drawn"].values()]
    known = [one for one in between if one]
    if not known:
        return Cell(number(values[0]))
    low, high = (statistics.fmean(one[side] for one in known) for side in (0, 1))
    return Cell(number(values[0]), f"[{number(low)}, {number(high)}]")


def _copied(mine: Sequence[Mapping[str, Any]]) -> str:
    shares = [one.get("copied") for o in mine for one in o.get("drawn", {}).values()]
    known = [share for share in shares if share is not None]
    return f"{statistics.fmean(known):.0%}" if known else "-"


def _range(values: Sequence[float]) -> Cell:
    if not values:
        return Cell()
    if len(values) == 1:
        return Cell(number(values[0]))
    return Cell(number(statistics.fmean(values)), f"[{number(min(values))}, {number(max(values))}]")


def _middle(values: Sequence[float | None]) -> str:
    """Write the mean of counts, to one digit where it is small and no whole number."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = statistics.fmean(known)
    return f"{mean:,.0f}" if mean == round(mean) or mean >= 10 else f"{mean:.1f}"


def as_text(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> str:
    """Lay the deciding columns out for a terminal, in parts that fit beside 100 characters."""
    rows = table_rows(outcomes, real)
    arms = [row for row in rows if row.arm != REAL]
    counts, forecast, drawn = _groups(DECIDING)
    return "\n\n".join(
        [
            LABEL,
            f"Chosen images\n{_texts(arms, counts)}",
            "Forecast: the chosen images themselves against held-out images\n"
            f"{_texts(arms, forecast)}",
            f"Drawn: pictures from the same noise against held-out images\n{_texts(rows, drawn)}",
            f"Further values on the page: {_further()}.",
            textwrap.fill(LEGEND, 100),
            *filter(None, [beside_random(outcomes)]),
        ]
    )


def beside_random(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Say which arms lie outside the range of the random draws by Frechet distance.

    An arm that is no better than random lies outside the range of k draws with probability
    2 / (k + 1), which is said, too. Arms of another size than random's are not compared.
    """
    drawn_anew = [one for one in outcomes if one["name"] == "random"]
    if len(drawn_anew) < 2:
        return ""
    size = {one["images"] for one in drawn_anew}
    others = [one for one in outcomes if one["name"] != "random" and {one["images"]} == size]
    lines = []
    for what, value in (("forecast", _forecast_value), ("drawn", drawn_value)):
        band = [v for one in drawn_anew if (v := value(one, "frechet_distance")) is not None]
        places = [
            f"{one['name']} {_place(v, band)}"
            for one in others
            if band and (v := value(one, "frechet_distance")) is not None
        ]
        if places:
            lines.append(f"  {what}: {'; '.join(places)}")
    if not lines:
        return ""
    chance = f"{2 / (len(drawn_anew) + 1):.0%}"
    head = (
        f"Frechet distance beside the {len(drawn_anew)} random draws (an arm that is no better and "
        f"no worse than random lies outside their range in {chance} of all cases):"
    )
    return "\n".join([textwrap.fill(head, 100), *lines])


def _forecast_value(outcome: Mapping[str, Any], column: str) -> float | None:
    return (outcome.get("forecast") or {}).get(column)


def _place(value: float, band: Sequence[float]) -> str:
    """Say where a distance lies beside others; lower is better."""
    if value < min(band):
        return "better than every draw"
    return "worse than every draw" if value > max(band) else "within their range"


def as_markdown(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> str:
    """Lay the deciding columns out for the App."""
    counts, forecast, drawn = _groups(DECIDING)
    columns = [*counts, *forecast, *drawn]
    titles = ["arm", *(column.title for column in counts)]
    titles += [f"forecast {column.title}" for column in forecast]
    titles += [f"drawn {column.title}" for column in drawn]
    lines = [titles, ["---"] * len(titles)]
    for row in table_rows(outcomes, real):
        lines.append([row.arm, *(str(column.cell(row)) for column in columns)])
    return f"{LABEL}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_html(outcomes: Sequence[Mapping[str, Any]], real: Mapping[str, float]) -> str:
    """Lay the table out for the page; columns that do not decide are folded in."""
    rows = table_rows(outcomes, real)
    _, *further = _groups(FURTHER)
    return (
        f"{_html_table(rows, _groups(DECIDING))}"
        f"<p class=quiet>{html.escape(LEGEND)}</p><details><summary>Further values: "
        f"{html.escape(_further())}</summary>{_html_table(rows, further)}</details>"
    )


@dataclass(frozen=True)
class _Column:
    group: str
    title: str
    cell: Callable[[Row], Cell]


def _groups(names: Sequence[str]) -> list[list[_Column]]:
    """Return the columns: counts of an arm's images, the forecast, and what is drawn."""
    return [
        [
            _Column("", "images", lambda row: Cell(row.images)),
            _Column("", "outliers", lambda row: Cell(row.outliers)),
            _Column("", "near-copies", lambda row: Cell(row.near_copies)),
        ],
        [
            _Column("forecast", title(name), lambda row, name=name: row.forecast.get(name, EMPTY))
            for name in names
        ],
        [
            _Column("drawn", title(name), lambda row, name=name: row.drawn.get(name, EMPTY))
            for name in names
        ]
        + [_Column("drawn", "copies", lambda row: Cell(row.copied))] * (names == DECIDING),
    ]


def _further() -> str:
    return ", ".join(metric_values()[column].title for column in FURTHER)


def _texts(rows: Sequence[Row], columns: Sequence[_Column]) -> str:
    cells = [["arm", *(column.title for column in columns)]]
    cells += [[row.arm, *(str(column.cell(row)) for column in columns)] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _html_table(rows: Sequence[Row], groups: Sequence[Sequence[_Column]]) -> str:
    columns = [column for group in groups for column in group]
    above = "".join(
        f"<th colspan={len(group)}>{group[0].group}</th>"
        if group[0].group
        else f"<td colspan={len(group)}></td>"
        for group in groups
    )
    titles = "".join(f"<th>{html.escape(column.title)}</th>" for column in columns)
    lines = []
    for row in rows:
        cells = "".join(_html_cell(column.cell(row)) for column in columns)
        kind = " class=real" if row.arm == REAL else ""
        lines.append(f"<tr{kind}><th>{html.escape(row.arm)}</th>{cells}</tr>")
    return (
        f"<div class=scroll><table class=wide><thead><tr class=groups><td></td>{above}</tr><tr>"
        f"<th>arm</th>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _html_cell(cell: Cell) -> str:
    between = f"<small>{cell.between}</small>" if cell.between else ""
    return f"<td>{cell.value}{between}</td>"
