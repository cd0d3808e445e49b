"""An arm's values over its training: at checkpoints, against images seen.

Two arms at equal steps may stand at different places of their curves: the fewer images an arm
trains on, the earlier its model begins to copy them. So each arm is reported at equal images seen
and at its own best checkpoint. The best one is chosen on one half of the held-out images and
reported on the other half, or the choice itself would make it look better.

Source for when copying begins: Bonnaire et al. 2025, arXiv:2505.17638.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from .comparing import RANKED_BY, SHOWN, number

SHARE = 4
"""A checkpoint is judged on one of so many of the images that the last one is judged on."""

FLAT = 0.05
"""Change per doubling of images seen below which a curve is called flat."""

PLOTTED = ("frechet_distance", "precision", "recall", "memorized")

Point = Mapping[str, Any]
"""A checkpoint: ``step``, ``images_seen``, ``count``, ``loss``, ``validation_loss`` and values by
``held_out`` (all of the reference), ``choose`` and ``report`` (halves of it)."""


def images_drawn(count: int) -> int:
    """Return how many images a checkpoint draws, of as many as the last one does: at least two.

    One image alone has no distance to another, so no judge can say anything of it.
    """
    return max(2, count // SHARE)


def kept_steps(steps: int, curve: int, checkpoint_every: int) -> tuple[int, int]:
    """Return the steps between checkpoints, and between those that are kept to be judged.

    Args:
        steps: Optimizer steps of the training.
        curve: How many checkpoints are to be judged.
        checkpoint_every: Steps between checkpoints that the study asked for, at most kept.
    """
    between = max(1, steps // curve)
    parts = max(1, math.ceil(between / checkpoint_every))
    every = max(1, between // parts)
    return every, every * parts


def ranked(curve: Sequence[Point]) -> str | None:
    """Name the metric that a curve's best checkpoint is chosen by."""
    return next(
        (
            name
            for name in RANKED_BY
            if curve and all(point["choose"].get(name) is not None for point in curve)
        ),
        None,
    )


def best_point(curve: Sequence[Point]) -> Point | None:
    """Return the checkpoint that is best on the half of the images to choose on."""
    name = ranked(curve)
    if name is None:
        return None
    sign = 1 if SHOWN[name][1] == "lower" else -1
    return min(curve, key=lambda point: sign * point["choose"][name])


def memorization_rises(curve: Sequence[Point]) -> int | None:
    """Return the images seen from which the share of copies stays above that of the beginning.

    Above means by more than two standard errors of both shares; None where it never is.
    """
    known = [point for point in curve if point["values"].get("memorized") is not None]
    if len(known) < 2:
        return None
    first = known[0]
    rises = None
    for point in known[1:]:
        if not _above(point, first):
            rises = None
        elif rises is None:
            rises = point["images_seen"]
    return rises


def _above(point: Point, first: Point) -> bool:
    variance = 0.0
    for one in (point, first):
        share, count = one["values"]["memorized"], one["count"]
        shrunk = (share * count + 1) / (count + 2)  # a share of 0 is not known for certain
        variance += shrunk * (1 - shrunk) / count
    return point["values"]["memorized"] - first["values"]["memorized"] > 2 * math.sqrt(variance)


def per_doubling(curve: Sequence[Point], metric: str) -> float | None:
    """Return by which share a value changes when the images seen double, at the curve's end.

    -0.08 says that it falls by 8 % per doubling, at the pace of the last two checkpoints.
    """
    points = [point for point in curve if point["values"].get(metric)]
    if len(points) < 2:
        return None
    before, last = points[-2], points[-1]
    doublings = math.log2(last["images_seen"] / before["images_seen"])
    ratio = last["values"][metric] / before["values"][metric]
    return ratio ** (1 / doublings) - 1 if doublings > 0 and ratio > 0 else None


def of_arms(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Summarize the curves of each arm's trainings, as ``study.json`` says it.

    Args:
        outcomes: One record per training, with ``curve`` where its checkpoints were judged.

    Returns:
        By arm: ``points`` (means over trainings), ``best`` (of each training, and the mean of what
        the other half of the images says), ``memorized_rises`` (images seen, the median over
        trainings), ``per_doubling``, ``flat`` and a sentence ``text``.
    """
    arms: dict[str, list[Sequence[Point]]] = {}
    for outcome in outcomes:
        if outcome.get("curve"):
            arms.setdefault(outcome["arm"], []).append(outcome["curve"])
    return {arm: _of_arm(arm, curves) for arm, curves in arms.items()}


def _of_arm(arm: str, curves: Sequence[Sequence[Point]]) -> dict[str, Any]:
    points = _mean_points(curves)
    name = ranked(points)
    best = [point for curve in curves if (point := best_point(curve)) is not None]
    rises = [memorization_rises(curve) for curve in curves]
    risen = sorted(seen for seen in rises if seen is not None)
    change = per_doubling(points, name) if name else None
    flat = change is not None and abs(change) < FLAT
    return {
        "points": points,
        "ranked_by": name,
        "best": {
            "images_seen": [point["images_seen"] for point in best],
            "step": [point["step"] for point in best],
            "values": _mean_values([point["report"] for point in best]),
            "last": _mean_values([curve[-1]["report"] for curve in curves]),
        },
        "memorized_rises": risen[len(risen) // 2] if 2 * len(risen) > len(rises) else None,
        "per_doubling": change,
        "flat": flat if change is not None else None,
        "text": _text(arm, name, change, flat),
    }


def _text(arm: str, name: str | None, change: float | None, flat: bool) -> str:
    if name is None or change is None:
        return f"Whether {arm} was trained long enough is unknown: fewer than two checkpoints."
    title, better = SHOWN[name]
    if flat:
        rounded = round(change, 2) + 0.0  # -0.0 would be written as -0%
        return f"{arm} has flattened: its {title} changes by {rounded:+.0%} per doubling."
    improves = (change < 0) == (better == "lower")
    way = "falls" if change < 0 else "rises"
    advice = "train longer" if improves else "it is past its best checkpoint"
    return f"{arm} still {way} {abs(change):.0%} per doubling in {title}: {advice}."


def _mean_points(curves: Sequence[Sequence[Point]]) -> list[dict[str, Any]]:
    """Average checkpoints at equal steps; those that not all trainings have are left out."""
    by_step = [{point["step"]: point for point in curve} for curve in curves]
    common = [step for step in by_step[0] if all(step in own for own in by_step)]
    return [
        {
            "step": step,
            "images_seen": by_step[0][step]["images_seen"],
            "count": by_step[0][step]["count"],
            "trainings": len(curves),
            **{
                part: _mean_values([own[step][part] for own in by_step])
                for part in ("values", "choose", "report")
            },
            **{
                name: _mean([own[step].get(name) for own in by_step])
                for name in ("loss", "validation_loss")
            },
        }
        for step in common
    ]


def _mean_values(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _mean([row.get(name) for row in rows]) for name in names}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def best_text(arm: str, curve: Mapping[str, Any]) -> str:
    """Say what an arm scores at its best checkpoint, on images that did not choose it."""
    name, best = curve["ranked_by"], curve["best"]
    if name is None or not best["step"]:
        return ""
    value, last = best["values"].get(name), best["last"].get(name)
    if value is None or last is None:
        return ""
    steps = sorted(set(best["step"]))
    if steps == [curve["points"][-1]["step"]]:
        return ""  # the last one, whose values are in the table
    at = f"step {steps[0]:,}" if len(steps) == 1 else f"steps {steps[0]:,} to {steps[-1]:,}"
    return (
        f"{arm} at its best checkpoint ({at}): {SHOWN[name][0]} {number(value)}, at the last one "
        f"{number(last)}, both on held-out images that did not choose it."
    )
