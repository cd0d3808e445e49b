"""How crowded it is around each sample, and which samples stand apart from the rest."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from ...common.arrays import Array
from ...common.equal_rows import digests, distinct
from ...common.knn import nearest
from ..duplicates import Find, collapse, suggested_radius

OUTLIER_RATE = 0.015  # share of ordinary samples that the guard is expected to flag
USUAL_NEIGHBORS = 20  # that density averages over where a method does not say otherwise
LOCAL_K, JOINT_K = 20, 30  # a foreign group larger than this is a rare mode, not outliers
GUARDED = 50  # distinct samples from which on there is enough to calibrate with


@dataclass(frozen=True)
class Density:
    """What the neighbourhood of every sample looks like."""

    rho: Array  # (n,) mean distance to the nearest distinct samples; small where it is crowded
    outlier_score: Array  # (n,) above 1 is flagged
    flagged: Array  # (n,) bool
    representative: Array  # (n,) representative of its near-duplicates
    min_distance: float  # radius within which samples are near-duplicates
    neighbors: int  # how many distinct neighbours rho averages over, where there are so many
    note: str  # what could not be done as asked, as a sentence, or ""

    def of(self, place: Array, rows: Array) -> Density:
        """Give rows the values of the one at their place; that one is ``rows[place]``."""
        return Density(
            self.rho[place],
            self.outlier_score[place],
            self.flagged[place],
            rows[self.representative[place]],
            self.min_distance,
            self.neighbors,
            self.note,
        )


def measure_density(
    unit: Array,
    *,
    neighbors: int = USUAL_NEIGHBORS,
    min_distance: float | None = None,
    outlier_rate: float = OUTLIER_RATE,
    order: Array | None = None,
    device: torch.device | str = "cpu",
) -> Density:
    """Collapse near-duplicates, then measure density and outlyingness among what is left.

    Args:
        unit: (n, d) rows of length 1.
        neighbors: How many distinct neighbours rho averages over (K).
        min_distance: Near-duplicate radius; by default suggested from the data.
        outlier_rate: See `outlier_scores`; 0 flags nothing.
        order: Who becomes the representative of near-duplicates: the first in this order.
        device: Where the neighbours are searched.
    """

    def find(query: Array, reference: Array, k: int) -> tuple[Array, Array]:
        if len(query) == len(reference) == len(unit):
            return nearest(unit, unit, k, exclude_self=True, device=device)
        itself = np.minimum(np.searchsorted(reference, query), len(reference) - 1)
        skip = np.where(reference[itself] == query, itself, -1)
        distance, place = nearest(unit[query], unit[reference], k, exclude=skip, device=device)
        return distance, reference[place]

    return measure_density_by(
        find,
        digests(unit),
        neighbors=neighbors,
        min_distance=min_distance,
        outlier_rate=outlier_rate,
        order=order,
    )


def measure_density_by(
    find: Find,
    digest: Array,
    *,
    neighbors: int = USUAL_NEIGHBORS,
    min_distance: float | None = None,
    outlier_rate: float = OUTLIER_RATE,
    order: Array | None = None,
) -> Density:
    """Do the same with any exact search for neighbours, say one across processes.

    Args:
        find: Takes ascending query rows, ascending reference rows and k; returns distances and
            rows (m, k) of the nearest references, a row itself left out.
        digest: (n, 2) from `equal_rows.digests`: equal rows are looked at once.
        neighbors: As in `measure_density`.
        min_distance: As in `measure_density`.
        outlier_rate: As in `measure_density`.
        order: As in `measure_density`.
    """
    n = len(digest)
    every = np.arange(n)
    order = every if order is None else order
    taken, place = distinct(digest, order)
    if len(taken) < n:
        inner = measure_density_by(
            _within(find, taken),
            digest[taken],
            neighbors=neighbors,
            min_distance=min_distance,
            outlier_rate=outlier_rate,
            order=place[order[np.isin(order, taken)]],
        )
        return inner.of(place, taken)
    if n == 1:
        return _alone(1, np.zeros(1, np.int64), min_distance or 0.0, neighbors, "")
    k = min(max(neighbors, JOINT_K), n - 1)
    distance, index = find(every, every, k)
    if min_distance is None:
        min_distance = suggested_radius(distance)
    representative = every
    if distance[:, 0].min() <= min_distance:
        representative = collapse(find, n, min_distance, order)
    kept = np.flatnonzero(representative == every)
    count = len(kept)
    notes = []
    if count <= neighbors:
        notes.append(
            f"Density was measured with K = {count - 1}, for the pool has {count} distinct samples."
        )
    if count < GUARDED and outlier_rate:
        notes.append(f"Outliers were not looked for among fewer than {GUARDED} distinct samples.")
    if count == 1:
        return _alone(n, representative, min_distance, neighbors, " ".join(notes))
    k = min(k, count - 1)
    distance, index = _among(find, kept, representative, distance[:, :k], index[:, :k])
    rho = distance[:, : min(neighbors, k)].mean(1)  # (kept,)
    score = np.zeros(count)
    if count >= GUARDED:
        score = outlier_scores(distance, index, outlier_rate or OUTLIER_RATE)
    place = np.searchsorted(kept, representative)  # near-duplicates have its values
    flagged = ((score > 1) & (outlier_rate > 0))[place]
    note = " ".join(notes)
    return Density(rho[place], score[place], flagged, representative, min_distance, neighbors, note)


def outlier_scores(distance: Array, index: Array, rate: float) -> Array:
    """Score how far samples stand apart from the rest; above 1 is an outlier.

    Two signs, both from the distance r_K to the K-th neighbour, which a clique of fewer
    than K foreign samples cannot shrink:

    local: r_20 over the median of the neighbours' r_20, for what lies between clusters
    that are denser;
    joint: r_30 times the square of its own local ratio, for small foreign groups far
    from everything.

    Their logarithms are close to normal over the ordinary samples of a pool, so each
    limit is a normal quantile, placed by the pool's own median and 90th percentile.

    Args:
        distance: (n, k) to the nearest distinct samples, ascending.
        index: (n, k) their rows.
        rate: Expected share of ordinary samples above 1; a third of it by the local sign.
    """
    most = max(2, len(distance) // 10)
    k = min(LOCAL_K, most, distance.shape[1])
    local = np.log(_ratio(distance, index, k))
    k = min(JOINT_K, most, distance.shape[1])
    joint = np.log(distance[:, k - 1]) + 2 * np.log(_ratio(distance, index, k))
    normal = NormalDist()
    limits = normal.inv_cdf(1 - rate / 3), normal.inv_cdf(1 - 2 * rate / 3)
    return np.maximum(_standard(local) / limits[0], _standard(joint) / limits[1])


def _ratio(distance: Array, index: Array, k: int) -> Array:
    reach = distance[:, k - 1]
    return reach / np.median(reach[index[:, :k]], axis=1)


def _standard(value: Array) -> Array:
    """Standard deviations above the median, judged by the upper half without its tail."""
    middle, high = np.quantile(value, (0.5, 0.9))
    spread = (high - middle) / NormalDist().inv_cdf(0.9)
    return (value - middle) / spread if spread > 1e-9 else np.zeros_like(value)


def _alone(
    n: int, representative: Array, min_distance: float, neighbors: int, note: str
) -> Density:
    """All samples are the same picture."""
    zero = np.zeros(n)
    return Density(zero, zero, zero > 0, representative, min_distance, neighbors, note)


def _within(find: Find, taken: Array) -> Find:
    """Search among some rows only, called by their places in ``taken``, which ascends."""

    def search(query: Array, reference: Array, k: int) -> tuple[Array, Array]:
        distance, index = find(taken[query], taken[reference], k)
        return distance, np.searchsorted(taken, index)

    return search


def _among(
    find: Find, kept: Array, representative: Array, distance: Array, index: Array
) -> tuple[Array, Array]:
    """Neighbours of the representatives among the representatives, as places in ``kept``."""
    distance, index = distance[kept], index[kept]
    stale = (representative[index] != index).any(1)  # lists that hold a near-duplicate
    if stale.any():
        distance[stale], index[stale] = find(kept[stale], kept, index.shape[1])
    return distance, np.searchsorted(kept, index)
