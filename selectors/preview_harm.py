"""Preview harm: leave out what makes a model's drawings bad, then choose."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from ..common.errors import SettingsError
from .core.method_result import MethodResult
from .core.pool import Pool
from .random_subset import random_subset
from .typicality import typicality

Base = Literal["typicality", "random"]
METHODS = {"typicality": typicality, "random": random_subset}


def preview_harm(
    pool: Pool, budget: int, *, harm_fraction: float = 0.1, base_method: str = "typicality"
) -> MethodResult:
    """Leave out the candidates of most harm, then choose from the others by another method.

    The weights are the harm of each sample: how much more of the bad drawings of a preview it
    makes than chance would have it, as previews store in the field ``PREVIEW_ARM_harm``.
    Samples without harm (at most 0) stay, whatever the fraction. Equal harms go by id.

    Args:
        pool: What may be chosen.
        budget: How many to choose.
        harm_fraction: Share of the candidates of each quota that is left out, those of most
            harm; fewer where the quota or the budget needs them.
        base_method: ``typicality`` or ``random``.

    Source: this project; the harm is that of `curadiff.diffusion.analytic.harm`.
    """
    if pool.weights is None:
        raise SettingsError(
            "preview-harm leaves out samples by their harm, and none was given; make a preview "
            "and give its harm as weights."
        )
    if not 0 <= harm_fraction < 1:
        raise SettingsError(f"harm_fraction must be >= 0 and below 1, got {harm_fraction}.")
    if base_method not in METHODS:
        raise SettingsError(
            f"base_method must be {' or '.join(get_args(Base))}, got {base_method!r}."
        )
    harmful = _most_harmful(pool, harm_fraction)
    rest = replace(pool, candidate=pool.candidate & ~harmful, weights=None)
    result = METHODS[base_method](rest, budget)
    count = int(harmful.sum())
    what = "1 sample of most harm was" if count == 1 else f"{count} samples of most harm were"
    settings = {**(result.settings or {}), "left_out": count}
    return replace(result, note=f"{what} left out. {result.note}".strip(), settings=settings)


def _most_harmful(pool: Pool, fraction: float) -> np.ndarray:
    """Return which candidates are left out, (n,) bool."""
    assert pool.weights is not None
    out = np.zeros(len(pool), bool)
    for group, quota in enumerate(pool.quota_left.tolist()):
        rows = np.flatnonzero(pool.candidate & (pool.quota_group == group))
        rows = rows[np.argsort(-pool.weights[rows], kind="stable")]
        most = max(0, min(int(fraction * len(rows)), len(rows) - quota))
        out[rows[:most][pool.weights[rows[:most]] > 0]] = True
    return out
