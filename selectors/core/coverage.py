"""How far a selection leaves any sample from its nearest pick."""

from __future__ import annotations

import numpy as np

from ...common.arrays import Array
from ...common.knn import square_distances
from .rows import chunks, take


def coverage_of(unit: Array, picks: Array, begun: int = 0) -> Array:
    """Return the largest distance of any row to its nearest pick, after each pick.

    Args:
        unit: (n, d) rows of length 1.
        picks: Rows in order.
        begun: How many of them count from the beginning and get no value of their own.
    """
    count = len(picks)
    height = max(1, 2**24 // max(1, count))
    far = np.full(count, -1.0)  # squared, by float32
    where = np.zeros((count, 2), np.int64)  # the row that is farthest, and its nearest pick
    points = take(unit, picks)
    for start, part in chunks(unit, height):
        gap = 2 - 2 * (part @ points.T)  # (rows, k)
        near = np.minimum.accumulate(gap, axis=1)
        row = near.argmax(0)
        value = near[row, np.arange(count)]
        better = value > far
        far[better] = value[better]
        at = np.flatnonzero(better)
        where[at, 0] = start + row[at]
        where[at, 1] = [gap[row[j], : j + 1].argmin() for j in at]
    exact = square_distances(take(unit, where[:, 0]), points, where[:, 1:])[:, 0]
    return np.sqrt(exact)[begun:]
