"""Embeddings laid out in the plane, for maps."""

from __future__ import annotations

import importlib.util

import numpy as np
from sklearn.decomposition import PCA

from .arrays import Array, Floats


def has_umap() -> bool:
    """Return whether the package umap-learn is installed."""
    return importlib.util.find_spec("umap") is not None


def umap_plane(x: Array) -> Array:
    """Place vectors so that near ones stay near: UMAP with its own defaults, seeded.

    Args:
        x: (n, d) vectors, n at least 3.

    Returns:
        (n, 2) float32.

    Source: McInnes et al. 2018, arXiv:1802.03426.
    """
    import umap  # pyright: ignore[reportMissingImports]: an extra

    neighbors = min(15, len(x) - 1)
    return umap.UMAP(n_neighbors=neighbors, random_state=0, n_jobs=1).fit_transform(x)


def principal_plane(x: Array) -> Floats:
    """Project vectors onto the two directions in which they vary most.

    Args:
        x: (n, d) vectors.

    Returns:
        (n, 2); the largest entry of each direction is positive, so signs are stable.
    """
    if len(x) < 2:
        return np.zeros((len(x), 2))
    count = min(2, *x.shape)
    wide = np.asarray(x, dtype=np.float64)
    points = PCA(count, svd_solver="covariance_eigh").fit_transform(wide)
    return np.pad(points, ((0, 0), (0, 2 - count)))
