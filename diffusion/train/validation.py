"""Validation loss by noise level, on training images and on held-out ones.

A loss that falls on training images and rises on held-out ones, at low noise
levels first, is memorization; at high levels it concerns the composition.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...runs import Run
from .. import manifest, pixels
from ..pixel_range import to_unit
from .objective import Network, Objective
from .randomness import normal, stream

BINS = 10
IMAGES = 32  # enough to tell the curves apart, few enough to be quick


def held_out_subset(run: Run, size: int, device: torch.device) -> Tensor | None:
    """Return up to 32 of a run's held-out images, (n, 3, h, w) in [-1, 1]; None without any."""
    if not (run.path / manifest.HELD_OUT).exists():
        return None
    listed = manifest.read(run, manifest.HELD_OUT)
    manifest.check_unchanged(listed)
    images = pixels.load(listed["paths"], listed["sha256"], size)
    subset = np.array(images[_subset(len(images))])
    return to_unit(torch.from_numpy(subset).to(device))


def training_subset(pictures: Tensor, device: torch.device) -> Tensor:
    """Return up to 32 of the training images (n, 3, h, w) uint8, in [-1, 1]."""
    return to_unit(pictures[_subset(len(pictures))].to(device))


def _subset(count: int) -> np.ndarray:
    """Return `IMAGES` random indices, always the same: a list may be sorted by class."""
    return np.sort(stream("watched images").permutation(count)[:IMAGES])


@torch.no_grad()
def loss_by_level(network: Network, objective: Objective, pictures: Tensor) -> list[float]:
    """Return the mean loss in each of 10 equal ranges of noise levels, from clean to noise.

    Levels and noise are always the same, so that values of different steps and of
    different images can be compared.

    Args:
        network: Evaluated once per range.
        objective: Defines the loss.
        pictures: (n, 3, h, w) float32 in [-1, 1], on the network's device.
    """
    means = []
    timesteps = len(objective.weight)
    for place in range(BINS):
        low, high = place * timesteps // BINS, (place + 1) * timesteps // BINS
        generator = stream("watch", place)
        t = torch.from_numpy(generator.integers(low, max(high, low + 1), size=len(pictures)))
        seeds = generator.integers(2**62, size=len(pictures))
        noise = normal(seeds, pictures.shape[1:], pictures.device)
        losses = objective.losses(network, pictures, t.to(pictures.device), noise)
        means.append(round(losses.mean().item(), 6))
    return means
