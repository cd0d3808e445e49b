"""k-means clusters of rows, and rankings that serve clusters in turn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from ...common.arrays import Array, Floats, Integers, row_lengths
from .pool import Pool

MINI_BATCH = 20_000  # rows from which on each step looks at a part of them
ITERATIONS = 50
BLOCK = 4096  # rows whose distances are computed at a time


def kmeans_clusters(
    x: Array, count: int, *, seed: int, weight: Array | None = None
) -> tuple[Integers, Floats, Array]:
    """Cluster rows by k-means, from means that begin at random rows.

    Above `MINI_BATCH` rows by mini-batches. One thread adds up the means, so that equal calls
    give equal bits.

    Args:
        x: (n, d) float32.
        count: How many clusters; fewer come back with rows where fewer rows differ.
        seed: Of the first means and of the batches.
        weight: (n,) how often a row counts in the means; once by default.

    Returns:
        For each row its cluster (n,) and its distance to the cluster's mean (n,), and the
        means (count, d).

    Source: scikit-learn; mini-batches of Sculley 2010, doi:10.1145/1772690.1772862.
    """
    # k-means++ begins far out: with a third of a pool chosen, its clusters are outliers.
    options: dict[str, Any] = {"n_clusters": count, "init": "random", "n_init": 1}
    options["random_state"] = seed
    if len(x) > MINI_BATCH:
        model = MiniBatchKMeans(batch_size=max(4096, 2 * count), **options)
    else:
        model = KMeans(max_iter=ITERATIONS, **options)
    with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal rows leave clusters empty
        label = model.fit_predict(x, sample_weight=weight).astype(np.int64)
    means = np.asarray(model.cluster_centers_)
    distance = np.empty(len(x))
    for start in range(0, len(x), BLOCK):
        part = slice(start, start + BLOCK)
        distance[part] = row_lengths(x[part] - means[label[part]])
    return label, distance, means


def participating_rows(pool: Pool) -> Integers:
    """Return the rows that are clustered: candidates whose quota is open, and preselected ones."""
    part = pool.candidate & (pool.quota_left[pool.quota_group] > 0)
    part[pool.preselected] = True
    return np.flatnonzero(part)


def rank_by_cluster(pool: Pool, member: Integers, label: Integers, cost: Floats) -> Integers:
    """Rank rows: the cheapest of every cluster, then the second cheapest...

    Within a round large clusters come first. Preselected samples have used up the first
    rounds of their clusters.

    Args:
        pool: Where the rows are from.
        member: (m,) rows of the pool.
        label: (m,) their clusters.
        cost: (m,) who comes first within a cluster.

    Returns:
        (m,) the rows, ranked.
    """
    size = np.bincount(label)
    turn = turns_within(label, cost, first=np.isin(member, pool.preselected))
    return member[np.lexsort((cost, label, -size[label], turn))]


def turns_within(label: Integers, cost: Floats, *, first: Array | None = None) -> Integers:
    """Return each row's place within its cluster, 0 for the cheapest.

    Args:
        label: (m,) clusters.
        cost: (m,) who comes first.
        first: (m,) bool, rows that come before all others of their cluster.
    """
    late = np.zeros(len(label), bool) if first is None else ~first
    order = np.lexsort((cost, late, label))
    turn = np.empty(len(label), np.int64)
    turn[order] = np.arange(len(label)) - np.searchsorted(label[order], label[order])
    return turn
