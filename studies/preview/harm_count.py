"""How many training images harm for certain, and how many would seem to by chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy import stats

from ...common.words import plural

BY_CHANCE = 0.025  # of faultless images have a 95 % interval above 0
LEVEL = 0.05


def harm_sentence(outcome: Mapping[str, Any]) -> str:
    """Say of an arm whether more of its images harm for certain than chance gives.

    Args:
        outcome: With ``images``, how many there are, and ``worst``, of which each has ``low``, the
            lower end of the 95 % interval of its harm.
    """
    images = outcome["images"]
    certain = sum(image["low"] > 0 for image in outcome["worst"])
    p = float(stats.binom.sf(certain - 1, images, BY_CHANCE))
    counted = (
        f"of {plural(certain, 'image')} in {images:,} the interval of harm lies above 0, by "
        f"chance alone of about {BY_CHANCE * images:.0f}"
    )
    if p < LEVEL:
        return f"{counted}: some do harm, those with an interval above 0 most likely."
    return f"{counted}: no image is shown to harm, and their order may be chance."
