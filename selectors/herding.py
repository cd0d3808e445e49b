"""Herding: samples whose mean in a kernel's feature space follows that of the pool."""

from __future__ import annotations

import numpy as np
import torch

from ..common.knn import blocks, full_precision, product
from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights

SAMPLED = 1000  # rows that the kernel's width is measured on


def herding(pool: Pool, budget: int) -> MethodResult:
    """Choose greedily so that the mean of the chosen in feature space nears the pool's.

    With the Gaussian kernel k and mu(x) its mean over the pool, pick t + 1 is the sample with
    the largest (t + 1) mu(x) - sum of k(x, s) over the t samples s chosen so far: where the
    pool is dense and the choice is thin. For samples of equal length in feature space this is
    the greedy choice for the maximum mean discrepancy. Exact: one product of the pool with
    itself, in blocks, then one with each pick. The kernel's width is half of the median
    distance between rows. Weights say how much a sample counts in mu.

    Source: Chen, Welling & Smola 2010, arXiv:1203.3472, equations 3 and 4.
    """
    weight = positive_weights(pool, "herding")
    x = torch.from_numpy(pool.x).to(pool.device)
    precision = 0.5 / kernel_width(pool.x) ** 2
    share = torch.from_numpy((weight / weight.sum()).astype(np.float32)).to(pool.device)
    with full_precision():
        mean = np.empty(len(pool))
        for part in blocks(len(pool)):
            total = torch.zeros(part.stop - part.start, dtype=torch.float64, device=pool.device)
            for other in blocks(len(pool)):
                total += _kernel(x[part], x[other], precision) @ share[other]
            mean[part] = total.cpu().numpy()
        return _follow(pool, budget, x, mean, precision)


def kernel_width(unit: np.ndarray) -> float:
    """Return half of the median distance between rows of length 1, 1 where all are equal."""
    step = max(1, len(unit) // SAMPLED)
    rows = unit[::step].astype(np.float64)
    above = np.triu_indices(len(rows), 1)
    square = np.maximum(2 - 2 * (rows @ rows.T)[above], 0)
    width = float(np.sqrt(np.median(square))) / 2 if len(square) else 0.0
    return width if width > 1e-6 else 1.0


def _follow(
    pool: Pool, budget: int, x: torch.Tensor, mean: np.ndarray, precision: float
) -> MethodResult:
    chosen_kernel = np.zeros(len(pool))  # sum of k(x, s) over the samples s chosen so far
    for row in pool.preselected.tolist():
        chosen_kernel += _column(x, row, precision)
    quota_left = pool.quota_left.copy()
    allowed = pool.candidate & (quota_left[pool.quota_group] > 0)
    order: list[int] = []
    scores: list[float] = []
    while len(order) < budget and allowed.any():
        gain = (len(pool.preselected) + len(order) + 1) * mean - chosen_kernel
        row = int(np.argmax(np.where(allowed, gain, -np.inf)))
        order.append(row)
        scores.append(float(gain[row]))
        chosen_kernel += _column(x, row, precision)
        allowed[row] = False
        group = pool.quota_group[row]
        quota_left[group] -= 1
        if quota_left[group] == 0:
            allowed[pool.quota_group == group] = False
    return MethodResult(np.array(order, np.int64), np.array(scores))


def _kernel(x: torch.Tensor, y: torch.Tensor, precision: float) -> torch.Tensor:
    """exp(-precision |x - y|^2) for rows of length 1."""
    return product(x, y).sub_(1).mul_(2 * precision).exp_()


def _column(x: torch.Tensor, row: int, precision: float) -> np.ndarray:
    return _kernel(x, x[row : row + 1], precision)[:, 0].double().cpu().numpy()
