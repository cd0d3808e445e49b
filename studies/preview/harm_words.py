"""What a preview says of the images that do harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEVEL = 0.05


def harm_sentence(outcome: Mapping[str, Any]) -> str:
    """Say whether an arm's worst images weigh more in bad drawings than chance gives.

    Args:
        outcome: With ``bad``, the share of drawings that no real image is near, and ``harm_p``, the
            p-value of `harm.chance`, which earlier previews do not have.
    """
    bad = f"{outcome['bad']:.0%} of its drawings have no real image near"
    p = outcome.get("harm_p")
    if p is None:
        return f"{bad}."
    if p < LEVEL:
        return f"{bad}; the worst images weigh more in those than chance gives (p = {p:.2g})."
    return (
        f"{bad}; the worst images weigh no more in those than chance gives (p = {p:.2g}), so their "
        "order may be chance."
    )
