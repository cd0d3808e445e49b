"""Samples that are the same picture twice, or nearly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..common.arrays import Array
from ..common.equal_rows import digests, distinct
from ..common.errors import SettingsError
from ..common.knn import nearest
from .core.rows import unit_rows

Find = Callable[[Array, Array, int], tuple[Array, Array]]  # see density.measure_density_by

LISTED = 8  # neighbours that are looked at first
SHARE = 0.4  # of the typical distance to the nearest neighbour, at most
CHANCE = 1e-3  # share of samples that may have a neighbour this close without being copies


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

    Raises:
        DataError: A row has NaN or infinity, or is zero.
        SettingsError: The radius is negative.
    """
    if radius is not None and not radius >= 0:
        raise SettingsError(f"radius must be >= 0, got {radius}.")
    unit = unit_rows(np.asanyarray(x))
    if len(unit) < 2:
        return []
    if radius is None:
        kept, _ = distinct(digests(unit), np.arange(len(unit)))
        apart = unit[kept]
        k = min(2, len(apart) - 1)
        radius = suggested_radius(nearest(apart, apart, k, exclude_self=True)[0]) if k else 0.0
    representative = stars(unit, radius)
    order = np.argsort(representative, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(representative[order])) + 1)
    return [group for group in groups if len(group) > 1]


def suggested_radius(distance: Array) -> float:
    """Suggest a near-duplicate radius from distances to the nearest neighbours.

    In D dimensions the share of samples with a neighbour within r grows like r^D. The
    radius is where it falls to one in a thousand, and never more than 0.4 of the median:
    re-encoded and slightly cropped photographs stay within that.

    Args:
        distance: (n, >= 1) distances of every row to its nearest other rows, ascending.

    Returns:
        The radius; 0 when there is nothing to go by.

    Source: D from the ratio of the first two distances, whose logarithm has the
    median ln 2 / D; Facco et al. 2017, doi:10.1038/s41598-017-11873-y.
    """
    apart = distance[distance[:, 0] > 0]
    if not len(apart):
        return 0.0
    share = SHARE
    if apart.shape[1] > 1:
        growth = float(np.median(np.log(apart[:, 1] / apart[:, 0])))  # ln 2 / D
        share = min(SHARE, (CHANCE / np.log(2)) ** (growth / np.log(2)))
    return share * float(np.median(apart[:, 0]))


def exact_duplicates(names: Sequence[str]) -> list[Array]:
    """Group rows whose names are equal, say hashes of their files (`images.content_hash`).

    Returns:
        Rows of each group with more than one member, by their first row.
    """
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(name, []).append(row)
    return [np.array(rows) for rows in groups.values() if len(rows) > 1]


def stars(unit: Array, radius: float, device: torch.device | str = "cpu") -> Array:
    """Collapse near-duplicates in row order: each row's representative, (n,)."""
    kept, place = distinct(digests(unit), np.arange(len(unit)))
    apart = unit if len(kept) == len(unit) else unit[kept]

    def find(query: Array, reference: Array, k: int) -> tuple[Array, Array]:
        return nearest(apart[query], apart, k, exclude=query, device=device)

    return kept[collapse(find, len(kept), radius, np.arange(len(kept)))][place]


def collapse(find: Find, n: int, radius: float, order: Array) -> Array:
    """Collapse near-duplicates with any exact search for neighbours.

    Rows are visited in ``order``; a row that no earlier one has claimed becomes a
    representative and claims the unclaimed rows within the radius.

    Returns:
        (n,) the row that stands for each row; representatives stand for themselves.
    """
    representative = np.full(n, -1, np.int64)
    neighbors = _within(find, n, radius)
    for row in order:
        if representative[row] < 0:
            representative[row] = row
            around = neighbors.get(int(row))
            if around is not None:
                representative[around[representative[around] < 0]] = row
    return representative


def _within(find: Find, n: int, radius: float) -> dict[int, Array]:
    """Rows within the radius of each row that has any, itself left out."""
    every = np.arange(n)
    k, rows = min(LISTED, n - 1), every
    close: dict[int, Array] = {}
    while len(rows) and k > 0:
        distance, index = find(rows, every, k)
        full = (distance[:, -1] <= radius) & (k < n - 1)  # there may be more
        for place in np.flatnonzero((distance[:, 0] <= radius) & ~full):
            close[int(rows[place])] = index[place][distance[place] <= radius]
        rows, k = rows[full], min(8 * k, n - 1)
    return close
