"""Density and coverage: how generated images fill the balls around the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arrays import neighbors_fit, pair
from .manifold import Rule, manifold
from .statistic import Statistics, mean_over_generated, mean_over_real

if TYPE_CHECKING:
    from .context import Context
    from .registry import Fields


def density_coverage(
    *, real: Any, generated: Any, k: int = 5, rule: Rule = "<", device: str = "cpu"
) -> dict[str, float]:
    """How densely generated images fill the real balls, and how many balls they reach.

    Density is the mean number of real balls that a generated image lies in, over k:
    near 1 for a perfect model, above 1 when it crowds where real images are dense.
    Coverage is the share of real images with a generated one in their ball; a perfect
    model does not reach 1 either (`expected_coverage`).

    Args:
        real: (n, d) embeddings, n > k.
        generated: (m, d) embeddings from the same encoder.
        k: Neighbours that span a ball.
        rule: ``<`` as prdc, the authors' code, or ``<=``.
        device: ``cpu``, ``cuda`` or ``auto``.

    Returns:
        ``density`` >= 0 and ``coverage`` in [0, 1].

    Raises:
        DataError: The feature counts differ, a set has k images or fewer, or a value is
            not finite.

    Source: Naeem et al. 2020, arXiv:2002.09797.
    """
    r, g = pair("real", real, "generated", generated)
    neighbors_fit("real", len(r), k)
    neighbors_fit("generated", len(g), k)
    balls = manifold(real=r, generated=g, k=k, density_k=k, density_rule=rule, device=device)
    return {
        "density": float(balls.density_count.mean() / k),
        "coverage": float(balls.covered.mean()),
    }


def expected_coverage(*, n_real: int, n_generated: int, k: int = 5) -> float:
    """Coverage that a perfect model reaches on average: 1 - prod_{i<k} (n-1-i)/(n+m-1-i).

    The k nearest others of a real image, of n - 1 real and m generated ones, are all
    real with that product's probability when both sets have the same distribution.

    Source: Naeem et al. 2020, arXiv:2002.09797, section 3.
    """
    missed = 1.0
    for i in range(k):
        missed *= (n_real - 1 - i) / (n_real + n_generated - 1 - i)
    return 1 - missed


def compute(c: Context) -> Statistics:
    """Return density and coverage of one comparison."""
    neighbors_fit("real", len(c.real), c.density_k)
    detail = {"k": c.density_k, "rule": c.density_rule}
    return {
        "density": mean_over_generated(c.manifold.density_count / c.density_k, **detail),
        "coverage": mean_over_real(c.manifold.covered, **detail),
    }


def fields(c: Context) -> tuple[Fields, Fields]:
    """Return who lies in whose balls, image by image."""
    return c.manifold_fields


def notes(c: Context) -> list[str]:
    """Warn where so many images are copies of one that balls have no size."""
    return c.repeated_notes
