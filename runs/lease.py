"""Who is working in a run directory right now.

The lease is a kernel file lock: it ends with its process, however that ends, so there are no
stale leases to clean up. The file's text says whose it is. Whoever only looks reads the text,
or locks it shared for a moment, which a start waits for. Where the file system has no locks, a
file ``lease.owner`` that is made once and deleted takes their place.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..common import process
from ..common.errors import RunError
from ..common.process import Process
from ..common.temporary import remove, sweep, temporary

NAME = "lease"
STOP = "stop.json"  # asks the process that it names to end
LOOK = 0.01  # seconds between two attempts
WAIT = 2.0  # seconds for somebody who only looks
POLL = 0.5  # seconds between two looks for a request to stop
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class Busy(RunError):
    """Another process works there."""


class Lease:
    """Hold a run directory for this process, as a context manager.

    Args:
        folder: The run directory.
        name: Name of the file; others than the default are locks for a moment, and deleted.
        wait: Seconds to wait for the process that holds it. By default it is not waited for.

    Raises:
        Busy: On entry, when another living process holds it.
        RunError: On entry, when the folder cannot be written.
    """

    def __init__(self, folder: Path, *, name: str = NAME, wait: float | None = None) -> None:
        self.path = Path(folder) / name
        self.wait = wait
        self._handle: int | None = None
        self._owner: Path | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        me = process.me()
        handle = self._open()
        try:
            while self._locked(handle) and not _is_at(handle, self.path):
                os.close(handle)  # its last holder has deleted it
                handle = self._open()
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(me.to_json()).encode(), 0)
        except OSError as fault:
            os.close(handle)
            self._disown()
            raise RunError(
                f"could not write {self.path}: {fault.strerror}; free some space, "
                "then run the same command again."
            ) from fault
        except BaseException:
            with suppress(OSError):
                os.close(handle)
            raise
        self._handle = handle
        if self.path.name == NAME:
            sweep(self.path.parent, depth=2)
            remove(self.path.with_name(STOP))
            threading.Thread(target=self._listen, args=(me,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._handle is not None:
            with suppress(OSError):
                os.ftruncate(self._handle, 0)
                if self.path.name != NAME and _is_at(self._handle, self.path):
                    self.path.unlink()
            os.close(self._handle)
            self._handle = None
        self._disown()

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as fault:
            raise RunError(
                f"could not open {self.path}: {fault.strerror}; a run needs a folder that you can "
                "write to."
            ) from fault

    def _locked(self, handle: int) -> bool:
        """Lock the file; return False where there are no locks and an owner file was made."""
        end = time.monotonic() + (WAIT if self.wait is None else self.wait)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                worker = _read(self.path)
                known = self.wait is None and worker is not None and worker.alive()
                if known or time.monotonic() > end:
                    raise _busy(self.path.parent, worker) from None
                time.sleep(LOOK)
            except OSError as fault:
                if fault.errno not in NO_LOCKS:
                    raise
                self._owner = _claim(self.path, process.me(), self.wait)
                return False
            else:
                return True

    def _disown(self) -> None:
        if self._owner is not None:
            remove(self._owner)
            self._owner = None

    def _listen(self, me: Process) -> None:
        """Turn a request to stop from another machine into the signal of this one."""
        request = self.path.with_name(STOP)
        while not self._ended.wait(POLL):
            if request.exists() and _read(request) == me:
                remove(request)
                os.kill(me.pid, signal.SIGTERM)


def _is_at(handle: int, path: Path) -> bool:
    """Tell whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def held(folder: Path) -> bool:
    """Tell whether a living process holds the folder's lease; takes nothing from a start."""
    path = Path(folder) / NAME
    worker = _read(path)
    if worker is not None and worker.here and worker.alive():
        return True
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as fault:
        raise RunError(f"{path} cannot be read: {fault.strerror}.") from fault
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as fault:
        if fault.errno not in NO_LOCKS:
            raise RunError(f"{path} cannot be locked: {fault.strerror}.") from fault
        owner = _read(_owner_of(path))
        return owner is not None and owner.alive() is not False
    finally:
        os.close(handle)
    return False


def holder(folder: Path) -> Process | None:
    """Return the process that holds the folder's lease, None when nobody does."""
    return _read(Path(folder) / NAME) if held(folder) else None


def ask_to_stop(folder: Path, whom: Process) -> bool:
    """Ask the process that holds a lease to end.

    It gets SIGTERM; where that cannot reach it, it finds the request in the folder.

    Returns:
        True when the signal was sent, False when the request was left.

    Raises:
        RunError: The request cannot be written.
    """
    if whom.here:
        return whom.signal()
    from ..common.files import write_bytes

    write_bytes(Path(folder) / STOP, json.dumps(whom.to_json()).encode())
    return False


def _busy(folder: Path, worker: Process | None) -> Busy:
    if worker == process.me():
        return Busy(f"{folder} is in use by this process already; wait for it.")
    message = f"{folder} is in use by {worker or 'another process'}; wait for it"
    if not (folder / "run.json").exists():
        return Busy(f"{message}.")
    return Busy(f"{message}, or stop it with: curadiff runs {folder.name} --stop")


def _read(path: Path) -> Process | None:
    """Read which process a file names; None when it is missing, empty or damaged."""
    try:
        return Process.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None


def _owner_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def _claim(path: Path, me: Process, wait: float | None) -> Path:
    """Make the file that stands for a lock where there are none.

    Raises:
        Busy: It is there, and its process is alive or cannot be seen.
        OSError: It cannot be written.
    """
    warnings.warn(
        f"the file system of {path.parent} has no locks; {_owner_of(path).name} takes their "
        "place. If a machine dies while it works there, delete that file.",
        stacklevel=3,
    )
    owner, end = _owner_of(path), time.monotonic() + (wait or 0.0)
    while not _made(owner, me):
        worker = _read(owner)
        if worker is not None and worker.alive() is False:
            _take_away(owner, worker)
        elif time.monotonic() >= end:
            raise _busy(path.parent, worker)
        else:
            time.sleep(LOOK)
    return owner


def _made(owner: Path, me: Process) -> bool:
    """Make a file that names this process, with its text at once; False when it is there."""
    part = temporary(owner)
    try:
        part.write_text(json.dumps(me.to_json()))
        try:
            os.link(part, owner)
        except FileExistsError:
            return False
        except OSError:  # no second names here
            with owner.open("x") as file:
                file.write(json.dumps(me.to_json()))
    except FileExistsError:
        return False
    finally:
        remove(part)
    return True


def _take_away(owner: Path, dead: Process) -> None:
    """Delete the file of a process that has ended, unless another one has made its own since."""
    aside = temporary(owner)
    with suppress(FileNotFoundError):
        owner.rename(aside)
        if _read(aside) != dead:
            with suppress(OSError):
                os.link(aside, owner)
        remove(aside)
