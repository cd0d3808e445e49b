"""Distances between many images: fast bounds first, exact values where they matter.

|a - b|^2 = |a|^2 + |b|^2 - 2 ab turns all distances of a block into one matrix
product, but loses its digits where a and b are close, which is where neighbours
live. So the product only yields a *lower bound* of each squared distance, in
float32, and whatever a bound leaves open is settled as sum (a - b)^2 in float64.
Results are those of exact arithmetic at the price of float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ..common.devices import choose_device
from ..common.knn import product
from ..common.running_top_k import RunningTopK
from .arrays import Array, Floats, Integers

BLOCK = 2048  # rows per block: 16 MB of float32 bounds
PAIRS = 256  # exact distances at a time: their differences stay in the cache


class Points:
    """A set of embeddings, ready for bounds (float32, centered) and exact values."""

    def __init__(self, rows: Array, center: Floats, device: torch.device) -> None:
        count, features = rows.shape
        self.rows = rows
        self.device = device
        fast = np.empty((count, features), np.float32)
        norms = np.empty(count)
        for part in blocks(count):
            moved = rows[part] - center  # (block, d) float64
            fast[part] = moved
            norms[part] = np.einsum("ij,ij->i", moved, moved)
        # Rounding of a dot product of length d, as likely as 8 standard deviations.
        slack = (8 * np.sqrt(features) + 16) * 2.0**-24
        self.fast = torch.from_numpy(fast).to(device)  # (n, d)
        self.low = torch.from_numpy((norms * (1 - slack)).astype(np.float32)).to(device)  # (n,)
        self.doubt = 2 * slack * norms  # (n,) bound + both points' doubt >= squared distance

    def __len__(self) -> int:
        return len(self.rows)


def together(*sets: Array, device: str = "cpu") -> list[Points]:
    """Prepare sets for comparison: all are moved by the same mean, which shortens the norms."""
    center = np.mean([rows.mean(axis=0, dtype=np.float64) for rows in sets], axis=0)
    place = choose_device(device, float64=True)
    return [Points(rows, center, place) for rows in sets]


def blocks(count: int, size: int = BLOCK) -> Iterator[slice]:
    """Cut ``range(count)`` into slices."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def bounds(a: Points, left: slice, b: Points, right: slice) -> torch.Tensor:
    """Lower bounds of the squared distances of two blocks: (left, right) float32."""
    dot = product(-2 * a.fast[left], b.fast[right])
    return dot.add_(a.low[left, None]).add_(b.low[None, right])


def exact(a: Points, i: Integers, b: Points, j: Integers) -> Floats:
    """Squared distances of pairs of rows, summed from float64 differences: (pairs,)."""
    result = np.empty(len(i))
    for part in blocks(len(i), PAIRS):
        gap = np.subtract(a.rows[i[part]], b.rows[j[part]], dtype=np.float64)
        result[part] = np.einsum("ij,ij->i", gap, gap)
    return result


SPARE = 3  # candidates kept beyond the neighbours asked for


def settle(
    a: Points, b: Points, near: RunningTopK, k: int, *, same: bool
) -> tuple[Floats, Integers]:
    """Turn bounds into the k exact nearest neighbours of every row of ``a`` in ``b``.

    Returns:
        Squared distances (n, k) ascending, and rows of ``b`` (n, k).
    """
    bound = near.value.cpu().numpy()
    index = near.row.cpu().numpy()
    known = np.isfinite(bound)  # sets smaller than what was kept leave gaps
    squared = np.full(bound.shape, np.inf)
    row = np.broadcast_to(np.arange(len(a))[:, None], bound.shape)
    squared[known] = exact(a, row[known], b, index[known])
    distance, neighbor = _ascending(squared, index, k)
    # All that was not kept lies beyond the last bound that was.
    full = bound[:, -1] < np.inf
    open_rows = np.flatnonzero(full & (distance[:, -1] > bound[:, -1]) & (distance[:, -1] > 0))
    for part in blocks(len(open_rows), 512):
        rows = open_rows[part]
        distance[rows], neighbor[rows] = _careful(a, rows, b, k, same=same)
    return distance, neighbor


def _careful(
    a: Points, rows: Integers, b: Points, k: int, *, same: bool
) -> tuple[Floats, Integers]:
    """The neighbours of a few rows from products in float64."""
    keep = min(k + 8 * SPARE, len(b) - same)
    middle = a.rows[rows].mean(axis=0, dtype=np.float64)
    x = a.rows[rows] - middle
    squared = np.empty((len(rows), len(b)))
    for part in blocks(len(b)):
        y = b.rows[part] - middle
        squared[:, part] = np.einsum("ij,ij->i", y, y) - 2 * x @ y.T
    if same:
        squared[np.arange(len(rows)), rows] = np.inf
    index = np.argpartition(squared, keep - 1, axis=1)[:, :keep]
    found = exact(a, np.repeat(rows, keep), b, index.ravel()).reshape(index.shape)
    return _ascending(found, index, k)


def _ascending(squared: Floats, index: Integers, k: int) -> tuple[Floats, Integers]:
    order = np.lexsort((index, squared), axis=1)[:, :k]
    return np.take_along_axis(squared, order, 1), np.take_along_axis(index, order, 1)


def neighbors_within(a: Points, k: int) -> tuple[Floats, Integers]:
    """Return the k nearest others of every row: squared distances and rows, each (n, k).

    Only blocks on and above the diagonal are computed; each serves both sides.
    """
    near = RunningTopK(len(a), min(k + SPARE, len(a) - 1), a.device)
    for left in blocks(len(a)):
        for right in blocks(len(a)):
            if right.start < left.start:
                continue
            bound = bounds(a, left, a, right)
            if right.start == left.start:
                bound.fill_diagonal_(torch.inf)
            else:
                near.update(right, bound, left.start, transposed=True)
            near.update(left, bound, right.start)
    return settle(a, a, near, k, same=True)


def neighbors_between(a: Points, b: Points, k: int) -> tuple[Floats, Integers]:
    """Return the k nearest rows of ``b`` for every row of ``a``, each (n, k)."""
    near = RunningTopK(len(a), min(k + SPARE, len(b)), a.device)
    for left in blocks(len(a)):
        for right in blocks(len(b)):
            near.update(left, bounds(a, left, b, right), right.start)
    return settle(a, b, near, k, same=False)
