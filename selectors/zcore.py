"""Zero-shot coreset: samples that cover many random subspaces."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from ..common.errors import SettingsError
from .core.method_result import MethodResult
from .core.pool import Pool

SUBSPACES, PROBES = 256, 512
CROWD = 20  # neighbours that a winner makes redundant


def zcore(pool: Pool, budget: int) -> MethodResult:
    """Score samples by coverage minus redundancy in random subspaces; take the highest.

    In each random pair of dimensions, probes are thrown over the range of the data
    (triangular around the median). The sample nearest to a probe earns a point; its
    neighbours in that subspace lose one together, most the nearest.

    Source: after Griffin et al. 2024, arXiv:2411.15349 (there one probe for each subspace).
    """
    if pool.weights is not None:
        raise SettingsError("zcore takes no weights; leave them out or take another method.")
    rng = np.random.default_rng(pool.seed)
    score = np.zeros(len(pool))
    for _ in range(SUBSPACES):
        pair = rng.choice(pool.x.shape[1], size=min(2, pool.x.shape[1]), replace=False)
        plane = pool.x[:, pair].astype(np.float64)
        low, middle, high = plane.min(0), np.median(plane, 0), plane.max(0)
        high = np.where(high > low, high, low + 1e-9)
        points = rng.triangular(low, middle, high, size=(PROBES, len(pair)))
        tree = KDTree(plane)
        winner, times = np.unique(tree.query(points)[1], return_counts=True)
        np.add.at(score, winner, times)
        if len(pool) > 1:
            k = min(CROWD, len(pool) - 1) + 1
            distance, around = tree.query(plane[winner], k)
            share = 1 / (distance + 1e-9)
            share[around == winner[:, None]] = 0
            share *= (times / np.maximum(share.sum(1), 1e-300))[:, None]
            np.subtract.at(score, around, share)
    order = pool.first(np.argsort(-score, kind="stable"), budget)
    return MethodResult(order, score[order])
