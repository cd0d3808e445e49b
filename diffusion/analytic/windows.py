"""How far a pixel looks at a noise level: the radius of its square window, in pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

REFERENCE = 32  # side in pixels that noise levels are stated for
WHOLE = 10.0  # noise level above which a window is the whole picture
CAPTURED = 0.9  # share of the linear denoiser's answer that a window must hold

Radius = Callable[[float], int | None]
"""From the noise level at `REFERENCE` px to a radius; None is the whole picture."""


def by_rule(side: int) -> Radius:
    """Windows of side 3 + 2 round(4 sigma^0.8) at 32 px, and in proportion at other sides.

    Args:
        side: Side of the pictures in pixels.
    """

    def radius(sigma: float) -> int | None:
        return _within(round(side / REFERENCE * (1 + round(4 * sigma**0.8))), sigma, side)

    return radius


def by_covariance(pictures: Tensor) -> Radius:
    """Windows as wide as the best linear denoiser of these pictures looks.

    That denoiser is C (C + sigma^2 I)^-1 with the pixels' covariance C; its row p says how
    much each pixel q has to do with the answer at p. The window is the smallest that holds
    `CAPTURED` of the sum of squares of the rows (after Lukoianov et al. 2025,
    arXiv:2509.09672). Channels are averaged.

    Args:
        pictures: (n, c, side, side) float.
    """
    side = pictures.shape[-1]
    gray = pictures.mean(1).flatten(1).double()
    gray = gray - gray.mean(0)
    values, vectors = torch.linalg.eigh(gray.T @ gray / max(len(gray) - 1, 1))
    values = values.clamp(min=0)
    place = torch.arange(side, device=pictures.device)
    gap = (place[:, None] - place[None, :]).abs()  # (side, side)
    apart = torch.maximum(gap[:, None, :, None], gap[None, :, None, :])  # of pixels p and q
    apart = apart.reshape(side**2, side**2).flatten()
    known: dict[float, int | None] = {}

    def radius(sigma: float) -> int | None:
        if sigma not in known:
            real = sigma * side / REFERENCE
            rows = (vectors * (values / (values + real**2))) @ vectors.T
            energy = torch.zeros(side, dtype=torch.float64, device=rows.device)
            energy.scatter_add_(0, apart, rows.square().flatten())  # by distance
            held = energy.cumsum(0) / energy.sum().clamp(min=1e-300)
            radius_pixels = int((held < CAPTURED).sum())
            known[sigma] = _within(max(1, radius_pixels), sigma, side)
        return known[sigma]

    return radius


def _within(radius: int, sigma: float, side: int) -> int | None:
    return None if sigma > WHOLE or radius >= side - 1 else radius


def band(side: int, radius: int, like: Tensor) -> Tensor:
    """Return the (side, side) matrix of ones whose product sums a window along one axis.

    Windows are cut off at the border of the picture.
    """
    place = torch.arange(side, device=like.device)
    return ((place[:, None] - place[None, :]).abs() <= radius).to(like.dtype)
