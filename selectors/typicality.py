"""Typicality: diverse like a coreset, but where the data is, and without outliers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..common.errors import SettingsError
from .core.density import OUTLIER_RATE, Density, measure_density
from .core.frechet import PoolGaussian
from .core.greedy import farthest_first
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights
from .core.rows import Array
from .coreset import most_central

COARSE, FINE = (0.7, 0.85, 1.0, 1.15, 1.3), (-0.1, -0.05, 0.05, 0.1)


def typicality(
    pool: Pool,
    budget: int,
    *,
    alpha: float | str = 1.0,
    neighbors: int | None = None,
    min_distance: float | None = None,
    outlier_rate: float = OUTLIER_RATE,
) -> MethodResult:
    """Density-scaled k-center with guards.

    rho is a sample's mean distance to its K nearest distinct neighbours.

    1. Near-duplicates (within ``min_distance``) count as one sample.
    2. Outliers, by `density.outlier_scores`, may not be chosen.
    3. Take the sample with the smallest rho, then always the one with the largest
       distance to what is chosen times rho^-alpha (times its weight, where there are any).

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
        alpha: How much density counts; ``"auto"`` searches for the value whose picks
            have the least Frechet distance to what could be chosen.
        neighbors: K; None takes twice as many as each pick stands for, from 5 to 20, so
            that density is measured on the scale of the spacing.
        min_distance: Near-duplicate radius; None suggests one from the data.
        outlier_rate: Share of ordinary samples that the guard may flag; 0 turns it off.
    """
    _check(alpha, neighbors, min_distance, outlier_rate)
    weight = positive_weights(pool, "typicality")
    candidates = int(pool.candidate.sum())
    if neighbors is None:
        neighbors = usual_neighbors(candidates, budget)
    density = measure_density(
        pool.x,
        neighbors=neighbors,
        min_distance=min_distance,
        outlier_rate=outlier_rate,
        order=representatives_first(pool.candidate, pool.preselected),
        device=pool.device,
    )
    distinct = density.representative == np.arange(len(pool))
    allowed = pool.candidate & distinct & ~density.flagged
    rho = safe_rho(density.rho)
    if isinstance(alpha, str):
        alpha, result = _search(pool, budget, rho, weight, allowed)
    else:
        result = _spread(pool, budget, rho, weight, allowed, alpha)
    notes = [density.note] if density.note else []
    if len(result.order) < budget:
        notes.append(_shortfall_reason(pool, budget, len(result.order), density, distinct))
    settings = {"alpha": alpha, "neighbors": neighbors, "min_distance": density.min_distance}
    return replace(result, note=" ".join(notes), density=density, settings=settings)


def _spread(
    pool: Pool, budget: int, rho: Array, weight: Array, allowed: Array, alpha: float
) -> MethodResult:
    start = None
    if alpha == 0 and pool.weights is None:
        start = most_central(replace(pool, candidate=allowed)) if allowed.any() else None
    scale = weight * rho**-alpha
    order, scores = farthest_first(pool, budget, scale=scale, allowed=allowed, start=start)
    return MethodResult(order, scores)


def _search(
    pool: Pool, budget: int, rho: Array, weight: Array, allowed: Array
) -> tuple[float, MethodResult]:
    """Line search: the Frechet distance has one narrow minimum near 1."""
    if allowed.sum() < 3 or budget < 2:
        return 1.0, _spread(pool, budget, rho, weight, allowed, 1.0)
    target = PoolGaussian(pool.x[allowed])
    place = np.cumsum(allowed) - 1
    tried: dict[float, tuple[float, MethodResult]] = {}

    def best(alphas: list[float]) -> float:
        for alpha in alphas:
            result = _spread(pool, budget, rho, weight, allowed, alpha)
            tried[alpha] = target.distance(place[result.order]), result
        return min(tried, key=lambda alpha: tried[alpha][0])

    middle = best(list(COARSE))
    alpha = best([round(middle + step, 2) for step in FINE])
    return alpha, tried[alpha][1]


def _check(
    alpha: float | str, neighbors: int | None, min_distance: float | None, outlier_rate: float
) -> None:
    if isinstance(alpha, str) and alpha != "auto":
        raise SettingsError(f"alpha must be a number >= 0 or 'auto', got {alpha!r}.")
    if not isinstance(alpha, str) and not alpha >= 0:
        raise SettingsError(f"alpha must be a number >= 0 or 'auto', got {alpha}.")
    if neighbors is not None and neighbors < 1:
        raise SettingsError(f"neighbors must be >= 1, got {neighbors}.")
    if min_distance is not None and not min_distance >= 0:
        raise SettingsError(f"min_distance must be >= 0, got {min_distance}.")
    if not 0 <= outlier_rate <= 0.5:
        raise SettingsError(f"outlier_rate must be between 0 and 0.5, got {outlier_rate}.")


def _shortfall_reason(
    pool: Pool, budget: int, count: int, density: Density, distinct: Array
) -> str:
    twin = int((pool.candidate & ~distinct).sum())
    far = int((pool.candidate & distinct & density.flagged).sum())
    return (
        f"Only {count} of {budget} were chosen: of {int(pool.candidate.sum())} candidates "
        f"{twin} are near-duplicates (within {density.min_distance:.3g}) and {far} more are "
        "outliers; lower the budget or min_distance, or take coreset."
    )


def usual_neighbors(candidates: int, budget: int) -> int:
    """Return K: twice as many as each pick stands for, from 5 to 20."""
    return int(np.clip(round(2 * candidates / budget), 5, 20))


def representatives_first(candidate: Array, preselected: Array) -> Array:
    """Order rows by who stands for near-duplicates: what is chosen, candidates, the rest."""
    rank = np.where(candidate, 1, 2)
    rank[preselected] = 0
    return np.argsort(rank, kind="stable")


def safe_rho(rho: Array) -> Array:
    """Keep rho away from 0, where scaling by density has no meaning."""
    middle = float(np.median(rho))
    return np.maximum(rho, 1e-3 * middle if middle > 0 else 1.0)
