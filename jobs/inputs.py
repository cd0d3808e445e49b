"""What a job works on, as JSON in its ``run.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import runs
from ..datasets import views
from ..runs import Run


def pack(value: Any) -> Any:
    """Return an input of a job as JSON: a data set or view, a run, or plain text."""
    if value is None or isinstance(value, str | Path | Run):
        return value.id if isinstance(value, Run) else value and str(value)
    return views.pack(value)


def unpack(value: Any) -> Any:
    """Return the input that `pack` wrote down; a data set or view is opened again."""
    return views.unpack(value) if isinstance(value, dict) else value


def dataset_names(packed: Mapping[str, Any]) -> list[str]:
    """Name all data sets among a job's inputs."""
    return [value["dataset"] for value in packed.values() if isinstance(value, dict)]


def subject_of(packed: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the name and the id of the data set that a job works on: its first input.

    The id is None where the job works on a folder, or an older version wrote none.
    """
    for value in packed.values():
        if isinstance(value, dict):
            return value["dataset"], value.get("identity", {}).get("id")
    if "run" in packed:
        record = runs.open_run(packed["run"]).record
        return record.get("dataset"), record.get("identity", {}).get("id")
    return next((value for value in packed.values() if value), None), None
