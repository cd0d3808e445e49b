"""More like these, less like those: weights from sets of examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...common.arrays import Array, Floats, Integers
from ...common.errors import SettingsError
from ...common.knn import nearest
from .rows import chunks, take

EXAMPLES = 5  # nearest examples that count; one of a varied set need not be like all of it


def likeness(unit: Array, toward: Integers, away: Integers, *, device: Any = "cpu") -> Floats:
    """Score how much more each row is like one set of examples than like another.

    The score is the mean cosine similarity to the five nearest rows of ``toward`` (all where
    there are fewer), minus the same of ``away``; an empty set adds nothing. An example counts
    as like itself.

    Args:
        unit: (n, d) rows of length 1.
        toward: Rows that picks should be like.
        away: Rows that picks should not be like.
        device: Where products are computed.

    Returns:
        (n,) between -2 and 2.
    """
    return _similarity(unit, toward, device) - _similarity(unit, away, device)


def leaning_weights(score: Floats, pull: float) -> Floats:
    """Turn scores into weights: e^pull times as much per standard deviation of the score.

    Raises:
        SettingsError: The pull is negative.
    """
    if not pull >= 0:
        raise SettingsError(f"pull must be >= 0, got {pull}.")
    spread = float(score.std())
    return np.exp(pull * (score - score.mean()) / spread) if spread > 1e-9 else np.ones(len(score))


def _similarity(unit: Array, examples: Integers, device: Any) -> Floats:
    mean = np.zeros(len(unit))
    if len(examples):
        points, k = take(unit, examples), min(EXAMPLES, len(examples))
        for start, part in chunks(unit, 2**16):
            distance, _ = nearest(part, points, k, device=device)
            mean[start : start + len(part)] = 1 - (distance**2).mean(1) / 2
    return mean
