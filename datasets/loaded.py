"""Keep a loaded data set and its document in the database in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import info
from .database import durable


def catch_up(dataset: Any) -> None:
    """Bring a loaded data set up to date with what other processes wrote to its document.

    Raises:
        DataError: The data set is deleted.
    """
    projection = {"sample_fields.name": 1, "sample_fields.ftype": 1, "name": 1}
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}, projection)
    if stored is None:
        raise info.deleted(dataset)
    if stored["name"] != dataset._doc.name:
        dataset._doc.reload("name", "slug")
    fields = {(field["name"], field["ftype"]) for field in stored.get("sample_fields") or []}
    if fields != {(field.name, field.ftype) for field in dataset._doc.sample_fields}:
        dataset._reload(hard=True)
        return
    dataset._doc.reload("runs", "brain_methods", "saved_views", "workspaces")
    dataset._run_cache.clear()
    info.refresh(dataset)


def commit(dataset: Any, stages: Sequence[Mapping[str, Any]]) -> None:
    """Change a data set's document in one atomic, journaled update, and the loaded one with it.

    Args:
        dataset: A FiftyOne data set.
        stages: Stages of an update pipeline.

    Raises:
        DataError: The data set is deleted.
    """
    id = info.id_of(dataset)
    touched = {"$set": {"last_modified_at": "$$NOW"}}
    if not durable("datasets").update_one({"_id": id}, [*stages, touched]).matched_count:
        raise info.deleted(dataset)
    catch_up(dataset)
