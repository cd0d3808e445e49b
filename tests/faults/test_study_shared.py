"""Several processes on one study: every training is done by one of them, once.

Trainings and drawings are replaced by ones that take no time; everything else is real.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

import curadiff
from curadiff import runs

from ..pipeline.instant import generate
from ..pipeline.test_study import SIZES
from .test_study_killed import NAME, state


def log() -> Path:
    return Path(os.environ["CURADIFF_HOME"]) / "trained.txt"


def start(run, **more):
    with log().open("a") as file:
        file.write(f"{run.id} {os.getpid()}\n")
    time.sleep(0.3)  # so that both processes find something to do
    run.set_status("finished", step=2, steps=2, images_seen=8, loss=0.5)


def study():
    from curadiff.studies import cell_work

    settings = {**SIZES, "arms": ["random", "full"], "seeds": [0, 1], "draws": 1, "budget": 4}
    settings["evaluate"] = {**SIZES["evaluate"], "bootstrap": 0, "null_draws": 0}
    settings["generate"] = {"count": 4, "steps": 2}
    with (
        patch.object(cell_work.diffusion, "start", start),
        patch.object(cell_work, "generate", generate),
    ):
        result = curadiff.study(NAME, progress=False, **settings)
    return {outcome["cell"]: outcome["values"] for outcome in result.outcomes}


def test_two_processes_share_the_trainings_of_a_study(harness):
    harness.save(state)
    alone = harness.child(study)
    harness.restore()
    both = harness.together([study, study])
    assert both == [alone, alone]
    lines = harness.child(lambda: log().read_text().split("\n")[:-1])
    trained = [line.split()[0] for line in lines]
    assert sorted(trained) == sorted(set(trained)), "a training was done twice"
    assert len(trained) == 4
    assert len({line.split()[1] for line in lines}) == 2, "one process did everything"
    assert harness.child(lambda: runs.open_run("tiny").status["state"]) == "finished"
