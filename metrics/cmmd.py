"""CMMD: maximum mean discrepancy with a Gaussian kernel on directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .arrays import Array, pair, unit_length
from .mmd import Discrepancy, squared_mmd
from .statistic import Statistics

if TYPE_CHECKING:
    from .context import Context

SIGMA = 10.0  # width of the kernel, as published


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
    return _gaussian(a, b, device).value


def _gaussian(real: Array, generated: Array, device: str = "cpu") -> Discrepancy:
    """Return the CMMD and its influences."""
    # |x - y|^2 = 2 - 2 xy. Without the 1 that cancels, small values keep their digits.
    mmd = squared_mmd(
        unit_length(real),
        unit_length(generated),
        lambda dot: torch.expm1((dot - 1) / SIGMA**2),
        unbiased=False,
        device=device,
    )
    return Discrepancy(1000 * mmd.value, 1000 * mmd.per_real, 1000 * mmd.per_generated)


def compute(c: Context) -> Statistics:
    """Return the CMMD of one comparison."""
    real, generated = pair("real", c.real, "generated", c.generated, at_least=2)
    return {"cmmd": _gaussian(real, generated, c.device).statistic}
