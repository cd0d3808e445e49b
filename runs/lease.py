"""Who is working in a run directory right now.

The lease is a kernel file lock: it ends with its process, however that ends, so
there are no stale leases to clean up. The file's text only tells people whose it is.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import RunError

NAME = "lease"


class Lease:
    """Hold a run directory for this process, as a context manager.

    Raises:
        RunError: On entry, when another living process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / NAME
        self._handle: int | None = None

    def __enter__(self) -> Self:
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as fault:
            raise RunError(
                f"could not open {self.path}: {fault.strerror}; a run needs a folder that you can "
                "write to."
            ) from fault
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 64).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise RunError(
                f"{self.path.parent} is in use by process {holder}; wait for it, "
                "or stop it with: curadiff runs --stop " + self.path.parent.name
            ) from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        except OSError as fault:
            os.close(handle)
            raise RunError(
                f"could not write {self.path}: {fault.strerror}; free some space, "
                "then run the same command again."
            ) from fault
        self._handle = handle
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def held(folder: Path) -> bool:
    """Tell whether a living process holds the folder's lease."""
    try:
        handle = os.open(Path(folder) / NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def holder(folder: Path) -> int | None:
    """Return the pid that holds the folder's lease, None when nobody does."""
    if not held(folder):
        return None
    try:
        return int((Path(folder) / NAME).read_text())
    except (OSError, ValueError):
        return None
