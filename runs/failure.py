"""Why the process of a run has failed: noted in its status, and raised by whoever waited for it.

Most failures are of one run alone. Of some the others fail too, such as that of a full disk; so
the status says which of these it is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ..common.disk_faults import is_full
from ..common.errors import CuradiffError, DiskFull, EnvironmentFault, RunError, Unwritten
from ..common.files import check_room
from .run import Run

KINDS = {kind.__name__: kind for kind in (DiskFull, Unwritten, EnvironmentFault)}
"""Failures that are of more than one run, by the word for them in a status."""


def kind_of(fault: BaseException) -> str | None:
    """Return the word of `KINDS` for a fault, None for one of a single run."""
    if is_full(fault):
        return DiskFull.__name__
    return next((name for name, kind in KINDS.items() if isinstance(fault, kind)), None)


def note_failure(run: Run, fault: BaseException, *, error: str = "", **values: Any) -> None:
    """Write into a run's status why its process fails; a disk that takes no status says it later.

    Args:
        run: The run.
        fault: What was raised.
        error: The sentence for it; by default its own.
        **values: Other entries of the status.
    """
    error = error or str(fault) or type(fault).__name__
    with suppress(CuradiffError):
        run.set_status("failed", error=error, message=error, error_kind=kind_of(fault), **values)


def failure(run: Run, message: str) -> CuradiffError:
    """Return the error to raise for a run whose process has failed, of the kind of its fault.

    A process that ended without a word may have found no room for one; a reason that it gave
    stays in the sentence.
    """
    status = run.status
    failed = status["state"] == "failed"
    kind = status.get("error_kind") if failed else None
    if kind is None:
        try:
            check_room(run.path)
        except DiskFull as fault:
            return DiskFull(f"{message} And: {fault}", run.path) if failed else fault
        except CuradiffError:  # such as a run that was deleted meanwhile
            pass
    return of_kind(kind, message, run.path)


def of_kind(kind: str | None, message: str, path: Path) -> CuradiffError:
    """Return the error of a word of `KINDS`, a `RunError` for others."""
    made = KINDS.get(kind or "", RunError)
    return made(message, path) if issubclass(made, Unwritten) else made(message)
