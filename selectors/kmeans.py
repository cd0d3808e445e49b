"""k-means representatives: one sample from the middle of each cluster."""

from __future__ import annotations

import numpy as np

from .core.clustering import kmeans_clusters, participating_rows, rank_by_cluster
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights


def kmeans(pool: Pool, budget: int) -> MethodResult:
    """Cluster into as many clusters as samples are asked for; take the nearest to each mean.

    Largest clusters come first; a cluster with a preselected sample is served
    already. Weights count samples several times over when means are formed.

    Source: see `clustering.kmeans_clusters`.
    """
    weight = positive_weights(pool, "kmeans")
    member = participating_rows(pool)
    count = min(len(member), budget + len(pool.preselected))
    label, distance, _ = kmeans_clusters(
        pool.x[member], count, seed=pool.seed, weight=weight[member]
    )
    order = pool.first(rank_by_cluster(pool, member, label, distance), budget)
    score = np.zeros(len(pool))
    score[member] = -distance
    return MethodResult(order, score[order])
