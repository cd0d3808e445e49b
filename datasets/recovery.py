"""Finish what a command that died has left half-written.

A change of many documents is written down first, whole, as an *intent*: what to set, under
which ids. From that moment on it will happen: by the command itself, or, where that died, by
the next command of any kind on the data set. Every step of it may be done twice. Before that
moment nothing of the data set was touched. So nobody is left with half of a change.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from bson import Binary, ObjectId

from ..common.errors import DataError
from . import info
from .database import durable

INTENTS = "curadiff.intents"
ARRAYS = "curadiff.arrays"  # the large part of intents, in pieces
PIECE = 8 * 2**20  # bytes of a piece; MongoDB takes documents of up to 16 MiB

FINISH = {
    "delete-evaluation": "evaluation_deletion",
    "embed": "vectors",
    "evaluate": "evaluations",
    "import": "importing",
    "import-generated": "generated",
    "record": "records",
    "select": "selections",
    "unselect": "selections",
}
"""Which module of this package finishes an intent, by verb.

The module has ``finish(dataset, verb, plan, arrays)``, which may be called twice.
"""

Arrays = Mapping[str, np.ndarray]


def carry_out(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: Arrays) -> None:
    """Make a change of many documents, so that it happens whole or not at all.

    Call it while holding the data set (see `locking.exclusive`), after everything that can
    be refused was refused.

    Args:
        dataset: A FiftyOne data set.
        verb: A key of `FINISH`.
        plan: Plain values that say all that is to be done, with ids for new documents.
        arrays: The large part of the plan: numbers or text, no objects.

    Raises:
        DataError: The data set is deleted.
    """
    id = info.id_of(dataset)
    intent = ObjectId()
    data = _packed(arrays)
    pieces = durable(ARRAYS)
    for number, start in enumerate(range(0, len(data), PIECE)):
        piece = Binary(data[start : start + PIECE])
        pieces.insert_one({"dataset": id, "intent": intent, "number": number, "data": piece})
    durable(INTENTS).insert_one({"_id": intent, "dataset": id, "verb": verb, "plan": dict(plan)})
    _finish(dataset, verb, plan, arrays)
    _forget(intent)


def settle(dataset: Any) -> int:
    """Finish the changes that were begun and sweep what was prepared for others.

    Call it while holding the data set; `locking.exclusive` does on entry.

    Returns:
        How many changes were finished.

    Raises:
        DataError: A change was begun by a version that knows more verbs than this one.
    """
    id = info.id_of(dataset)
    _sweep_deleted()
    begun = list(durable(INTENTS).find({"dataset": id}).sort("_id"))
    for intent in begun:
        _finish(dataset, intent["verb"], intent["plan"], _loaded(intent["_id"]))
        _forget(intent["_id"])
    durable(ARRAYS).delete_many({"dataset": id})  # of changes that died before they were begun
    return len(begun)


def pending(dataset: Any) -> list[tuple[str, str | None]]:
    """List the verb and the plan's name of changes that were begun and have not ended."""
    begun = durable(INTENTS).find({"dataset": info.id_of(dataset)}, {"verb": 1, "plan.name": 1})
    return [(intent["verb"], intent.get("plan", {}).get("name")) for intent in begun.sort("_id")]


def _finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: Arrays) -> None:
    if verb not in FINISH:
        raise DataError(
            f"a newer version of Curadiff was interrupted in {verb!r} on {dataset.name!r}; run "
            "any command of that version on it first."
        )
    module = importlib.import_module(f".{FINISH[verb]}", __package__)
    module.finish(dataset, verb, plan, arrays)


def _forget(intent: ObjectId) -> None:
    durable(INTENTS).delete_one({"_id": intent})
    durable(ARRAYS).delete_many({"intent": intent})


def _sweep_deleted() -> None:
    """Remove what was begun on data sets that are gone."""
    for name in (INTENTS, ARRAYS, "curadiff.vectors", "curadiff.stated"):
        named = durable(name).distinct("dataset")
        living = set(durable("datasets").distinct("_id", {"_id": {"$in": named}}))
        gone = [id for id in named if id not in living]
        if gone:
            durable(name).delete_many({"dataset": {"$in": gone}})


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
    return buffer.getvalue()


def _loaded(intent: ObjectId) -> dict[str, np.ndarray]:
    pieces = durable(ARRAYS).find({"intent": intent}).sort("number")
    with np.load(io.BytesIO(b"".join(piece["data"] for piece in pieces))) as arrays:
        return dict(arrays)
