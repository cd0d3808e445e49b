"""Sample pictures with the analytic denoiser, by the same samplers as the networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...config import TrainSettings
from ..pixel_range import to_uint8
from ..sampling import samplers
from ..train.randomness import normal, stream
from . import freezing, rendering, windows
from .denoiser import Denoiser, Sampling, Weights
from .sources import Source

BLOCK = 256  # training images that are made small at a time


class Samples(NamedTuple):
    """Pictures (b, size, size, 3) uint8, and what each of them is made of."""

    pictures: np.ndarray
    sources: list[Source]


class Model:
    """A training set that draws.

    Args:
        pictures: (n, 3, size, size) uint8; may be a memory-mapped file.
        side: Side in pixels at which pictures are decided; at most their own.
        mirrored: Use each image mirrored too.
        by: ``rule`` or ``covariance``: how wide windows are.
        device: Where to compute.
    """

    def __init__(
        self, pictures: np.ndarray, *, side: int, mirrored: bool, by: str, device: torch.device
    ) -> None:
        self.n, _, self.size, _ = pictures.shape
        self.side, self.device = min(side, self.size), device
        self.pictures = pictures[:, :1] if _gray(pictures) else pictures
        small = _small(self.pictures, self.side).to(device)
        radius = windows.by_rule(self.side) if by == "rule" else windows.by_covariance(small)
        if mirrored:
            small = torch.cat([small, small.flip(-1)])
        self.denoiser = Denoiser(small, radius)

    def sample(
        self,
        seeds: Sequence[int],
        *,
        alpha_bar: Sequence[float],
        sampler: str,
        evaluations: int,
    ) -> Samples:
        """Draw one picture per seed.

        The seeds' noise is that of the networks, which have three channels. Of gray pictures
        they can tell only its sum, and that is what gray pictures begin with here: so the
        same seed means the same noise. It grows with the side at which pictures are decided,
        as `windows.REFERENCE` is what the levels are meant for.

        Args:
            seeds: One per picture.
            alpha_bar: The noise schedule.
            sampler: Name of the sampler.
            evaluations: How often the denoiser is asked.
        """
        levels = self._levels(alpha_bar)
        visited = samplers.visited_levels(sampler, len(levels), evaluations)
        noise = self._noise(list(seeds), torch.device("cpu")).to(self.device)
        return self._sample(noise, seeds, levels, sampler, visited)

    def vary(
        self,
        rows: Sequence[int],
        *,
        alpha_bar: Sequence[float],
        sampler: str,
        evaluations: int,
    ) -> Samples:
        """Draw a variation of each of some training images: noised half way, and denoised.

        Args:
            rows: Training images; the noise of each belongs to its row.
            alpha_bar: The noise schedule.
            sampler: Name of the sampler.
            evaluations: Levels from pure noise on; the lower half of them is visited.
        """
        levels = self._levels(alpha_bar)
        visited = samplers.visited_levels(sampler, len(levels), evaluations)
        visited = visited[len(visited) // 2 :]
        keys = [int(stream("variation", row).integers(2**62)) for row in rows]
        noise = self._noise(keys, torch.device("cpu")).to(self.device)
        begin = torch.stack([self.denoiser.image(row) for row in rows])
        a = levels[visited[0]]
        x = math.sqrt(a) * begin + math.sqrt(1 - a) * noise
        return self._sample(x, keys, levels, sampler, visited)

    def _levels(self, alpha_bar: Sequence[float]) -> list[float]:
        """Let noise grow with the side at which pictures are decided."""
        wider = (self.side / windows.REFERENCE) ** 2
        return [a / (a + (1 - a) * wider) for a in alpha_bar]

    def _noise(self, keys: Sequence[int], device: torch.device) -> Tensor:
        noise = normal(keys, (3, self.side, self.side), device)
        gray = self.pictures.shape[1] == 1
        return noise.sum(1, keepdim=True) / math.sqrt(3) if gray else noise

    @torch.no_grad()
    def _sample(
        self,
        x: Tensor,
        keys: Sequence[int],
        levels: Sequence[float],
        sampler: str,
        visited: Sequence[int],
    ) -> Samples:
        sampling = Sampling(self.denoiser)
        pictures = torch.zeros((*x.shape[:2], self.size, self.size), device=self.device)
        sources: list[Source] = [Source.empty()] * len(keys)

        def finish(place: int, weights: Weights) -> None:
            if self.size > self.side:
                pictures[place], weights = rendering.render(weights, self.pictures)
            sources[place] = Source.from_weights(weights, self.n)

        def denoiser(x_t: Tensor, t: int) -> Tensor:
            alpha = math.sqrt(levels[t])
            sigma = math.sqrt(1 - levels[t]) / alpha
            return sampling.denoise(x_t / alpha, sigma, finish if t == visited[-1] else None)

        def noise_sampler(t: int) -> Tensor:
            seeds = [int(stream("fresh", key, t).integers(2**62)) for key in keys]
            return self._noise(seeds, self.device)

        x_0 = samplers.SAMPLERS[sampler](denoiser, x, levels, visited, noise_sampler)
        final = pictures if self.size > self.side else x_0
        return Samples(to_uint8(final.expand(-1, 3, -1, -1)), sources)


def open_model(run_path: Path, step: int, settings: TrainSettings, device: torch.device) -> Model:
    """Open what a run of the network ``analytic`` has frozen.

    Raises:
        RunError: Its pictures are gone.
    """
    return Model(
        freezing.pictures(run_path, step),
        side=settings.decide_size,
        mirrored=settings.horizontal_flip,
        by=settings.windows,
        device=device,
    )


def _gray(pictures: np.ndarray) -> bool:
    """Tell whether all images have equal channels."""
    return all(
        (part[:, :1] == part[:, 1:]).all()
        for part in (pictures[at : at + BLOCK] for at in range(0, len(pictures), BLOCK))
    )


def _small(pictures: np.ndarray, side: int) -> Tensor:
    """Return (n, c, side, side) float32 in [-1, 1], antialiased, a block at a time."""
    small = torch.empty((*pictures.shape[:2], side, side))
    for at in range(0, len(pictures), BLOCK):
        part = torch.from_numpy(np.array(pictures[at : at + BLOCK])).float() / 127.5 - 1
        if part.shape[-1] != side:
            part = F.interpolate(part, (side, side), mode="bilinear", antialias=True)
        small[at : at + BLOCK] = part
    return small
