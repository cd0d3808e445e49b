"""``curadiff demo``: a whole study on a drawn data set, in a few minutes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from .. import demo
from ..api import import_images, study
from ..api.progress import reporting

PEOPLE, TEST = 600, 60
SIZES = {
    "name": "demo",
    "budget": 150,
    "seeds": [0, 1],
    "parallel": 2,
    "embed": {"encoder": "builtin"},
    "train": {
        "preset": "demo",
        "image_size": 24,
        "steps": 160,
        "cooldown": 60,
        "checkpoint_every": 160,
    },
    "generate": {"count": 48, "steps": 20, "sampler": "ddim"},
    "evaluate": {"encoder": "scattering"},  # another one than that which selects
}


def run_demo(folder: str) -> None:
    """Draw the photographs, run the study, say where everything is."""
    began = time.monotonic()
    root = Path(folder).resolve() / "tryon"
    print(
        "A demonstration of Curadiff on drawn people. Its sizes are chosen so that it ends in a\n"
        "few minutes on two CPU cores; its numbers say nothing about real photographs.\n"
    )
    with reporting(True, "draw people", "picture") as report:
        demo.render(root, people=PEOPLE, test=TEST, progress=report)
    imported = import_images(root, name="tryon")
    print(imported)
    result = study(f"{imported.dataset.name}:train", **SIZES)
    print(f"\n{result}")
    print(f"From here that is: {program()} app {result.generated}")
    print(
        f"\nDone in {(time.monotonic() - began) / 60:.1f} minutes. These were demonstration sizes: "
        "for your own images see README.md."
    )


def program() -> str:
    """Return what to type for ``curadiff`` where the demo was started."""
    return "curadiff" if shutil.which("curadiff") else os.path.relpath(sys.argv[0])
