"""From one evaluation per training to a table over arms."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.statistics import Spread, number, spread
from ..config.metrics import values as metric_values
from .cells import training_of

SHOWN = {
    name: (value.title, value.better) for name, value in metric_values().items() if value.in_studies
}
"""Columns in the order of the table: title, and which way is better."""

RANKED_BY = tuple(
    value.name
    for value in sorted(metric_values().values(), key=lambda value: value.rank_order or 0)
    if value.rank_order is not None
)
"""What orders the arms: the first of these that was computed for all of them."""

WITH_EXCESS = tuple(name for name, value in metric_values().items() if value.is_distance)
"""Distances: what they exceed the one between real images by is shown beside them."""

REAL = "(real images)"

Summary = Mapping[str, Mapping[str, "Spread"]]
"""``{arm: {metric: Spread}}``."""


@dataclass(frozen=True)
class RealScore:
    """What real images score in place of generated ones.

    Attributes:
        value: Mean over the trainings, whose real images are the same.
        counts: Real images, and images in the generated ones' place; None where not recorded.
    """

    value: float
    counts: tuple[int, int] | None


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def table(outcomes: Sequence[Mapping[str, Any]], against: str) -> dict[str, dict[str, Spread]]:
    """Summarize outcomes of cells over seeds.

    Args:
        outcomes: One mapping per cell: ``arm``, ``seed`` and the values by reference.
        against: Which reference: ``held_out`` or ``pool``.

    Returns:
        ``{arm: {metric: Spread}}``, arms in order of appearance.
    """
    arms = list(dict.fromkeys(outcome["arm"] for outcome in outcomes))
    by_arm: dict[str, dict[str, Spread]] = {}
    for arm in arms:
        mine = [o for o in outcomes if o["arm"] == arm and against in o["values"]]
        metrics = dict.fromkeys(name for outcome in mine for name in outcome["values"][against])
        summary = {
            name: spread(
                {training_of(o): o["values"][against].get(name) for o in mine},
                [_records(o, against).get(name, {}).get("excess") for o in mine],
            )
            for name in metrics
        }
        by_arm[arm] = {name: value for name, value in summary.items() if value is not None}
    return by_arm


def real_scores(outcomes: Sequence[Mapping[str, Any]], against: str) -> dict[str, RealScore]:
    """Return what real images score in place of generated ones, by metric.

    The same real images are behind every arm's null, so they are averaged; the arms'
    own training images make no difference to it.
    """
    by_metric: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        for name, record in _records(outcome, against).items():
            if _finite(record.get("null")):
                by_metric.setdefault(name, []).append(record)
    return {
        name: RealScore(
            statistics.fmean(record["null"] for record in records),
            tuple(records[0]["n_null"]) if records[0].get("n_null") else None,
        )
        for name, records in by_metric.items()
    }


def _records(outcome: Mapping[str, Any], against: str) -> Mapping[str, Any]:
    return outcome["full"].get(against, {}).get("records", {})


def counts_text(outcomes: Sequence[Mapping[str, Any]], against: str) -> str:
    """Say how many images are behind the values: ``60 real, 48 generated``."""
    counts = sorted({tuple(outcome["counts"][against]) for outcome in outcomes})
    return ", ".join(f"{real:,} real, {made:,} generated" for real, made in counts)


def real_counts_text(
    outcomes: Sequence[Mapping[str, Any]], against: str, real: Mapping[str, RealScore]
) -> str:
    """Say how many images are behind the last row, where they differ from those of the rows above.

    Returns:
        A sentence, empty when the counts are the same or no count is known.
    """
    above = {tuple(outcome["counts"][against]) for outcome in outcomes}
    own: dict[tuple[int, int], list[str]] = {}
    for name, score in real.items():
        if score.counts is not None and score.counts not in above and name in SHOWN:
            own.setdefault(score.counts, []).append(SHOWN[name][0])
    if not own:
        return ""
    parts = [f"{a:,} and {b:,} images ({', '.join(names)})" for (a, b), names in own.items()]
    return (
        f"The row {REAL} compares {'; '.join(parts)}; excess compares both at these counts, "
        "and so is not the difference of the two rows."
    )


def columns(rows: Summary) -> list[str]:
    """List the metrics that a table shows, in its order."""
    return [name for name in SHOWN if any(name in row for row in rows.values())]


def ranked_by(summary: Summary) -> str | None:
    """Name the metric that orders the arms; None where nothing that could was computed."""
    arms = [row for row in summary.values() if row]
    return next((name for name in RANKED_BY if arms and all(name in row for row in arms)), None)


def ranking(summary: Summary) -> list[str]:
    """Order the arms by the mean of what ranks them, best first; those without values last."""
    metric = ranked_by(summary)
    if metric is None:
        return list(summary)
    sign = 1 if SHOWN[metric][1] == "lower" else -1
    ranked = [arm for arm in summary if metric in summary[arm]]
    rest = [arm for arm in summary if metric not in summary[arm]]
    return sorted(ranked, key=lambda arm: sign * summary[arm][metric].mean) + rest


def as_text(
    summary: Summary, real: Mapping[str, RealScore] | None = None, order: Sequence[str] = ()
) -> str:
    """Lay the table out for a terminal.

    Args:
        summary: ``{arm: {metric: Spread}}``.
        real: What real images score, as a last row.
        order: The arms, by default as `ranking` orders them.
    """
    head, shown = ["arm"], columns(summary)
    for name in shown:
        head += [SHOWN[name][0], *(["excess"] if name in WITH_EXCESS else [])]
    body = []
    for arm in order or ranking(summary):
        row, cells = summary[arm], [arm]
        for name in shown:
            value = row.get(name)
            cells.append(str(value) if value else "-")
            if name in WITH_EXCESS:
                cells.append(number(value.excess) if value and value.excess is not None else "-")
        body.append([*cells, str(max((value.n for value in row.values()), default=0))])
    if real:
        cells = [REAL]
        for name in shown:
            cells.append(number(real[name].value) if name in real else "-")
            cells += [""] if name in WITH_EXCESS else []
        body.append([*cells, ""])
    head.append("seeds")
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
