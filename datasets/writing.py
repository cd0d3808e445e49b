"""Write embeddings, selections and values on samples: in bulk, by id."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bson import ObjectId
from pymongo import UpdateOne

from ..errors import DataError
from . import info
from .database import fiftyone
from .names import ids_hash as ids_hash
from .names import key_of as key_of

UNREADABLE = "unreadable"


def write_embeddings(
    dataset: Any, field: str, *, ids: Sequence[str], x: np.ndarray, encoder: str
) -> None:
    """Write vectors to a `VectorField` and record which encoder made them.

    Args:
        dataset: The data set.
        field: Field to write, made when it is missing.
        ids: Sample ids, n of them.
        x: (n, d) float32.
        encoder: Identity of the encoder.

    Raises:
        DataError: The field exists and holds something else.
    """
    fo = fiftyone()
    existing = dataset.get_field(field)
    if existing is None:
        dataset.add_sample_field(field, fo.VectorField)
    elif not isinstance(existing, fo.VectorField):
        raise DataError(
            f"field {field!r} of {dataset.name!r} holds {type(existing).__name__}, not vectors; "
            "choose another field."
        )
    if len(ids):
        vectors = dict(zip(ids, np.asarray(x, dtype=np.float32), strict=True))
        dataset.set_values(field, vectors, key_field="id")
    info.put(dataset, "encoders", {field: encoder})


def set_numbers(dataset: Any, fields: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> None:
    """Write numeric, boolean or text arrays to fields of their kind; NaN becomes empty.

    All fields of a sample are set at once: `set_values` would write every sample once per field.

    Args:
        dataset: The data set.
        fields: Per field the ids of samples and their values.
    """
    fo = fiftyone()
    now = datetime.datetime.now(datetime.UTC)
    changes: dict[str, dict[str, Any]] = {}  # per sample what to set
    for field, (ids, array) in fields.items():
        kind = {"f": fo.FloatField, "i": fo.IntField, "b": fo.BooleanField}.get(
            np.asarray(array).dtype.kind, fo.StringField
        )
        if dataset.get_field(field) is None:
            dataset.add_sample_field(field, kind)
        for sample, value in zip(ids, np.asarray(array).tolist(), strict=True):
            given = None if value != value else value
            changes.setdefault(sample, {"last_modified_at": now})[field] = given
    if changes:
        writes = [UpdateOne({"_id": ObjectId(id)}, {"$set": new}) for id, new in changes.items()]
        dataset._bulk_write(writes, ids=list(changes))


def tag_only(dataset: Any, tag: str, ids: Sequence[str]) -> None:
    """Make ``ids`` the samples that carry a tag, and no others."""
    wanted = set(ids)
    tagged = set(dataset.match_tags(tag).values("id"))
    if tagged - wanted:
        dataset.select(list(tagged - wanted)).untag_samples(tag)
    if wanted - tagged:
        dataset.select(list(wanted - tagged)).tag_samples(tag)


def save_view(dataset: Any, name: str, ids: Sequence[str], description: str) -> None:
    """Save a view of frozen ids in their order; one of the same name is replaced."""
    if dataset.has_saved_view(name):
        dataset.delete_saved_view(name)
    dataset.save_view(name, dataset.select(list(ids), ordered=True), description=description)


def record(
    dataset: Any,
    key: str,
    *,
    verb: str,
    config: Mapping[str, Any],
    results: Mapping[str, Any],
) -> None:
    """Store what was done as a custom run; one of the same key is replaced.

    Args:
        dataset: The data set.
        key: Run key.
        verb: What was done, such as ``select``.
        config: Small things: settings, hashes, counts.
        results: Large things: ids, curves.
    """
    if dataset.has_run(key):
        dataset.delete_run(key)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    dataset.register_run(key, dataset.init_run(method=f"curadiff/{verb}", created=now, **config))
    dataset.save_run_results(key, dataset.init_run_results(key, **results))


def recorded(dataset: Any, key: str) -> dict[str, Any] | None:
    """Return a custom run's configuration, None when there is no such run."""
    if not dataset.has_run(key):
        return None
    return dict(dataset.get_run_info(key).config.serialize())


def runs_of(dataset: Any, verb: str) -> dict[str, dict[str, Any]]:
    """Return the configurations of all custom runs of a verb, by key, oldest first."""
    found = {key: recorded(dataset, key) or {} for key in dataset.list_runs()}
    ours = {
        key: config for key, config in found.items() if config.get("method") == f"curadiff/{verb}"
    }
    return dict(sorted(ours.items(), key=lambda item: item[1].get("created", "")))
