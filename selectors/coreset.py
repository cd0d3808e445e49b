"""Coreset: the most diverse samples."""

from __future__ import annotations

import numpy as np

from .greedy import farthest_first
from .picks import Picks
from .pool import Pool, positive_weights
from .rows import chunks


def coreset(pool: Pool, budget: int) -> Picks:
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
    return Picks(order, scores)


def most_central(pool: Pool) -> int:
    """Return the candidate nearest to the mean of all rows, the lowest of equals."""
    middle = np.zeros(pool.x.shape[1])
    for _, part in chunks(pool.x, 4096):
        middle += part.sum(0, dtype=np.float64)
    middle /= len(pool)
    # Rows have length 1, so the nearest is the one with the largest dot product; those that
    # float32 cannot tell from it are compared in float64.
    align = np.concatenate([part @ middle.astype(np.float32) for _, part in chunks(pool.x, 4096)])
    align[~(pool.candidate & (pool.room[pool.slot] > 0))] = -np.inf
    near = np.flatnonzero(align >= align.max() - 1e-5)
    exact = pool.x[near] @ middle
    return int(near[np.argmax(exact >= exact.max() - 1e-12)])
