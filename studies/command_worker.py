"""The process of one command: runs the program, and keeps its status."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ..common.errors import CuradiffError, RunError
from ..runs import Lease, Run, StopRequest, environment
from ..runs.failure import note_failure
from .command_training import words_of

LOOK = 0.2  # seconds between two looks at the program
PATIENCE = 30.0  # seconds that it may take to end when it is asked to
BEAT = 10.0  # seconds between two signs of life


def work(run: Run) -> str:
    """Run the program of a run until it ends; return the run's state.

    SIGTERM is passed on to the program, which is ended where it does not end by itself.

    Raises:
        RunError: Another process works in the run.
    """
    request = StopRequest()
    with request.listening(), Lease(run.path):
        words = words_of(run)
        run.set_status("running", message=f"running {words[0]}", error=None)
        try:
            program = subprocess.Popen(
                words, cwd=run.path, stdin=subprocess.DEVNULL, env=environment.of_child({})
            )
        except OSError as fault:
            note_failure(run, fault, error=f"could not start {words[0]}: {fault.strerror}.")
            return "failed"
        status = _until_ended(run, program, request)
        if request.received:
            run.set_status("stopped", message="stopped")
            return "stopped"
        if status:
            note_failure(run, RunError(f"{words[0]} ended with exit status {status}"))
            return "failed"
        steps = run.settings["steps"]
        seen = steps * run.settings["batch_size"]
        run.set_status(
            "finished", message="finished", step=steps, steps=steps, images_seen=seen, loss=None
        )
        return "finished"


def _until_ended(run: Run, program: subprocess.Popen, request: StopRequest) -> int:
    ends, beat = None, time.monotonic()
    while True:
        try:
            return program.wait(LOOK)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        if request.received and ends is None:
            program.terminate()
            ends = now + PATIENCE
        if ends is not None and now > ends:
            program.kill()
        if now - beat > BEAT:
            beat = now
            run.set_status("running")


def main(words: list[str]) -> int:
    """Run the command of the run that the command line names."""
    try:
        return 0 if work(Run(Path(words[0]))) in ("finished", "stopped") else 1
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
