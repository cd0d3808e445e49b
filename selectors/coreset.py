"""Coreset: the most diverse samples."""

from __future__ import annotations

import numpy as np

from .core.greedy import farthest_first
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights
from .core.rows import Array, chunks, take


def coreset(pool: Pool, budget: int) -> MethodResult:
    """Greedy k-center: always the sample farthest from what is chosen.

    The largest distance of any sample to its nearest chosen one is at most twice
    what the best possible choice of as many samples would reach. It begins with
    the sample nearest to the mean; with weights the distances are multiplied by them.

    Source: Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5; for embeddings of
    images Sener & Savarese 2018, arXiv:1708.00489.
    """
    weight = positive_weights(pool, "coreset")
    start = None if pool.weights is not None else most_central(pool)
    order, scores = farthest_first(pool, budget, scale=weight, allowed=pool.candidate, start=start)
    return MethodResult(order, scores)


def most_central(pool: Pool) -> int:
    """Return the candidate nearest to the mean of all rows, the lowest of equals."""
    allowed = pool.candidate & (pool.quota_left[pool.quota_group] > 0)
    rows, align = most_aligned(pool.x, summed(pool.x) / len(pool), allowed)
    return int(rows[np.argmax(align >= align.max() - 1e-12)])


def summed(unit: Array) -> Array:
    """Sum of all rows, (d,) float64."""
    total = np.zeros(unit.shape[1])
    for _, part in chunks(unit, 4096):
        total += part.sum(0, dtype=np.float64)
    return total


def most_aligned(unit: Array, middle: Array, allowed: Array) -> tuple[Array, Array]:
    """Find the rows nearest to a point: for rows of length 1, those with the largest product.

    Returns:
        Every allowed row that float32 cannot tell from the best, and its float64 product.
    """
    align = np.full(len(unit), -np.inf, np.float32)
    for start, part in chunks(unit, 4096):
        align[start : start + len(part)] = part @ middle.astype(np.float32)
    align[~allowed] = -np.inf
    rows = np.flatnonzero(allowed & (align >= align.max(initial=-np.inf) - 1e-5))
    return rows, take(unit, rows) @ middle
