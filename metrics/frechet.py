"""Frechet distance between two sets of embeddings (FID, FD-DINOv2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from .arrays import Array, Floats, embeddings, pair
from .threads import one_thread


class Gaussian(NamedTuple):
    """Mean and covariance of a set of embeddings, in float64."""

    mean: Floats  # (d,)
    factor: Floats  # (p, d) with factor^T factor = covariance and p <= d wherever n allows
    trace: float  # of the covariance

    @property
    def covariance(self) -> Floats:
        """The (d, d) covariance over n - 1."""
        return self.factor.T @ self.factor


def gaussian(x: Array) -> Gaussian:
    """Fit a Gaussian to (n, d) embeddings, n >= 2, covariance over n - 1.

    The covariance S is kept as a factor F with F^T F = S: the centered rows
    themselves while there are fewer of them than features, else Cholesky's
    triangle, else, where S is singular, its eigenvectors above rounding.
    """
    n, d = x.shape
    mean = x.mean(axis=0, dtype=np.float64)
    centered = x - mean  # (n, d) float64
    if n <= d:
        factor = centered / np.sqrt(n - 1)
        return Gaussian(mean, factor, float(np.einsum("ij,ij->", factor, factor)))
    return from_moments(mean, centered.T @ centered / (n - 1))


def from_moments(mean: Floats, covariance: Floats) -> Gaussian:
    """Factor a (d, d) covariance that is known already."""
    with one_thread():
        try:
            factor = scipy.linalg.cholesky(covariance, lower=False, check_finite=False)
        except np.linalg.LinAlgError:
            values, vectors = scipy.linalg.eigh(covariance, check_finite=False)
            kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
            factor = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    return Gaussian(mean, factor, float(np.trace(covariance)))


def distance(real: Gaussian, generated: Gaussian) -> float:
    """Squared Frechet (2-Wasserstein) distance between two Gaussians.

    |mu_r - mu_g|^2 + tr S_r + tr S_g - 2 tr (S_r S_g)^1/2. With S = F^T F, the last
    trace is the sum of the singular values of F_r F_g^T, that is of the square
    roots of the eigenvalues of (F_r F_g^T)(F_r F_g^T)^T: symmetric, so real.
    """
    shift = real.mean - generated.mean
    return max(
        float(shift @ shift) + real.trace + generated.trace - 2 * root_trace(real, generated), 0.0
    )


def root_trace(real: Gaussian, generated: Gaussian) -> float:
    """Return tr (S_r S_g)^1/2."""
    cross = real.factor @ generated.factor.T  # (p, q)
    cross = cross if len(cross) <= cross.shape[1] else cross.T
    with one_thread():
        values = scipy.linalg.eigvalsh(cross @ cross.T, check_finite=False)
    # Rounding leaves zero eigenvalues near +-eps; their roots would add up.
    floor = np.finfo(np.float64).eps * max(values[-1], 0.0) if len(values) else 0.0
    return float(np.sqrt(values[values > floor]).sum())


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
    return distance(gaussian(a), gaussian(b))


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
