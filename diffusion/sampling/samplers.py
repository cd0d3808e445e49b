"""From noise to images: plain functions named after their algorithms.

Each takes ``denoiser(x_t, t) -> x_0``, the noise levels to visit and the first
noise, and returns the final image. The state stays in the noise's own type
(float32) whatever the network computes in. With ``a = alpha_bar[t]``,

    x_t = sqrt(a) * x_0 + sqrt(1 - a) * noise,

and after the last level comes the clean image, a = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

Denoiser = Callable[[Tensor, int], Tensor]  # (x_t (b, ...), t) -> estimate of x_0 (b, ...)
NoiseSampler = Callable[[int], Tensor]  # t -> standard normal noise like x_t


def levels(timesteps: int, steps: int) -> list[int]:
    """Return the noise levels to visit: evenly spaced, from T - 1 downward.

    The last step of the stride ends at the clean image ("trailing" spacing; Lin
    et al. 2023, arXiv:2305.08891), so pure noise is where sampling starts.
    """
    return np.linspace(timesteps - 1, -1, steps + 1).astype(int)[:-1].tolist()


def _pairs(
    alpha_bar: Sequence[float], visited: Sequence[int]
) -> Iterator[tuple[int, float, float]]:
    """Yield (t, alpha_bar at t, alpha_bar at the next level)."""
    after = [alpha_bar[t] for t in visited[1:]] + [1.0]
    for t, following in zip(visited, after, strict=True):
        yield t, alpha_bar[t], following


def ddim(
    denoiser: Denoiser,
    x: Tensor,
    alpha_bar: Sequence[float],
    visited: Sequence[int],
    noise_sampler: NoiseSampler,
) -> Tensor:
    """Deterministic: keep the estimated noise, lower its level.

    Source: Song, Meng and Ermon 2021, arXiv:2010.02502, equation 12 with sigma = 0.
    """
    for t, a, following in _pairs(alpha_bar, visited):
        x_0 = denoiser(x, t)
        noise = (x - math.sqrt(a) * x_0) / math.sqrt(1 - a)
        x = math.sqrt(following) * x_0 + math.sqrt(1 - following) * noise
    return x


def ddpm(
    denoiser: Denoiser,
    x: Tensor,
    alpha_bar: Sequence[float],
    visited: Sequence[int],
    noise_sampler: NoiseSampler,
) -> Tensor:
    """Ancestral: draw each lower level from its posterior given x_t and x_0.

    Source: Ho, Jain and Abbeel 2020, arXiv:2006.11239, equations 6 and 7; with
    fewer than T levels the betas are those between the levels visited.
    """
    for t, a, following in _pairs(alpha_bar, visited):
        x_0 = denoiser(x, t)
        beta = 1 - a / following
        x = (
            math.sqrt(following) * beta / (1 - a) * x_0
            + math.sqrt(1 - beta) * (1 - following) / (1 - a) * x
        )
        if following < 1:
            x = x + math.sqrt(beta * (1 - following) / (1 - a)) * noise_sampler(t)
    return x


def dpm_solver_pp(
    denoiser: Denoiser,
    x: Tensor,
    alpha_bar: Sequence[float],
    visited: Sequence[int],
    noise_sampler: NoiseSampler,
) -> Tensor:
    """DPM-Solver++(2M): a second-order multistep solver, good with 10 to 25 levels.

    Source: Lu et al. 2022, arXiv:2211.01095, algorithm 2.
    """
    before: Tensor | None = None
    step_before = 0.0
    for t, a, following in _pairs(alpha_bar, visited):
        x_0 = denoiser(x, t)
        if following == 1:  # lambda is infinite at the clean image: first order, D = x_0
            return x_0
        step = _half_log_snr(following) - _half_log_snr(a)  # h in the paper
        estimate = x_0
        if before is not None:
            estimate = x_0 + step / (2 * step_before) * (x_0 - before)
        sigma_ratio = math.sqrt((1 - following) / (1 - a))
        x = sigma_ratio * x - math.sqrt(following) * math.expm1(-step) * estimate
        before, step_before = x_0, step
    return x


def heun(
    denoiser: Denoiser,
    x: Tensor,
    alpha_bar: Sequence[float],
    visited: Sequence[int],
    noise_sampler: NoiseSampler,
) -> Tensor:
    """Heun's second-order method on the probability-flow ODE; two evaluations per level.

    Source: Karras et al. 2022, arXiv:2206.00364, algorithm 1, in the angle phi with
    cos(phi) = sqrt(a) of Salimans and Ho 2022, arXiv:2202.00512, where the slope is
    dx/dphi = v and the levels are evenly wide; their sigma is 10^4 at level T - 1
    of some schedules, too far away for a second-order step.
    """
    for i, (t, a, following) in enumerate(_pairs(alpha_bar, visited)):
        x_0 = denoiser(x, t)
        if following == 1:
            return x_0
        slope = _velocity(x, x_0, a)
        turn = math.acos(math.sqrt(following)) - math.acos(math.sqrt(a))
        ahead = x + turn * slope
        x = x + turn * (slope + _velocity(ahead, denoiser(ahead, visited[i + 1]), following)) / 2
    return x


def _velocity(x_t: Tensor, x_0: Tensor, a: float) -> Tensor:
    """Return dx/dphi = cos(phi) * noise - sin(phi) * x_0."""
    return (math.sqrt(a) * x_t - x_0) / math.sqrt(1 - a)


def _half_log_snr(a: float) -> float:
    return 0.5 * math.log(a / (1 - a))


def _refuse_noise(t: int) -> Tensor:
    raise AssertionError(f"a deterministic sampler asked for noise at t = {t}")


Sampler = Callable[[Denoiser, Tensor, Sequence[float], Sequence[int], NoiseSampler], Tensor]

SAMPLERS: dict[str, Sampler] = {
    "ddim": ddim,
    "ddpm": ddpm,
    "dpm-solver++": dpm_solver_pp,
    "heun": heun,
}


def visited_levels(sampler: str, timesteps: int, evaluations: int) -> list[int]:
    """Return the noise levels that a sampler visits with that many network evaluations."""
    steps = (evaluations + 1) // 2 if sampler == "heun" else evaluations
    return levels(timesteps, steps)


@torch.no_grad()
def sample(
    sampler: str,
    denoiser: Denoiser,
    x: Tensor,
    *,
    alpha_bar: Sequence[float],
    evaluations: int,
    noise_sampler: NoiseSampler = _refuse_noise,
) -> Tensor:
    """Sample images in [-1, 1] from the noise x with a sampler chosen by name."""
    visited = visited_levels(sampler, len(alpha_bar), evaluations)
    return SAMPLERS[sampler](denoiser, x, alpha_bar, visited, noise_sampler)
