"""Everything random in a training, as functions of (seed, step).

Nothing is remembered between steps. Step 12,345 draws the same images, flips, noise
levels and noise whether the training was resumed before it or not, on one process
or on several: every process draws the plan of the whole batch and takes
its own part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from . import augmentation


@dataclass(frozen=True)
class Plan:
    """The random choices of one optimizer step; arrays have shape (batch,)."""

    index: np.ndarray  # int64, which images
    flip: np.ndarray  # bool, mirrored or not
    t: np.ndarray  # int64, noise levels in [0, T)
    noise: np.ndarray  # int64, one seed per image for its noise
    augment: np.ndarray | None = None  # (batch, 7), see `augmentation.draw_parameters`
    unlabeled: np.ndarray | None = None  # bool, whose class the network is not told

    def part(self, chosen: slice) -> Plan:
        """Return the plan of a slice of the batch."""
        return Plan(
            self.index[chosen],
            self.flip[chosen],
            self.t[chosen],
            self.noise[chosen],
            None if self.augment is None else self.augment[chosen],
            None if self.unlabeled is None else self.unlabeled[chosen],
        )


def stream(*words: object) -> np.random.Generator:
    """Return the generator that belongs to these words, such as ``("order", seed, epoch)``."""
    digest = hashlib.blake2b(repr(words).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def plan_step(
    *,
    seed: int,
    step: int,
    batch_size: int,
    images: int,
    timesteps: int,
    flip: bool,
    attempt: int,
    augment: float = 0.0,
    label_dropout: float | None = None,
) -> Plan:
    """Return the random choices of a step.

    Args:
        seed: The training's seed.
        step: Optimizer step, counted from 0.
        batch_size: Images per step, over all processes.
        images: How many images there are. Each is used once per epoch, in an
            order that is new in each epoch; a batch may span two epochs.
        timesteps: Noise levels T.
        flip: Mirror half of the images.
        attempt: 0; raised when a step failed, to draw flips, levels and noise anew.
        augment: Probability of each augmentation; the other choices do not depend on it.
        label_dropout: Share of the images whose class is not told, None without classes; the
            other choices do not depend on it.
    """
    rng = stream("step", seed, step, attempt)
    parameters = None
    if augment > 0:
        own = stream("augment", seed, step, attempt)
        parameters = augmentation.draw_parameters(own, batch_size, augment)
    unlabeled = None
    if label_dropout is not None:
        unlabeled = stream("label dropout", seed, step, attempt).random(batch_size) < label_dropout
    return Plan(
        index=image_order(seed=seed, first=step * batch_size, count=batch_size, images=images),
        flip=(rng.random(batch_size) < 0.5) & flip,
        t=rng.integers(timesteps, size=batch_size),
        noise=rng.integers(2**62, size=batch_size),
        augment=parameters,
        unlabeled=unlabeled,
    )


def image_order(*, seed: int, first: int, count: int, images: int) -> np.ndarray:
    """Return the images at places first .. first + count - 1 of the endless shuffled order."""
    place = np.arange(first, first + count)
    epochs = [
        _order(seed, epoch, images) for epoch in range(place[0] // images, place[-1] // images + 1)
    ]
    return np.concatenate(epochs)[place - place[0] // images * images]


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, images: int) -> np.ndarray:
    return stream("order", seed, epoch).permutation(images)


def normal(seeds: Sequence[int] | np.ndarray, shape: Sequence[int], device: torch.device) -> Tensor:
    """Draw standard normal noise, (len(seeds), *shape) float32: row i depends on seeds[i] alone."""
    noise = torch.empty((len(seeds), *shape), device=device)
    generator = torch.Generator(device)
    for row, seed in zip(noise, seeds, strict=True):
        row.normal_(generator=generator.manual_seed(int(seed)))
    return noise
