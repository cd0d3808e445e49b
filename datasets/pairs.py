"""Generated images beside the training images that they are nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import identity, info, resolving
from .database import fiftyone
from .generated import linked_names, source_name

NEAREST = "nearest_train_id"


@dataclass(frozen=True)
class Pair:
    """A generated image and its nearest training image.

    Attributes:
        generated_id: Sample id in the generated data set.
        generated_path: Its file.
        real_id: Sample id in the real images' data set.
        real_path: Its file.
        dataset: Name of the generated data set.
    """

    generated_id: str
    generated_path: str
    real_id: str
    real_path: str
    dataset: str


def nearest_training(generated: Any, ids: Sequence[str], *, limit: int) -> list[Pair]:
    """Pair generated samples with their nearest training images.

    Args:
        generated: The data set with the generated images.
        ids: Which of its samples.
        limit: At most so many pairs.

    Returns:
        The pairs, in the order of ``ids``; samples that no evaluation with training images
        has seen are left out.
    """
    view = resolving.all_samples(generated).select(list(ids)[:limit], ordered=True)
    return _pairs(generated, view, limit)


def nearest_generated(source: Any, ids: Sequence[str], *, limit: int) -> list[Pair]:
    """Pair training images with the generated ones that they are nearest to.

    Args:
        source: The data set with the real images.
        ids: Which of its samples.
        limit: At most so many pairs.
    """
    fo = fiftyone()
    pairs: list[Pair] = []
    for name in linked_names(info.read(source)):
        made = identity.load(name)
        for field in _fields(made):
            view = made.match(fo.ViewField(field).is_in(list(ids)))
            pairs += _pairs(made, view.limit(limit - len(pairs)), limit, field=field)
            if len(pairs) >= limit:
                return pairs
    return pairs


def _pairs(made: Any, view: Any, limit: int, *, field: str | None = None) -> list[Pair]:
    fields = [field] if field else _fields(made)
    name = source_name(info.read(made))
    if not fields or name is None:
        return []
    ids, paths, *columns = view.values(["id", "filepath", *fields])
    nearest = [next((one for one in row if one), None) for row in zip(*columns, strict=True)]
    real = resolving.all_samples(identity.load(name)).select([one for one in nearest if one])
    path_of = dict(zip(*real.values(["id", "filepath"]), strict=True))
    return [
        Pair(id, path, near, path_of[near], made.name)
        for id, path, near in zip(ids, paths, nearest, strict=True)
        if near is not None and near in path_of
    ][:limit]


def _fields(made: Any) -> list[str]:
    """List the fields that hold ids of training images, the plain evaluation's first."""
    names = [name for name in made.get_field_schema() if name.endswith(NEAREST)]
    return sorted(names, key=len)
