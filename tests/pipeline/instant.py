"""A drawing that takes no time, for tests of what a study does around it."""

from __future__ import annotations

import numpy as np
from curadiff import runs
from PIL import Image


def generate(run, *, progress, count, seed, checkpoint=None, **more):
    folder = run.path / "drawn"
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(len(run.id))
    for n in range(count):
        image = Image.fromarray(pixels.integers(0, 255, (16, 16, 3), np.uint8))
        image.save(folder / f"{n:06d}.png")
    told = {"run": run.id, "seeds": [seed + n for n in range(count)], "checkpoint": 2}
    told |= {"weights": "ema", "sampler": "ddim", "steps": 2}
    runs.write_json(folder / "generated.json", told)
    return folder
