"""How hard each image is for a trained model: its denoising loss at fixed levels and noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...common.devices import choose_device
from ...common.errors import DataError, RunError, SettingsError
from ...config import TrainSettings, settings_of
from ...runs import Run
from .. import classes, manifest, pixels, schedules
from ..pixel_range import to_unit
from ..sampling.generate import load_network
from . import checkpoint
from .objective import Network, Objective
from .randomness import normal

LEVELS = 10  # noise levels that the loss is averaged over
ROWS = 32  # images that go through the network together


def image_difficulty(
    run: Run, images: manifest.Manifest | None = None, *, device: str = "auto"
) -> np.ndarray:
    """Return the mean denoising loss of each image under a run's averaged weights.

    The same for every call on the same device: see `denoising_losses`. High values are images
    that the model has not learned, rare or unlike the others; `curadiff.selectors` takes the
    values as weights of the method ``difficulty``. A network that was trained with classes is
    told those of the images; without a label, or of a class that it was not trained on, an image
    is of no class.

    Args:
        run: A training of a network with at least one checkpoint; the last one is used.
        images: Image files with their hashes and, where the run has classes, their labels, from
            `manifest.make`; by default those that the run was trained on.
        device: Where the network computes.

    Returns:
        (n,) float64, in the order of the images.

    Raises:
        RunError: The run has no checkpoint.
        SettingsError: The run draws without a network.
        DataError: An image changed since it was listed, or cannot be read. Or it has no class
            and the run was trained on images with a class alone.

    Source: Huang et al. 2025, "Diffusion Dataset Condensation", arXiv:2507.05914, whose
    difficulty this is, with levels and noise that are the same for all images.
    """
    settings = settings_of(TrainSettings, run)
    if settings.network == "analytic":
        raise SettingsError(
            f"{run.id} has no network whose loss could be measured; give a run of another network."
        )
    step = checkpoint.newest_intact(run.path, "ema.safetensors")
    if step is None:
        raise RunError(f"{run.id} has no checkpoint yet; train it first.")
    place = choose_device(device)
    listed = manifest.read(run) if images is None else images
    manifest.check_unchanged(listed)
    pictures = pixels.load(listed["paths"], listed["sha256"], settings.image_size)
    numbers = _class_numbers(run, settings, listed)
    network = load_network(run, settings, step=step, weights="ema", device=place, autocast=False)
    objective = Objective(
        schedules.alpha_bar(settings.schedule, settings.timesteps),
        prediction=settings.prediction,
        min_snr=settings.min_snr,
        weighting=settings.weighting,
        device=place,
    )
    parts = []
    for at in range(0, len(pictures), ROWS):
        images_of_part = torch.from_numpy(np.array(pictures[at : at + ROWS])).to(place)
        told = None if numbers is None else torch.from_numpy(numbers[at : at + ROWS]).to(place)
        parts.append(denoising_losses(network, objective, to_unit(images_of_part), told))
    return np.concatenate(parts)


def _class_numbers(
    run: Run, settings: TrainSettings, images: manifest.Manifest
) -> np.ndarray | None:
    """Return the classes of images as a run numbers them, (n,) int64; None without classes."""
    known = classes.labels_of(run.path)
    if not known:
        return None
    numbers = classes.numbers(images.get("labels", [None] * len(images["ids"])), known)
    unknown = np.flatnonzero(numbers == len(classes.counts(known)))
    if len(unknown) and not classes.learns_no_class(known, settings.label_dropout):
        raise DataError(
            f"{len(unknown)} of {len(numbers)} images have none of the classes of {run.id} "
            f"({', '.join(classes.counts(known))}), first {images['paths'][unknown[0]]}, and it "
            "was trained with label_dropout 0, so it knows no image without a class; give the "
            "labels of all, or leave those images out."
        )
    return numbers


@torch.no_grad()
def denoising_losses(
    network: Network,
    objective: Objective,
    pictures: Tensor,
    told: Tensor | None = None,
    *,
    levels: int = LEVELS,
) -> np.ndarray:
    """Return the loss of each image, averaged over fixed noise levels with fixed noise.

    Level i of k is the middle of the i-th of k equal ranges, and its noise is the same for
    every image, so that images differ by nothing but themselves.

    Args:
        network: Asked once per level.
        objective: Says what the loss is.
        pictures: (n, 3, h, w) float32 in [-1, 1], on the network's device.
        told: (n,) the classes that they show, for a network that is told classes.
        levels: How many noise levels.

    Returns:
        (n,) float64.
    """
    total = np.zeros(len(pictures))
    condition = () if told is None else (None, told)
    for place in range(levels):
        t = torch.full((len(pictures),), (2 * place + 1) * len(objective.weight) // (2 * levels))
        noise = normal([place], pictures.shape[1:], pictures.device).expand_as(pictures)
        losses = objective.losses(network, pictures, t.to(pictures.device), noise, *condition)
        total += losses.double().cpu().numpy()
    return total / levels
