"""Embeddings as points in FiftyOne's Embeddings panel, so that a lasso selects samples."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..common.errors import DataError
from . import info, locking, names, records
from .database import durable
from .loaded import commit
from .names import Names
from .resolving import all_samples
from .writing import key_of


def write_map(
    dataset: Any,
    field: str,
    *,
    ids: Sequence[str],
    points: np.ndarray,
    index: str | None = None,
) -> str:
    """Store a map as a brain run; Curadiff's own of the same field is replaced.

    A brain run of the user's that is called ``map_FIELD`` stays; the map then has a number
    behind its key.

    Args:
        dataset: The data set.
        field: The field with the embeddings that the points come from.
        ids: Sample ids, n of them.
        points: (n, 2) positions.
        index: Brain key of the similarity index of the same vectors, None without one.

    Returns:
        The brain key, which the Embeddings panel lists.

    Raises:
        Busy: Another process changes the data set.
    """
    import fiftyone.brain as fob

    order = dict(zip(ids, np.asarray(points, dtype=np.float32), strict=True))
    owner = f"map {field}"
    with locking.exclusive(dataset, "map") as held:
        key = names.first_free(dataset, owner, f"map_{key_of(field)}", "brain_runs")
        held.check()
        names.own(dataset, owner, Names(brain_runs=[key]))
        _remove(dataset, key)
        view = all_samples(dataset).select(list(ids))
        placed = np.stack([order[id] for id in view.values("id")])
        named = None if index is None else SimpleNamespace(key=index)  # a key would load it whole
        fob.compute_visualization(view, points=placed, brain_key=key, similarity_index=named)
        names.stamp(dataset, owner, Names(brain_runs=[key]))
    return key


def map_keys(dataset: Any) -> list[str]:
    """List the brain keys of maps in two dimensions, Curadiff's and the user's, oldest first."""
    kind = "fiftyone.brain.visualization."
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}, {"brain_methods": 1}) or {}
    refs = {
        key: getattr(ref, "id", ref) for key, ref in (stored.get("brain_methods") or {}).items()
    }
    runs = durable("runs").find({"_id": {"$in": list(refs.values())}}, {"config": 1})
    configs = {run["_id"]: run.get("config") or {} for run in runs}
    return [
        key
        for key, ref in refs.items()
        if str(configs.get(ref, {}).get("cls", "")).startswith(kind)
        and configs[ref].get("num_dims") == 2
        and not configs[ref].get("patches_field")
    ]


def read_map(dataset: Any, key: str) -> tuple[list[str], np.ndarray]:
    """Return the sample ids of a map and their (n, 2) positions; samples that are gone left out.

    Raises:
        DataError: Its positions cannot be read.
    """
    dataset.reload()
    try:
        results = dataset.load_brain_results(key)
    except Exception as error:  # FiftyOne's classes fail in many ways on a damaged run
        raise DataError(f"the map {key!r} cannot be read ({error}); make it again.") from error
    if results is None:
        raise DataError(f"the map {key!r} has no positions; make it again.")
    there = set(all_samples(dataset).values("id"))
    ids = [str(id) for id in results.sample_ids]
    rows = [row for row, id in enumerate(ids) if id in there]
    return [ids[row] for row in rows], np.asarray(results.points)[rows]


def _remove(dataset: Any, key: str) -> None:
    """Remove a map of ours, also one whose writing or removal was interrupted."""
    commit(dataset, [{"$unset": [f"brain_methods.{key}"]}])
    mine = {"_dataset_id": info.id_of(dataset), "key": key}
    for run in list(durable("runs").find(mine, {"config.cls": 1})):
        if str((run.get("config") or {}).get("cls", "")).startswith("fiftyone.brain."):
            records.remove(run["_id"])
