"""Precision and recall: shares of images that lie in the manifold of the other set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arrays import neighbors_fit, pair
from .manifold import Rule, manifold
from .statistic import Statistics, mean_over_generated, mean_over_real

if TYPE_CHECKING:
    from .context import Context
    from .registry import Fields


def precision_recall(
    *, real: Any, generated: Any, k: int = 3, rule: Rule = "<=", device: str = "cpu"
) -> dict[str, float]:
    """Share of generated images among the real ones, and of real among the generated.

    Precision: how many generated images lie in the real manifold. Recall: how many
    real images lie in the generated one. Both grow with k and with the images at
    hand, so compare only equal counts and equal k.

    Args:
        real: (n, d) embeddings, n > k.
        generated: (m, d) embeddings from the same encoder, m > k.
        k: Neighbours that span a ball.
        rule: ``<=`` as the paper and torch-fidelity, ``<`` as prdc and dgm-eval: whether
            a point at exactly the radius is inside.
        device: ``cpu``, ``cuda`` or ``auto``.

    Returns:
        ``precision`` and ``recall`` in [0, 1].

    Raises:
        DataError: The feature counts differ, a set has k images or fewer, or a value is
            not finite.

    Source: Kynkaanniemi et al. 2019, arXiv:1904.06991.
    """
    r, g = pair("real", real, "generated", generated)
    neighbors_fit("real", len(r), k)
    neighbors_fit("generated", len(g), k)
    balls = manifold(real=r, generated=g, k=k, density_k=k, rule=rule, device=device)
    return {
        "precision": float(balls.in_manifold.mean()),
        "recall": float(balls.recalled.mean()),
    }


def compute(c: Context) -> Statistics:
    """Return precision and recall of one comparison."""
    detail = {"k": c.k, "rule": c.rule}
    return {
        "precision": mean_over_generated(c.manifold.in_manifold, **detail),
        "recall": mean_over_real(c.manifold.recalled, **detail),
    }


def fields(c: Context) -> tuple[Fields, Fields]:
    """Return who lies in whose balls, image by image."""
    return c.manifold_fields


def notes(c: Context) -> list[str]:
    """Warn where so many images are copies of one that balls have no size."""
    return c.repeated_notes
