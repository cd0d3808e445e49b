"""Squared distances: fast lower bounds of many, exact values of some.

|a - b|^2 = |a|^2 + |b|^2 - 2 ab turns all distances of a block into one matrix product, but
loses its digits where a and b are close, which is where neighbours are. So the product only
gives a lower bound of each squared distance; exact values are sums of (a - b)^2 in float64.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch

from ..arrays import Array, Floats, Integers
from ..devices import choose_device
from ..equal_rows import digests, distinct

BLOCK = 2048  # rows per block: 16 MB of float32 bounds
CACHE = 2**22  # bytes of differences at a time, so that they stay in the processor's cache


class Points:
    """A set of rows, ready for lower bounds (centred, on a device) and exact distances.

    Attributes:
        rows: (n, d) as given.
        centre: (d,) float64, subtracted before products: it changes no distance and shrinks
            the terms that cancel.
        fast: (n, d) the centred rows on the device.
        low: (n,) squared lengths of the centred rows, reduced by what rounding can add.
        doubt: (n,) float64; a lower bound plus both points' doubt is an upper bound.
    """

    def __init__(
        self,
        rows: Array,
        centre: Floats,
        device: torch.device,
        dtype: type[np.float32] | type[np.float64] = np.float32,
    ) -> None:
        count, features = rows.shape
        self.rows, self.centre, self.device = rows, centre, device
        fast = np.empty((count, features), dtype)
        squares = np.empty(count)
        for part in blocks(count):
            moved = rows[part] - centre  # (block, d) float64
            fast[part] = moved
            squares[part] = np.einsum("ij,ij->i", moved, moved)
        # Rounding of a dot product of length d, as likely as 8 standard deviations.
        slack = (8 * np.sqrt(features) + 16) * float(np.finfo(dtype).eps) / 2
        self.fast = torch.from_numpy(fast).to(device)
        self.low = torch.from_numpy((squares * (1 - slack)).astype(dtype)).to(device)
        self.doubt = 2 * slack * squares

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def distinct(self) -> tuple[Points, list[Integers]] | None:
        """The distinct rows, and for each the rows equal to it; None where all differ."""
        kept, place = distinct(digests(self.rows), np.arange(len(self)))
        if len(kept) == len(place):
            return None
        by_place = np.argsort(place, kind="stable")
        ends = np.flatnonzero(np.diff(place[by_place])) + 1
        return Points(self.rows[kept], self.centre, self.device), np.split(by_place, ends)


def prepare(*sets: Array, device: str | torch.device = "cpu") -> list[Points]:
    """Prepare sets for comparison: all are centred by the same mean, which shortens the rows."""
    centre = np.mean([rows.mean(axis=0, dtype=np.float64) for rows in sets], axis=0)
    chosen = choose_device(device, float64=True) if isinstance(device, str) else device
    return [Points(rows, centre, chosen) for rows in sets]


def blocks(count: int, size: int | None = None) -> Iterator[slice]:
    """Cut ``range(count)`` into slices, of `BLOCK` by default."""
    size = BLOCK if size is None else size
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def lower_bounds(a: Points, left: slice, b: Points, right: slice) -> torch.Tensor:
    """Return lower bounds of the squared distances of two blocks, (left, right)."""
    dot = product(-2 * a.fast[left], b.fast[right])
    return dot.add_(a.low[left, None]).add_(b.low[None, right])


def square_distances(query: Array, reference: Array, rows: Integers) -> Floats:
    """Return the squared distances of query i to the reference rows ``rows[i]``, by difference.

    Returns:
        (m, k) float64, exactly 0 for identical rows.
    """
    square = np.empty(rows.shape)
    step = max(1, CACHE // (8 * max(1, rows.shape[1]) * query.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        gap = query[part, None, :].astype(np.float64) - reference[rows[part]]
        square[part] = np.einsum("mkd,mkd->mk", gap, gap)
    return square


def pair_square_distances(a: Points, i: Integers, b: Points, j: Integers) -> Floats:
    """Return the squared distances of rows ``i`` of ``a`` to rows ``j`` of ``b``, (pairs,)."""
    square = np.empty(len(i))
    for part in blocks(len(i), max(1, CACHE // (16 * a.rows.shape[1]))):
        gap = np.subtract(a.rows[i[part]], b.rows[j[part]], dtype=np.float64)
        square[part] = np.einsum("ij,ij->i", gap, gap)
    return square


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Keep CUDA's matrix products in float32: TF32 would drop 13 of 24 bits."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return x y^T; on the CPU through numpy, whose BLAS is the faster one on most of them."""
    if x.device.type == "cpu":
        return torch.from_numpy(x.numpy() @ y.numpy().T)
    with full_precision():
        return x @ y.T
