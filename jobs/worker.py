"""The process of a job: ``job_worker RUN_DIRECTORY``, started by `start`."""

from __future__ import annotations

import sys
from pathlib import Path

from ..common.errors import Stopped
from ..runs import Lease, interrupt, open_run
from ..runs.exit_status import exit_status


def main(words: list[str]) -> int:
    """Carry out the job named on the command line."""
    interrupt()
    run = open_run(Path(words[0]))

    def work() -> None:
        try:
            if "fiftyone" in sys.modules:  # imported before this process was forked
                from ..datasets import preloading

                preloading.follow()
            from .carry_out import carry_out

            carry_out(run)
        except (KeyboardInterrupt, Stopped):
            with Lease(run.path):  # it may have come before the work began
                run.set_status("stopped", message="stopped", eta_seconds=None)

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
