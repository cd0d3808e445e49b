"""What a reader must know beside a study's answer, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .comparing import SHOWN, RealScore, Spread, Summary, number
from .inference import FEWEST, Comparison, Layers

CAN_BE_FOOLED = ("frechet_distance", "precision", "recall", "coverage")


def too_few(ranked: Sequence[Comparison]) -> list[str]:
    """Say what cannot be said with fewer than `FEWEST` training seeds."""
    fewest = min((one.seeds for one in ranked), default=FEWEST)
    if fewest >= FEWEST:
        return []
    seeds = "one training seed" if fewest == 1 else f"{fewest} training seeds"
    return [
        f"With {seeds} per arm no interval and no p-value is given, and no arm is called better: "
        f"how far trainings lie apart is not known. From {FEWEST} on it is; give more seeds."
    ]


def nested(spread: Mapping[str, Layers], metric: str | None) -> list[str]:
    """Say how much of an arm's spread comes from its selections and how much from its seeds."""
    return [
        f"The {SHOWN[metric][0]} of {arm} differs by {number(one.between_draws)} (standard "
        f"deviation) over its selections and by {number(one.between_seeds)} over training seeds "
        "within a selection."
        for arm, one in spread.items()
        if metric and one.between_draws is not None and one.between_seeds is not None
    ]


def unusable_notes(unusable: Mapping[str, str], summary: Summary) -> list[str]:
    """Name the arms whose models are unfinished, where others are finished."""
    if not unusable or len(unusable) == len(summary):
        return []
    listing = "; ".join(f"{arm} has {why}" for arm, why in unusable.items())
    return [f"Models of {len(unusable)} of {len(summary)} arms are not usable yet: {listing}."]


def fooled(summary: Summary, real: Mapping[str, RealScore], order: Sequence[str]) -> list[str]:
    """Warn of generated images that score as real ones do, or higher."""
    fooled_by = []
    for name in CAN_BE_FOOLED:
        if name not in real:
            continue
        limit = real[name].value
        arms = [arm for arm in order if _reaches(summary[arm].get(name), name, limit)]
        if arms:
            best = ", ".join(f"{arm} {number(summary[arm][name].mean)}" for arm in arms)
            fooled_by.append(f"{SHOWN[name][0]} ({best}; real images {number(real[name].value)})")
    if not fooled_by:
        return []
    return [
        f"Generated images score as high as real ones, or higher, in {'; '.join(fooled_by)}. That "
        "is a warning and no success: noise, copies and a few good pictures repeated fool the "
        "judge. Look at the images before believing it."
    ]


def _reaches(spread: Spread | None, name: str, real: float) -> bool:
    if spread is None:
        return False
    if SHOWN[name][1] == "lower":
        return spread.excess is not None and spread.excess <= 0
    return real > 0 and spread.mean >= real


def unknown(real: Mapping[str, RealScore], summary: Summary) -> list[str]:
    """Say that nothing is known of what real images score, where that is so."""
    if real or not any(summary.values()):
        return []
    return [
        "What real images score was not measured, so whether the models are finished is unknown."
    ]


def first_few(names: Sequence[str], most: int = 4) -> str:
    """Name the first few: ``a, b, c, d and 3 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
