"""Sample a batch of images with a network: noise in, uint8 images out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..pixel_range import to_uint8
from ..train import objective
from ..train.randomness import normal, stream
from . import samplers


class Interrupted(Exception):
    """Sampling ended early because ``give_up`` returned true."""


def sample_images(
    network: nn.Module,
    seeds: Sequence[int],
    *,
    size: int,
    alpha_bar: Sequence[float],
    prediction: str,
    sampler: str,
    evaluations: int,
    device: torch.device,
    autocast: torch.dtype | None = None,
    give_up: Callable[[], bool] | None = None,
    rows: int | None = None,
    classes: np.ndarray | None = None,
) -> np.ndarray:
    """Sample one image per seed.

    The first noise is drawn on the CPU, so that a seed begins alike everywhere. Libraries
    choose their kernels by the batch shape, so an image's last bits depend on ``rows``, and
    on nothing else here.

    Args:
        network: From (x_t (b, 3, h, w), t (b,)) to its prediction; with ``classes`` it is also
            given None for labels and the classes (b,).
        seeds: One per image.
        size: Side of the images in pixels.
        alpha_bar: (T,) the noise schedule.
        prediction: What the network predicts, see `objective.Objective`.
        sampler: Name of the sampling algorithm.
        evaluations: Network evaluations per image (NFE).
        device: Where the network is.
        autocast: Number format of the network's computations; None for float32.
        give_up: Asked before every evaluation whether to end early.
        rows: Images per network call, by default all; the number of seeds must be a
            multiple of it.
        classes: (n,) int64 the class of each image, for a network that is told classes.

    Returns:
        (n, size, size, 3) uint8.

    Raises:
        Interrupted: ``give_up`` returned true.
    """
    x = normal(seeds, (3, size, size), torch.device("cpu")).to(device)
    told = None if classes is None else torch.from_numpy(classes).to(device)

    def denoiser(x_t: Tensor, t: int) -> Tensor:
        if give_up is not None and give_up():
            raise Interrupted
        output = torch.empty_like(x_t)
        t_batch = torch.full((rows or len(x_t),), t, device=device)
        with torch.autocast(device.type, autocast, enabled=autocast is not None):
            for first in range(0, len(x_t), len(t_batch)):
                part = slice(first, first + len(t_batch))
                condition = () if told is None else (None, told[part])
                output[part] = network(x_t[part], t_batch, *condition)
        x_0 = objective.to_picture(output, x_t, alpha_bar=alpha_bar[t], prediction=prediction)
        return x_0.clamp(-1, 1)

    def noise_sampler(t: int) -> Tensor:
        keys = [int(stream("fresh", seed, t).integers(2**62)) for seed in seeds]
        return normal(keys, (3, size, size), device)

    network.eval()
    try:
        pictures = samplers.sample(
            sampler,
            denoiser,
            x,
            alpha_bar=alpha_bar,
            evaluations=evaluations,
            noise_sampler=noise_sampler,
        )
    finally:
        network.train()
    return to_uint8(pictures)
