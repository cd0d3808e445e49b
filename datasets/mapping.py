"""Embeddings as points in FiftyOne's Embeddings panel, so that a lasso selects samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .resolving import all_samples
from .writing import key_of


def write_map(dataset: Any, field: str, *, ids: Sequence[str], points: np.ndarray) -> str:
    """Store a map as a brain run; one of the same field is replaced.

    Args:
        dataset: The data set.
        field: The field with the embeddings that the points come from.
        ids: Sample ids, n of them.
        points: (n, 2) positions.

    Returns:
        The brain key, which the Embeddings panel lists.
    """
    import fiftyone.brain as fob

    key = f"map_{key_of(field)}"
    if dataset.has_brain_run(key):
        dataset.delete_brain_run(key)
    order = dict(zip(ids, np.asarray(points, dtype=np.float32), strict=True))
    view = all_samples(dataset).select(list(ids))
    fob.compute_visualization(
        view, points=np.stack([order[id] for id in view.values("id")]), brain_key=key
    )
    return key
