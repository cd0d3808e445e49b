"""The analytic model of each arm, kept as a run, and what it draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ... import diffusion
from ...common.keys import under
from ...config import GenerateSettings, PreviewSettings, TrainSettings
from ...datasets import reading
from ...datasets.resolving import all_samples
from ...runs import Run
from ...workflows.training import new_run
from ..directory import put_aside
from .arms import Arm

SEED_STRIDE = 1_000_000  # between the first seeds of two noise seeds


def frozen_model(
    preview: Run, config: PreviewSettings, dataset: Any, arm: Arm, ids: list[str]
) -> Run:
    """Return the run of an arm's model, which only keeps its images; made when it is not there.

    Args:
        preview: The preview's run.
        config: Its settings.
        dataset: The data set with the images.
        arm: Whose model.
        ids: Samples of the arm's images.
    """
    name = under(config.name, arm.key)
    folder = preview.path / "runs"
    if (folder / name / "manifest.json").exists():
        model_run = Run(folder / name)
    else:
        put_aside(folder / name)
        settings = TrainSettings(
            name=name,
            network="analytic",
            image_size=config.image_size,
            decide_size=config.decide_size,
            windows=config.windows,
            horizontal_flip=config.horizontal_flip,
            bad_images="skip",
            seed=arm.seed,
            device=config.device,
        )
        images = reading.read_paths(all_samples(dataset).select(ids, ordered=True))
        model_run = new_run(dataset, images, settings, arm=arm.key, folder=folder)
    if model_run.status["state"] != "finished":
        diffusion.freeze(model_run)
    return model_run


def draw_pictures(
    model_run: Run,
    config: PreviewSettings,
    *,
    noise_seed: int,
    count: int,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw the first pictures of a noise seed with an arm's model; return their folder.

    Args:
        model_run: The arm's model.
        config: Settings of the preview.
        noise_seed: Every arm draws from the same noise for it.
        count: How many pictures; those that are there are not drawn again.
        progress: Called with (done, total).
    """
    settings = GenerateSettings(
        count=count,
        sampler="ddim",
        steps=config.steps,
        seed=noise_seed * SEED_STRIDE,
        device=config.device,
    )
    return diffusion.generate(model_run, settings, progress=progress)
