"""Typicality: diverse like a coreset, but where the data is, and without outliers."""

from __future__ import annotations

import numpy as np

from ..errors import DataError, SettingsError
from .coreset import most_central
from .density import OUTLIER_RATE, measure_density
from .greedy import farthest_first
from .picks import Picks
from .pool import Pool


def typicality(
    pool: Pool,
    budget: int,
    *,
    alpha: float = 1.0,
    neighbors: int = 20,
    min_distance: float | None = None,
    outlier_rate: float = OUTLIER_RATE,
) -> Picks:
    """Density-scaled k-center with guards.

    rho is a sample's mean distance to its K nearest distinct neighbours.

    1. Near-duplicates (within ``min_distance``) count as one sample.
    2. Outliers, by `density.outlier_scores`, may not be chosen.
    3. Take the sample with the smallest rho, then always the one with the largest
       distance to what is chosen times rho^-alpha.

    So at alpha = 1 picks are spaced as the data is, and at 0 it is a coreset
    without outliers and duplicates.

    Guarantees: no flagged sample is chosen; any two chosen samples, and a chosen and a
    preselected one, are more than ``min_distance`` apart; every prefix is itself a
    selection. If R is the largest scaled distance d * rho^-alpha that is left over
    the samples that could be chosen, and R* the least that any choice of as many
    of them reaches, then R <= (1 + (rho_max / rho_min)^alpha) R*.

    Args:
        pool: What may be chosen.
        budget: How many to choose.
        alpha: How much density counts.
        neighbors: K.
        min_distance: Near-duplicate radius; None suggests one from the data.
        outlier_rate: Share of ordinary samples that the guard may flag; 0 turns it off.
    """
    weight = pool.weight()
    if (weight <= 0).any():
        raise DataError(
            "typicality needs weights > 0; use exclude for samples that may not be taken."
        )
    if not 0 <= outlier_rate <= 0.5:
        raise SettingsError(f"outlier_rate must be between 0 and 0.5, got {outlier_rate}.")
    if alpha < 0 or neighbors < 1 or (min_distance or 0) < 0:
        raise SettingsError(
            "typicality needs alpha >= 0, neighbors >= 1 and min_distance >= 0, got "
            f"{alpha}, {neighbors} and {min_distance}."
        )
    rank = np.where(pool.candidate, 1, 2)
    rank[pool.preselected] = 0  # what is chosen stands for its near-duplicates
    density = measure_density(
        pool.x,
        neighbors=neighbors,
        min_distance=min_distance,
        outlier_rate=outlier_rate,
        order=np.argsort(rank, kind="stable"),
        device=pool.device,
    )
    distinct = density.head == np.arange(len(pool))
    allowed = pool.candidate & distinct & ~density.flagged
    scale = weight * _safe(density.rho) ** -alpha
    start = None if alpha > 0 else _first(pool, allowed)
    order, scores = farthest_first(pool, budget, scale=scale, allowed=allowed, start=start)
    notes = [density.note] if density.note else []
    if len(order) < budget:
        twin, far = (pool.candidate & ~distinct).sum(), (pool.candidate & density.flagged).sum()
        notes.append(
            f"Only {len(order)} of {budget} were chosen: of {pool.candidate.sum()} candidates "
            f"{twin} are near-duplicates (within {density.min_distance:.3g}) and {far} are "
            "outliers; lower the budget or min_distance, or take coreset."
        )
    settings = {"min_distance": density.min_distance}
    return Picks(order, scores, " ".join(notes), density, settings)


def _safe(rho: np.ndarray) -> np.ndarray:
    """Keep rho away from 0, where scaling by density has no meaning."""
    middle = float(np.median(rho))
    return np.maximum(rho, 1e-3 * middle if middle > 0 else 1.0)


def _first(pool: Pool, allowed: np.ndarray) -> int | None:
    return most_central(pool) if allowed.any() and allowed[most_central(pool)] else None
