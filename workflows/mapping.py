"""A map of a data set: its embeddings in the plane."""

from __future__ import annotations

from typing import Any

from ..common.errors import EnvironmentFault, SettingsError, nearest
from ..common.plane import has_umap, principal_plane, umap_plane
from ..datasets import mapping, reading, similarity

METHODS = {
    "pca": "principal components: quick, faithful to large distances",
    "umap": "UMAP: slower, shows groups; distances between groups mean little",
}


def map_embeddings(samples: Any, *, field: str | None = None, method: str = "pca") -> str:
    """Lay the embeddings of a view out in the plane for FiftyOne's Embeddings panel.

    ``pca`` takes the two directions in which the embeddings differ most: quick, the same
    every time, and faithful to distances as far as two numbers can be. ``umap`` keeps
    neighbours together instead; it needs the package umap-learn. Where the embeddings are
    indexed for similarity, the map names that index as the one that holds its vectors.

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
    check_method(method)
    dataset, view = reading.resolve(samples)
    field = field or reading.only_embedding_field(dataset)
    pool = reading.read_embeddings(view, field)
    place = principal_plane if method == "pca" else umap_plane
    assert pool.x is not None  # they were asked for
    index = similarity.index_keys(dataset).get(field)
    return mapping.write_map(dataset, field, ids=pool.ids, points=place(pool.x), index=index)


def check_method(method: str) -> None:
    """Refuse a method that cannot be carried out, before any work is done.

    Raises:
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
