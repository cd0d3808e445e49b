"""Runs and folders that a request to the App may name: by id, inside the home and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..common.errors import RunError, nearest
from .finding import listing
from .home_folder import home
from .run import Run

ID = r"\w[\w.+-]*"


def open_by_id(run_id: Any) -> Run:
    """Open a run of the home by its id; a path, ``..`` and a link that leads outside name none.

    Raises:
        RunError: It is not an id, or the home has no such run.
    """
    if not isinstance(run_id, str) or not re.fullmatch(ID, run_id):
        raise RunError(
            f"a run is named here by its id, as curadiff runs lists them, got {run_id!r}."
        )
    inside = (home() / "runs").resolve()
    known = {run.id: run for run in listing() if run.path.is_relative_to(inside)}
    if run_id not in known:
        raise RunError(f"there is no run {run_id!r} here{nearest(run_id, known)}.")
    return known[run_id]


def inside_runs(folder: Any) -> Path:
    """Return a folder of a run, every link followed.

    Raises:
        RunError: It lies outside the runs of the home.
    """
    path = Path(str(folder)).resolve()
    if not path.is_relative_to((home() / "runs").resolve()):
        raise RunError(f"{str(folder)!r} is not a folder of a run in {home() / 'runs'}.")
    return path
