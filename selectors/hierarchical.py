"""Hierarchical k-means: as many samples of every concept, however common it is."""

from __future__ import annotations

import numpy as np

from ..common.arrays import Array, Integers
from .core.clustering import kmeans_clusters, participating_rows, turns_within
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights
from .random_subset import random_numbers

MEMBERS = 8  # rows per cluster of the lowest level
MOST_CLUSTERS = 1000  # of the lowest level, so that time is linear in the pool
RATIO = 5  # clusters of one level per cluster of the next
TOP = 10  # clusters that the highest level has at least


def hierarchical_kmeans(pool: Pool, budget: int) -> MethodResult:
    """Cluster the pool, then the means, and so on; take samples evenly from the top down.

    k-means puts more means where there are more samples, but less than in proportion, so
    means of means spread ever more evenly over what the pool shows. Budget is shared evenly
    among the clusters of the top level, within each among those below, and within the
    lowest by chance, by id and seed; a cluster that runs out leaves its share to the others.
    Preselected samples have used up a share of their clusters. Weights are odds within a
    cluster of the lowest level.

    Source: Vo et al. 2024, arXiv:2405.15613, without the resampling between levels: on pools
    of thousands it moved means to single outliers.
    """
    weight = positive_weights(pool, "hierarchical-kmeans")
    member = participating_rows(pool)
    levels = cluster_tree(pool.x[member], seed=pool.seed)
    wait = -np.log(random_numbers(pool.ids[member], pool.seed)) / weight[member]
    chosen = np.isin(member, pool.preselected)
    turn = turns_within(levels[0], wait, first=chosen)
    for lower, upper in zip(levels, [*levels[1:], np.zeros(len(member), np.int64)], strict=True):
        # One sample of each cluster below, then a second one of each...
        turn = turns_within(upper, turn * (lower.max() + 1.0) + lower, first=chosen)
    order = pool.first(member[np.argsort(turn, kind="stable")], budget)
    score = np.zeros(len(pool))
    score[member] = -turn
    return MethodResult(order, score[order])


def cluster_tree(x: Array, *, seed: int) -> list[Integers]:
    """Cluster rows, then means, and so on.

    Args:
        x: (n, d) float32.
        seed: Of k-means.

    Returns:
        For each level, the finest first, the cluster of each row (n,).
    """
    levels: list[Integers] = []
    points, place = x, np.arange(len(x))
    count = min(len(x) // MEMBERS, MOST_CLUSTERS)
    while count >= TOP or (count > 1 and not levels):
        label, _, means = kmeans_clusters(points, count, seed=seed)
        place = label[place]  # row of x -> cluster of this level
        levels.append(place)
        points, count = means, count // RATIO
    return levels or [np.zeros(len(x), np.int64)]
