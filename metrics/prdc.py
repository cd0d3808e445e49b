"""Precision, recall, density and coverage of a generated set."""

from __future__ import annotations

from typing import Any

from .arrays import neighbors_fit, pair
from .manifold import Rule, manifold


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
    found = manifold(real=r, generated=g, k=k, density_k=k, rule=rule, device=device)
    return {
        "precision": float(found.in_manifold.mean()),
        "recall": float(found.recalled.mean()),
    }


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
    found = manifold(real=r, generated=g, k=k, density_k=k, density_rule=rule, device=device)
    return {
        "density": float(found.density_count.mean() / k),
        "coverage": float(found.covered.mean()),
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
