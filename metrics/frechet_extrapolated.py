"""The Frechet distance that infinitely many images would give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common.errors import DataError
from ..common.gaussians import fit_gaussian, gaussian_distance
from .arrays import pair
from .frechet_distance import detail, influence, notes
from .statistic import Statistic, Statistics

if TYPE_CHECKING:
    from .context import Context

__all__ = ["Extrapolated", "compute", "detail", "frechet_extrapolated", "notes"]

SIZES = 6
REPEATS = 3


class Extrapolated(NamedTuple):
    """The intercept of a line through distances over 1 / n, and what it was drawn through."""

    value: float
    std_error: float  # over other images, and over other subsets of them
    sizes: list[int]
    distances: list[float]  # mean at each size


def frechet_extrapolated(*, real: Any, generated: Any, seed: int = 0) -> Extrapolated:
    """Extrapolate the Frechet distance to unlimited images on both sides.

    Its bias falls about as 1 / n while n is well above the number of features. So
    both sets are thinned to the same sizes, from a half of the smaller one up to all
    of it, and the line through the distances over 1 / n is read off at 0. With fewer
    images than features the bias is not a line in 1 / n: such a value is no more than
    a better guess, and may be negative.

    The standard error has two parts: what other images would change, to first order by
    the influence of each on the distance, and the scatter of the subsets around the line.
    The latter alone is too small by a third to a half, for subsets share their images.

    Args:
        real: (n, d) embeddings.
        generated: (m, d) embeddings from the same encoder.
        seed: Seed of the subsets.

    Raises:
        DataError: The sets do not fit together, or one has fewer than 24 images.

    Source: Chong & Forsyth 2020, arXiv:1911.07023, applied to both sets.
    """
    r, g = pair("real", real, "generated", generated)
    most = min(len(r), len(g))
    if most < 4 * SIZES:
        raise DataError(
            f"extrapolation needs at least {4 * SIZES} images on either side, got {len(r)} real "
            f"and {len(g)} generated; add images or leave frechet_extrapolated out."
        )
    generator = np.random.default_rng(seed)
    sizes = [int(size) for size in np.round(np.linspace(most / 2, most, SIZES))]
    points = []
    for size in sizes:
        for _ in range(REPEATS):
            a = r[generator.choice(len(r), size, replace=False)]
            b = g[generator.choice(len(g), size, replace=False)]
            points.append((1 / size, gaussian_distance(fit_gaussian(a), fit_gaussian(b))))
    x, y = np.array(points).T
    (_, intercept), covariance = np.polyfit(x, y, 1, cov=True)
    means = y.reshape(SIZES, REPEATS).mean(axis=1)
    real_fit, generated_fit = fit_gaussian(r), fit_gaussian(g)
    per_real = influence(generated_fit, real_fit, r)
    per_generated = influence(real_fit, generated_fit, g)
    variance = covariance[1, 1] + per_real.var() / len(r) + per_generated.var() / len(g)
    return Extrapolated(
        float(intercept), float(np.sqrt(variance)), sizes, [float(value) for value in means]
    )


def compute(c: Context) -> Statistics:
    """Return the extrapolated Frechet distance of one comparison."""
    fit = frechet_extrapolated(real=c.real, generated=c.generated, seed=c.seed)
    line = {"sizes": fit.sizes, "distances": fit.distances, "std_error": fit.std_error}
    return {"frechet_extrapolated": Statistic(fit.value, detail=line)}
