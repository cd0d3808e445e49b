"""Operations that FiftyOne was asked to carry out later, by ``fiftyone delegated launch``."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from . import info, views
from .database import durable

OURS = "^@curadiff/studio/"
WAITING, RUNNING, FAILED = ("queued", "scheduled"), "running", "failed"


@dataclass(frozen=True)
class Scheduled:
    """An operation that waits, runs or has failed.

    Attributes:
        id: FiftyOne's id of it.
        operator: Name of the operator, such as ``train_diffusion``.
        state: FiftyOne's word: ``queued``, ``scheduled``, ``running`` or ``failed``.
        queued: When it was asked for.
        form: The values of the form that asked for it.
        view: The view that was open then, see `views.stages_of`; None where it is gone.
        selected: Ids of the samples that were selected in it.
        error: Why it failed, in one sentence.
    """

    id: Any
    operator: str
    state: str
    queued: datetime.datetime
    form: dict[str, Any]
    view: list[dict[str, Any]] | None
    selected: list[str]
    error: str | None


def scheduled(dataset: Any) -> list[Scheduled]:
    """List the operations of Curadiff on a data set that have not ended well, newest first."""
    query = {
        "dataset_id": info.id_of(dataset),
        "operator": {"$regex": OURS},
        "run_state": {"$in": [*WAITING, RUNNING, FAILED]},
        "archived": {"$ne": True},
    }
    listed = durable("delegated_ops").find(query).sort("_id", -1)
    return [_read(dataset, stored) for stored in listed]


def remove(dataset: Any, id: str) -> None:
    """Take an operation off FiftyOne's list; a launcher that works on it is not ended."""
    for one in scheduled(dataset):
        if str(one.id) == id:
            durable("delegated_ops").delete_one({"_id": one.id})


def _read(dataset: Any, stored: dict[str, Any]) -> Scheduled:
    asked = (stored.get("context") or {}).get("request_params") or {}
    lines = str((stored.get("result") or {}).get("error") or "").strip().splitlines()
    kind, _, sentence = (lines[-1] if lines else "").partition(": ")
    since = stored.get("queued_at") or stored.get("scheduled_at") or stored["_id"].generation_time
    return Scheduled(
        stored["_id"],
        stored["operator"].rpartition("/")[2],
        stored["run_state"],
        since.replace(tzinfo=datetime.UTC),
        dict(asked.get("params") or {}),
        _view(dataset, asked),
        views.selected_in(asked),
        (sentence or kind or None) if stored["run_state"] == FAILED else None,
    )


def _view(dataset: Any, asked: dict[str, Any]) -> list[dict[str, Any]] | None:
    try:
        return views.stages_of(views.shown(dataset, asked))
    except Exception:  # FiftyOne raises several unrelated classes here
        return None
