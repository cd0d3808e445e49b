"""Exact nearest neighbours in bounded memory.

Block-wise matrix products find candidates; the distances that are kept are then
computed again by difference in float64, because ``|a|^2 + |b|^2 - 2ab`` loses
most of its digits where two rows nearly coincide.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from .equal_rows import digests, distinct
from .errors import DataError
from .running_top_k import RunningTopK

Array = np.ndarray[Any, Any]

SPARE = 4  # candidates beyond k, so that rounding seldom costs a second look
BLOCK_BYTES = 64 * 2**20  # of one block of the distance matrix
CACHE = 2**22  # bytes of differences at a time, so that they stay in the processor's cache
TILE = 2048  # rows of a tile when every row is compared with every other
MANY = 16  # looking so many times wider than asked is a sign of equal rows


def nearest(
    query: Array,
    reference: Array,
    k: int,
    *,
    exclude_self: bool = False,
    exclude: Array | None = None,
    device: str | torch.device = "cpu",
    block_bytes: int = BLOCK_BYTES,
) -> tuple[Array, Array]:
    """Find the k nearest reference rows of every query row in Euclidean distance.

    Args:
        query: (m, d) rows, any float dtype.
        reference: (n, d) rows, any float dtype.
        k: How many neighbours.
        exclude_self: Query i is reference i and is not its own neighbour.
        exclude: (m,) for every query the reference row that does not count, -1 for none.
        device: Where the matrix products run.
        block_bytes: Upper limit of one block of the distance matrix.

    Returns:
        Distances (m, k) float64, ascending, and reference rows (m, k) int64. Rows at
        exactly the same distance come in reference order.

    Raises:
        DataError: The shapes do not fit, or fewer than k reference rows are left.
    """
    query, reference = _matrix(query, "query"), _matrix(reference, "reference")
    if query.shape[1] != reference.shape[1]:
        raise DataError(
            f"query has {query.shape[1]} features per row and reference has "
            f"{reference.shape[1]}; embed both with the same encoder."
        )
    if exclude_self:
        if len(query) != len(reference):
            raise DataError(
                f"exclude_self compares rows with themselves, but query has {len(query)} rows "
                f"and reference {len(reference)}; give the same array twice."
            )
        exclude = np.arange(len(query))
    left = len(reference) - (exclude is not None)
    if not 1 <= k <= left:
        raise DataError(
            f"k must be between 1 and the {left} reference rows that can be neighbours, got {k}."
        )
    search = _Search(reference, torch.device(device), block_bytes)
    distances = np.empty((len(query), k))
    rows = np.empty((len(query), k), np.int64)
    candidates = search.pairs(k) if exclude_self and query is reference else None
    for start in range(0, len(query), search.height):
        part = slice(start, start + search.height)
        skip = None if exclude is None else np.asarray(exclude)[part]
        first = None if candidates is None else (candidates[0][part], candidates[1][part])
        distances[part], rows[part] = search.look(query[part], k, skip, first)
    return distances, rows


def square_distances(query: Array, reference: Array, rows: Array) -> Array:
    """Compute squared distances of query i to the reference rows ``rows[i]`` by difference.

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


class _Search:
    """Reference rows made ready for matrix products: centred, on the device."""

    def __init__(self, reference: Array, device: torch.device, block_bytes: int) -> None:
        self.reference, self.device, self.block_bytes = reference, device, block_bytes
        # Centring changes no distance and shrinks the terms that cancel.
        self.middle = reference.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.width = min(len(reference), 4096, max(256, block_bytes // (4 * 256)))
        self.height = max(1, block_bytes // (4 * self.width))
        self.tile = min(TILE, max(1, int((block_bytes // 4) ** 0.5)))
        self.moved = self._move(reference)  # (n, d)
        self.square = (self.moved * self.moved).sum(1)  # (n,)

    def _move(self, rows: Array) -> torch.Tensor:
        moved = rows.astype(np.float32) - self.middle
        return torch.from_numpy(np.ascontiguousarray(moved)).to(self.device)

    def look(
        self,
        query: Array,
        k: int,
        skip: Array | None,
        first: tuple[Array, Array] | None = None,
    ) -> tuple[Array, Array]:
        """Neighbours of one block of queries; look wider where rounding leaves doubt."""
        n = len(self.reference)
        count = self._candidate_count(k, skip is not None)
        distances = np.empty((len(query), k))
        rows = np.empty((len(query), k), np.int64)
        open_ = np.arange(len(query))
        while len(open_):
            ask = query[open_]
            near, unseen = first or self._candidates(ask, count)
            first = None
            exact = square_distances(ask, self.reference, near)
            if skip is not None:
                exact[near == skip[open_, None]] = np.inf
            order = np.lexsort((near, exact), axis=1)[:, :k]
            kept = np.take_along_axis(exact, order, 1)
            distances[open_] = np.sqrt(kept)
            rows[open_] = np.take_along_axis(near, order, 1)
            sure = (kept[:, -1] < unseen) | (count == n)
            open_ = open_[~sure]
            if len(open_) and count >= MANY * (k + SPARE) and self.copies is not None:
                ask, left_out = query[open_], None if skip is None else skip[open_]
                distances[open_], rows[open_] = self.copies.look(ask, k, left_out)
                break
            count = min(n, 4 * count)
        return distances, rows

    @cached_property
    def copies(self) -> _Copies | None:
        """A search among distinct rows, where some are equal."""
        kept, place = distinct(digests(self.reference), np.arange(len(self.reference)))
        return None if len(kept) == len(place) else _Copies(self, kept, place)

    def _candidate_count(self, k: int, skipping: bool) -> int:
        return min(len(self.reference), k + SPARE + skipping)

    def pairs(self, k: int) -> tuple[Array, Array]:
        """Candidates of every row among all others, each tile of distances computed once."""
        n = len(self.reference)
        near = RunningTopK(n, self._candidate_count(k, True), self.device)
        for top in range(0, n, self.tile):
            one = slice(top, top + self.tile)
            twice = -2 * self.moved[one]
            for left in range(top, n, self.tile):
                two = slice(left, left + self.tile)
                gap = product(twice, self.moved[two])
                gap.add_(self.square[one, None]).add_(self.square[None, two])
                near.update(one, gap, left)
                if left > top:
                    near.update(two, gap, top, transposed=True)
        unseen = near.value[:, -1] - self._error(self.square)
        return near.row.cpu().numpy(), unseen.double().cpu().numpy()

    def _candidates(self, query: Array, count: int) -> tuple[Array, Array]:
        """The ``count`` nearest rows by float32, and a lower bound for all others."""
        moved = self._move(query)
        square = (moved * moved).sum(1)  # (m,)
        near = RunningTopK(len(query), count, self.device)
        twice = -2 * moved
        for start in range(0, len(self.reference), self.width):
            part = slice(start, start + self.width)
            gap = product(twice, self.moved[part]).add_(self.square[None, part])
            near.update(slice(None), gap, start)
        unseen = near.value[:, -1] + square - self._error(square)
        return near.row.cpu().numpy(), unseen.double().cpu().numpy()

    def _error(self, square: torch.Tensor) -> torch.Tensor:
        """Float32 dot products of d terms err by about sqrt(d) roundings of the terms' size."""
        return 4e-7 * self.moved.shape[1] ** 0.5 * (square + self.square.max())


class _Copies:
    """A search in which each row stands for all that are equal to it.

    Thousands of equal rows are at one distance from everything, and `_Search` cannot tell by
    float32 which of them come first.
    """

    def __init__(self, search: _Search, kept: Array, place: Array) -> None:
        self.kept = _Search(search.reference[kept], search.device, search.block_bytes)
        by_place = np.argsort(place, kind="stable")
        ends = np.flatnonzero(np.diff(place[by_place])) + 1
        self.rows = np.split(by_place, ends)  # per kept row those equal to it, ascending

    def look(self, query: Array, k: int, skip: Array | None) -> tuple[Array, Array]:
        """Return what `_Search.look` does."""
        near, index = self.kept.look(query, min(k + 1, len(self.rows)), None)
        distances, rows = np.empty((len(query), k)), np.empty((len(query), k), np.int64)
        for place in range(len(query)):
            equal_rows = [self.rows[row][: k + 1] for row in index[place]]  # one may be left out
            distance = np.repeat(near[place], [len(equal) for equal in equal_rows])
            row = np.concatenate(equal_rows)
            if skip is not None:
                distance, row = distance[row != skip[place]], row[row != skip[place]]
            order = np.lexsort((row, distance))[:k]
            distances[place], rows[place] = distance[order], row[order]
        return distances, rows


def _matrix(rows: Array, name: str) -> Array:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise DataError(
            f"{name} must be a matrix of numbers with one row per image, got shape "
            f"{rows.shape} of {rows.dtype}."
        )
    return rows
