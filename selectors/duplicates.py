"""Samples that are the same picture twice, or nearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..neighbors import nearest
from .pool import unit_rows

Array = np.ndarray[Any, Any]

LISTED = 8  # neighbours that are looked at first
SHARE = 0.25  # of the typical distance to the nearest neighbour: closer means the same picture


def near_duplicates(x: Array, radius: float | None = None) -> list[Array]:
    """Group rows that lie within a radius of one of them.

    Each group is a star: its first row, the lowest, is within ``radius`` of all
    others, and the first rows of two groups are farther apart than that. So long
    chains of small steps do not end in one group.

    Args:
        x: (n, d) embeddings; they are scaled to length 1.
        radius: Euclidean distance; by default `suggested_radius`.

    Returns:
        Rows of each group with more than one member, by their first row.
    """
    unit = unit_rows(np.asanyarray(x))
    if radius is None:
        radius = suggested_radius(first_distances(unit))
    head = stars(unit, radius, np.arange(len(unit)))
    order = np.argsort(head, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(head[order])) + 1)
    return [group for group in groups if len(group) > 1]


def first_distances(unit: Array, device: torch.device | str = "cpu") -> Array:
    """Distance of every row to its nearest other row, (n,); empty for a single row."""
    if len(unit) < 2:
        return np.empty(0)
    return nearest(unit, unit, 1, exclude_self=True, device=device)[0][:, 0]


def suggested_radius(first: Array) -> float:
    """Suggest a near-duplicate radius from the distances to the nearest neighbour.

    Args:
        first: (n,) distance of every row to its nearest other row.

    Returns:
        A fixed share of the median of those that are not exact copies; 0 when all are.
    """
    apart = first[first > 0]
    return float(SHARE * np.median(apart)) if len(apart) else 0.0


def stars(unit: Array, radius: float, order: Array, device: torch.device | str = "cpu") -> Array:
    """Collapse near-duplicates: each row's representative.

    Rows are visited in ``order``; a row that no earlier one has claimed becomes a
    representative and claims the unclaimed rows within the radius.

    Returns:
        (n,) the row that stands for each row; representatives stand for themselves.
    """
    n = len(unit)
    head = np.full(n, -1, np.int64)
    close = _within(unit, radius, device)
    for row in order:
        if head[row] < 0:
            head[row] = row
            around = close.get(int(row))
            if around is not None:
                head[around[head[around] < 0]] = row
    return head


def _within(unit: Array, radius: float, device: torch.device | str) -> dict[int, Array]:
    """Rows within the radius of each row that has any, itself left out."""
    n = len(unit)
    k, rows = min(LISTED, n - 1), np.arange(n)
    found: dict[int, Array] = {}
    while len(rows) and k > 0:
        distance, index = nearest(unit[rows], unit, k, exclude=rows, device=device)
        full = (distance[:, -1] <= radius) & (k < n - 1)  # there may be more
        for place in np.flatnonzero((distance[:, 0] <= radius) & ~full):
            found[int(rows[place])] = index[place][distance[place] <= radius]
        rows, k = rows[full], min(8 * k, n - 1)
    return found
