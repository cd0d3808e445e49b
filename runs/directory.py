"""Create, open and list run directories.

    <home>/runs/<id>/run.json      kind, settings, version, when and from what it was made
                     status.json   what it is doing now; replaced atomically
                     process.json  which process was started to work in it
                     log.jsonl     one line per logged moment
                     output.log    what its process printed
                     lease         locked while a process works in it

A directory appears under its name when its ``run.json`` is written, or not at all.
``<home>`` is ``$CURADIFF_HOME``, by default ``~/curadiff``.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..common.errors import RunError, nearest
from ..common.files import read_json, remove, sweep, sync_folder, temporary, write_json
from ..common.process import Process
from . import lease
from .provenance import provenance

PROCESS = "process.json"
ACTIVE = ("queued", "starting", "running", "stopping")
SLOW_START = 60.0  # seconds until a process that cannot be seen is taken for ended


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
        """What ``run.json`` says: kind, settings, created, provenance and what the verb added.

        Raises:
            RunError: It is missing or damaged.
        """
        path = self.path / "run.json"
        record = read_json(path)
        kinds = {"kind": str, "settings": dict, "created": str}
        for name, kind in kinds.items():
            if not isinstance(record, dict) or not isinstance(record.get(name), kind):
                raise RunError(
                    f"{path} is damaged: it has no {name}; restore it or start a new run."
                )
        return record

    @property
    def uid(self) -> str:
        """What the run is known by for ever: it stays when its directory is renamed or moved."""
        record = self.record
        return record.get("uid") or f"{record.get('id')} of {record['created']}"

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
        is gone without having said so; ``new`` before anything was started; ``damaged``
        where ``status.json`` cannot be read, with the reason as ``error``.
        """
        try:
            status = {"state": "new", **_read_status(self.path / "status.json")}
        except RunError as fault:
            status = {"state": "running" if lease.held(self.path) else "damaged"}
            return {**status, "error": str(fault), "message": str(fault)}
        if status["state"] in ACTIVE and not lease.held(self.path) and not self._begins(status):
            status = {**status, "state": "interrupted"}
        return status

    def _begins(self, status: dict[str, Any]) -> bool:
        """Tell whether a process was started that has not taken its lease yet."""
        if status["state"] not in ("queued", "starting"):
            return False
        try:
            told = read_json(self.path / PROCESS)
        except RunError:
            return False
        if not isinstance(told, dict):
            return False
        child, launcher = (Process.from_json(told.get(name)) for name in ("child", "launcher"))
        process = child or launcher
        alive = process.alive() if process is not None else False
        if alive is None:  # on a machine that cannot be asked: it has a minute
            heard = status.get("heartbeat")
            heard = heard if isinstance(heard, int | float) else 0.0
            return abs(time.time() - heard) < SLOW_START
        return alive

    def set_status(self, state: str, **values: Any) -> None:
        """Replace ``status.json``; values from before are kept unless given anew."""
        path = self.path / "status.json"
        try:
            before = _read_status(path)
        except RunError:
            before = {}
        now = round(time.time(), 3)
        write_json(path, {**before, **values, "state": state, "heartbeat": now})

    def log(self) -> list[dict[str, Any]]:
        """Read ``log.jsonl``; lines that cannot be read are left out.

        A last line that a crash has cut off is normal; others are counted in a warning.
        """
        path = self.path / "log.jsonl"
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as fault:
            raise RunError(f"{path} cannot be read: {fault.strerror}.") from fault
        entries = [_entry(line) for line in lines]
        damaged = sum(entry is None for entry in entries[:-1])
        if damaged:
            warnings.warn(f"{damaged} lines of {path} are damaged and left out", stacklevel=2)
        return [entry for entry in entries if entry is not None]


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _read_status(path: Path) -> dict[str, Any]:
    """Read a status; one that a full disk or a power cut left empty says nothing."""
    if not path.exists() or path.stat().st_size == 0:
        return {}
    status = read_json(path)
    if not isinstance(status, dict) or not isinstance(status.get("state"), str):
        raise RunError(f"{path} is damaged: it has no state; the work itself is not affected.")
    return status


class Snapshot(Run):
    """A run whose status stays what it was when this was made, for a page that reads it often."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.path)
        self._status = run.status

    @property
    def status(self) -> dict[str, Any]:
        """What the run was doing."""
        return self._status


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
        RunError: The name is taken or is not a plain name, or nothing can be written there.
    """
    with making(kind, settings, name=name, folder=folder) as run:
        pass
    return run


@contextmanager
def making(
    kind: str, settings: dict[str, Any], *, name: str | None = None, folder: Path | None = None
) -> Iterator[Run]:
    """Make a run directory that gets its name when the block has filled it.

    Until then it is hidden, and nothing remains of it after an error or a kill. Afterwards
    the run's ``path`` is its final one.

    Args:
        kind: As for `create`.
        settings: As for `create`.
        name: As for `create`.
        folder: As for `create`.

    Raises:
        RunError: As for `create`.
    """
    folder = Path(folder) if folder else home() / "runs"
    if name is not None:
        check_name(name, folder)
    now = datetime.datetime.now(datetime.UTC)
    stem = name or f"{kind}-{now:%Y%m%d-%H%M%S}"
    hidden = temporary(folder / stem)
    try:
        make_folder(hidden, mode=0o770)
    except OSError as fault:
        raise RunError(
            f"could not make {folder / stem}: {fault.strerror}; set CURADIFF_HOME to a folder "
            "that you can write to."
        ) from fault
    try:
        sweep(folder)
        created = now.isoformat(timespec="seconds")
        record = {"kind": kind, "id": stem, "uid": uuid.uuid4().hex, "created": created}
        write_json(hidden / "run.json", {**record, "settings": settings, **provenance()})
        run = Run(hidden)
        yield run
        run.path = _publish(run.path, folder.resolve() / stem, unique=name is None)
    except BaseException:
        remove(hidden)
        raise


def check_name(name: str, folder: Path | None = None) -> None:
    """Refuse a name that no new run can have.

    Raises:
        RunError: It has other characters than letters, digits and ``. _ + -``, or is taken.
    """
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise RunError(
            f"a run's name may have letters, digits and . _ + - only, got {name!r}; "
            "choose another name."
        )
    _refuse_taken((folder or home() / "runs") / name)


def _publish(hidden: Path, wanted: Path, *, unique: bool) -> Path:
    """Give a directory its name, or one like it, unless another one has it."""
    for number in range(1, 1000):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if number > 1:
            write_json(hidden / "run.json", {**Run(hidden).record, "id": path.name})
        try:
            hidden.rename(path)
            sync_folder(path.parent)
        except OSError as fault:
            if not path.exists():
                raise RunError(f"could not make {path}: {fault.strerror}.") from fault
            if not unique:
                _refuse_taken(path)
        else:
            return path
    raise RunError(f"{wanted.parent} holds too many runs named {wanted.name}; delete some.")


def _refuse_taken(path: Path) -> None:
    if (path / "run.json").exists():
        raise RunError(
            f"a run named {path.name} exists in {path.parent}; choose another name or resume it."
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"{path} is there and is no run of Curadiff; move it away, or choose another name."
        )


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
        if (path / "run.json").exists():
            return Run(path)
    there = {other.id: other for other in listing(folder=folder)}
    if str(run) in there:
        return there[str(run)]
    known = list(there)
    listed = f"runs there: {', '.join(known[-8:])}" if known else "there are none yet"
    if plain and (Path(run) / "run.json").exists():
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
    found, damaged = survey(kind, folder=folder)
    for one in damaged:
        warnings.warn(f"a run is left out: {one.why}", stacklevel=2)
    return found


def survey(
    kind: str | None = None, *, folder: Path | None = None
) -> tuple[list[Run], list[Damaged]]:
    """List the runs of a folder as `listing` does, and those that cannot be read."""
    found, damaged = [], []
    for run in _runs(Path(folder) if folder else home() / "runs"):
        try:
            record = run.record
        except RunError as fault:
            damaged.append(Damaged(run.path, str(fault)))
        else:
            if kind in (None, record["kind"]):
                found.append((record["created"], run.id, run))
    return [run for *_, run in sorted(found, key=lambda one: one[:2])], sorted(damaged)


def _runs(folder: Path) -> Iterator[Run]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return
    for name in names:
        path = folder / name
        if not name.startswith(".") and (path / "run.json").exists():
            yield Run(path)
            yield from _runs(path / "runs")
