"""Frechet distance between two sets of embeddings (FID, FD-DINOv2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg

from ..common.gaussians import Gaussian, fit_gaussian, gaussian_distance
from ..common.threads import one_thread
from .arrays import Floats, embeddings, pair
from .statistic import Statistic, Statistics

if TYPE_CHECKING:
    from .context import Context
    from .registry import Fields


def frechet_distance(*, real: Any, generated: Any) -> float:
    """Distance between Gaussians fitted to two sets of embeddings.

    Lower is better, 0 for identical sets. Biased upward for few images, more so
    the more features there are, so compare only values from equal counts and
    read it beside its null (`evaluate` gives both).

    Args:
        real: (n, d) embeddings, any float dtype.
        generated: (m, d) embeddings from the same encoder.

    Returns:
        Squared distance, in squared embedding units.

    Raises:
        DataError: The feature counts differ, n or m is below 2, or a value is not finite.

    Source: Heusel et al. 2017, arXiv:1706.08500.
    """
    a, b = pair("real", real, "generated", generated, at_least=2)
    return gaussian_distance(fit_gaussian(a), fit_gaussian(b))


def influence(real: Gaussian, generated: Gaussian, rows: Any) -> Floats:
    """How much each generated image raises (+) or lowers (-) the Frechet distance.

    The derivative of the distance with respect to the weight of image x:

        2 (x - mu_g)^T (mu_g - mu_r) + (x - mu_g)^T (I - T) (x - mu_g) - tr (I - T) S_g,

    where T = F_r^T (F_r S_g F_r^T)^-1/2 F_r carries the generated Gaussian onto the
    real one. Divided by n, it is close to what leaving the image out takes away.
    Its mean is 0. Swap the roles for the influence of the real images.

    Args:
        real: The other Gaussian.
        generated: The Gaussian fitted to ``rows``.
        rows: (n, d) embeddings.

    Returns:
        (n,) in squared embedding units.
    """
    x = embeddings("generated", rows) - generated.mean  # (n, d)
    cross = real.factor @ generated.factor.T  # (p, q)
    with one_thread():
        values, vectors = scipy.linalg.eigh(cross @ cross.T, check_finite=False)
    kept = values > 1e-10 * max(values[-1], 0.0)
    carried = (x @ real.factor.T) @ (vectors[:, kept] * values[kept] ** -0.25)  # (n, kept)
    stretch = np.einsum("ij,ij->i", x, x) - np.einsum("ij,ij->i", carried, carried)
    scores = 2 * x @ (generated.mean - real.mean) + stretch
    return scores - scores.mean()


def compute(c: Context) -> Statistics:
    """Return the Frechet distance of one comparison."""
    real, generated = c.gaussians
    value = gaussian_distance(real, generated)
    per_real = lambda: influence(generated, real, c.real)  # noqa: E731 - named for the reader
    return {"frechet_distance": Statistic(value, per_real, lambda: c.fid_influence)}


def fields(c: Context) -> tuple[Fields, Fields]:
    """Return how much each generated image raises the distance."""
    if min(len(c.real), len(c.generated)) < 2:
        return {}, {}
    return {"fid_influence": c.fid_influence}, {}


def detail(c: Context) -> dict[str, Any]:
    """Describe the reference, on which the size of a Frechet distance depends."""
    return {"reference": c.reference_geometry._asdict()}


def notes(c: Context) -> list[str]:
    """Warn where there are too few images for the features."""
    fewest = min(len(c.real), len(c.generated))
    if fewest > c.real.shape[1]:
        return []
    return [
        f"{fewest} images for {c.real.shape[1]} features: the covariances are singular and "
        "the Frechet distance is biased upward strongly; read its excess over the null."
    ]
