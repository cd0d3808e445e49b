"""The process of a job: ``job_worker RUN_DIRECTORY``, started by `start`."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from ..common.errors import CuradiffError, Stopped
from ..runs import Lease, interrupt, open_run


def main(words: list[str]) -> int:
    """Carry out the job named on the command line."""
    interrupt()
    run = open_run(Path(words[0]))
    try:
        from .carry_out import carry_out

        carry_out(run)
    except (KeyboardInterrupt, Stopped):
        with Lease(run.path):  # it may have come before the work began
            run.set_status("stopped", message="stopped", eta_seconds=None)
        return 0
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
