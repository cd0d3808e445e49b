"""Differences between arms: over training seeds and over images, and the ranks they allow.

A value of one trained model differs from that of another for two reasons: training is random,
and so are the images that stand for it. A two-level bootstrap draws seeds with replacement and,
for each, images. Values move with their images through the influences that a metric gives, so
the mean over seeds is linear in both levels and the variance of unlimited draws has a closed
form, which is used here: no resampling error, no seed, and pairs stay paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from ..common.errors import DataError
from ..common.statistics import holm, ranks_from_order
from .arrays import Floats
from .statistic import Influences

if TYPE_CHECKING:
    from .evaluation import Evaluation

LEVEL = 0.95
MOST_FREEDOM = 1e6  # degrees at which Student's distribution is the normal one


@dataclass(frozen=True)
class SeedValue:
    """The value of one trained model, and how its images move it.

    Attributes:
        value: The value.
        per_generated: (m,) influence of each generated image on it (mean 0), as in
            `Evaluation.influences`; None where it does not depend on them or this is unknown.
        per_real: (n,) the same of the real images, which all models are compared with.
    """

    value: float
    per_generated: Floats | None = None
    per_real: Floats | None = None


def seed_value(evaluation: Evaluation, name: str) -> SeedValue:
    """Return one value of an evaluation with the influences of its images.

    Raises:
        DataError: The evaluation has no such value; its record says why.
    """
    record = evaluation.records.get(name)
    if record is None or record.value is None:
        reason = "it was not computed" if record is None else record.reason
        raise DataError(f"the evaluation has no {name}: {reason}.")
    influences = evaluation.influences.get(name, Influences())
    return SeedValue(record.value, influences.per_generated, influences.per_real)


SeedValues = Mapping[int, "SeedValue | float"]
"""The value of each seed of an arm, by seed."""


@dataclass(frozen=True)
class ArmDifference:
    """One arm's value minus another's.

    Attributes:
        value: Difference of the means over seeds.
        std_error: Its standard error over seeds and images; None where an arm has one seed.
        interval: Where the difference is, at the level asked for; None where there is no error.
        p_value: Two-sided, that the difference is 0; None where there is no error.
        seeds: How many seeds of either arm were compared; the pairs where they are paired.
        paired: Whether seeds were compared in pairs.
    """

    value: float
    std_error: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    seeds: tuple[int, int]
    paired: bool


def two_level_difference(
    first: SeedValues,
    second: SeedValues,
    *,
    paired: bool = False,
    paired_images: bool = False,
    level: float = LEVEL,
) -> ArmDifference:
    """Compare two arms over training seeds and images.

    The variance between seeds is the sample's, over n - 1: it holds the randomness of training
    and that of the generated images, which each seed has of its own. It is never taken below
    what the generated images alone explain, since a few seeds may lie close by chance. The
    images of the reference are the same for all models, so what they add does not shrink with
    more seeds; it largely cancels between arms. Student's quantile allows for few seeds, with
    Welch's degrees of freedom where arms are not paired.

    Where an arm has several selections, give one entry per selection: the mean over the models
    trained on it.

    Args:
        first: Value by seed, `SeedValue` or plain number; plain numbers have no image level.
        second: The same for the other arm.
        paired: Seeds of one number belong together: same initial weights, order and noise.
            Only seeds that both arms have are used.
        paired_images: Generated images of one place belong together too: same noise. Needs
            `paired` and equally many images.
        level: Of the interval.

    Returns:
        first minus second.

    Raises:
        DataError: An arm has no seed, paired arms share none, or images cannot be paired.

    Source: Davison & Hinkley 1997, Bootstrap Methods and their Application, section 3.8 (levels
    of a hierarchy); Welch 1947, Biometrika 34.
    """
    if not 0 < level < 1:
        raise DataError(f"level must be between 0 and 1, got {level}.")
    if paired_images and not paired:
        raise DataError("paired_images needs paired=True: images belong together within a seed.")
    a, b = _of_seeds("first", first), _of_seeds("second", second)
    if paired:
        common = sorted(a.keys() & b.keys())
        if not common:
            raise DataError("the arms share no seed, so they cannot be paired; use paired=False.")
        a, b = ({seed: arm[seed] for seed in common} for arm in (a, b))
    value = _mean(a) - _mean(b)
    counts = len(a), len(b)
    if min(counts) < 2:
        return ArmDifference(value, None, None, None, counts, paired)
    parts = [_paired_variance(a, b, paired_images)] if paired else [_variance(a), _variance(b)]
    of_reference = _reference_variance(a, b)
    total = sum(variance for variance, _ in parts) + of_reference
    if total == 0:
        return ArmDifference(value, 0.0, (value, value), float(value == 0), counts, paired)
    uncertain = sum(variance**2 / degrees for variance, degrees in parts)
    freedom = min(total**2 / uncertain, MOST_FREEDOM) if uncertain else MOST_FREEDOM
    error = math.sqrt(total)
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    p_value = 2 * float(stats.t.sf(abs(value) / error, freedom))
    return ArmDifference(value, error, (value - reach, value + reach), p_value, counts, paired)


def compare_arms(
    arms: Mapping[str, SeedValues], *, paired: bool = False, paired_images: bool = False
) -> dict[tuple[str, str], ArmDifference]:
    """Compare every two arms; pairs in the order of the arms.

    Raises:
        DataError: As `two_level_difference`.
    """
    return {
        (first, second): two_level_difference(
            arms[first], arms[second], paired=paired, paired_images=paired_images
        )
        for first, second in combinations(arms, 2)
    }


def rank_intervals(
    arms: Sequence[str],
    differences: Mapping[tuple[str, str], ArmDifference],
    *,
    better: Literal["lower", "higher"],
    level: float = LEVEL,
) -> dict[str, tuple[int, int]]:
    """Return the best and the worst rank that each arm can have, 1 being the best.

    Pairs are told apart by Holm's rule over all of them, so all ranks hold together at the
    level. A pair without a p-value is not told apart.

    Args:
        arms: Names.
        differences: Of pairs of them, as `compare_arms` returns.
        better: Which values are better.
        level: How sure all ranks together are to be.

    Raises:
        DataError: A pair names an arm that is not among `arms`.
    """
    unknown = sorted({arm for pair in differences for arm in pair} - set(arms))
    if unknown:
        raise DataError(f"differences name {', '.join(unknown)}, which arms does not have.")
    row = {arm: number for number, arm in enumerate(arms)}
    # A pair without a p-value is one of the questions too, and counts in the correction.
    adjusted = holm([1.0 if d.p_value is None else d.p_value for d in differences.values()])
    order = []
    for ((first, second), difference), p in zip(differences.items(), adjusted, strict=True):
        if p < 1 - level:
            first_wins = (difference.value < 0) == (better == "lower")
            order.append((row[first], row[second]) if first_wins else (row[second], row[first]))
    return dict(zip(arms, ranks_from_order(len(arms), order), strict=True))


def _of_seeds(name: str, values: SeedValues) -> dict[int, SeedValue]:
    arm = {
        seed: value if isinstance(value, SeedValue) else SeedValue(float(value))
        for seed, value in values.items()
    }
    if not arm:
        raise DataError(f"{name} has no seed; give the value of at least one trained model.")
    return arm


def _mean(arm: Mapping[int, SeedValue]) -> float:
    return float(np.mean([one.value for one in arm.values()]))


def _variance(arm: Mapping[int, SeedValue]) -> tuple[float, int]:
    """Variance of an arm's mean from seeds and generated images, and its degrees of freedom."""
    n = len(arm)
    between = float(np.var([one.value for one in arm.values()], ddof=1))
    within = float(np.mean([_image_variance(one.per_generated) for one in arm.values()]))
    return max(between, within) / n, n - 1


def _paired_variance(
    a: Mapping[int, SeedValue], b: Mapping[int, SeedValue], paired_images: bool
) -> tuple[float, int]:
    """The same of the mean difference of pairs."""
    n = len(a)
    between = float(np.var([a[seed].value - b[seed].value for seed in a], ddof=1))
    within = []
    for seed in a:
        of_a, of_b = a[seed].per_generated, b[seed].per_generated
        if paired_images and of_a is not None and of_b is not None:
            if len(of_a) != len(of_b):
                raise DataError(
                    f"seed {seed} has {len(of_a)} generated images in first and {len(of_b)} in "
                    "second; images are paired one to one."
                )
            within.append(_image_variance(of_a - of_b))
        else:
            within.append(_image_variance(of_a) + _image_variance(of_b))
    return max(between, float(np.mean(within))) / n, n - 1


def _reference_variance(a: Mapping[int, SeedValue], b: Mapping[int, SeedValue]) -> float:
    """What other real images would change: the same images for all seeds and both arms."""
    means = [_mean_influence(arm) for arm in (a, b)]
    if means[0] is not None and means[1] is not None and len(means[0]) == len(means[1]):
        return _image_variance(means[0] - means[1])
    return sum(_image_variance(mean) for mean in means)


def _mean_influence(arm: Mapping[int, SeedValue]) -> Floats | None:
    """Influence of each real image on the mean over seeds."""
    known = [one.per_real for one in arm.values() if one.per_real is not None]
    if not known:
        return None
    sizes = {len(influence) for influence in known}
    if len(sizes) > 1:
        raise DataError(
            f"the seeds were compared with {' and '.join(map(str, sorted(sizes)))} real images; "
            "all seeds of an arm need the same ones."
        )
    return np.sum(known, axis=0) / len(arm)


def _image_variance(influence: Floats | None) -> float:
    """Variance of a mean over resampled images: the influences' own, over their number."""
    return 0.0 if influence is None else float(np.var(influence)) / len(influence)
