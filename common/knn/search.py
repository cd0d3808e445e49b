"""The k nearest rows of every row, exactly.

Lower bounds in float32 give a few candidates more than k; their distances are then computed
in float64. Where the k-th of these lies above what the bounds say of all other rows, the search
is repeated for that row with products in float64, among more and more candidates.
"""

from __future__ import annotations

import numpy as np
import torch

from ..arrays import Array, Booleans, Floats, Integers
from ..errors import DataError
from .points import Points, blocks, lower_bounds, square_distances
from .running_top_k import RunningTopK

SPARE = 4  # candidates beyond k, so that rounding seldom costs a second search
CAREFUL = 512  # rows that are searched in float64 at a time
MANY = 16  # needing so many times more candidates than asked is a sign of equal rows


def nearest(
    query: Array,
    reference: Array,
    k: int,
    *,
    exclude_self: bool = False,
    exclude: Array | None = None,
    device: str | torch.device = "cpu",
    block: int | None = None,
) -> tuple[Floats, Integers]:
    """Find the k nearest reference rows of every query row in Euclidean distance.

    Args:
        query: (m, d) rows of numbers.
        reference: (n, d) rows of numbers.
        k: How many neighbours.
        exclude_self: Query i is reference i and is not its own neighbour.
        exclude: (m,) for every query the reference row that does not count, -1 for none.
        device: Where the matrix products run.
        block: Rows of a block, 2048 by default; block^2 bounds are in memory at a time.

    Returns:
        Distances (m, k), ascending, and reference rows (m, k). Rows at exactly the same
        distance come in reference order.

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
    available = len(reference) - (exclude is not None)
    if not 1 <= k <= available:
        raise DataError(
            f"k must be between 1 and the {available} reference rows that can be neighbours, "
            f"got {k}."
        )
    place = torch.device(device)
    b = Points(reference, reference.mean(axis=0, dtype=np.float64), place)
    if exclude_self and query is reference:
        square, rows = nearest_within(b, k, block=block)
        return np.sqrt(square), rows
    square, rows = np.empty((len(query), k)), np.empty((len(query), k), np.int64)
    for part in blocks(len(query), block):
        a = Points(query[part], b.centre, place)
        skip = None if exclude is None else np.asarray(exclude)[part]
        square[part], rows[part] = nearest_between(a, b, k, skip=skip, block=block)
    return np.sqrt(square), rows


def nearest_within(a: Points, k: int, *, block: int | None = None) -> tuple[Floats, Integers]:
    """Return the k nearest others of every row: squared distances and rows, each (n, k).

    Only blocks on and above the diagonal are computed; each serves both sides.
    """
    near = RunningTopK(len(a), min(k + SPARE + 1, len(a)), a.device)
    for left in blocks(len(a), block):
        for right in blocks(len(a), block):
            if right.start < left.start:
                continue
            bound = lower_bounds(a, left, a, right)
            near.update(left, bound, right.start)
            if right.start > left.start:
                near.update(right, bound, left.start, transposed=True)
    return settle(a, a, near, k, skip=np.arange(len(a)))


def nearest_between(
    a: Points, b: Points, k: int, *, skip: Integers | None = None, block: int | None = None
) -> tuple[Floats, Integers]:
    """Return the k nearest rows of ``b`` for every row of ``a``, each (n, k).

    Args:
        a: Whose neighbours are searched.
        b: Centred like ``a``.
        k: How many.
        skip: (n,) for every row of ``a`` the row of ``b`` that does not count, -1 for none.
        block: Rows of a block, as in `nearest`.
    """
    near = RunningTopK(len(a), min(k + SPARE + (skip is not None), len(b)), a.device)
    for left in blocks(len(a), block):
        for right in blocks(len(b), block):
            near.update(left, lower_bounds(a, left, b, right), right.start)
    return settle(a, b, near, k, skip=skip)


def settle(
    a: Points, b: Points, near: RunningTopK, k: int, *, skip: Integers | None = None
) -> tuple[Floats, Integers]:
    """Turn lower bounds into the k exact nearest neighbours of every row of ``a`` in ``b``.

    Args:
        a: Whose neighbours are searched.
        b: Among whose rows.
        near: The smallest lower bounds, more than k for each row (all where ``b`` is small).
        k: How many neighbours.
        skip: (n,) for every row of ``a`` the row of ``b`` that does not count, -1 for none.

    Returns:
        Squared distances (n, k) ascending, and rows of ``b`` (n, k), equal ones ascending.
    """
    square, rows, sure = _settled(a.rows, b, near, k, skip)
    unsure = np.flatnonzero(~sure)
    for part in blocks(len(unsure), CAREFUL):
        at = unsure[part]
        square[at], rows[at] = _careful(a.rows[at], b, k, None if skip is None else skip[at])
    return square, rows


def _settled(
    query: Array, b: Points, near: RunningTopK, k: int, skip: Integers | None
) -> tuple[Floats, Integers, Booleans]:
    """Exact distances of the candidates, and whether all others are certainly farther."""
    bound, index = near.value.cpu().numpy(), near.row.cpu().numpy()
    square = square_distances(query, b.rows, index)
    square[~np.isfinite(bound)] = np.inf  # fewer rows were seen than there is space for
    if skip is not None:
        square[index == skip[:, None]] = np.inf
    order = np.lexsort((index, square), axis=1)[:, :k]
    square, rows = np.take_along_axis(square, order, 1), np.take_along_axis(index, order, 1)
    return square, rows, (square[:, -1] < bound[:, -1]) | (near.keep >= len(b))


def _careful(query: Array, b: Points, k: int, skip: Integers | None) -> tuple[Floats, Integers]:
    """Search for the neighbours of a few rows with products in float64."""
    square, rows = np.empty((len(query), k)), np.empty((len(query), k), np.int64)
    unsure, count = np.arange(len(query)), k + SPARE
    while len(unsure):
        left_out = None if skip is None else skip[unsure]
        if count >= MANY * (k + SPARE) and b.distinct is not None:
            square[unsure], rows[unsure] = _among_equal_rows(query[unsure], b, k, left_out)
            break
        count = min(len(b), 4 * count)
        near = _float64_candidates(query[unsure], b, count)
        square[unsure], rows[unsure], sure = _settled(query[unsure], b, near, k, left_out)
        unsure = unsure[~sure]
    return square, rows


def _float64_candidates(query: Array, b: Points, count: int) -> RunningTopK:
    device = torch.device("cpu") if b.device.type == "mps" else b.device
    a = Points(query, query.mean(axis=0, dtype=np.float64), device, np.float64)
    near = RunningTopK(len(query), count, device, torch.float64)
    everything = slice(None)
    for part in blocks(len(b)):
        others = Points(b.rows[part], a.centre, device, np.float64)
        near.update(everything, lower_bounds(a, everything, others, everything), part.start)
    return near


def _among_equal_rows(
    query: Array, b: Points, k: int, skip: Integers | None
) -> tuple[Floats, Integers]:
    """Search among distinct rows, each of which stands for all that are equal to it.

    Thousands of equal rows are at one distance from everything, and no bound can tell which
    of them come first.
    """
    assert b.distinct is not None
    kept, equal_rows = b.distinct
    a = Points(query, b.centre, b.device)
    near, index = nearest_between(a, kept, min(k + 1, len(kept)))
    square, rows = np.empty((len(query), k)), np.empty((len(query), k), np.int64)
    for place in range(len(query)):
        parts = [equal_rows[row][: k + 1] for row in index[place]]  # one may be left out
        distance = np.repeat(near[place], [len(part) for part in parts])
        row = np.concatenate(parts)
        if skip is not None:
            distance, row = distance[row != skip[place]], row[row != skip[place]]
        order = np.lexsort((row, distance))[:k]
        square[place], rows[place] = distance[order], row[order]
    return square, rows


def _matrix(rows: Array, name: str) -> Array:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise DataError(
            f"{name} must be a matrix of numbers with one row per image, got shape "
            f"{rows.shape} of {rows.dtype}."
        )
    return rows
