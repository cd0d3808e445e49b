"""Densest: drop what is rare (instance selection)."""

from __future__ import annotations

import numpy as np

from ..common.errors import SettingsError
from .core.density import USUAL_NEIGHBORS, measure_density
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights


def densest(pool: Pool, budget: int, *, neighbors: int | None = None) -> MethodResult:
    """Take the samples with the smallest mean distance to their nearest distinct neighbours.

    It trades diversity for fidelity on purpose. Weights multiply the density 1 / rho.

    Args:
        pool: What may be chosen.
        budget: How many to choose.
        neighbors: How many neighbours the density averages over; 20 when None.

    Source: DeVries et al. 2020, arXiv:2007.15255, with a density from neighbours.
    """
    neighbors = USUAL_NEIGHBORS if neighbors is None else neighbors
    if neighbors < 1:
        raise SettingsError(f"densest needs neighbors >= 1, got {neighbors}.")
    weight = positive_weights(pool, "densest")
    density = measure_density(pool.x, neighbors=neighbors, device=pool.device)
    score = weight / np.maximum(density.rho, 1e-9)
    order = pool.first(np.argsort(-score, kind="stable"), budget)
    return MethodResult(order, score[order], density.note, density)
