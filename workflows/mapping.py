"""A map of a data set: its embeddings in the plane."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from ..common.errors import EnvironmentFault, SettingsError, nearest
from ..datasets import mapping, reading

METHODS = {
    "pca": "principal components: quick, faithful to large distances",
    "umap": "UMAP: slower, shows groups; distances between groups mean little",
}


def map_embeddings(samples: Any, *, field: str | None = None, method: str = "pca") -> str:
    """Lay the embeddings of a view out in the plane for FiftyOne's Embeddings panel.

    ``pca`` takes the two directions in which the embeddings differ most: quick, the same
    every time, and faithful to distances as far as two numbers can be. ``umap`` keeps
    neighbours together instead; it needs the package umap-learn.

    Args:
        samples: A FiftyOne data set, its name, or a view.
        field: The field with the embeddings; None takes the only one that there is.
        method: ``pca`` or ``umap``.

    Returns:
        The brain key to choose in the Embeddings panel.

    Raises:
        DataError: There are no embeddings, or several to choose from.
        SettingsError: There is no such method.
        EnvironmentFault: umap-learn is not installed.
    """
    if method not in METHODS:
        listed = ", ".join(METHODS)
        raise SettingsError(
            f"method must be one of {listed}, got {method!r}{nearest(method, METHODS)}."
        )
    if method == "umap" and not has_umap():
        raise EnvironmentFault(
            "UMAP is not installed; install it with: pip install umap-learn, or map with pca."
        )
    dataset, view = reading.resolve(samples)
    field = field or reading.only_embedding_field(dataset)
    pool = reading.read_embeddings(view, field)
    lay_out = principal_plane if method == "pca" else neighbour_plane
    assert pool.x is not None  # they were asked for
    return mapping.write_map(dataset, field, ids=pool.ids, points=lay_out(pool.x))


def has_umap() -> bool:
    """Tell whether the package umap-learn is installed."""
    return importlib.util.find_spec("umap") is not None


def neighbour_plane(x: np.ndarray) -> np.ndarray:
    """Lay vectors out so that near ones stay near: UMAP with its own defaults, seeded.

    Args:
        x: (n, d) vectors, n at least 3.

    Returns:
        (n, 2) float32.

    Source: McInnes et al. 2018, arXiv:1802.03426.
    """
    import umap  # pyright: ignore[reportMissingImports]: an extra

    neighbors = min(15, len(x) - 1)
    return umap.UMAP(n_neighbors=neighbors, random_state=0, n_jobs=1).fit_transform(x)


def principal_plane(x: np.ndarray) -> np.ndarray:
    """Project vectors onto the two directions in which they vary most.

    Args:
        x: (n, d) vectors.

    Returns:
        (n, 2) float64; a direction's sign is that of its largest entry, so it is stable.
    """
    centred = np.asarray(x, dtype=np.float64) - np.mean(x, axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    plane = directions[:, ::-1][:, :2]  # (d, 2)
    largest = np.take_along_axis(plane, np.abs(plane).argmax(axis=0)[None], axis=0)
    points = centred @ (plane * np.sign(largest))
    return points if points.shape[1] == 2 else np.pad(points, ((0, 0), (0, 1)))
