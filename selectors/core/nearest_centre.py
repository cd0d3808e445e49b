"""Squared distances from rows of length 1 to the nearest of some centres."""

from __future__ import annotations

import numpy as np
import torch

from ...common.arrays import Array
from ...common.knn import square_distances

DOUBT = 4e-6  # float32 error of a squared distance between unit rows, generously


def square_to_nearest(x: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Return each row's squared distance to the nearest of some centres, (n,) float32.

    The error is at most `DOUBT`.
    """
    # centres first: the processor's matrix product is faster that way round
    return (2 - 2 * (centres @ x.T).amax(0)).clamp_(min=0)


def exact_square_to_nearest(points: Array, centres: Array) -> Array:
    """Return each point's squared distance to its nearest centre, (m,) float64 by difference.

    Float32 products first tell which centres can be the nearest.
    """
    dots = points @ centres.T  # (m, c)
    at, centre = np.nonzero(dots >= dots.max(1, keepdims=True) - DOUBT)
    gap = square_distances(points[at], centres, centre[:, None])[:, 0]
    square = np.full(len(points), np.inf)
    np.minimum.at(square, at, gap)
    return square
