"""Maximum mean discrepancy: KID with a cubic kernel, CMMD with a Gaussian one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from ..common.devices import choose_device
from ..common.knn import product
from .arrays import Array, Floats, pair, unit_length
from .distances import blocks

Kernel = Callable[[torch.Tensor], torch.Tensor]  # inner products -> kernel values


class Discrepancy(NamedTuple):
    """A squared MMD and how much each image moves it."""

    value: float
    per_real: Floats  # (n,) mean 0
    per_generated: Floats  # (m,) mean 0


def kernel_distance(*, real: Any, generated: Any, device: str = "cpu") -> float:
    """Kernel distance (KID) of the full sets: unbiased MMD^2 with k(x, y) = (xy / d + 1)^3.

    Lower is better. Its expectation does not depend on the number of images, so it
    is around 0, also below, for a perfect model. No subsets are drawn.

    Args:
        real: (n, d) embeddings, n >= 2.
        generated: (m, d) embeddings from the same encoder, m >= 2.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        DataError: The feature counts differ, n or m is below 2, or a value is not finite.

    Source: Binkowski et al. 2018, arXiv:1801.01401.
    """
    a, b = pair("real", real, "generated", generated, at_least=2)
    return cubic(a, b, device).value


def cmmd(*, real: Any, generated: Any, device: str = "cpu") -> float:
    """CMMD: 1000 x biased MMD^2 with a Gaussian kernel, sigma = 10, on unit-length embeddings.

    Lower is better, 0 for identical sets. Published values use CLIP ViT-L/14 at 336
    pixels; with another encoder compare only among your own.

    Args:
        real: (n, d) embeddings; scaled to length 1 here.
        generated: (m, d) embeddings from the same encoder.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        DataError: The feature counts differ, n or m is below 2, or a value is not finite.

    Source: Jayasumana et al. 2024, arXiv:2401.09603.
    """
    a, b = pair("real", real, "generated", generated, at_least=2)
    return gaussian(a, b, device).value


def cubic(real: Array, generated: Array, device: str = "cpu") -> Discrepancy:
    """KID and its influences."""
    features = real.shape[1]
    return _mmd(real, generated, lambda dot: (dot / features + 1) ** 3, True, device)


def gaussian(real: Array, generated: Array, device: str = "cpu", sigma: float = 10) -> Discrepancy:
    """CMMD and its influences."""
    # |x - y|^2 = 2 - 2 xy. Without the 1 that cancels, small values keep their digits.
    found = _mmd(
        unit_length(real),
        unit_length(generated),
        lambda dot: torch.expm1((dot - 1) / sigma**2),
        False,
        device,
    )
    return Discrepancy(1000 * found.value, 1000 * found.per_real, 1000 * found.per_generated)


def _mmd(real: Array, generated: Array, kernel: Kernel, unbiased: bool, device: str) -> Discrepancy:
    where = choose_device(device, float64=True)
    r, g = (torch.from_numpy(rows.astype(np.float64)).to(where) for rows in (real, generated))
    within_real = _sums(r, kernel, unbiased) / (len(r) - unbiased)  # (n,) mean over fellows
    within_generated = _sums(g, kernel, unbiased) / (len(g) - unbiased)
    real_to_generated, generated_to_real = np.zeros(len(r)), np.zeros(len(g))
    for left in blocks(len(r)):
        for right in blocks(len(g)):
            block = kernel(product(r[left], g[right]))
            real_to_generated[left] += block.sum(1).numpy(force=True) / len(g)
            generated_to_real[right] += block.sum(0).numpy(force=True) / len(r)
    value = within_real.mean() + within_generated.mean() - 2 * real_to_generated.mean()
    moves = 2 * (within_real - real_to_generated), 2 * (within_generated - generated_to_real)
    return Discrepancy(float(value), *(part - part.mean() for part in moves))


def _sums(x: torch.Tensor, kernel: Kernel, unbiased: bool) -> Floats:
    """Kernel values of every row with all rows, summed: (n,); without itself if unbiased."""
    sums = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for left in blocks(len(x)):
        for right in blocks(len(x)):
            if right.start < left.start:
                continue
            block = kernel(product(x[left], x[right]))
            if right.start == left.start and unbiased:
                block.fill_diagonal_(0)
            sums[left] += block.sum(1)
            if right.start > left.start:
                sums[right] += block.sum(0)
    return sums.numpy(force=True)
