"""Embeddings on samples, of which each is known by its encoder and its image.

A record says of every vector which encoder made it, of which state of the image file, and
what it was. So "there is a vector" is never taken for "it is done". To overwrite, new vectors
wait beside the data set until all are there, and then take the place of the old ones as one
change (see `recovery`): a field never holds vectors of two encoders.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from bson import Binary, ObjectId
from pymongo import ASCENDING

from ..common.errors import DataError
from . import info, names, recovery, sidebar
from .database import durable, fiftyone
from .names import Names
from .resolving import all_samples
from .streaming import stream_vectors

VECTORS = "curadiff.vectors"
INDEX = "dataset_field"
UNREADABLE: Final = "unreadable"
ABOUT = "Embeddings of the images; by which encoder is in info['curadiff']['encoders']."
ID, MARK = 12, 8  # bytes of a sample's id, of a hash
PIECE = 8 * 2**20  # bytes of vectors in a document that waits
ADOPTED = 400_000  # samples in one record of adopted vectors; MongoDB takes 16 MiB


def foreign(dataset: Any, field: str) -> int:
    """Count the vectors in a field that Curadiff did not make, 0 where it made the field."""
    if dataset.get_field(field) is None:
        return 0
    made = field in info.section(dataset, "encoders")
    if made and not names.remade(dataset, Names(fields=[field])).fields:
        return 0
    return dataset._sample_collection.count_documents({field: {"$ne": None}})


def prepare(dataset: Any, field: str, encoder: str, *, overwrite: bool) -> None:
    """Make a field for vectors of an encoder, or refuse one of another.

    Args:
        dataset: The data set, held by the caller.
        field: The field.
        encoder: Identity of the encoder.
        overwrite: Whether the field may hold vectors of another origin, which stay until
            `replace` is called.

    Raises:
        DataError: The field holds something else, or vectors of another origin.
    """
    fo = fiftyone()
    existing = dataset.get_field(field)
    if existing is not None and not isinstance(existing, fo.VectorField):
        raise DataError(
            f"field {field!r} of {dataset.name!r} holds {type(existing).__name__}, not vectors; "
            "choose another field."
        )
    if existing is None and (field[0] in "_$" or {".", "\0"} & {*field}):
        raise DataError(
            f"{field!r} cannot name a field: it may not begin with _ or $, nor hold a dot; choose "
            "another field."
        )
    _make_index()
    before = info.section(dataset, "encoders").get(field)
    if overwrite:
        return
    if before not in (None, encoder):
        raise DataError(
            f"{field!r} was written by another encoder ({before}), now {encoder}; choose "
            "another field, or overwrite."
        )
    ours = Names(fields=[field])
    entry = info.section(dataset, names.MADE).get(f"field {field}", {})
    # A stamp is the last step: without one, a try that died may have left the field ungrouped.
    begun = entry.get("by") == _owner(field) and "stamp" not in entry
    filled = foreign(dataset, field)
    if filled:
        raise DataError(
            f"{field!r} of {dataset.name!r} holds {filled} vectors that Curadiff did not make; "
            "choose another field, or overwrite."
        )
    info.change(
        dataset,
        put={
            "encoders": {field: encoder},
            names.MADE: names.owned(_owner(field), ours),
        },
    )
    if existing is None:
        dataset.add_sample_field(field, fo.VectorField, description=ABOUT)
    if existing is None or begun:  # else a person may have moved it
        sidebar.fold(dataset, sidebar.EMBEDDING, [field])
    names.stamp(dataset, _owner(field), ours)


def _owner(field: str) -> str:
    return f"embed {field}"


def adopt(dataset: Any, field: str, encoder: str) -> int:
    """Record the vectors of a field that was embedded before each vector had a record.

    The data set names one encoder for the field, and nothing is recorded of any of its
    vectors: all of them are taken as that encoder's, of their images as they are now.

    Args:
        dataset: The data set, held by the caller.
        field: A prepared field.
        encoder: Identity of the encoder.

    Returns:
        How many vectors were adopted.

    Raises:
        DataError: The vectors are of several lengths, so that one encoder did not make them.
    """
    if durable(VECTORS).find_one(_of(dataset, field), {"_id": 1}) is not None:
        return 0
    fo = fiftyone()
    filled = all_samples(dataset).match(fo.ViewField(field) != None)  # noqa: E711, an expression
    paths = dict(zip(*filled.values(["id", "filepath"]), strict=True))
    lengths: set[int] = set()

    def hashed() -> Iterator[tuple[str, bytes]]:
        for id, vector in stream_vectors(filled, field):
            lengths.add(len(vector))
            yield id, _hash(vector)

    made, rows = [], hashed()
    while part := list(itertools.islice(rows, ADOPTED)):
        ids, hashes = zip(*part, strict=True)
        record = _record(dataset, field, ids, [paths[id] for id in ids], hashes, encoder)
        made.append({**record, "batch": ObjectId(), "staged": False})
    if len(lengths) > 1:
        listed = " and ".join(map(str, sorted(lengths)))
        raise DataError(
            f"{field!r} of {dataset.name!r} holds vectors of {listed} numbers, so not all are "
            f"those of {encoder}; overwrite, or choose another field."
        )
    if made:
        durable(VECTORS).insert_many(made)
    return len(paths)


def all_recorded(dataset: Any, field: str) -> bool:
    """Tell whether a field has vectors, and each of them is as it was recorded by its encoder."""
    fo = fiftyone()
    encoder = info.section(dataset, "encoders").get(field)
    if encoder is None or not isinstance(dataset.get_field(field), fo.VectorField):
        return False
    known = _records(dataset, field, encoder, staged=False)
    filled = all_samples(dataset).match(fo.ViewField(field) != None)  # noqa: E711, an expression
    ids = set(filled.values("id"))
    return (
        bool(ids)
        and ids <= {*known}
        and all(known[id][1] == _hash(vector) for id, vector in stream_vectors(filled, field))
    )


def done(dataset: Any, field: str, encoder: str, files: Mapping[str, str]) -> set[str]:
    """Return which samples have the vector that an encoder makes of their image as it is now.

    Args:
        dataset: The data set.
        field: The field.
        encoder: Identity of the encoder.
        files: Image files by sample id.
    """
    known = _records(dataset, field, encoder, staged=False)
    unchanged_ids = [
        id for id, path in files.items() if id in known and known[id][0] == content(path)
    ]
    if not unchanged_ids or dataset.get_field(field) is None:
        return set()
    view = all_samples(dataset).select(unchanged_ids)
    return {id for id, vector in stream_vectors(view, field) if known[id][1] == _hash(vector)}


def waiting(dataset: Any, field: str, encoder: str, files: Mapping[str, str]) -> set[str]:
    """Return which samples have a new vector that waits for `replace`."""
    known = _records(dataset, field, encoder, staged=True)
    return {id for id, path in files.items() if id in known and known[id][0] == content(path)}


def write(
    dataset: Any, field: str, *, ids: Sequence[str], paths: Sequence[str], x: np.ndarray,
    encoder: str,
) -> None:  # fmt: skip
    """Write vectors to a prepared field, with their record; the caller holds the data set.

    Raises:
        DataError: The data set is deleted.
    """
    if not len(ids):
        return
    one = _record(dataset, field, ids, paths, map(_hash, x), encoder)
    durable(VECTORS).delete_many({**_of(dataset, field), "ids": one["ids"]})  # of a try that died
    durable(VECTORS).insert_one({**one, "batch": ObjectId(), "staged": False})
    _set(dataset, field, ids, x)
    info.put(dataset, "encoders", {field: encoder})  # journaled, and all before it with it


def stage(
    dataset: Any, field: str, *, ids: Sequence[str], paths: Sequence[str], x: np.ndarray,
    encoder: str,
) -> None:  # fmt: skip
    """Keep vectors beside the data set until `replace` is called."""
    others = {**_of(dataset, field), "staged": True, "encoder": {"$ne": encoder}}
    durable(VECTORS).delete_many(others)  # of an overwriting that was given up
    known = durable(VECTORS).find_one({**_of(dataset, field), "staged": True}, {"batch": 1})
    batch = known["batch"] if known else ObjectId()
    rows = max(1, PIECE // max(1, 4 * x.shape[1]))
    for start in range(0, len(ids), rows):
        part = slice(start, start + rows)
        one = _record(dataset, field, ids[part], paths[part], map(_hash, x[part]), encoder)
        data = Binary(np.asarray(x[part], dtype="<f4").tobytes())
        durable(VECTORS).insert_one({**one, "batch": batch, "staged": True, "x": data})


def replace(dataset: Any, field: str, encoder: str) -> int:
    """Let the vectors that wait take the place of the field's; the caller holds the data set.

    Vectors of another encoder, also of samples that no new one waits for, are removed.

    Returns:
        How many samples had a vector of another encoder and have none now.
    """
    known = durable(VECTORS).find_one({**_of(dataset, field), "staged": True}, {"batch": 1})
    before = info.section(dataset, "encoders").get(field)
    if known is None and before == encoder:
        return 0
    plan = {
        "name": field,
        "encoder": encoder,
        "batch": known["batch"] if known else ObjectId(),
        "clear": before != encoder,
    }
    emptied = len(_emptied(dataset, field, plan["batch"])) if plan["clear"] else 0
    recovery.carry_out(dataset, "embed", plan, {})
    return emptied


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Put waiting vectors in their place; may be done twice."""
    fo = fiftyone()
    field, batch = plan["name"], plan["batch"]
    if dataset.get_field(field) is None:
        dataset.add_sample_field(field, fo.VectorField, description=ABOUT)
    sidebar.fold(dataset, sidebar.EMBEDDING, [field])
    mine = {**_of(dataset, field), "batch": batch}
    staged = {**mine, "staged": True}
    if plan["clear"]:
        gone = _emptied(dataset, field, batch)
        if gone:
            all_samples(dataset).set_values(field, dict.fromkeys(gone), key_field="id")
    for one in durable(VECTORS).find(staged).sort("_id"):
        ids = _ids(one)
        _set(dataset, field, ids, np.frombuffer(one["x"], dtype="<f4").reshape(len(ids), -1))
    made = names.owned(_owner(field), Names(fields=[field]))
    info.change(dataset, put={"encoders": {field: plan["encoder"]}, names.MADE: made})
    names.stamp(dataset, _owner(field), Names(fields=[field]))
    former = {**_of(dataset, field), "batch": {"$ne": batch}}
    if not plan["clear"]:  # only what was written again
        former["ids"] = {"$in": durable(VECTORS).distinct("ids", staged)}
    durable(VECTORS).delete_many(former)
    durable(VECTORS).update_many(staged, {"$set": {"staged": False}, "$unset": {"x": 1}})


def _emptied(dataset: Any, field: str, batch: ObjectId) -> list[str]:
    """Return the samples that have a vector and get none of a batch."""
    mine = {**_of(dataset, field), "batch": batch}
    new = {id for one in durable(VECTORS).find(mine, {"ids": 1}) for id in _ids(one)}
    had = dataset._sample_collection.find({field: {"$ne": None}}, {"_id": 1})
    return [str(one["_id"]) for one in had if str(one["_id"]) not in new]


def mark_unreadable(dataset: Any, *, bad: Mapping[str, str], good: Sequence[str]) -> None:
    """Tag samples whose image cannot be read, and take the tag from those that can again.

    A tag of this name that the user gave is left alone.

    Args:
        dataset: The data set, held by the caller.
        bad: Why an image cannot be read, by sample id.
        good: Ids of samples whose image was read.
    """
    known = info.section(dataset, UNREADABLE)
    every = all_samples(dataset)
    tagged = set(every.match_tags(UNREADABLE).values("id"))
    new = {id: why for id, why in bad.items() if id not in tagged}
    mended = [id for id in good if id in known]
    if new:
        info.put(dataset, UNREADABLE, new)
        every.select(list(new)).tag_samples(UNREADABLE)
    if mended:
        every.select(mended).untag_samples(UNREADABLE)
        info.drop(dataset, UNREADABLE, mended)


def content(path: str) -> bytes:
    """Return a hash of an image file's length and time of change."""
    try:
        state = Path(path).stat()
    except OSError:
        return b"missing!"
    return hashlib.sha256(f"{state.st_size} {state.st_mtime_ns}".encode()).digest()[:MARK]


def _make_index() -> None:
    """Let the records of a field be found without reading those of all others."""
    if INDEX not in durable(VECTORS).index_information():
        keys = [("dataset", ASCENDING), ("field", ASCENDING)]
        durable(VECTORS).create_index(keys, name=INDEX)


def _of(dataset: Any, field: str) -> dict[str, Any]:
    return {"dataset": info.id_of(dataset), "field": field}


def _record(
    dataset: Any,
    field: str,
    ids: Sequence[str],
    paths: Sequence[str],
    hashes: Iterable[bytes],
    encoder: str,
) -> dict[str, Any]:
    return {
        **_of(dataset, field),
        "encoder": encoder,
        "ids": Binary(b"".join(ObjectId(id).binary for id in ids)),
        "contents": Binary(b"".join(content(path) for path in paths)),
        "hashes": Binary(b"".join(hashes)),
    }


def _records(
    dataset: Any, field: str, encoder: str, *, staged: bool
) -> dict[str, tuple[bytes, bytes]]:
    """Return the hashes of image and vector, by sample id; the newest record counts."""
    record_filter = {**_of(dataset, field), "encoder": encoder, "staged": staged}
    hashes: dict[str, tuple[bytes, bytes]] = {}
    for one in durable(VECTORS).find(record_filter, {"x": 0}).sort("_id"):
        for row, id in enumerate(_ids(one)):
            part = slice(row * MARK, (row + 1) * MARK)
            hashes[id] = (one["contents"][part], one["hashes"][part])
    return hashes


def _ids(one: Mapping[str, Any]) -> list[str]:
    data = one["ids"]
    return [str(ObjectId(data[at : at + ID])) for at in range(0, len(data), ID)]


def _hash(vector: Any) -> bytes:
    return hashlib.sha256(np.asarray(vector, dtype="<f4").tobytes()).digest()[:MARK]


def _set(dataset: Any, field: str, ids: Sequence[str], x: np.ndarray) -> None:
    vectors = dict(zip(ids, np.asarray(x, dtype=np.float32), strict=True))
    all_samples(dataset).set_values(field, vectors, key_field="id")
