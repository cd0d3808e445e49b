"""The arms' values over their training, and what they leave unknown."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from .. import comparing
from .charts import colors

PLOTTED = ("frechet_distance", "precision", "recall", "memorized")

Points = Mapping[str, list[tuple[float, float]]]


def curves_section(record: Mapping[str, Any], order: Sequence[str]) -> str:
    """Return the charts of values against images seen, empty where none were judged.

    Args:
        record: What the study has worked out; ``curves`` has the points of each arm.
        order: The arms, as the tables list them.
    """
    curves = record.get("curves") or {}
    charts = []
    for metric in PLOTTED:
        points = {
            arm: [
                (point["images_seen"], point["values"][metric])
                for point in curves[arm]["points"]
                if point["values"].get(metric) is not None
            ]
            for arm in order
            if arm in curves
        }
        points = {arm: known for arm, known in points.items() if len(known) > 1}
        if points:
            charts.append(_chart(metric, points, colors(list(order))))
    if not charts:
        return ""
    texts = "".join(
        f"<li>{html.escape(curves[arm]['text'])}</li>"
        for arm in order
        if curves.get(arm, {}).get("text")
    )
    legend = "".join(
        f"<span><b style='--color:{color}'></b>{html.escape(arm)}</span>"
        for arm, color in colors(list(order)).items()
        if arm in curves
    )
    return (
        "<h2>Over the training</h2><p class=quiet>Values at checkpoints, from fewer images than "
        f"those of the end, against images seen.</p><div class=legend>{legend}</div>"
        f"<div class=plots>{''.join(charts)}</div><ul class=quiet>{texts}</ul>"
    )


def _chart(metric: str, points: Points, color: Mapping[str, str]) -> str:
    seen = [x for known in points.values() for x, _ in known]
    values = [y for known in points.values() for _, y in known]
    left, right, low, high = min(seen), max(seen), min(values), max(values)
    if high == low:  # nothing to see of its course: from 0 to its value
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    across, up = max(right - left, 1), high - low
    lines = ""
    for arm, known in points.items():
        places = " ".join(
            f"{1000 * (x - left) / across:.1f},{300 * (high - y) / up:.1f}" for x, y in known
        )
        lines += (
            f"<polyline points='{places}' stroke='{color[arm]}'>"
            f"<title>{html.escape(arm)}</title></polyline>"
        )
    title, better = comparing.SHOWN[metric]
    return (
        f"<figure class='plot curves'><figcaption>{title[0].upper()}{title[1:]} "
        f"<small>{better} is better</small></figcaption>"
        f"<div class=ends><span>{comparing.number(high)}</span></div>"
        "<svg viewBox='0 0 1000 300' preserveAspectRatio='none' role=img "
        f"aria-label='{title} of {len(points)} arms over their training'>{lines}</svg>"
        f"<div class=ends><span>{comparing.number(low)}</span></div>"
        f"<div class=ends><span>{left:,} images</span>"
        f"<span>{right:,} images</span></div></figure>"
    )


def unknown_section(record: Mapping[str, Any], *, seeds: int, votes: bool, previewed: bool) -> str:
    """Return what a study leaves unknown, as a list.

    Args:
        record: What the study has worked out.
        seeds: Training seeds of each arm.
        votes: Whether people have compared the images.
        previewed: Whether the analytic model drew before the trainings.
    """
    items = []
    if seeds < 3:
        trained = "once" if seeds == 1 else f"{seeds} times"
        items.append(
            f"How much a value varies from training to training: each arm was trained {trained}, "
            "and an interval needs three seeds."
        )
    if not record.get("curves"):
        items.append(
            "Whether a longer or shorter training would order the arms otherwise: each training "
            "was judged at its end alone."
        )
    if not votes:
        items.append(
            "Whether people would agree: values compare pictures as an encoder sees them, and "
            "nobody was asked."
        )
    if previewed:
        items.append("Whether the preview agrees with trained networks on other images than these.")
    items.append("Whether the order holds at other budgets, sizes and networks than these.")
    return f"<h2>What is not known</h2><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
