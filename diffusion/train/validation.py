"""See where a network is wrong: its loss by noise level, on seen and unseen images.

A loss that falls on training images and rises on held-out ones, at low noise
levels first, is memorization; at high levels it concerns the composition.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...runs import Run
from .. import manifest, pixels
from ..sampling import sample
from .objective import Network, Objective
from .randomness import normal, stream

BINS = 10
IMAGES = 32  # enough to tell the curves apart, few enough to be quick


def held_out(run: Run, size: int, device: torch.device) -> Tensor | None:
    """Return some images that a run does not train on, (n, 3, h, w) in [-1, 1], if it has any."""
    if not (run.path / manifest.HELD_OUT).exists():
        return None
    listed = manifest.read(run, manifest.HELD_OUT)
    manifest.check_unchanged(listed)
    found = pixels.load(listed["paths"], listed["sha256"], size)
    chosen = np.array(found[_chosen(len(found))])
    return sample.to_unit(torch.from_numpy(chosen).to(device))


def some(pictures: Tensor, device: torch.device) -> Tensor:
    """Return a few of (n, 3, h, w) uint8 pictures from all over the list, in [-1, 1]."""
    return sample.to_unit(pictures[_chosen(len(pictures))].to(device))


def _chosen(count: int) -> np.ndarray:
    """Choose `IMAGES` of so many places, always the same: a list may be sorted by class."""
    return np.sort(stream("watched images").permutation(count)[:IMAGES])


@torch.no_grad()
def by_level(network: Network, objective: Objective, pictures: Tensor) -> list[float]:
    """Return the mean loss in each of 10 equal ranges of noise levels, from clean to noise.

    Levels and noise are always the same, so that values of different steps and of
    different images can be compared.

    Args:
        network: Asked once per range.
        objective: Says what the loss is.
        pictures: (n, 3, h, w) float32 in [-1, 1], on the network's device.
    """
    found = []
    timesteps = len(objective.weight)
    for place in range(BINS):
        low, high = place * timesteps // BINS, (place + 1) * timesteps // BINS
        chance = stream("watch", place)
        t = torch.from_numpy(chance.integers(low, max(high, low + 1), size=len(pictures)))
        seeds = chance.integers(2**62, size=len(pictures))
        noise = normal(seeds, pictures.shape[1:], pictures.device)
        losses = objective.losses(network, pictures, t.to(pictures.device), noise)
        found.append(round(losses.mean().item(), 6))
    return found
