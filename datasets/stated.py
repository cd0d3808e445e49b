"""What a folder said of its images when they were imported last.

A value that differs from the folder's was changed by a person or in the folder. Which of the
two, only what the folder said before can tell; of each value a hash is kept for that.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from . import info
from .database import durable

STATED = "curadiff.stated"
SAMPLES = 2000  # in one document

Values = dict[str, str]  # hashes by a value's path, such as ``label.label``


def hashed(values: Mapping[str, Any], tags: Iterable[str] = ()) -> Values:
    """Return the hashes of what a folder says of a sample.

    Args:
        values: By path, as the database has them; those of an embedded document one by one.
        tags: Tags that it gives.
    """
    leaves: dict[str, Any] = {}
    for path, value in values.items():
        if isinstance(value, Mapping):
            leaves |= {f"{path}.{name}": one for name, one in value.items() if name != "_id"}
        else:
            leaves[path] = value
    texts = {path: json.dumps(plain(one), default=str) for path, one in leaves.items()}
    hashes = {path: hashlib.sha256(text.encode()).hexdigest()[:16] for path, text in texts.items()}
    return hashes | {f"tag {tag}": "" for tag in tags}


def plain(value: Any) -> Any:
    """Make values comparable: without ids, and with NaN equal to itself."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items() if name != "_id"}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return value


def unchanged(before: Values | None, path: str, value: Any) -> bool:
    """Tell whether a folder said the same of a sample when it was imported last."""
    now = hashed({path: value})
    return before is not None and all(before.get(name) == one for name, one in now.items())


def read(dataset: Any) -> dict[str, Values]:
    """Return the hashes of what folders said of a data set's samples, by sample id."""
    stored = durable(STATED).find({"dataset": info.id_of(dataset)}).sort("_id")
    values: dict[str, Values] = {}
    for one in stored:
        values |= json.loads(one["values"])
    return values


def write(dataset: Any, values: Mapping[str, Values]) -> None:
    """Note what was said of samples, in place of what was said before; may be done twice."""
    if not values:
        return
    every = {**read(dataset), **values}
    former = [one["_id"] for one in durable(STATED).find(_of(dataset), {"_id": 1})]
    ids = list(every)
    durable(STATED).insert_many(
        [
            {**_of(dataset), "values": json.dumps({id: every[id] for id in ids[at : at + SAMPLES]})}
            for at in range(0, len(ids), SAMPLES)
        ]
    )
    durable(STATED).delete_many({"_id": {"$in": former}})


def _of(dataset: Any) -> dict[str, Any]:
    return {"dataset": info.id_of(dataset)}
