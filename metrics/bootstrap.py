"""Intervals from resampled images."""

from __future__ import annotations

import numpy as np

from .statistic import Influences

LEVEL = 0.95


def interval(
    value: float, influences: Influences, *, resamples: int, seed: int
) -> tuple[float, float] | None:
    """Percentile bootstrap of a value through what each image adds to it.

    Images are drawn with replacement, and the value moves by the mean of their
    influences. For a mean of a field (precision, coverage, ...) that is the
    ordinary bootstrap with the balls held fixed. For the Frechet distance it is the
    bootstrap to first order; recomputing it from resampled images would add a
    bias that is larger than the spread, because repeated images lower the rank.

    Args:
        value: The value.
        influences: Of the images on it.
        resamples: How many; 0 for no interval.
        seed: Seed of the draws.

    Returns:
        The central 95 %, or None without resamples or influences.
    """
    parts = [influence for influence in influences if influence is not None]
    if resamples == 0 or not parts:
        return None
    generator = np.random.default_rng(seed)
    resampled = np.full(resamples, value)
    for part in parts:
        for number in range(resamples):
            resampled[number] += part[generator.integers(len(part), size=len(part))].mean()
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
