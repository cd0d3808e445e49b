"""Samples as documents whose ids say what they stand for, so that adding twice adds once.

FiftyOne gives a new sample a new id, so a repeated import doubles it. Here an id ends in a
hash of what the sample stands for: an image of a folder, a drawing of a run. It begins with a
number that grows, as FiftyOne's do, because a view of chosen samples is in the order of ids.
"""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bson
import numpy as np
from bson import ObjectId, json_util
from pymongo import UpdateOne

from ..common.errors import DataError
from . import info, names
from .database import durable

BLOCK = 65_536  # bytes read from each end of a file for its fingerprint


def mark(dataset: Any, *key: Any) -> bytes:
    """Return the last 8 bytes of the id of the sample that stands for ``key``."""
    text = "\n".join(str(part) for part in (info.id_of(dataset), *key))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8]


def mark_of(id: ObjectId) -> bytes:
    """Return the part of a sample's id that says what it stands for."""
    return id.binary[4:]


def new_ids(dataset: Any, marks: Sequence[bytes]) -> list[ObjectId]:
    """Return ids for new samples, greater than those that are there and in the order given."""
    last = dataset._sample_collection.find_one({}, {"_id": 1}, sort=[("_id", -1)])
    before = int.from_bytes(last["_id"].binary[:4], "big") if last else 0
    first = max(int(time.time()), before + 1)
    return [
        ObjectId((first + number).to_bytes(4, "big") + mark) for number, mark in enumerate(marks)
    ]


def fingerprint(path: str | Path) -> str | None:
    """Tell a file by its content: a hash of its length and of 64 KiB from each end.

    Two photographs that agree in these are the same file; reading all of every file would
    take as long as embedding them. None where the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            digest = hashlib.sha256(f"{size}\n".encode() + file.read(BLOCK))
            if size > BLOCK:
                file.seek(max(BLOCK, size - BLOCK))
                digest.update(file.read(BLOCK))
    except OSError:
        return None
    return digest.hexdigest()[:32]


def expand(dataset: Any, samples: Sequence[Any]) -> None:
    """Give a data set the fields that new samples have.

    Raises:
        DataError: A field of it holds something else.
    """
    schema = dataset.get_field_schema()
    for sample in samples:
        for name in sample.field_names:
            if name in schema and sample[name] is not None and name not in ("id", "metadata"):
                _refuse_misfit(dataset, schema[name], name, sample)
    if samples and dataset.media_type is None:
        dataset.media_type = samples[0].media_type
    for sample in samples:
        dataset._expand_schema(sample, False)


def _refuse_misfit(dataset: Any, field: Any, name: str, sample: Any) -> None:
    try:
        field.validate(sample[name])
    except Exception:  # FiftyOne raises several classes here
        raise DataError(
            f"{name} of {sample.filepath} is {sample[name]!r}, and the field {name!r} of "
            f"{dataset.name!r} is of type {type(field).__name__}; mend the value, rename its "
            "column, or import into a data set of another name."
        ) from None


def documents(dataset: Any, samples: Sequence[Any], ids: Sequence[ObjectId]) -> list[dict]:
    """Return the documents of new samples, whose fields the data set has already."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return [
        dataset._make_dict(sample, created_at=now, last_modified_at=now) | {"_id": id}
        for sample, id in zip(samples, ids, strict=True)
    ]


def packed(documents: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return documents as bytes, for a plan; see `recovery.carry_out`."""
    return np.frombuffer(bson.encode({"documents": list(documents)}), dtype=np.uint8)


def unpacked(data: np.ndarray) -> list[dict]:
    """Undo `packed`."""
    return bson.decode(data.tobytes())["documents"]


def insert(dataset: Any, documents: Sequence[Mapping[str, Any]]) -> None:
    """Add the documents whose ids are not there yet, in their order; may be done twice."""
    write(
        dataset,
        [
            UpdateOne(
                {"_id": one["_id"]},
                {"$setOnInsert": {name: value for name, value in one.items() if name != "_id"}},
                upsert=True,
            )
            for one in documents
        ],
        [],
    )


def change(dataset: Any, changes: Sequence[Mapping[str, Any]]) -> None:
    """Set values of samples, each change being ``{"_id", "set": {path: value}, "tags"}``."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    writes = []
    for one in changes:
        update: dict[str, Any] = {"$set": {**one["set"], "last_modified_at": now}}
        if one.get("tags"):
            update["$addToSet"] = {"tags": {"$each": one["tags"]}}
        writes.append(UpdateOne({"_id": one["_id"]}, update))
    write(dataset, writes, [str(one["_id"]) for one in changes])


def write(dataset: Any, writes: Sequence[UpdateOne], ids: Sequence[str]) -> None:
    """Write to samples in a batch; loaded ones of the given ids are brought up to date."""
    if writes:
        dataset._bulk_write(list(writes), ids=list(ids), ordered=True)


def view_document(dataset: Any, name: str, view: Any, description: str) -> dict[str, Any]:
    """Return the document of a saved view."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "_id": ObjectId(mark(dataset, "saved view", name) + b"view"),
        "_dataset_id": info.id_of(dataset),
        "name": name,
        "description": description,
        "slug": names.slug_of(name),
        "view_stages": [json_util.dumps(one) for one in view._serialize(include_uuids=False)],
        "created_at": now,
        "last_modified_at": now,
    }


def add_view(dataset: Any, view: Mapping[str, Any], owner: str) -> None:
    """Add a saved view that was planned by `view_document`; may be done twice."""
    durable("views").replace_one({"_id": view["_id"]}, dict(view), upsert=True)
    made = names.owned(owner, names.Names(views=[view["name"]]))
    there = {"$ifNull": ["$saved_views", []]}
    others = {"$filter": {"input": there, "cond": {"$ne": ["$$this", view["_id"]]}}}
    stages = [
        *info.update_stages(put={names.MADE: made}),
        {"$set": {"saved_views": {"$concatArrays": [others, [view["_id"]]]}}},
    ]
    if not durable("datasets").update_one({"_id": info.id_of(dataset)}, stages).matched_count:
        raise info.deleted(dataset)
    dataset._doc.reload("saved_views")
    info.refresh(dataset)
    names.stamp(dataset, owner, names.Names(views=[view["name"]]))


def free_view(dataset: Any, name: str) -> bool:
    """Tell whether no saved view of the data set has this name or the same slug."""
    return not names.taken(dataset, "", names.Names(views=[name]))
