"""How a process ends: its exit status, with the reason in its log."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from ..common.disk_faults import in_words
from ..common.errors import CuradiffError
from .failure import kind_of

STATUSES = {"DiskFull": 73, "Unwritten": 74, "EnvironmentFault": 69}
"""Exit statuses of what is no fault of the process's own work, see `failure.KINDS`."""


def exit_status(work: Callable[[], object]) -> int:
    """Do a process's work, and return its exit status: 0, or where it failed 1 or of `STATUSES`.

    What a user can mend is printed as its sentence, anything else as a traceback.
    """
    try:
        work()
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return _status_of(fault)
    except Exception as fault:
        known = in_words(fault) if isinstance(fault, OSError) else None
        if known is None:
            traceback.print_exc()
        else:
            print(known, file=sys.stderr)
        return _status_of(fault)
    return 0


def _status_of(fault: BaseException) -> int:
    return STATUSES.get(kind_of(fault) or "", 1)


def kind_of_status(status: int) -> str | None:
    """Return the word of `failure.KINDS` that an exit status stands for, None for others."""
    return next((kind for kind, number in STATUSES.items() if number == status), None)
