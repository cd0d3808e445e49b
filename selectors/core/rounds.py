"""Two rounds instead of one: for pools that no single machine or pass can hold.

An approximation by plain map and reduce. Every part chooses for itself, then the same
method chooses from what the parts chose. The picks are not those of one pass.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...common.errors import DataError
from ..selection import select
from .rows import Array


def two_rounds(parts: Iterable[Array], budget: int, *, device: str = "auto") -> tuple[Array, float]:
    """Choose a coreset from each part, then one from all that were chosen.

    Parts are looked at one after the other, so only one needs to fit in memory; slices of
    a memory-mapped file will do. With k-center in both rounds the largest distance
    of any sample to its nearest chosen one is at most four times the best possible.

    Args:
        parts: Consecutive (n_i, d) embeddings.
        budget: How many to choose, from each part and at the end.
        device: As in `select`.

    Returns:
        Rows of the whole pool in the order they were chosen, and an upper bound of the
        coverage radius: that of the worst part plus that of the second round.

    Raises:
        DataError: The parts together have fewer rows than the budget.

    Source: Malkomes et al. 2015, "Fast distributed k-center clustering with outliers on massive
    data", without the outliers.
    """
    rows, kept, worst, begin = [], [], 0.0, 0
    for part in parts:
        chosen = select(part, min(budget, len(part)), method="coreset", device=device)
        rows.append(begin + chosen.indices)
        kept.append(np.asarray(part[np.sort(chosen.indices)])[_ranks(chosen.indices)])
        worst = max(worst, float(chosen.coverage_radius[-1]))
        begin += len(part)
    if begin < budget:
        raise DataError(f"the parts have {begin} rows together; lower the budget of {budget}.")
    union = np.concatenate(rows)
    last = select(np.concatenate(kept), budget, method="coreset", ids=union, device=device)
    return union[last.indices], worst + float(last.coverage_radius[-1])


def _ranks(rows: Array) -> Array:
    """Where each row stands among the sorted rows."""
    return np.argsort(np.argsort(rows))
