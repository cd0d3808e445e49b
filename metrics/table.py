"""An evaluation as a table: every value with its null, excess, interval and counts."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from ..config.metrics import values as metric_values

if TYPE_CHECKING:
    from .evaluation import Evaluation, Record

HEAD = ("", "value", "null", "excess", "95 % interval", "real / generated", "null of")
ABOUT = (
    "null: what real images score in the generated ones' place, at the counts under 'null of'; "
    "excess: value minus null, with both at those counts. Where the excess is near 0, a value "
    "cannot tell the generated images from real ones."
)


def as_text(evaluation: Evaluation) -> str:
    """Lay the values out for a terminal, one a line, aligned."""
    rows = [HEAD, *(cells(name, record) for name, record in evaluation.records.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *references(evaluation), *reasons(evaluation)])


def lower_is_better(evaluation: Evaluation) -> str:
    """Name the values of which lower ones are better; of all others it is the higher ones."""
    known = metric_values()
    named = [name for name in evaluation.records if name in known and known[name].better == "lower"]
    return f"Lower is better for {', '.join(named)}; higher for the others." if named else ""


def class_lines(evaluation: Evaluation) -> list[str]:
    """Lay the values of each class out for a terminal; nothing without classes."""
    if not evaluation.classes:
        return []
    names = list(next(iter(evaluation.classes.values())))
    rows = [["class", *names]]
    for name, values in evaluation.classes.items():
        rows.append([name, *(_of_class(values[key]) for key in names)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])],
        )
        for row in rows
    ]


def _of_class(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else number(value)


def as_html(evaluation: Evaluation) -> str:
    """Lay the values out for a notebook."""
    head = "".join(f"<th>{cell}</th>" for cell in HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells(name, record)) + "</tr>"
        for name, record in evaluation.records.items()
    )
    sentences = [*references(evaluation), *reasons(evaluation), *evaluation.notes]
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in sentences)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{ABOUT} {lower_is_better(evaluation)}</p><ul>{notes}</ul>"
    )


def cells(name: str, record: Record) -> tuple[str, ...]:
    """Return the cells of one value, in the order of `HEAD`."""
    low_high = record.interval
    return (
        name,
        number(record.value),
        number(record.null),
        number(record.excess, sign="+"),
        "-" if low_high is None else f"{number(low_high[0])} to {number(low_high[1])}",
        f"{record.n_real} / {record.n_generated}",
        "-" if record.n_null is None else f"{record.n_null[0]} / {record.n_null[1]}",
    )


def references(evaluation: Evaluation) -> list[str]:
    """Describe the reference beside each distance whose size depends on it."""
    lines = []
    for name, record in evaluation.records.items():
        reference = record.detail.get("reference")
        if record.value is not None and reference:
            lines.append(
                f"{name}: the reference has an effective rank of "
                f"{number(reference['effective_rank'])} and a mean -log d_{reference['k']} of "
                f"{number(reference['mean_negative_log_distance'])}."
            )
    return lines


def reasons(evaluation: Evaluation) -> list[str]:
    """Say why values are missing."""
    return [
        f"{name} has no value: {record.reason}"
        for name, record in evaluation.records.items()
        if record.value is None
    ]


def number(value: float | None, sign: str = "") -> str:
    """Write three significant digits, without an exponent where that stays readable."""
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value):
        return f"{value:{sign}g}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:{sign}.2e}" if digits > 8 else f"{value:{sign}.{max(digits, 0)}f}"
