"""``curadiff demo``: a preview of all arms and a small study, on a drawn data set."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from .. import demo
from ..studies.engine import study
from ..studies.preview.engine import preview
from ..workflows.importing import import_images
from ..workflows.progress import reporting

PEOPLE, TEST = 600, 60
PREVIEW = {
    "name": "demo-preview",
    "budget": 150,
    "random_draws": 2,
    "count": 48,
    "noise_seeds": [0],
    "image_size": 64,
    "variations": 60,
    "embed": {"encoder": "builtin"},
    "evaluate": {"encoder": "scattering", "bootstrap": 200},
}
SIZES = {
    "name": "demo",
    "arms": ["random", "typicality"],
    "budget": 150,
    "seeds": [0],
    "draws": 1,
    "curve": 2,
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
    """Draw the photographs, preview all arms, train two, say where everything is."""
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
    source = f"{imported.dataset.name}:train"
    previewed = preview(source, **PREVIEW)
    print(f"\n{previewed}\n\nNow two small networks are trained on the same choices.\n")
    result = study(source, **SIZES)
    print(f"\n{result}")
    print(f"What all arms would draw, without training: {previewed.page}")
    print(f"From here that is: {program()} app {result.generated}")
    print(
        f"\nDone in {(time.monotonic() - began) / 60:.1f} minutes. These were demonstration sizes: "
        "for your own images see README.md."
    )


def program() -> str:
    """Return what to type for ``curadiff`` where the demo was started."""
    return "curadiff" if shutil.which("curadiff") else os.path.relpath(sys.argv[0])
