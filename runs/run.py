"""One run directory: what it says of itself, each time read from the disk."""

from __future__ import annotations

import base64
import errno
import html
import json
import time
import warnings
from pathlib import Path
from typing import Any

from ..common.errors import RunError
from ..common.files import read_json, write_json
from ..common.process import Process
from . import lease

PROCESS = "process.json"
RECORDING = "record.lock"  # held while ``run.json`` is read and replaced
PATIENCE = 30.0  # seconds to wait for another process that does that
ACTIVE = ("queued", "starting", "running", "stopping")
SLOW_START = 60.0  # seconds until a process that cannot be seen is taken for ended


class Run:
    """One run directory. Holds no state of its own: every read is from disk."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).resolve()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Return state and folder and, of a training, what it draws, for a notebook."""
        status = self.status
        words = f"{self.id} ({self.kind}): {status['state']}"
        if status.get("steps"):
            words += f", step {status.get('step', 0):,} of {status['steps']:,}"
        page = f"<p>{html.escape(words)}<br>{html.escape(str(self.path))}</p>"
        grid = max((self.path / "grids").glob("step-*.png"), default=None)
        if grid is not None:
            picture = base64.b64encode(grid.read_bytes()).decode()
            page += f'<img alt="{grid.stem}" src="data:image/png;base64,{picture}">'
        return page

    @property
    def id(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether there is a run in the directory: it is there when its ``run.json`` is.

        Raises:
            OSError: It cannot be seen whether it is, as in a folder of another user.
        """
        try:
            return (self.path / "run.json").exists()
        except OSError as fault:
            if fault.errno == errno.ENAMETOOLONG:  # a name that no file can have
                return False
            raise

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
        """Identifier of the run, which stays when its directory is renamed or moved."""
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
        """Add or replace entries of ``run.json``; others that another process adds stay."""
        with lease.Lease(self.path, name=RECORDING, wait=PATIENCE):
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
            process_record = read_json(self.path / PROCESS)
        except RunError:
            return False
        if not isinstance(process_record, dict):
            return False
        child, launcher = (
            Process.from_json(process_record.get(name)) for name in ("child", "launcher")
        )
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
        before.pop("error_kind", None)  # of a failure before this
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
