"""Find run directories: by path, by id, or all of a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..common.errors import RunError, nearest
from .home_folder import home
from .run import Run


def run_named(name: str) -> Run:
    """Return the run of a name in the home, which need not exist; see `Run.exists`."""
    return Run(home() / "runs" / name)


def open_run(run: str | Path | Run, *, folder: Path | None = None) -> Run:
    """Open a run by its path or its id.

    Args:
        run: A text without a slash is an id, whatever lies in the current folder: write
            ``./NAME`` for a directory there.
        folder: Where runs are; by default ``<home>/runs``.

    Raises:
        RunError: There is no such run; the message names the nearest id.
    """
    if isinstance(run, Run):
        return run
    folder = Path(folder) if folder else home() / "runs"
    plain = isinstance(run, str) and not set(run) & {"/", os.sep}
    for path in (folder / str(run), *(() if plain else (Path(run),))):
        if Run(path).exists:
            return Run(path)
    there = {other.id: other for other in listing(folder=folder)}
    if str(run) in there:
        return there[str(run)]
    known = list(there)
    listed = f"runs there: {', '.join(known[-8:])}" if known else "there are none yet"
    if plain and Run(Path(run)).exists:
        listed += f"; write ./{run} for the directory here"
    raise RunError(f"no run {str(run)!r} in {folder}{nearest(str(run), known)} ({listed}).")


class Damaged(NamedTuple):
    """A run that cannot be used.

    Attributes:
        path: Its directory.
        why: What is wrong with it, as a sentence.
    """

    path: Path
    why: str


def listing(kind: str | None = None, *, folder: Path | None = None) -> list[Run]:
    """List the runs of a folder, oldest first, with the runs inside its studies.

    One whose ``run.json`` cannot be read is left out with a warning: the others are as usable
    as before.
    """
    runs, damaged = survey(kind, folder=folder)
    for one in damaged:
        warnings.warn(f"a run is left out: {one.why}", stacklevel=2)
    return runs


def survey(
    kind: str | None = None, *, folder: Path | None = None
) -> tuple[list[Run], list[Damaged]]:
    """List the runs of a folder as `listing` does, and those that cannot be read."""
    dated_runs, damaged = [], []
    for run in _runs(Path(folder) if folder else home() / "runs"):
        try:
            record = run.record
        except RunError as fault:
            damaged.append(Damaged(run.path, str(fault)))
        else:
            if kind in (None, record["kind"]):
                dated_runs.append((record["created"], run.id, run))
    return [run for *_, run in sorted(dated_runs, key=lambda one: one[:2])], sorted(damaged)


def _runs(folder: Path) -> Iterator[Run]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return
    for name in names:
        path = folder / name
        if not name.startswith(".") and _is_run(path):
            yield Run(path)
            yield from _runs(path / "runs")


def _is_run(path: Path) -> bool:
    """Tell whether there is a run that can be seen: a folder of another user is left out."""
    with suppress(OSError):
        return Run(path).exists
    return False
