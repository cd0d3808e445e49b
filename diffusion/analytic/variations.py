"""Drawings begun at training images, half way down the noise, so that every image is tried.

Drawings from nothing but noise use some training images much and others hardly at all. Here
each image is noised to the middle level and denoised from there: what a model makes of it,
and of those that are like it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...common.devices import choose_device
from ...config import TrainSettings, settings_of
from ...runs import Run
from .. import schedules
from ..sampling import image_folder
from ..train import checkpoint
from ..train.randomness import stream
from . import drawing, sources

PART = 16  # drawn together; a variation does not depend on which others are


def vary(
    run: Run,
    *,
    count: int,
    evaluations: int,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, list[int]]:
    """Draw a variation of many training images of a run; what is there already is kept.

    Args:
        run: A finished run of the network ``analytic``.
        count: Of so many images, chosen at random, or of all.
        evaluations: Noise levels of a whole drawing; the lower half of them is visited.
        device: Where to compute.
        progress: Called with (done, total) after each part.

    Returns:
        The folder, and the rows of the manifest whose variations are there, ascending: that
        of row r is the file ``{r:06d}.png``.
    """
    settings = settings_of(TrainSettings, run)
    step = checkpoint.saved_steps(run.path)[-1]
    folder = run.path / "variations"
    folder.mkdir(exist_ok=True)
    model = None
    n = run.record["images"]
    rows = np.sort(stream("variations").permutation(n)[:count]).tolist()
    missing = [row for row in rows if not (folder / image_folder.file_name(row)).exists()]
    levels = schedules.alpha_bar(settings.schedule, settings.timesteps).tolist()
    for at in range(0, len(missing), PART):
        model = model or drawing.open_model(run.path, step, settings, choose_device(device))
        part = missing[at : at + PART]
        made = model.vary(part, alpha_bar=levels, sampler="ddim", evaluations=evaluations)
        for row, picture, source in zip(part, made.pictures, made.sources, strict=True):
            image_folder.write(folder / image_folder.file_name(row), picture, source.text())
        if progress is not None:
            progress(len(rows) - len(missing) + at + len(part), len(rows))
    return folder, rows


def load(folder: Path, rows: list[int]) -> list[sources.Source]:
    """Read what variations are made of, in the order of ``rows``."""
    return [sources.read(folder / image_folder.file_name(row)) for row in rows]
