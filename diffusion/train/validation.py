"""Validation loss by noise level, on training images and on held-out ones.

A loss that falls on training images and rises on held-out ones, at low noise
levels first, is memorization; at high levels it concerns the composition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...runs import Run
from .. import classes, manifest, pixels
from ..pixel_range import to_unit
from .objective import Network, Objective
from .randomness import normal, stream

BINS = 10
IMAGES = 32  # enough to tell the curves apart, few enough to be quick


class Subset(NamedTuple):
    """Images (n, 3, h, w) in [-1, 1], and their classes (n,), None where none are told."""

    images: Tensor
    classes: Tensor | None


def held_out_subset(run: Run, size: int, device: torch.device) -> Subset | None:
    """Return up to 32 of a run's held-out images with their classes; None without any.

    Images without a label, and those of a class that is not trained on, are of no class.
    """
    if not (run.path / manifest.HELD_OUT).exists():
        return None
    listed = manifest.read(run, manifest.HELD_OUT)
    manifest.check_unchanged(listed)
    images = pixels.load(listed["paths"], listed["sha256"], size)
    rows = _subset(len(images))
    subset = to_unit(torch.from_numpy(np.array(images[rows])).to(device))
    labels = listed.get("labels")
    if labels is None:
        return Subset(subset, None)
    numbers = classes.numbers(labels, classes.labels_of(run.path))[rows]
    return Subset(subset, torch.from_numpy(numbers).to(device))


def training_subset(
    pictures: Tensor, device: torch.device, numbers: np.ndarray | None = None
) -> Subset:
    """Return up to 32 of the training images (n, 3, h, w) uint8, with their classes (n,)."""
    rows = _subset(len(pictures))
    subset = to_unit(pictures[rows].to(device))
    told = None if numbers is None else torch.from_numpy(numbers[rows]).to(device)
    return Subset(subset, told)


def _subset(count: int) -> np.ndarray:
    """Return `IMAGES` random indices, always the same: a list may be sorted by class."""
    return np.sort(stream("watched images").permutation(count)[:IMAGES])


@torch.no_grad()
def loss_by_level(
    network: Network, objective: Objective, pictures: Tensor, classes: Tensor | None = None
) -> list[float]:
    """Return the mean loss in each of 10 equal ranges of noise levels, from clean to noise.

    Levels and noise are always the same, so that values of different steps and of
    different images can be compared.

    Args:
        network: Evaluated once per range.
        objective: Defines the loss.
        pictures: (n, 3, h, w) float32 in [-1, 1], on the network's device.
        classes: (n,) what they show, for a network that is told classes.
    """
    means = []
    condition = () if classes is None else (None, classes)
    timesteps = len(objective.weight)
    for place in range(BINS):
        low, high = place * timesteps // BINS, (place + 1) * timesteps // BINS
        generator = stream("watch", place)
        t = torch.from_numpy(generator.integers(low, max(high, low + 1), size=len(pictures)))
        seeds = generator.integers(2**62, size=len(pictures))
        noise = normal(seeds, pictures.shape[1:], pictures.device)
        losses = objective.losses(network, pictures, t.to(pictures.device), noise, *condition)
        means.append(round(losses.mean().item(), 6))
    return means
