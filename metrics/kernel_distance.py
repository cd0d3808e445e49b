"""Kernel distance (KID): maximum mean discrepancy with a cubic kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arrays import Array, pair
from .mmd import Discrepancy, squared_mmd
from .statistic import Statistics

if TYPE_CHECKING:
    from .context import Context


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
    return _cubic(a, b, device).value


def _cubic(real: Array, generated: Array, device: str = "cpu") -> Discrepancy:
    """Return the KID and its influences."""
    features = real.shape[1]
    return squared_mmd(
        real, generated, lambda dot: (dot / features + 1) ** 3, unbiased=True, device=device
    )


def compute(c: Context) -> Statistics:
    """Return the kernel distance of one comparison."""
    real, generated = pair("real", c.real, "generated", c.generated, at_least=2)
    return {"kernel_distance": _cubic(real, generated, c.device).statistic}
