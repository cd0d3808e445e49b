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
ROUNDING = 1e-5  # share of a gain that float32 sums may differ by between devices
NOISE = 3e-8  # error of a similarity in float32
EXACT_ROUNDING = 1e-10  # share of a gain that float64 sums may differ by


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
    exact = _ExactGains(pool, weight)
    worth = torch.from_numpy(weight.astype(np.float32)).to(pool.device)
    best = torch.zeros(len(pool), device=pool.device)  # similarity to the nearest chosen one

    noise = NOISE * float(weight.sum())  # gains below it are none

    def gains(rows: np.ndarray) -> list[float]:
        sums = (similar(rows).sub_(best).clamp_(min=0) @ worth).tolist()
        return [0.0 if gain < noise else gain for gain in sums]

    for start in range(0, len(pool.preselected), LOOK):
        rows = pool.preselected[start : start + LOOK]
        best = torch.maximum(best, similar(rows).amax(0))
        exact.choose(rows)
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
    best_ones: list[tuple[float, int, int]] = []  # known for this pick, and equal but for rounding

    def may_be_best(gain: float) -> bool:
        """Tell whether an upper bound reaches the best gain of this pick, but for rounding."""
        if not best_ones:
            return True
        largest = -best_ones[0][0]
        return 0 < largest <= gain + max(ROUNDING * largest, noise)

    look = 1
    while len(order) < budget and (heap or best_ones):
        if heap and quota_left[pool.quota_group[heap[0][1]]] == 0:
            heapq.heappop(heap)
        elif heap and may_be_best(-heap[0][0]):
            if heap[0][2] == len(order):
                best_ones.append(heapq.heappop(heap))
                continue
            stale: list[int] = []
            while heap and len(stale) < look and heap[0][2] < len(order):
                stale.append(heapq.heappop(heap)[1])
            for g, old in zip(gains(np.array(stale)), stale, strict=True):
                heapq.heappush(heap, (-g, old, len(order)))
            look = min(2 * look, LOOK)
        else:
            rows = np.array([row for _, row, _ in best_ones])
            chosen = best_ones.pop(exact.first_best(rows) if len(rows) > 1 else 0)
            for other in best_ones:
                heapq.heappush(heap, other)
            best_ones, look = [], 1
            row = chosen[1]
            order.append(row)
            scores.append(-chosen[0])
            best = torch.maximum(best, similar(np.array([row]))[0])
            exact.choose(np.array([row]))
            quota_left[pool.quota_group[row]] -= 1
    return MethodResult(np.array(order, np.int64), np.array(scores))


class _ExactGains:
    """Gains in float64, for candidates that float32 cannot tell apart.

    So every device, in whatever order it adds, chooses the same; of equal ones the first.
    """

    def __init__(self, pool: Pool, weight: np.ndarray) -> None:
        self.device = torch.device("cpu") if pool.device.type == "mps" else pool.device
        self.x = torch.from_numpy(pool.x).to(self.device)
        self.worth = torch.from_numpy(weight.astype(np.float64)).to(self.device)
        self.best = torch.zeros(len(pool), dtype=torch.float64, device=self.device)

    def _similar(self, rows: np.ndarray) -> torch.Tensor:
        candidates = self.x[torch.from_numpy(rows).to(self.device)].double()
        tiles = [candidates @ part.double().T for part in self.x.split(TILE * LOOK)]
        return _half(torch.cat(tiles, 1))

    def choose(self, rows: np.ndarray) -> None:
        """Count rows as chosen."""
        self.best = torch.maximum(self.best, self._similar(rows).amax(0))

    def first_best(self, rows: np.ndarray) -> int:
        """Return the place in ``rows`` of the lowest row of largest gain."""
        gains = [
            (self._similar(part).sub_(self.best).clamp_(min=0) @ self.worth).cpu().numpy()
            for part in np.split(rows, range(LOOK, len(rows), LOOK))
        ]
        gain = np.concatenate(gains)
        equal = np.flatnonzero(gain >= gain.max() * (1 - EXACT_ROUNDING))
        return int(equal[rows[equal].argmin()])


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
