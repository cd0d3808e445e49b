"""Read the vectors of many samples one after the other, so that they are in memory once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .database import fiftyone

BATCH = 1000  # samples that the database sends at a time


def stream_vectors(view: Any, field: str) -> Iterator[tuple[str, Any]]:
    """Yield ``(sample id, vector)`` of the samples of a view that have a value in a field.

    ``view.values`` would hold every vector twice and more. The order is that of the view.

    Args:
        view: A data set or view.
        field: Top-level field; a value that is no vector is yielded as it is stored.
    """
    fo = fiftyone()
    from fiftyone.core.utils import deserialize_numpy_array

    filled = view.match(fo.ViewField(field) != None)  # noqa: E711, an expression
    pipeline = filled._pipeline(post_pipeline=[{"$project": {field: 1}}])
    samples = view._dataset._sample_collection
    for one in samples.aggregate(pipeline, allowDiskUse=True, batchSize=BATCH):
        value = one[field]
        yield str(one["_id"]), deserialize_numpy_array(value) if isinstance(value, bytes) else value


def read_rows(view: Any, field: str, ids: list[str]) -> tuple[list[int], np.ndarray | None, Any]:
    """Read the vectors of samples into one array.

    Args:
        view: The view of the samples.
        field: The field with their vectors.
        ids: Sample ids of the view, n of them.

    Returns:
        Which of ``ids`` have a vector, ascending; the vectors, (have, d) float32; and None. Or, at
        the first value that is no vector or of another length, no vectors and that value.
    """
    row = {id: number for number, id in enumerate(ids)}
    x: np.ndarray | None = None
    have = np.zeros(len(ids), bool)
    for id, value in stream_vectors(view, field):
        if id not in row:
            continue
        if not is_vector(value) or (x is not None and len(value) != x.shape[1]):
            return [], x, value
        if x is None:
            x = np.empty((len(ids), len(value)), np.float32)
        x[row[id]] = value
        have[row[id]] = True
    rows = np.flatnonzero(have)
    if x is not None and len(rows) < len(ids):
        for place, number in enumerate(rows.tolist()):  # in place: a copy would double the memory
            x[place] = x[number]
        x = x[: len(rows)]
    return rows.tolist(), x, None


def is_vector(value: Any) -> bool:
    """Tell whether a stored value is a vector of at least one number."""
    if not isinstance(value, list | tuple | np.ndarray):
        return False
    numbers = np.asarray(value) if np.ndim(value) == 1 else np.empty(0)
    return numbers.size > 0 and numbers.dtype.kind in "fiu"
