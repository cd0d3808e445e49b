"""Top: the samples with the largest weights."""

from __future__ import annotations

import numpy as np

from ..common.errors import SettingsError
from .core.method_result import MethodResult
from .core.pool import Pool


def top(pool: Pool, budget: int) -> MethodResult:
    """Rank by the weights that were given, say a quality score; equal ones go by id."""
    if pool.weights is None:
        raise SettingsError("top ranks samples by weights, and none were given; give weights.")
    order = pool.first(np.argsort(-pool.weights, kind="stable"), budget)
    return MethodResult(order, pool.weights[order])
