"""Maximum mean discrepancy between two sets, of any kernel of inner products."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from ..common.devices import choose_device
from ..common.knn import blocks, product
from .arrays import Array, Floats
from .statistic import Statistic

Kernel = Callable[[torch.Tensor], torch.Tensor]  # inner products -> kernel values


class Discrepancy(NamedTuple):
    """A squared MMD and how much each image moves it."""

    value: float
    per_real: Floats  # (n,) mean 0
    per_generated: Floats  # (m,) mean 0

    @property
    def statistic(self) -> Statistic:
        """The value with its influences."""
        return Statistic(self.value, lambda: self.per_real, lambda: self.per_generated)


def squared_mmd(
    real: Array, generated: Array, kernel: Kernel, *, unbiased: bool, device: str
) -> Discrepancy:
    """Squared MMD; without the pairs of an image with itself if ``unbiased``."""
    place = choose_device(device, float64=True)
    r, g = (torch.from_numpy(rows.astype(np.float64)).to(place) for rows in (real, generated))
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
