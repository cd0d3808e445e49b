"""A map of a data set: its embeddings in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..datasets import mapping, reading


def map_embeddings(samples: Any, *, field: str | None = None) -> str:
    """Lay the embeddings of a view out in the plane for FiftyOne's Embeddings panel.

    Uses the two directions in which the embeddings differ most (principal components):
    quick, the same every time, and faithful to distances as far as two numbers can be.

    Args:
        samples: A FiftyOne data set, its name, or a view.
        field: The field with the embeddings; None takes the only one that there is.

    Returns:
        The brain key to choose in the Embeddings panel.

    Raises:
        DataError: There are no embeddings, or several to choose from.
    """
    dataset, view = reading.resolve(samples)
    field = field or reading.only_embedding_field(dataset)
    pool = reading.read_embeddings(view, field)
    return mapping.write_map(dataset, field, ids=pool.ids, points=principal_plane(pool.x))


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
