"""What came of a study's trainings: a file each, written once and checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError, SettingsError
from ..common.keys import training_key
from ..config import StudySettings
from ..runs import Run
from . import planning
from .planning import Cell

FIELDS = {
    "arm": str,
    "seed": int,
    "images": int,
    "images_seen": int,
    "exposure": (int, float),
    "run": str,
    "run_path": str,
    "generated": str,
    "values": dict,
    "full": dict,
    "counts": dict,
}
"""What every outcome says, with its type; ``values``, ``full`` and ``counts`` by reference."""


def path_of(run: Run, cell: Cell, version: int = 1) -> Path:
    """Return the file with a cell's outcome, on the images of a version of the study's."""
    folder = "cells" if version == 1 else f"cells-v{version}"
    return run.path / folder / f"{cell.key}.json"


def read(run: Run, cell: Cell, version: int = 1) -> tuple[dict[str, Any] | None, str | None]:
    """Read a cell's outcome.

    Returns:
        The outcome, None where there is none or it cannot be used; and why it cannot.
    """
    path = path_of(run, cell, version)
    if not path.exists():
        return None, None
    try:
        found = runs.read_json(path)
    except RunError as fault:
        return None, str(fault)
    wrong = _wrong(found, cell)
    return (None, f"{path} is damaged: {wrong}") if wrong else (found, None)


def put_aside(run: Run, cell: Cell, version: int = 1) -> Path:
    """Rename a damaged outcome, so that it is made anew; return where it is now."""
    path = path_of(run, cell, version)
    return path.replace(path.with_suffix(".damaged"))


def readable(run: Run) -> list[dict[str, Any]]:
    """Return the outcomes that a study has so far, in the order of its plan.

    Files in its directory that its plan does not name, and damaged ones, are left out.
    """
    try:
        config = StudySettings(**run.settings)
    except (RunError, SettingsError):
        return []
    version = run.record.get("images_version", 1)
    found = (read(run, cell, version)[0] for cell in planning.cells(config))
    return [outcome for outcome in found if outcome is not None]


def _wrong(found: Any, cell: Cell) -> str | None:
    if not isinstance(found, Mapping):
        return "it holds no settings"
    for name, kind in FIELDS.items():
        if not isinstance(found.get(name), kind):
            return f"{name} is missing or of another type"
    if (found["arm"], found["seed"]) != (cell.arm.name, cell.seed):
        return f"it is about {training_key(found['arm'], found['seed'])}"
    references = set(found["values"])
    if not references or references - {"held_out", "pool"}:
        return "it has no values by reference"
    for name in references:
        counts, full = found["counts"].get(name), found["full"].get(name)
        if not (isinstance(counts, list) and len(counts) == 2 and isinstance(full, Mapping)):
            return f"{name} has no counts"
        if not all(_number(value) for value in found["values"][name].values()):
            return f"a value of {name} is no number"
    return None


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
