"""TypiClust: the most typical sample of each cluster."""

from __future__ import annotations

import numpy as np

from ..common.errors import SettingsError
from ..common.knn import nearest
from .core.clustering import kmeans_clusters, participating_rows, rank_by_cluster
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights

MOST_CLUSTERS = 500  # beyond that a cluster holds too few samples to tell which is typical


def typiclust(pool: Pool, budget: int, *, neighbors: int | None = None) -> MethodResult:
    """Cluster, then take from each cluster in turn the sample in its densest place.

    Typicality is the inverse of the mean distance to the nearest neighbours within the
    cluster, times the weight. Largest clusters come first, and clusters without a
    preselected sample before others.

    Args:
        pool: What may be chosen.
        budget: How many to choose.
        neighbors: How many neighbours typicality averages over; 20 when None.

    Source: Hacohen et al. 2022, arXiv:2202.02794.
    """
    neighbors = 20 if neighbors is None else neighbors
    if neighbors < 1:
        raise SettingsError(f"typiclust needs neighbors >= 1, got {neighbors}.")
    weight = positive_weights(pool, "typiclust")
    member = participating_rows(pool)
    count = min(len(member), budget + len(pool.preselected), MOST_CLUSTERS)
    label, _, _ = kmeans_clusters(pool.x[member], count, seed=pool.seed)
    typical = np.empty(len(member))
    for cluster in np.unique(label):
        rows = np.flatnonzero(label == cluster)
        typical[rows] = 1.0
        if len(rows) > 1:
            part = pool.x[member[rows]]
            k = min(neighbors, len(rows) - 1)
            distance = nearest(part, part, k, exclude_self=True, device=pool.device)[0]
            typical[rows] = 1 / np.maximum(distance.mean(1), 1e-9)
    typical *= weight[member]
    order = pool.first(rank_by_cluster(pool, member, label, -typical), budget)
    score = np.empty(len(pool))
    score[member] = typical
    return MethodResult(order, score[order])
