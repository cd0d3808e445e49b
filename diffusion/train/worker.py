"""The process that trains: ``worker RUN_DIRECTORY``, started through `jobs.start`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from ...common.errors import CuradiffError
from ...config import TrainSettings, settings_of
from ...runs import Lease, Run, StopRequest, open_run
from ...runs.exit_status import exit_status
from ...runs.failure import note_failure


def train_run(run: Run, stop_requested: Callable[[], bool]) -> str:
    """Train a prepared run to its end; returns its final state, ``finished`` or ``stopped``.

    Raises:
        CuradiffError: Something that the user can mend; the status says the same.
    """
    settings = settings_of(TrainSettings, run)
    if settings.network == "analytic":
        return _freeze(run, settings)
    from . import engine, loop

    try:
        accelerator = engine.accelerator(settings, run.path)
        main = accelerator.is_main_process
        engine.check_processes(accelerator.num_processes, settings)
    except CuradiffError as fault:
        note_failure(run, fault, advised=True)
        raise
    with Lease(run.path) if main else nullcontext():
        if main:
            run.set_status("starting", error=None, message="reading the images")
        try:
            training = loop.Training(run, accelerator, stop_requested)
            state = training.run_to_end()
        except Exception as fault:
            if main:
                advised = isinstance(fault, CuradiffError)
                unknown = f"{type(fault).__name__}: {fault}; see {run.path / 'output.log'}."
                note_failure(run, fault, error="" if advised else unknown, advised=advised)
            raise
        if main:
            message = f"{state} at step {training.step} of {settings.steps}"
            if state == "finished" and training.step < settings.steps:
                message += ": the loss on held-out images has not fallen any more"
            message += training.progress.skipped_in_words()
            run.set_status(state, step=training.step, eta_seconds=None, message=message)
    return state


def _freeze(run: Run, settings: TrainSettings) -> str:
    """Keep the images of the network that needs no training."""
    from ..analytic.freezing import Freezing

    with Lease(run.path):
        run.set_status("starting", error=None, message="reading the images")
        try:
            state = Freezing(run).run_to_end()
        except CuradiffError as fault:
            note_failure(run, fault, advised=True)
            raise
        message = "the images are kept; this network is not trained"
        run.set_status(state, step=settings.steps, eta_seconds=None, message=message)
    return state


def share_cores() -> None:
    """Let idle threads sleep instead of spin; only before torch is imported.

    OpenMP's threads otherwise spin while they wait for one another, and on cores
    that others use too a training becomes tens of times slower than on one thread.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(words: list[str]) -> int:
    """Train the run directory named on the command line.

    Alone, the process outlives whoever started it; as one of several it ends with their
    launcher, which ``bootstrap`` sees to.
    """
    share_cores()
    stop_request = StopRequest()
    stop_request.listen()
    return exit_status(lambda: train_run(open_run(Path(words[0])), stop_request))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
