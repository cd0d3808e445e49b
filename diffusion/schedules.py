"""Noise schedules: how much of the picture is left at each of T noise levels.

``alpha_bar[t]`` is the share of the variance of x_t that is picture,

    x_t = sqrt(alpha_bar[t]) * x_0 + sqrt(1 - alpha_bar[t]) * noise

so that the signal-to-noise ratio is ``alpha_bar / (1 - alpha_bar)``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MAX_BETA = 0.999


def betas(schedule: str, timesteps: int) -> Tensor:
    """Return the noise added at each level, (T,) float64, for a schedule's name."""
    return SCHEDULES[schedule](timesteps)


def alpha_bar(schedule: str, timesteps: int) -> Tensor:
    """Return what is left of the picture at each level, (T,) float64, falling."""
    return torch.cumprod(1 - betas(schedule, timesteps), dim=0)


def linear(timesteps: int) -> Tensor:
    """Ho et al. 2020, arXiv:2006.11239, with its ends scaled to T levels."""
    scale = 1000 / timesteps
    levels = torch.linspace(scale * 1e-4, scale * 0.02, timesteps, dtype=torch.float64)
    return levels.clamp(max=MAX_BETA)


def cosine(timesteps: int, s: float = 0.008) -> Tensor:
    """Nichol and Dhariwal 2021, arXiv:2102.09672, equation 17."""
    t = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    return _from_alpha_bar(torch.cos((t + s) / (1 + s) * torch.pi / 2) ** 2)


def sigmoid(timesteps: int, start: float = -3, end: float = 3, tau: float = 1) -> Tensor:
    """Jabri, Fleet and Chen 2022, arXiv:2212.11972, algorithm 4.

    Not what diffusers calls "sigmoid", which destroys the picture much earlier:
    there alpha_bar is 0.006 at t = 750 of 1000, here it is 0.15.
    """
    t = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    low, high = torch.sigmoid(torch.tensor([start / tau, end / tau], dtype=torch.float64))
    return _from_alpha_bar((high - torch.sigmoid((t * (end - start) + start) / tau)) / (high - low))


def karras(timesteps: int, low: float = 0.02, high: float = 40, rho: float = 7) -> Tensor:
    """Karras et al. 2022, arXiv:2206.00364, equation 5: the noise sigma between two ends.

    Evenly spaced levels are then spread as their sampler spreads them: many at little noise,
    some where nothing but noise is seen. alpha_bar = 1 / (1 + sigma^2).
    """
    t = torch.linspace(0, 1, timesteps, dtype=torch.float64)
    sigma = (low ** (1 / rho) + t * (high ** (1 / rho) - low ** (1 / rho))) ** rho
    clean = torch.ones(1, dtype=torch.float64)
    return _from_alpha_bar(torch.cat([clean, 1 / (1 + sigma.square())]))


def _from_alpha_bar(levels: Tensor) -> Tensor:
    """From alpha_bar at T + 1 points, beginning with the clean picture, to T betas."""
    return (1 - levels[1:] / levels[:-1]).clamp(0, MAX_BETA)


SCHEDULES: dict[str, Callable[[int], Tensor]] = {
    "linear": linear,
    "cosine": cosine,
    "sigmoid": sigmoid,
    "karras": karras,
}
