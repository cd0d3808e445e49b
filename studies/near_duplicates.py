"""Near-duplicates of a data set, found by its embeddings."""

from __future__ import annotations

from typing import Any

from ..datasets import reading
from . import copies


def near_duplicates(samples: Any, *, field: str | None = None) -> list[list[str]]:
    """Group the images that are copies of one another, or nearly.

    The distance below which two images are copies is found from the data, as for the held-out
    images of a study.

    Args:
        samples: A data set, its name, or a view.
        field: The field with the embeddings; None takes the only one that there is.

    Returns:
        Groups of two or more sample ids, the largest first.

    Raises:
        DataError: There are no embeddings, or several fields to choose from.
    """
    _, view = reading.resolve(samples)
    pool = reading.read_embeddings(view, field)
    assert pool.x is not None  # embeddings were asked for
    count = len(pool.ids)
    groups: dict[int, list[str]] = {}
    group_of = copies.find_copies([None] * count, range(count), pool.x).group
    for id, group in zip(pool.ids, group_of, strict=True):
        groups.setdefault(group, []).append(id)
    return sorted((ids for ids in groups.values() if len(ids) > 1), key=len, reverse=True)
