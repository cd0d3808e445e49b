"""k-means representatives: one sample from the middle of each cluster."""

from __future__ import annotations

import numpy as np
import torch

from ..common.knn import full_precision
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights
from .core.rows import Array
from .random_subset import draws

ITERATIONS = 15
BLOCK = 2048


def kmeans(pool: Pool, budget: int) -> MethodResult:
    """Cluster into as many clusters as are wanted; take the sample nearest to each mean.

    Largest clusters come first; a cluster with a preselected sample is served
    already. Weights count samples several times over when means are formed.
    """
    weight = positive_weights(pool, "kmeans")
    member = _members(pool)
    count = min(len(member), budget + len(pool.preselected))
    label, gap = clusters(pool, member, count, weight)
    ranking = by_cluster(pool, member, label, gap)
    order = pool.first(ranking, budget)
    distance = np.empty(len(pool))
    distance[member] = gap
    return MethodResult(order, -distance[order])


def clusters(pool: Pool, member: Array, count: int, weight: Array) -> tuple[Array, Array]:
    """Lloyd's iterations from rows drawn by id and seed.

    Returns:
        For each member its cluster and its distance to the cluster's mean.
    """
    x = torch.from_numpy(pool.x[member]).to(pool.device)
    worth = torch.from_numpy(weight[member].astype(np.float32)).to(pool.device)
    first = np.argsort(draws(pool.ids[member], pool.seed), kind="stable")[:count]
    centre = x[torch.from_numpy(np.sort(first)).to(pool.device)].clone()
    label = torch.zeros(len(member), dtype=torch.int64, device=pool.device)
    with full_precision():
        for _ in range(ITERATIONS):
            before = label
            label = _assign(x, centre)
            if torch.equal(label, before):
                break
            total = torch.zeros_like(centre).index_add_(0, label, x * worth[:, None])
            mass = torch.zeros(count, device=pool.device).index_add_(0, label, worth)
            full = mass > 0  # an empty cluster keeps its mean
            centre[full] = total[full] / mass[full, None]
        label = _assign(x, centre)
    gap = torch.linalg.vector_norm(x - centre[label], dim=1)
    return label.cpu().numpy(), gap.double().cpu().numpy()


def by_cluster(pool: Pool, member: Array, label: Array, cost: Array) -> Array:
    """Rank candidates: the cheapest of every cluster, then the second cheapest...

    Within a round large clusters come first. Preselected samples have used up the first
    rounds of their clusters.
    """
    size = np.bincount(label)
    chosen = np.isin(member, pool.preselected)
    order = np.lexsort((cost, ~chosen, label))  # by cluster, preselected first, then by cost
    begin = np.searchsorted(label[order], label[order])
    turn = np.arange(len(order)) - begin
    return member[order][np.lexsort((label[order], -size[label[order]], turn))]


def _members(pool: Pool) -> Array:
    """Rows that take part: candidates and what is chosen already."""
    part = pool.candidate & (pool.quota_left[pool.quota_group] > 0)
    part[pool.preselected] = True
    return np.flatnonzero(part)


def _assign(x: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    square = (centre * centre).sum(1)
    parts = [torch.addmm(square, part, centre.T, alpha=-2).argmin(1) for part in x.split(BLOCK)]
    return torch.cat(parts)
