"""Write embeddings, selections and values on samples: in bulk, by id."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from bson import ObjectId
from pymongo import UpdateOne

from .database import fiftyone
from .field_descriptions import described
from .indexing import drop_indexes, make_indexes
from .names import ids_hash as ids_hash
from .names import key_of as key_of
from .records import record as record
from .records import recorded as recorded
from .records import runs_of as runs_of
from .resolving import all_samples


def set_numbers(dataset: Any, fields: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> None:
    """Write numeric, boolean or text arrays to fields of their kind; NaN becomes empty.

    All fields of a sample are set at once: `set_values` would write every sample once per field.

    Args:
        dataset: The data set.
        fields: Per field the ids of samples and their values.
    """
    changes: dict[str, dict[str, Any]] = {}  # per sample what to set
    for field, (ids, array) in fields.items():
        if dataset.get_field(field) is None:
            kind = kind_of(np.asarray(array))
            dataset.add_sample_field(field, kind, description=described(field))
        for sample, value in zip(ids, np.asarray(array).tolist(), strict=True):
            given = None if value != value else value
            changes.setdefault(sample, {})[field] = given
    _update(dataset, changes)
    make_indexes(dataset, fields)


def replace_numbers(dataset: Any, fields: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> None:
    """Write arrays as `set_numbers` does, and empty the same fields of all other samples.

    A field of another kind, of an earlier version of the same thing, is made anew.
    """
    other = [
        field
        for field, (_, values) in fields.items()
        if dataset.get_field(field) is not None
        and not isinstance(dataset.get_field(field), kind_of(np.asarray(values)))
    ]
    drop_fields(dataset, other)
    samples = dataset._sample_collection
    for field, (ids, _) in fields.items():
        if dataset.get_field(field) is None:
            continue
        had = {str(one["_id"]) for one in samples.find({field: {"$ne": None}}, {"_id": 1})}
        _update(dataset, {id: {field: None} for id in had - set(ids)})
    set_numbers(dataset, fields)


def drop_fields(dataset: Any, fields: Iterable[str]) -> None:
    """Delete those fields that are there."""
    there = [field for field in sorted(fields) if dataset.get_field(field) is not None]
    if there:
        dataset.delete_sample_fields(there)
        drop_indexes(dataset, there)


def kind_of(values: np.ndarray) -> type:
    """Return FiftyOne's field for the values of an array."""
    fo = fiftyone()
    kinds = {"f": fo.FloatField, "i": fo.IntField, "b": fo.BooleanField}
    return kinds.get(values.dtype.kind, fo.StringField)


def _update(dataset: Any, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set values of samples by id in one go, and have those who hold a sample see them."""
    if not changes:
        return
    now = datetime.datetime.now(datetime.UTC)
    writes = [
        UpdateOne({"_id": ObjectId(id)}, {"$set": {**new, "last_modified_at": now}})
        for id, new in changes.items()
    ]
    dataset._bulk_write(writes, ids=list(changes))


def move_tag(dataset: Any, tag: str, ids: Sequence[str], *, former: Sequence[str]) -> None:
    """Tag samples, and take the tag from those that had it before; may be done twice.

    A sample that is in neither list keeps a tag that its user gave it.
    """
    new_ids, every = set(ids), all_samples(dataset)
    tagged = set(every.match_tags(tag).values("id"))
    ended = (tagged & set(former)) - new_ids
    if ended:
        every.select(list(ended)).untag_samples(tag)
    if new_ids - tagged:
        every.select(list(new_ids - tagged)).tag_samples(tag)
