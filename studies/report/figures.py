"""The report's charts, as plain HTML and SVG: no script, any width, printable, dark and light."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...common.page import track_row
from ..comparing import SHOWN, RealScore, Spread, Summary, number
from .charts import colors

POINTS = 200  # of a curve at most: a picture of some hundred pixels shows no more


def dot_charts(
    summary: Summary,
    metrics: Sequence[str],
    *,
    order: Sequence[str],
    real: Mapping[str, RealScore],
    random: str | None,
) -> str:
    """Draw each metric: an arm a row, a seed a dot, the mean a bar, real images a dashed line.

    Args:
        summary: ``{arm: {metric: Spread}}``.
        metrics: Which metrics, one chart each.
        order: The arms, as the table lists them.
        real: What real images score.
        random: The arm whose smallest to largest seed is shaded, if there is one.
    """
    charts = [
        _dot_chart({arm: summary[arm].get(name) for arm in order}, name, real.get(name), random)
        for name in metrics
    ]
    return f"<div class=plots>{''.join(charts)}</div>"


def _dot_chart(
    rows: Mapping[str, Spread | None], name: str, real: RealScore | None, random: str | None
) -> str:
    title, better = SHOWN[name]
    color = colors(list(rows))
    values = [value for spread in rows.values() if spread for value in spread.values.values()]
    values += [real.value] if real else []
    low, high = min(0.0, *values), max(*values, 0.0)
    high = high + 0.04 * (high - low) if high > low else low + 1.0

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    fixed = ""
    chance = rows.get(random) if random else None
    if chance is not None:
        first, last = min(chance.values.values()), max(chance.values.values())
        width = f"{100 * (last - first) / (high - low):.2f}%"
        fixed += f"<i class=band style='left:{at(first)};width:{width}'></i>"
    if real is not None:
        fixed += f"<i class=line style='left:{at(real.value)}'></i>"
    lines = []
    for arm, spread in rows.items():
        marks = ""
        if spread is not None:
            marks = f"<i class=mean style='left:{at(spread.mean)};--color:{color[arm]}'></i>"
            marks += "".join(
                f"<i class=dot style='left:{at(value)};--color:{color[arm]}' "
                f"title='seed {seed}: {number(value)}'></i>"
                for seed, value in spread.values.items()
            )
        lines.append(track_row(arm, fixed + marks, str(spread) if spread else "–"))
    if real is not None:
        lines.append(track_row("real images", fixed, number(real.value)))
    axis = f"<span>{number(low)}</span><span>{number(high)}</span>"
    return (
        f"<figure class=plot><figcaption>{_capital(title)} <small>{better} is better</small>"
        f"</figcaption>{''.join(lines)}<div class='row axis'><span></span>"
        f"<span class=track>{axis}</span><span></span></div></figure>"
    )


def loss_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    arm_of: Mapping[str, str],
    order: Sequence[str],
) -> str:
    """Draw the training loss over steps, one line per training, the loss on a log scale.

    Args:
        curves: ``{training: entries of its log.jsonl}``.
        arm_of: The arm of each training, for its colour.
        order: The arms, as the table lists them.

    Returns:
        HTML; a sentence where fewer than two moments of any training were logged.
    """
    color = colors(list(order))
    lines_of = {run: _points(entries) for run, entries in curves.items()}
    lines_of = {run: points for run, points in lines_of.items() if len(points) > 1}
    if not lines_of:
        return "<p class=quiet>Too few steps were logged for a curve.</p>"
    every = [point for points in lines_of.values() for point in points]
    left, right = min(step for step, _ in every), max(step for step, _ in every)
    low, high = (end(math.log(loss) for _, loss in every) for end in (min, max))
    wide, tall = max(right - left, 1), max(high - low, 1e-9)
    lines = []
    for run, points in lines_of.items():
        drawn = " ".join(
            f"{1000 * (step - left) / wide:.1f},{300 * (high - math.log(loss)) / tall:.1f}"
            for step, loss in points
        )
        lines.append(
            f"<polyline points='{drawn}' stroke='{color[arm_of[run]]}'>"
            f"<title>{html.escape(run)}</title></polyline>"
        )
    legend = "".join(
        f"<span><b style='--color:{color[arm]}'></b>{html.escape(arm)}</span>" for arm in order
    )
    return (
        f"<figure class=curves><div class=legend>{legend}</div>"
        f"<div class=ends><span>loss {number(math.exp(high))}</span></div>"
        "<svg viewBox='0 0 1000 300' preserveAspectRatio='none' role=img "
        f"aria-label='Training loss of {len(lines_of)} trainings'>{''.join(lines)}</svg>"
        f"<div class=ends><span>loss {number(math.exp(low))}</span></div>"
        f"<div class=ends><span>step {left:,}</span>"
        f"<span>step {right:,}</span></div></figure>"
    )


def _points(entries: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Steps and losses of a log, thinned to `POINTS` with the first and the last kept."""
    points = [(e["step"], e["loss"]) for e in entries if e.get("loss") and e["loss"] > 0]
    every = -(-len(points) // POINTS) or 1
    kept = points[::every]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
