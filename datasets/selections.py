"""Store a selection so that it can be seen, filtered, replayed and trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, nearest
from .writing import (
    ids_hash,
    key_of,
    record,
    recorded,
    runs_of,
    save_view,
    set_numbers,
    tag_only,
)


@dataclass(frozen=True)
class StoredSelection:
    """A selection as the data set remembers it.

    Attributes:
        name: Its tag and its saved view.
        key: Its run key is ``select_KEY``; its fields start with ``KEY_``.
        ids: The frozen sample ids, in pick order.
        config: Settings, hashes and counts.
    """

    name: str
    key: str
    ids: list[str]
    config: dict[str, Any]


def write_selection(
    dataset: Any,
    name: str,
    *,
    ids: Sequence[str],
    scores: np.ndarray,
    config: Mapping[str, Any],
    results: Mapping[str, Any],
    pool_fields: Mapping[str, tuple[Sequence[str], np.ndarray]],
) -> StoredSelection:
    """Write tag, rank, fields, saved view and run of a selection; a former one is replaced.

    Args:
        dataset: The data set.
        name: The selection's name.
        ids: Chosen sample ids, in pick order.
        scores: Why each was chosen, in the same order.
        config: Settings and hashes for the run.
        results: Curves and the like for the run.
        pool_fields: Values about every sample of the pool: ``{name: (ids, values)}``.
    """
    key = key_of(name)
    _clear(dataset, key)
    tag_only(dataset, name, ids)
    own = {"rank": (ids, np.arange(1, len(ids) + 1)), "score": (ids, np.asarray(scores))}
    fields = {f"{key}_{field}": told for field, told in {**own, **pool_fields}.items()}
    set_numbers(dataset, fields)
    save_view(dataset, name, ids, f"{len(ids)} samples chosen by {config['selection_method']}")
    full = {**config, "name": name, "count": len(ids), "ids_hash": ids_hash(ids)}
    record(
        dataset,
        f"select_{key}",
        verb="select",
        config=full,
        results={"ids": list(ids), **results},
    )
    return StoredSelection(name, key, list(ids), full)


def read_selection(dataset: Any, name: str) -> StoredSelection:
    """Read a stored selection by its name.

    Raises:
        DataError: There is no such selection; the message lists those that are there.
    """
    key = key_of(name)
    config = recorded(dataset, f"select_{key}")
    if config is None:
        known = selection_names(dataset)
        listed = f" (there are: {', '.join(known)})" if known else " (there is none yet)"
        raise DataError(
            f"{dataset.name!r} has no selection {name!r}{nearest(name, known)}{listed}; make one "
            f"with: curadiff select {dataset.name}"
        )
    results = dataset.load_run_results(f"select_{key}", cache=False)
    return StoredSelection(config["name"], key, list(results.ids), config)


def selection_names(dataset: Any) -> list[str]:
    """List the stored selections, oldest first."""
    return [config["name"] for config in runs_of(dataset, "select").values()]


def selection_of(dataset: Any, ids: Sequence[str]) -> str | None:
    """Return the name of the stored selection that has just these ids, None when none has."""
    wanted = set(ids)
    for name, config in ((c["name"], c) for c in runs_of(dataset, "select").values()):
        if config["count"] == len(ids) and set(read_selection(dataset, name).ids) == wanted:
            return name
    return None


def encoders_of(dataset: Any, names: Sequence[str]) -> list[str]:
    """Return the identities of the encoders whose embeddings these selections were chosen by.

    A random choice looks at no embedding, so it has none.
    """
    found = []
    for name in names:
        config = recorded(dataset, f"select_{key_of(name)}") or {}
        if config.get("encoder") and config.get("selection_method") != "random":
            found.append(config["encoder"])
    return list(dict.fromkeys(found))


def delete_selection(dataset: Any, name: str) -> None:
    """Remove a selection's tag, fields, saved view and run."""
    stored = read_selection(dataset, name)
    _clear(dataset, stored.key)
    tag_only(dataset, stored.name, [])
    if dataset.has_saved_view(stored.name):
        dataset.delete_saved_view(stored.name)
    dataset.delete_run(f"select_{stored.key}")


def _clear(dataset: Any, key: str) -> None:
    """Remove the fields of a former selection, so that no old value stays on a sample."""
    old = recorded(dataset, f"select_{key}")
    if old is not None:
        ours = [f"{key}_{name}" for name in ("rank", "score", *old.get("pool_fields", []))]
        there = [field for field in ours if dataset.get_field(field) is not None]
        if there:
            dataset.delete_sample_fields(there)
