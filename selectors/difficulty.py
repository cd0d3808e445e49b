"""Difficulty: samples at even steps from the easiest to the hardest."""

from __future__ import annotations

import numpy as np

from ..common.errors import SettingsError
from .core.method_result import MethodResult
from .core.pool import Pool


def difficulty(pool: Pool, budget: int) -> MethodResult:
    """Sort each group by a difficulty and take every k-th sample, so that all degrees are there.

    The weights are the difficulty of each sample, say its denoising loss under a model that
    was trained on the whole pool (`curadiff.diffusion.train.difficulty`). Groups are those of
    the quotas; without quotas all samples are one group. Of a group with m candidates and a
    quota of q, the picks are those in the middle of q equal parts of the sorted m. Equal
    difficulties go by id. Preselected samples do not count.

    Source: Huang et al. 2025, "Diffusion Dataset Condensation", arXiv:2507.05914, interval
    sampling within a class.
    """
    if pool.weights is None:
        raise SettingsError(
            "difficulty sorts samples by how hard they are, and no values were given; give "
            "weights, say the denoising loss of each sample under a trained model."
        )
    picks = []
    for group, quota in enumerate(pool.quota_left.tolist()):
        rows = np.flatnonzero(pool.candidate & (pool.quota_group == group))
        rows = rows[np.argsort(pool.weights[rows], kind="stable")]
        picks.append(rows[even_places(len(rows), min(quota, len(rows)))])
    order = np.concatenate(picks)
    order = order[np.argsort(pool.weights[order], kind="stable")]
    order = order[spread_order(len(order))][:budget]
    return MethodResult(order, pool.weights[order])


def even_places(count: int, wanted: int) -> np.ndarray:
    """Return the places in the middle of ``wanted`` equal parts of ``range(count)``."""
    return ((2 * np.arange(wanted) + 1) * count) // (2 * max(1, wanted))


def spread_order(count: int) -> np.ndarray:
    """Order ``range(count)`` so that every prefix is spread over it: bits reversed."""
    bits = max(1, (count - 1).bit_length())
    places = np.array([int(f"{place:0{bits}b}"[::-1], 2) for place in range(2**bits)])
    return places[places < count]
