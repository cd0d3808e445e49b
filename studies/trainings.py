"""From a study's outcomes to the trainings of each arm, as `inference` takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..runs import Run
from . import cells, influences
from .inference import Floats, Trainings

Outcome = Mapping[str, Any]
Influences = Callable[[Outcome], Mapping[str, Floats]]
"""From an outcome to what each image adds to its values, by ``METRIC/real`` and so on."""


def reader_of(run: Run, against: str) -> Influences:
    """Return what reads the influences that a study has kept, each file once.

    Args:
        run: The study.
        against: Which reference: ``held_out`` or ``pool``.
    """
    known: dict[str, Mapping[str, Floats]] = {}
    version = run.record.get("images_version", 1)

    def read(outcome: Outcome) -> Mapping[str, Floats]:
        key = cells.key_of(outcome)
        if key not in known:
            known[key] = influences.load(cells.folder_of(run, version) / f"{key}.npz", against)
        return known[key]

    return read


def trainings_by_arm(
    outcomes: Sequence[Outcome], against: str, metric: str, read: Influences | None = None
) -> dict[str, Trainings]:
    """Return the trainings of each arm that have a value of a metric, arms in their order."""
    by_arm: dict[str, dict[tuple[int | None, int], Outcome]] = {}
    for outcome in outcomes:
        value = outcome["values"].get(against, {}).get(metric)
        if value is not None and np.isfinite(value):
            key = (outcome.get("draw"), outcome["seed"])
            by_arm.setdefault(outcome["arm"], {})[key] = outcome
    return {
        arm: Trainings(
            {key: float(one["values"][against][metric]) for key, one in own.items()},
            _mean(list(own.values()), metric, "real", read),
            _mean(list(own.values()), metric, "generated", read),
        )
        for arm, own in by_arm.items()
    }


def _mean(
    outcomes: Sequence[Outcome], metric: str, side: str, read: Influences | None
) -> Floats | None:
    """Average what each image adds over trainings; None where it is unknown, or others' images."""
    if read is None:
        return None
    if side == "generated" and any(one.get("paired") is False for one in outcomes):
        return None
    kept = [read(outcome) for outcome in outcomes]
    if any(f"{metric}/{side}" not in one or f"rows/{side}" not in one for one in kept):
        return None
    rows = kept[0][f"rows/{side}"]
    if any(not np.array_equal(one[f"rows/{side}"], rows) for one in kept[1:]):
        return None
    return np.mean([one[f"{metric}/{side}"] for one in kept], axis=0)


def of_row(values: Mapping[int | str, float]) -> Trainings:
    """Return the trainings behind a cell of the table; see `cells.training_of` for its keys."""
    drawn = any(isinstance(key, str) for key in values)
    trainings: dict[tuple[int | None, int], float] = {}
    for key, value in values.items():
        if isinstance(key, str):
            draw, _, seed = key.removeprefix("draw ").partition(", seed ")
            trainings[int(draw), int(seed)] = value
        else:
            trainings[key if drawn else None, key] = value
    return Trainings(trainings)
