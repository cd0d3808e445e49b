"""Create, open and list run directories.

    <home>/runs/<id>/run.json      kind, settings, version, when and from what it was made
                     status.json   what it is doing now; replaced atomically
                     log.jsonl     one line per logged moment
                     output.log    what its process printed
                     lease         locked while a process works in it

``<home>`` is ``$CURADIFF_HOME``, by default ``~/curadiff``.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import RunError, nearest
from . import lease
from .files import read_json, write_json
from .provenance import provenance

ACTIVE = ("queued", "starting", "running", "stopping")


def home() -> Path:
    """Return the folder that holds all runs and caches: ``$CURADIFF_HOME`` or ``~/curadiff``."""
    return Path(os.environ.get("CURADIFF_HOME") or Path.home() / "curadiff").absolute()


def make_folder(path: Path, *, mode: int = 0o777, exist_ok: bool = True) -> None:
    """Make a folder of the home, and the home itself so that only its user may look inside.

    ``~/curadiff`` is closed to others where it is open; a home that ``CURADIFF_HOME`` names and
    that is there already keeps the permissions that its owner gave it.

    Raises:
        OSError: It cannot be made.
    """
    top = home()
    if not top.exists():
        top.parent.mkdir(parents=True, exist_ok=True)
        top.mkdir(mode=0o700, exist_ok=True)
    elif not os.environ.get("CURADIFF_HOME"):
        now = top.stat()
        if now.st_uid == os.getuid() and now.st_mode & 0o077:
            top.chmod(0o700)
    path.mkdir(mode=mode, parents=True, exist_ok=exist_ok)


class Run:
    """One run directory. Holds no state of its own: every read is from disk."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).resolve()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def record(self) -> dict[str, Any]:
        """What ``run.json`` says: kind, settings, created, provenance and what the verb added."""
        return read_json(self.path / "run.json")

    @property
    def kind(self) -> str:
        """The verb that made the run, such as ``train``."""
        return self.record["kind"]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in full."""
        return self.record["settings"]

    def add(self, **values: Any) -> None:
        """Add or replace entries of ``run.json``."""
        write_json(self.path / "run.json", {**self.record, **values})

    @property
    def status(self) -> dict[str, Any]:
        """What the run is doing: at least ``state``.

        ``queued starting running stopping`` while a process works in it, then
        ``finished``, ``stopped`` or ``failed``; ``interrupted`` when its process
        is gone without having said so; ``new`` before anything was started.
        """
        path = self.path / "status.json"
        status = {"state": "new", **_read_status(path)}
        if status["state"] in ACTIVE and not lease.held(self.path) and not _just_begun(status):
            status = {**status, "state": "interrupted"}
        return status

    def set_status(self, state: str, **values: Any) -> None:
        """Replace ``status.json``; values from before are kept unless given anew."""
        path = self.path / "status.json"
        before = _read_status(path)
        now = round(time.time(), 3)
        write_json(path, {**before, **values, "state": state, "heartbeat": now})

    def log(self) -> list[dict[str, Any]]:
        """Read ``log.jsonl``; a last line cut off by a crash is left out."""
        path = self.path / "log.jsonl"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        entries = []
        for number, line in enumerate(lines, 1):
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                if number < len(lines):
                    raise RunError(f"{path} line {number} is not JSON: {line[:80]!r}") from None
        return entries


def _read_status(path: Path) -> dict[str, Any]:
    """Read a status; one that a full disk or a power cut left empty says nothing."""
    if not path.exists() or path.stat().st_size == 0:
        return {}
    return read_json(path)


class Snapshot(Run):
    """A run whose status stays what it was when this was made, for a page that reads it often."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.path)
        self._status = run.status

    @property
    def status(self) -> dict[str, Any]:
        """What the run was doing."""
        return self._status


def _just_begun(status: dict[str, Any]) -> bool:
    """A child that was just started needs some seconds to import and take its lease."""
    waiting = status["state"] in ("queued", "starting")
    return waiting and time.time() - status.get("heartbeat", 0) < 60


def create(
    kind: str, settings: dict[str, Any], *, name: str | None = None, folder: Path | None = None
) -> Run:
    """Make a run directory.

    Args:
        kind: The verb, such as ``train``.
        settings: In full, JSON values only.
        name: The directory's name; by default kind, date and time.
        folder: Where to put it; by default ``<home>/runs``.

    Raises:
        RunError: The name is taken or is not a plain name.
    """
    if name is not None and not re.fullmatch(r"[\w][\w.+-]*", name):
        raise RunError(
            f"a run's name may have letters, digits and . _ + - only, got {name!r}; "
            "choose another name."
        )
    folder = Path(folder) if folder else home() / "runs"
    path = _make(folder, kind, name)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {"kind": kind, "id": path.name, "created": now, "settings": settings}
    write_json(path / "run.json", {**record, **provenance()})
    return Run(path)


def _make(folder: Path, kind: str, name: str | None) -> Path:
    stem = name or f"{kind}-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        path = folder / (stem if number == 1 else f"{stem}-{number}")
        try:
            make_folder(path, mode=0o770, exist_ok=False)
        except FileExistsError:
            if name is not None:
                raise RunError(
                    f"a run named {name} exists in {folder}; choose another name or resume it."
                ) from None
        except OSError as fault:
            raise RunError(
                f"could not make {path}: {fault.strerror}; set CURADIFF_HOME to a folder "
                "that you can write to."
            ) from fault
        else:
            return path
    raise RunError(f"{folder} holds too many runs named {stem}; delete some.")


def open_run(run: str | Path | Run, *, folder: Path | None = None) -> Run:
    """Open a run by its path or its id.

    Raises:
        RunError: There is no such run; the message names the nearest id.
    """
    if isinstance(run, Run):
        return run
    folder = Path(folder) if folder else home() / "runs"
    for path in (folder / str(run), Path(run)):
        if (path / "run.json").exists():
            return Run(path)
    there = {other.id: other for other in listing(folder=folder)}
    if str(run) in there:
        return there[str(run)]
    known = list(there)
    listed = f"runs there: {', '.join(known[-8:])}" if known else "there are none yet"
    raise RunError(f"no run {str(run)!r} in {folder}{nearest(str(run), known)} ({listed}).")


def listing(kind: str | None = None, *, folder: Path | None = None) -> list[Run]:
    """List the runs of a folder, oldest first, with the runs inside its studies.

    One whose ``run.json`` cannot be read is left out with a warning: the others are as usable
    as before.
    """
    found = []
    for run in _runs(Path(folder) if folder else home() / "runs"):
        try:
            if kind in (None, run.kind):
                found.append((run.record["created"], run.id, run))
        except RunError as fault:
            warnings.warn(f"a run is left out: {fault}", stacklevel=2)
    return [run for *_, run in sorted(found, key=lambda one: one[:2])]


def _runs(folder: Path) -> Iterator[Run]:
    if folder.is_dir():
        for path in folder.iterdir():
            if (path / "run.json").exists():
                yield Run(path)
                yield from _runs(path / "runs")
