"""Rows of a matrix that are equal, bit by bit."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from .arrays import Array


def digests(rows: Array) -> Array:
    """Return two numbers per row that are equal where rows are equal, (n, 2) int64."""
    joined = b"".join(blake2b(row.tobytes(), digest_size=16).digest() for row in rows)
    return np.frombuffer(joined, np.int64).reshape(len(rows), 2)


def distinct(digest: Array, order: Array) -> tuple[Array, Array]:
    """Return one row of each set of equal rows, the first in an order.

    Thousands of equal rows, say of blank images, would be each other's neighbours, and every
    search among them would return all of them.

    Args:
        digest: (n, 2) from `digests`.
        order: (n,) rows, those that come first first.

    Returns:
        The rows that were taken, ascending, and for every row the place in them of its equal.
    """
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    together = np.lexsort((rank, digest[:, 1], digest[:, 0]))
    new = np.ones(len(together), bool)
    new[1:] = (digest[together[1:]] != digest[together[:-1]]).any(1)
    first = np.empty(len(together), np.int64)
    first[together] = together[new][np.cumsum(new) - 1]
    kept = np.flatnonzero(first == np.arange(len(first)))
    return kept, np.searchsorted(kept, first)
