"""Facility location: the samples that resemble all others most."""

from __future__ import annotations

import heapq

import numpy as np
import torch

from ..common.knn import full_precision
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights

WHOLE = 2**30  # bytes up to which all similarities are kept
LOOK = 32  # most candidates that are looked at together
TILE = 512  # rows of a tile of the similarities


def facility_location(pool: Pool, budget: int) -> MethodResult:
    """Maximize the summed similarity of every sample to its most similar chosen one.

    Similarity is (1 + cosine) / 2. Greedy, so the sum is at least 1 - 1/e of the
    best possible; lazy, because gains only shrink. Weights say how much it counts that
    a sample is represented.

    Source: greedy bound Nemhauser et al. 1978, doi:10.1007/BF01588971; lazy evaluation
    Minoux 1978, doi:10.1007/BFb0006528.
    """
    with full_precision():
        return _greedy(pool, budget, positive_weights(pool, "facility-location"))


def _greedy(pool: Pool, budget: int, weight: np.ndarray) -> MethodResult:
    similar = _Similarities(pool)
    worth = torch.from_numpy(weight.astype(np.float32)).to(pool.device)
    best = torch.zeros(len(pool), device=pool.device)  # similarity to the nearest chosen one

    def gains(rows: np.ndarray) -> list[float]:
        return (similar(rows).sub_(best).clamp_(min=0) @ worth).tolist()

    for start in range(0, len(pool.preselected), LOOK):
        best = torch.maximum(best, similar(pool.preselected[start : start + LOOK]).amax(0))
    quota_left = pool.quota_left.copy()
    first = np.flatnonzero(pool.candidate & (quota_left[pool.quota_group] > 0))
    # Gains only shrink, so those of earlier picks are bounds: (-gain, row, picks it counts).
    heap: list[tuple[float, int, int]] = []
    for start in range(0, len(first), LOOK):
        rows = first[start : start + LOOK]
        heap += [(-g, row, 0) for g, row in zip(gains(rows), rows.tolist(), strict=True)]
    heapq.heapify(heap)
    order: list[int] = []
    scores: list[float] = []
    look = 1
    while len(order) < budget and heap:
        gain, row, counts = heap[0]
        quota_group = pool.quota_group[row]
        if quota_left[quota_group] == 0:
            heapq.heappop(heap)
        elif counts == len(order):
            heapq.heappop(heap)
            order.append(row)
            scores.append(-gain)
            best = torch.maximum(best, similar(np.array([row]))[0])
            quota_left[quota_group] -= 1
            look = 1
        else:
            stale: list[int] = []
            while heap and len(stale) < look and heap[0][2] < len(order):
                stale.append(heapq.heappop(heap)[1])
            for g, old in zip(gains(np.array(stale)), stale, strict=True):
                heapq.heappush(heap, (-g, old, len(order)))
            look = min(2 * look, LOOK)
    return MethodResult(np.array(order, np.int64), np.array(scores))


class _Similarities:
    """Rows of the similarity matrix, which is kept when it is not too large."""

    def __init__(self, pool: Pool) -> None:
        self.x = torch.from_numpy(pool.x).to(pool.device)
        self.table: torch.Tensor | None = None
        n = len(pool)
        if 4 * n * n <= WHOLE:
            self.table = torch.empty(n, n, device=pool.device)
            for top in range(0, n, TILE):  # it is symmetric: half of the products will do
                for left in range(top, n, TILE):
                    tile = _half(self.x[top : top + TILE] @ self.x[left : left + TILE].T)
                    self.table[top : top + TILE, left : left + TILE] = tile
                    self.table[left : left + TILE, top : top + TILE] = tile.T

    def __call__(self, rows: np.ndarray) -> torch.Tensor:
        """Return a new (rows, n) tensor."""
        place = torch.from_numpy(rows).to(self.x.device)
        return self.table[place] if self.table is not None else _half(self.x[place] @ self.x.T)


def _half(dots: torch.Tensor) -> torch.Tensor:
    return dots.add_(1).mul_(0.5)
