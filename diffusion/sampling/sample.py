"""Draw pictures with a network: noise in, uint8 pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ...common.contact_sheet import contact_sheet
from ...common.files import replacing
from ..train import objective
from ..train.randomness import normal, stream
from . import samplers


class GaveUp(Exception):
    """Drawing was ended before it was done, because that was wished."""


def draw(
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
) -> np.ndarray:
    """Draw one picture per seed.

    The first noise is drawn on the CPU, so that a seed begins alike everywhere. The
    network sees ``rows`` pictures at a time, by default all; their number must be a
    multiple of it. Libraries choose their kernels by the shape, so a picture's last
    bits depend on ``rows``, and on nothing else here.

    Returns:
        (n, size, size, 3) uint8.

    Raises:
        GaveUp: ``give_up``, asked before every evaluation, said so.
    """
    x = normal(seeds, (3, size, size), torch.device("cpu")).to(device)

    def picture(x_t: Tensor, t: int) -> Tensor:
        if give_up is not None and give_up():
            raise GaveUp
        answer = torch.empty_like(x_t)
        at = torch.full((rows or len(x_t),), t, device=device)
        with torch.autocast(device.type, autocast, enabled=autocast is not None):
            for part, found in zip(x_t.split(len(at)), answer.split(len(at)), strict=True):
                found.copy_(network(part, at))
        x_0 = objective.to_picture(answer, x_t, alpha_bar=alpha_bar[t], prediction=prediction)
        return x_0.clamp(-1, 1)

    def fresh(t: int) -> Tensor:
        keys = [int(stream("fresh", seed, t).integers(2**62)) for seed in seeds]
        return normal(keys, (3, size, size), device)

    network.eval()
    try:
        pictures = samplers.sample(
            sampler, picture, x, alpha_bar=alpha_bar, evaluations=evaluations, fresh=fresh
        )
    finally:
        network.train()
    return to_uint8(pictures)


def to_uint8(pictures: Tensor) -> np.ndarray:
    """From (n, 3, h, w) in [-1, 1] to (n, h, w, 3) in 0..255."""
    scaled = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def to_unit(pictures: Tensor) -> Tensor:
    """From uint8 to float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def save_grid(pictures: np.ndarray, path: Path, columns: int) -> None:
    """Write pictures, (n, h, w, 3) uint8, as one PNG with so many columns."""
    _, height, width, _ = pictures.shape
    images = [Image.fromarray(picture) for picture in pictures]
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as part:
        contact_sheet(images, columns=columns, size=(width, height)).save(part, "PNG")
