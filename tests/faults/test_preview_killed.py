"""``preview`` killed, or stopped by Ctrl-C: the same command finishes, with the same outcomes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from unittest.mock import patch

import curadiff
import numpy as np
import pytest
from curadiff import runs
from PIL import Image

from ..conftest import draw
from ..pipeline.test_preview import SIZES

curadiff.preview  # noqa: B018, loads the module once here and not in every process
NAME = "killed-preview"
MOMENTS = 5
SETTINGS = {
    **SIZES,
    "arms": ["random", "coreset", "coreset-less-20"],
    "random_draws": 1,
    "budget": 6,
    "count": 8,
    "variations": 8,
}


def photos() -> Path:
    return Path(os.environ["CURADIFF_HOME"]) / "photos"


def state():
    for number in range(16):
        draw(photos() / f"{number:03d}.png", number)
    curadiff.import_images(photos(), name=NAME)


def preview():
    """Return what a preview finds, in words that do not depend on ids and places."""
    result = curadiff.preview(NAME, progress=False, **SETTINGS)
    shown = []
    for outcome in result.outcomes:
        drawn = outcome["drawn"]["0"]
        files = sorted(Path(drawn["folder"]).glob("*.png"))
        pixels = hashlib.sha256(b"".join(np.asarray(Image.open(f)).tobytes() for f in files))
        worst = [(Path(one["path"]).name, one["harm"]) for one in outcome["worst"]]
        values = {"drawn": drawn["values"], "forecast": outcome["forecast"]}
        shown.append((outcome["arm"], outcome["images"], values, worst, pixels.hexdigest()))
    fields = sorted(
        (Path(path).name, harm)
        for path, harm in zip(
            *result_fields("filepath", f"{SETTINGS['name']}_coreset_harm"), strict=True
        )
    )
    sources = result_fields("source_weights", "arm", name=result.generated)
    return shown, fields, sources, result.run.status["state"]


def result_fields(*names, name=NAME):
    import fiftyone as fo

    return fo.load_dataset(name).values(list(names))


def dying(number, stop):
    """Run the preview; at its n-th file that is put in place it ends."""
    real, left = Path.replace, [number]

    def replace(path, target):
        left[0] -= 1
        if left[0] == 0:
            stop()
        return real(path, target)

    with patch.object(Path, "replace", replace):
        try:
            preview()
        except KeyboardInterrupt:
            return runs.open_run(SETTINGS["name"]).status["state"]
    return -left[0]  # how many files there are


def killed():
    os._exit(97)


def stopped():
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_preview_that_was_killed_or_stopped_goes_on_to_the_same(harness):
    harness.save(state)
    wanted = harness.child(preview)
    harness.restore()
    files = harness.child(lambda: dying(0, killed))
    assert files > 3 * 8
    wrong = []
    for place in range(MOMENTS):
        number = round(1 + (place + 0.5) * (files - 1) / MOMENTS)
        for stop, ends_with in ((killed, None), (stopped, "stopped")):
            harness.restore()
            ended = harness.child(lambda n=number, stop=stop: dying(n, stop))
            where = f"{stop.__name__} at file {number} of {files}"
            if ended != ends_with:
                wrong.append(f"{where}: it ended with {ended}")
            try:
                found = harness.child(preview)
            except Exception as fault:
                wrong.append(f"{where}: {fault!r}")
                continue
            if found != wanted:
                wrong.append(f"{where}: {found} is not {wanted}")
    assert not wrong
