"""``study`` killed at its database writes: the same command finishes, with the same outcomes.

Trainings and drawings are replaced by ones that take no time; everything else is real.
"""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import curadiff
import pytest
from curadiff import runs

from ..conftest import draw
from ..pipeline.instant import generate
from ..pipeline.test_study import SIZES

curadiff.study  # noqa: B018, loads the module once here and not in every process
NAME = "killed"
KILLS = int(os.environ.get("CURADIFF_KILLS", "20"))  # positions that are tried


def start(run, **more):
    run.set_status("finished", step=2, steps=2, images_seen=8, loss=0.5)


def photos() -> Path:
    return Path(os.environ["CURADIFF_HOME"]) / "photos"


def state():
    for number in range(16):
        draw(photos() / f"{number:03d}.png", number)
    curadiff.import_images(photos(), name=NAME)


def study():
    from curadiff.studies import cell_work

    settings = {**SIZES, "arms": ["random"], "seeds": [0, 1], "budget": 4}
    settings["evaluate"] = {**SIZES["evaluate"], "bootstrap": 0, "null_draws": 0}
    settings["generate"] = {"count": 4, "steps": 2}
    with (
        patch.object(cell_work.diffusion, "start", start),
        patch.object(cell_work, "generate", generate),
    ):
        found = curadiff.study(NAME, progress=False, **settings)
    kept = runs.read_json(found.run.path / "study.json")
    return [(o["cell"], o["images"], o["values"]) for o in found.outcomes], kept


def study_dying(number, late):
    """Run the study; its process is gone before or right after its n-th file is replaced."""
    real, left = Path.replace, [number]

    def replace(path, target):
        left[0] -= 1
        if left[0] == 0 and not late:
            os._exit(97)
        moved = real(path, target)
        if left[0] == 0:
            os._exit(97)
        return moved

    with patch.object(Path, "replace", replace):
        study()
    return -left[0]  # how many were written beyond the wanted one


def again(harness, wanted, where):
    """Repeat the study; return what is wrong with what it finds, if anything."""
    try:
        found = harness.child(study)
    except Exception as fault:
        return [f"killed {where}: {fault!r}"]
    return [] if found == wanted else [f"killed {where}: {found} is not {wanted}"]


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_outcomes(harness):
    harness.save(state)
    wanted = harness.child(study)
    harness.restore()
    writes = harness.child(study, count=True)
    harness.restore()
    files = harness.child(lambda: study_dying(0, False))
    wrong, tried = [], 0
    for number in spread_over(4, writes, KILLS // 2):
        harness.restore()
        if harness.child(study, kill=(number, False)) is None:
            tried += 1
            wrong += again(harness, wanted, f"before write {number} of {writes} to the database")
    for place, number in enumerate(spread_over(1, files, KILLS - KILLS // 2 + 2)):
        harness.restore()
        late = bool(place % 2)
        if harness.child(lambda n=number, late=late: study_dying(n, late)) is None:
            tried += 1
            when = "after" if late else "before"
            wrong += again(harness, wanted, f"{when} file {number} of {files}")
    print(f"{tried} positions tried, of {writes} in the database and {files} files")
    assert not wrong
    assert tried >= KILLS


def spread_over(first, last, count):
    """Return so many positions, evenly spread, the ends among them."""
    return sorted({round(first + n * (last - first) / (count - 1)) for n in range(count)})
