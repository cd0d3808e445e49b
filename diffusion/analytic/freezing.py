"""The "training" of the analytic network: keep which images it has, and their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...common.devices import choose_device
from ...common.errors import RunError
from ...common.files import link_or_copy, replacing_folder
from ...config import TrainSettings, settings_of
from ...runs import Run, write_json
from .. import manifest, pixels, schedules
from ..sampling.grid import write_grid
from ..train import checkpoint

FILE = "pictures.npy"
STEP = 1
EVALUATIONS = 12
PICTURES, COLUMNS = 16, 4


class Freezing:
    """Freezes the images of a prepared run; it takes seconds.

    Args:
        run: Prepared with `preparing.prepare`.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.settings = settings_of(TrainSettings, run)
        self.step = 0

    def run_to_end(self) -> str:
        """Keep the pixels, draw the sample grid, and return ``finished``."""
        s, run = self.settings, self.run
        images = manifest.read(run)
        manifest.check_unchanged(images)
        pixels.load(images["paths"], images["sha256"], s.image_size)  # decodes what is not cached
        freeze(run.path, pixels.cache_path(images["sha256"], s.image_size))
        count = len(images["ids"])
        device = choose_device(s.device)
        facts = {"steps": s.steps, "images": count, "images_seen": count, "weights": 0}
        run.set_status("running", **facts, device=str(device), message="drawing a sample grid")
        self._draw_grid(device)
        self.step = s.steps
        return "finished"

    def _draw_grid(self, device: torch.device) -> None:
        from . import drawing  # it reads what is frozen here

        s = self.settings
        model = drawing.open_model(self.run.path, STEP, s, device)
        levels = schedules.alpha_bar(s.schedule, s.timesteps).tolist()
        made = model.sample(
            range(PICTURES), alpha_bar=levels, sampler="ddim", evaluations=EVALUATIONS
        )
        path = self.run.path / "grids" / f"step-{s.steps:08d}.png"
        write_grid(made.pictures, path, columns=COLUMNS)


def freeze(run_path: Path, prepared: Path) -> Path:
    """Keep prepared pixels as the run's checkpoint; linked, not copied, where the disk can.

    Args:
        run_path: The run directory.
        prepared: File with (n, 3, size, size) uint8.

    Raises:
        RunError: The disk is full or not writable.
    """
    folder = checkpoint.path_of(run_path, STEP)
    checkpoint.sweep(run_path)
    with replacing_folder(folder) as part:
        link_or_copy(prepared, part / FILE)
        write_json(part / "state.json", {"step": STEP})
        checkpoint.write_checksums(part, STEP)
    return folder


def pictures(run_path: Path, step: int) -> np.ndarray:
    """Return the frozen pictures, (n, 3, size, size) uint8, memory-mapped.

    Raises:
        RunError: The file is gone or damaged.
    """
    path = checkpoint.path_of(run_path, step) / FILE
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as fault:
        raise RunError(
            f"{path} cannot be read ({fault}); freeze the images again: train once more."
        ) from fault
