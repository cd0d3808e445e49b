"""Clipped density and coverage: shares of good images that outliers cannot move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import betaln, gammaln

from ..common.errors import DataError
from ..common.knn import nearest_between, nearest_within, prepare
from .arrays import Array, Floats, neighbors_fit, pair
from .manifold import count_containing
from .statistic import Statistic, Statistics

if TYPE_CHECKING:
    from .context import Context


class Clipped(NamedTuple):
    """Both scores and what each image has to do with them."""

    density: float
    coverage: float
    per_generated: Floats  # (m,) influence on the density, mean 0
    per_real: Floats  # (n,) influence on the coverage, mean 0


def clipped_density_coverage(
    *, real: Any, generated: Any, k: int = 5, device: str = "cpu"
) -> dict[str, float]:
    """Density and coverage that read as shares of good images, 1 for a perfect model.

    Clipped density: in how many real balls a generated image lies, over k and at most 1, where no
    ball is wider than the median one; the mean over the generated images is divided by that of
    the real images in one another's balls, and is at most 1. Neither a far real image with a huge
    ball nor a crowded generated one adds more than its share.

    Clipped coverage: how many of k generated images a real image's ball holds, over k and at most
    1; the mean is turned into the share of as many good images, by what a perfect model of that
    size would reach on average. Half good images and half far away score 0.5 on both.

    The calibration is exact for every count and interpolated between counts; the authors' code
    takes the next lower of m + 1 steps and 0 below k images, which differs by less than k / m.

    Args:
        real: (n, d) embeddings, n > k.
        generated: (m, d) embeddings from the same encoder, m >= k.
        k: Neighbours that span a ball.
        device: ``cpu``, ``cuda`` or ``auto``.

    Returns:
        ``clipped_density`` and ``clipped_coverage`` in [0, 1].

    Raises:
        DataError: The feature counts differ, a set has too few images, or a value is not finite.

    Source: Salvy et al. 2026 (ICLR), arXiv:2507.01761.
    """
    r, g = pair("real", real, "generated", generated)
    scores = _clipped(r, g, k, device)
    return {"clipped_density": scores.density, "clipped_coverage": scores.coverage}


def expected_clipped_coverage(*, n_real: int, n_good: Any, k: int = 5) -> Floats:
    """Mean share of k that a real image's ball holds of some images of its own distribution.

    The ball of the k-th nearest of n - 1 others holds a mass of Beta(k, n - k); of m images it
    holds J, beta-binomial, and E min(J, k) / k = 1 - E (k - J)+ / k.

    Args:
        n_real: n.
        n_good: m, one number or several.
        k: Neighbours that span a ball.
    """
    m = np.atleast_1d(np.asarray(n_good, np.float64))
    missing = np.zeros(len(m))
    for j in range(k):
        possible = m >= j
        count = m[possible]
        log_chance = gammaln(count + 1) - gammaln(j + 1) - gammaln(count - j + 1)
        log_chance += betaln(k + j, n_real - k + count - j) - betaln(k, n_real - k)
        missing[possible] += (k - j) * np.exp(log_chance)
    return 1 - missing / k


def compute(c: Context) -> Statistics:
    """Return clipped density and coverage of one comparison."""
    scores = _clipped(c.real, c.generated, c.density_k, c.device)
    detail = {"k": c.density_k}
    return {
        "clipped_density": Statistic(scores.density, None, lambda: scores.per_generated, detail),
        "clipped_coverage": Statistic(scores.coverage, lambda: scores.per_real, None, detail),
    }


def _clipped(real: Array, generated: Array, k: int, device: str) -> Clipped:
    neighbors_fit("real", len(real), k)
    if len(generated) < k:
        raise DataError(
            f"k = {k} needs at least {k} generated images and there are {len(generated)}; add "
            "images or lower k."
        )
    r, g = prepare(real, generated, device=device)
    within, rows = nearest_within(r, k)  # squared distances, ascending
    radius = within[:, -1]
    middle = np.median(np.sqrt(radius))  # of an even number: between two distances, unsquared
    narrow = np.where(np.sqrt(radius) <= middle, radius, middle**2)
    inside = rows[within <= narrow[:, None]]  # real images in other real images' narrow balls
    of_real = np.minimum(np.bincount(inside, minlength=len(real)) / k, 1)
    of_generated = np.minimum(count_containing(r, g, narrow, "<=") / k, 1)
    ideal = float(of_real.mean())  # positive: at least half of the balls hold all their k
    density = float(of_generated.mean()) / ideal

    to_generated = nearest_between(r, g, k)[0]
    held = (to_generated < radius[:, None]).mean(axis=1)  # (n,) over k, at most 1
    coverage, slope = _calibrated(float(held.mean()), len(real), len(generated), k)
    return Clipped(
        density=min(density, 1.0),
        coverage=coverage,
        per_generated=(of_generated - of_generated.mean()) / ideal,
        per_real=slope * (held - held.mean()),
    )


def _calibrated(mean: float, n: int, m: int, k: int) -> tuple[float, float]:
    """Share of m images that would reach a mean if they were good, and its slope there."""
    counts = np.arange(m + 1)
    reached = expected_clipped_coverage(n_real=n, n_good=counts, k=k)
    share = float(np.interp(mean, reached, counts / m))
    below = int(np.clip(np.searchsorted(reached, mean) - 1, 0, m - 1))
    slope = 1 / m / float(reached[below + 1] - reached[below])
    return share, slope
