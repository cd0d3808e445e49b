"""From one evaluation per training to a table over arms."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = {
    "frechet_distance": ("Frechet distance", "lower"),
    "precision": ("precision", "higher"),
    "recall": ("recall", "higher"),
    "density": ("density", "higher"),
    "coverage": ("coverage", "higher"),
    "memorized": ("memorized", "lower"),
}
"""Columns in the order of the table: title, and which way is better."""

RANKED_BY = "frechet_distance"
REAL = "(real images)"


@dataclass(frozen=True)
class Spread:
    """A value over seeds.

    Attributes:
        mean: Mean over the seeds.
        std: Standard deviation (n - 1); None for one seed.
        n: How many seeds.
        values: The value of each seed, by seed.
    """

    mean: float
    std: float | None
    n: int
    values: dict[int, float]

    def __str__(self) -> str:
        return (
            number(self.mean) if self.std is None else f"{number(self.mean)} ± {number(self.std)}"
        )


def spread(values: Mapping[int, float | None]) -> Spread | None:
    """Summarize a value over seeds; None where no seed has one."""
    have = {
        seed: value for seed, value in values.items() if value is not None and math.isfinite(value)
    }
    if not have:
        return None
    several = len(have) > 1
    return Spread(
        statistics.fmean(have.values()),
        statistics.stdev(have.values()) if several else None,
        len(have),
        have,
    )


def table(outcomes: Sequence[Mapping[str, Any]], against: str) -> dict[str, dict[str, Spread]]:
    """Summarize outcomes of cells over seeds.

    Args:
        outcomes: One mapping per cell: ``arm``, ``seed`` and the values by reference.
        against: Which reference: ``held_out`` or ``pool``.

    Returns:
        ``{arm: {metric: Spread}}``, arms in order of appearance.
    """
    arms = list(dict.fromkeys(outcome["arm"] for outcome in outcomes))
    found: dict[str, dict[str, Spread]] = {}
    for arm in arms:
        mine = [o for o in outcomes if o["arm"] == arm and against in o["values"]]
        metrics = dict.fromkeys(name for outcome in mine for name in outcome["values"][against])
        summary = {
            name: spread({o["seed"]: o["values"][against].get(name) for o in mine})
            for name in metrics
        }
        found[arm] = {name: value for name, value in summary.items() if value is not None}
    return found


def null(outcomes: Sequence[Mapping[str, Any]], against: str) -> dict[str, float]:
    """Return what real images score in place of generated ones, by metric.

    The same real images are behind every arm's null, so they are averaged; the arms'
    own training images make no difference to it.
    """
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        for name, told in outcome["full"].get(against, {}).get("records", {}).items():
            if told.get("null") is not None:
                found.setdefault(name, []).append(told["null"])
    return {name: statistics.fmean(values) for name, values in found.items()}


def ranking(summary: Mapping[str, Mapping[str, Spread]]) -> list[str]:
    """Order the arms by mean Frechet distance, best first."""
    ranked = [arm for arm in summary if RANKED_BY in summary[arm]]
    return sorted(ranked, key=lambda arm: summary[arm][RANKED_BY].mean)


def clear_cut(summary: Mapping[str, Mapping[str, Spread]], first: str, second: str) -> bool:
    """Tell whether every seed of the first arm beat every seed of the second."""
    a, b = summary[first][RANKED_BY], summary[second][RANKED_BY]
    return max(a.values.values()) < min(b.values.values())


def verdict(summary: Mapping[str, Mapping[str, Spread]]) -> str:
    """Say in one or two sentences what the table shows, and how sure it is."""
    order = ranking(summary)
    if len(order) < 2:
        return "Only one arm could be ranked; nothing to compare."
    best, next_best = order[0], order[1]
    n = min(summary[arm][RANKED_BY].n for arm in order)
    text = f"{best} came out best by Frechet distance: {' < '.join(order)}."
    if n < 2:
        return text + " With one seed the order may be chance."
    if clear_cut(summary, best, next_best):
        return text + f" Every seed of {best} beat every seed of {next_best} ({n} seeds each)."
    return text + f" The seeds of {best} and {next_best} overlap ({n} each): no clear winner."


def as_text(
    summary: Mapping[str, Mapping[str, Spread]], real: Mapping[str, float] | None = None
) -> str:
    """Lay the table out for a terminal, best arm first.

    Args:
        summary: ``{arm: {metric: Spread}}``.
        real: What real images score, as a last row.
    """
    columns = [name for name in SHOWN if any(name in row for row in summary.values())]
    head = ["arm", *(SHOWN[name][0] for name in columns), "seeds"]
    body = [
        [
            arm,
            *(str(summary[arm].get(name, "-")) for name in columns),
            str(summary[arm][RANKED_BY].n),
        ]
        for arm in ranking(summary)
    ]
    if real:
        cells = (number(real[name]) if name in real else "-" for name in columns)
        body.append([REAL, *cells, ""])
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *body]
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def number(value: float) -> str:
    """Write a number with three significant digits, small ones without exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}"
