"""What came of a study's trainings: a file each, written once and checked when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError
from ..common.keys import training_key
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
    return folder_of(run, version) / f"{cell.key}.json"


def folder_of(run: Run, version: int = 1) -> Path:
    """Return the folder with all outcomes on the images of a version of the study's."""
    return run.path / ("cells" if version == 1 else f"cells-v{version}")


def influences_of(run: Run, cell: Cell, version: int = 1) -> Path:
    """Return the file with what each image adds to a cell's values."""
    return path_of(run, cell, version).with_suffix(".npz")


def read(run: Run, cell: Cell, version: int = 1) -> tuple[dict[str, Any] | None, str | None]:
    """Read a cell's outcome.

    Returns:
        The outcome, None where there is none or it cannot be used; and why it cannot.
    """
    path = path_of(run, cell, version)
    if not path.exists():
        return None, None
    try:
        outcome = runs.read_json(path)
    except RunError as fault:
        return None, str(fault)
    reason = _what_is_wrong(outcome, cell)
    return (None, f"{path} is damaged: {reason}") if reason else (outcome, None)


def put_aside(run: Run, cell: Cell, version: int = 1) -> Path:
    """Rename a damaged outcome, so that it is made anew; return where it is now."""
    path = path_of(run, cell, version)
    return path.replace(path.with_suffix(".damaged"))


def readable(run: Run) -> list[dict[str, Any]]:
    """Return the outcomes that a study has so far, in the order of its plan.

    Files in its directory that its plan does not name, and damaged ones, are left out.

    Raises:
        RunError: Its record is damaged.
        SettingsError: It has settings that are not known any more.
    """
    planned = planning.cells_of(run)
    version = run.record.get("images_version", 1)
    outcomes = (read(run, cell, version)[0] for cell in planned)
    return [outcome for outcome in outcomes if outcome is not None]


def key_of(outcome: Mapping[str, Any]) -> str:
    """Return the key of the cell that an outcome is about."""
    return outcome.get("cell") or training_key(outcome["arm"], outcome["seed"])


def training_of(outcome: Mapping[str, Any]) -> int | str:
    """Tell an arm's trainings apart: by the seed, with the draw where that is another one."""
    draw, seed = outcome.get("draw"), outcome["seed"]
    return seed if draw in (None, seed) else f"draw {draw}, seed {seed}"


def title_of(outcome: Mapping[str, Any]) -> str:
    """Return what a training is called on a page: ``random, selection 1, seed 0``."""
    draw = outcome.get("draw")
    drawn = "" if draw is None else f", selection {draw}"
    return f"{outcome['arm']}{drawn}, seed {outcome['seed']}"


def in_order(outcomes: Iterable[Mapping[str, Any]], arms: Sequence[str]) -> list[Mapping[str, Any]]:
    """Sort trainings seed by seed, each with its arms in the given order and draw by draw."""
    place = {arm: number for number, arm in enumerate(arms)}
    return sorted(outcomes, key=lambda one: (one["seed"], place[one["arm"]], one.get("draw") or 0))


def _what_is_wrong(outcome: Any, cell: Cell) -> str | None:
    if not isinstance(outcome, Mapping):
        return "it holds no settings"
    for name, kind in FIELDS.items():
        if not isinstance(outcome.get(name), kind):
            return f"{name} is missing or of another type"
    if (outcome["arm"], outcome["seed"]) != (cell.arm.name, cell.seed):
        return f"it is about {training_key(outcome['arm'], outcome['seed'])}"
    if outcome.get("cell", cell.key) != cell.key:
        return f"it is about {outcome['cell']}"
    references = set(outcome["values"])
    if not references or references - {"held_out", "pool"}:
        return "it has no values by reference"
    for name in references:
        counts, full = outcome["counts"].get(name), outcome["full"].get(name)
        if not (isinstance(counts, list) and len(counts) == 2 and isinstance(full, Mapping)):
            return f"{name} has no counts"
        if not all(_number(value) for value in outcome["values"][name].values()):
            return f"a value of {name} is no number"
    return None


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
