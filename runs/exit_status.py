"""How the process of a run ends: its exit status, with the reason in its log."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from ..common.disk_faults import in_words
from ..common.errors import CuradiffError


def exit_status(work: Callable[[], object]) -> int:
    """Do a process's work, and return its exit status: 0, or 1 where it failed.

    What a user can mend is printed as its sentence, anything else as a traceback.
    """
    try:
        work()
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return 1
    except Exception as fault:
        known = in_words(fault) if isinstance(fault, OSError) else None
        if known is None:
            traceback.print_exc()
        else:
            print(known, file=sys.stderr)
        return 1
    return 0
