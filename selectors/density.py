"""How crowded it is around each sample, and which samples stand apart from the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..neighbors import nearest
from .duplicates import stars, suggested_radius

Array = np.ndarray[Any, Any]

LOCAL_LIMIT = 1.5  # rho over its neighbours' rho
SPREAD_LIMIT = 4.0  # robust standard deviations of log rho above the median


@dataclass(frozen=True)
class Density:
    """What the neighbourhood of every sample looks like."""

    rho: Array  # (n,) mean distance to the nearest distinct samples; small where it is crowded
    outlier_score: Array  # (n,) above 1 is flagged
    flagged: Array  # (n,) bool
    head: Array  # (n,) representative of its near-duplicates
    min_distance: float  # radius within which samples are near-duplicates
    note: str  # what could not be done as asked, as a sentence, or ""


def measure_density(
    unit: Array,
    *,
    neighbors: int = 20,
    min_distance: float | None = None,
    order: Array | None = None,
    device: torch.device | str = "cpu",
) -> Density:
    """Collapse near-duplicates, then measure density and outlyingness among what is left.

    Args:
        unit: (n, d) rows of length 1.
        neighbors: How many distinct neighbours count (K).
        min_distance: Near-duplicate radius; by default suggested from the data.
        order: Who becomes the representative of near-duplicates: the first in this order.
        device: Where the neighbours are searched.
    """
    n = len(unit)
    order = np.arange(n) if order is None else order
    if n == 1:
        zero = np.zeros(1)
        return Density(zero, zero, zero > 0, np.zeros(1, np.int64), min_distance or 0.0, "")
    k = min(neighbors, n - 1)
    distance, index = nearest(unit, unit, k, exclude_self=True, device=device)
    if min_distance is None:
        min_distance = suggested_radius(distance[:, 0])
    if distance[:, 0].min() > min_distance:
        head = np.arange(n)
    else:
        head = stars(unit, min_distance, order, device)
    kept = np.flatnonzero(head == np.arange(n))
    note = ""
    if len(kept) <= neighbors:
        k = len(kept) - 1
        note = f"Density was measured with K = {k}, for the pool has {len(kept)} distinct samples."
    if k == 0:
        zero = np.zeros(n)
        return Density(zero, zero, zero > 0, head, min_distance, note)
    distance, index = _among(unit, kept, head, distance[:, :k], index[:, :k], device)
    rho = distance.mean(1)  # (kept,)
    score = outlier_score(rho, index)
    place = np.searchsorted(kept, head)  # a near-duplicate has its representative's values
    return Density(rho[place], score[place], score[place] > 1, head, min_distance, note)


def outlier_score(rho: Array, index: Array) -> Array:
    """Combine a local and a global sign of standing apart; above 1 is an outlier.

    Args:
        rho: (n,) mean distance to the neighbours.
        index: (n, K) the neighbours' rows.
    """
    if not rho.all():
        rho = np.maximum(rho, np.finfo(np.float32).eps)
    local = rho / np.median(rho[index], axis=1)
    depth = np.log(rho)
    middle = np.median(depth)
    spread = (np.quantile(depth, 0.75) - middle) / 0.6745  # of a normal's upper half
    if spread <= 0:
        return local / LOCAL_LIMIT
    return np.maximum(local / LOCAL_LIMIT, (depth - middle) / (SPREAD_LIMIT * spread))


def _among(
    unit: Array,
    kept: Array,
    head: Array,
    distance: Array,
    index: Array,
    device: torch.device | str,
) -> tuple[Array, Array]:
    """Neighbours of the representatives among the representatives, as places in ``kept``."""
    distance, index = distance[kept], index[kept]
    stale = (head[index] != index).any(1)  # lists that hold a near-duplicate
    if stale.any():
        at = np.flatnonzero(stale)
        found = nearest(unit[kept[at]], unit[kept], index.shape[1], exclude=at, device=device)
        distance[at], index[at] = found[0], kept[found[1]]
    return distance, np.searchsorted(kept, index)
