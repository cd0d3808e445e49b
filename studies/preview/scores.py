"""Drawings, and the chosen images themselves, compared with held-out images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ... import metrics
from ...workflows.evaluating import NOT_OF_METRICS
from ...workflows.evaluation_sides import Images, featurize, side
from ..judging import Judge
from .table import COLUMNS, METRICS


def drawing_features(judge: Judge, folder: Path, role: str) -> Images:
    """Return the judge's features of the pictures in a folder.

    Args:
        judge: Whose encoder.
        folder: The pictures.
        role: What an error calls them.
    """
    return featurize(
        side(folder),
        judge.encoder.at(judge.size),
        role=role,
        config=judge.config,
        progress=False,
    )


def score_drawings(judge: Judge, x: np.ndarray, *, with_real: bool) -> metrics.Evaluation:
    """Compare drawings with held-out images, with intervals.

    Args:
        judge: Holds the features of the held-out images.
        x: (m, d) features of the drawings.
        with_real: Say too what real images score in the drawings' place.
    """
    return _compare(judge, x, {} if with_real else {"null_draws": 0})


def has_all(values: Mapping[str, float | None]) -> bool:
    """Tell whether values are of all metrics; those of an older version may be of fewer."""
    return set(COLUMNS) <= values.keys()


def forecast_arm(judge: Judge, ids: list[str], *, most: int) -> dict[str, float | int | None]:
    """Compare the chosen images themselves with held-out images; nothing is drawn.

    Args:
        judge: Holds the features of both.
        ids: Samples of the chosen images.
        most: Of more images so many are taken at random, as values depend on the count.

    Returns:
        Values by metric, and ``images``: how many were compared.
    """
    pool = judge.references["pool"]
    row_of = {id: row for row, id in enumerate(pool.ids)}
    rows = np.array([row_of[id] for id in ids if id in row_of])
    if len(rows) > most:
        rows = np.random.default_rng(0).choice(rows, most, replace=False)
    evaluation = _compare(judge, pool.x[rows], {"null_draws": 0, "bootstrap": 0})
    return {**evaluation.values, "images": len(rows)}


def _compare(judge: Judge, x: np.ndarray, changes: dict[str, int]) -> metrics.Evaluation:
    options = judge.config.model_dump(exclude=NOT_OF_METRICS)
    options |= {"metrics": list(METRICS), "counts": "unequal", **changes}
    references = judge.references
    return metrics.evaluate(
        real=references["held_out"].x,
        generated=x,
        stand_in=references["pool"].x,
        **options,
    )
