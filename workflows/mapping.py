"""A map of a data set: its embeddings in the plane."""

from __future__ import annotations

from typing import Any, Unpack

from ..common.errors import EnvironmentFault
from ..common.plane import has_umap, principal_plane, umap_plane
from ..config import MapSettings
from ..config.options import MapOptions
from ..config.signatures import with_settings
from ..datasets import mapping, reading, similarity
from .similarity import index_similarity

METHODS = {
    "pca": "principal components: quick, faithful to large distances",
    "umap": "UMAP: slower, shows groups; distances between groups mean little",
}


@with_settings(MapSettings)
def map_embeddings(samples: Any, **settings: Unpack[MapOptions]) -> str:
    """Lay the embeddings of a view out in the plane for FiftyOne's Embeddings panel.

    ``pca`` takes the two directions in which the embeddings differ most: quick, the same
    every time, and faithful to distances as far as two numbers can be. ``umap`` keeps
    neighbours together instead; it needs the package umap-learn. Where the embeddings are
    indexed for similarity, by ``similar`` here or before, the map names that index as the one
    that holds its vectors.

    Args:
        samples: A FiftyOne data set, its name, or a view.
        **settings: See `MapSettings`.

    Returns:
        The brain key to choose in the Embeddings panel.

    Raises:
        DataError: There are no embeddings, or several to choose from.
        SettingsError: A setting is wrong, such as a method or backend that there is not.
        EnvironmentFault: umap-learn, or the package or service of a backend, is not there.
        WeightsError: ``weights`` is of another model.
    """
    config = MapSettings(**settings)
    if config.method == "umap" and not has_umap():
        raise EnvironmentFault(
            "UMAP is not installed; install it with: pip install umap-learn, or map with pca."
        )
    dataset, view = reading.resolve(samples)
    field = config.field or reading.only_embedding_field(dataset)
    if config.similar is not None:  # first, so that the map names it
        index_similarity(dataset, field=field, backend=config.similar, weights=config.weights)
    pool = reading.read_embeddings(view, field)
    place = principal_plane if config.method == "pca" else umap_plane
    assert pool.x is not None  # they were asked for
    index = similarity.index_keys(dataset).get(field)
    return mapping.write_map(dataset, field, ids=pool.ids, points=place(pool.x), index=index)
