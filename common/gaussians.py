"""Gaussians fitted to embeddings, and the Frechet distance between two of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg

from .arrays import Array, Floats
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


def fit_gaussian(x: Array) -> Gaussian:
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
    return gaussian_from_moments(mean, centered.T @ centered / (n - 1))


def gaussian_from_moments(mean: Floats, covariance: Floats) -> Gaussian:
    """Factor a (d, d) covariance that is known already."""
    with one_thread():
        try:
            factor = scipy.linalg.cholesky(covariance, lower=False, check_finite=False)
        except np.linalg.LinAlgError:
            values, vectors = scipy.linalg.eigh(covariance, check_finite=False)
            kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
            factor = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    return Gaussian(mean, factor, float(np.trace(covariance)))


def gaussian_distance(real: Gaussian, generated: Gaussian) -> float:
    """Squared Frechet (2-Wasserstein) distance between two Gaussians.

    |mu_r - mu_g|^2 + tr S_r + tr S_g - 2 tr (S_r S_g)^1/2. With S = F^T F, the last
    trace is the sum of the singular values of F_r F_g^T, that is of the square
    roots of the eigenvalues of (F_r F_g^T)(F_r F_g^T)^T: symmetric, so real.

    Source: Dowson & Landau 1982, doi:10.1016/0047-259X(82)90077-X.
    """
    shift = real.mean - generated.mean
    spread = real.trace + generated.trace - 2 * _root_trace(real, generated)
    return max(float(shift @ shift) + spread, 0.0)


def _root_trace(real: Gaussian, generated: Gaussian) -> float:
    """Return tr (S_r S_g)^1/2."""
    cross = real.factor @ generated.factor.T  # (p, q)
    cross = cross if len(cross) <= cross.shape[1] else cross.T
    with one_thread():
        values = scipy.linalg.eigvalsh(cross @ cross.T, check_finite=False)
    # Rounding leaves zero eigenvalues near +-eps; their roots would add up.
    floor = np.finfo(np.float64).eps * max(values[-1], 0.0) if len(values) else 0.0
    return float(np.sqrt(values[values > floor]).sum())
