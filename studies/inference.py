"""Differences between arms, with what trainings and images leave uncertain.

Two things make a difference between two arms uncertain. Trained again, with other seeds or on
another random selection, the values come out otherwise; and they were measured on some images,
real and generated, where others could have been. The variance of a difference is the sum

    V = V_a + V_b + V_images

V_a and V_b come from the spread over each arm's trainings. An arm with one selection and S
training seeds has V = s^2 / S. One with D selections, each trained with S seeds, has two layers:
with the mean squares over selections, over seeds and of what is left, V = (MS_d + MS_s - MS_e)
/ (D S), at least MS_e / (D S). V_images comes from the influence functions of the metric: of the
real images, which all arms are compared with, the variance of what each moves the difference by;
likewise of the generated images where the arms were drawn from the same noise, image by image.

Intervals and p-values are Student's, with the degrees of freedom of Welch and Satterthwaite: a
bootstrap over three seeds is too narrow by a factor of 0.8 before Student's quantile is missing.

For arms of one selection this is `metrics.two_level_difference`, which knows no selections; a test
holds the two together.

Source: Satterthwaite 1946, Biometrics Bulletin 2; Holm 1979, Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from ..common.statistics import holm, ranks_from_order

Floats = np.ndarray[Any, np.dtype[np.float64]]

LEVEL = 0.95
FEWEST = 3
"""Training seeds per arm from which two arms can be compared."""

BETTER = "better"
NOT_DISTINGUISHABLE = "not distinguishable"
UNFINISHED = "not comparable: the models are unfinished"


@dataclass(frozen=True)
class Trainings:
    """The values of one metric over the trainings of an arm.

    Attributes:
        values: By selection seed (None for an arm that chooses once) and training seed.
        per_real: (n,) how much each real image moves the mean value, mean 0; None where unknown.
        per_generated: (m,) the same of the images drawn from each noise; None where unknown, or
            where other arms were not drawn from the same noise.
    """

    values: Mapping[tuple[int | None, int], float]
    per_real: Floats | None = None
    per_generated: Floats | None = None

    @property
    def mean(self) -> float:
        """Mean over all trainings."""
        return float(np.mean(list(self.values.values())))

    @property
    def seeds(self) -> int:
        """How many training seeds there are."""
        return len({seed for _, seed in self.values})

    @property
    def draws(self) -> int:
        """How many selections there are."""
        return len({draw for draw, _ in self.values})


@dataclass(frozen=True)
class Layers:
    """How far the trainings of an arm lie apart, by what differs between them.

    Attributes:
        between_draws: Standard deviation of a training's value over selections, with what seeds
            add taken out; None for one selection.
        between_seeds: The same over training seeds within a selection; None for one seed.
        variance: Of the arm's mean.
        freedom: Degrees of freedom of ``variance``; 0 where there is one training alone.
    """

    between_draws: float | None
    between_seeds: float | None
    variance: float
    freedom: float


def layers(trainings: Trainings) -> Layers:
    """Take the spread over an arm's trainings apart: over selections, and over seeds in each."""
    draws = list(dict.fromkeys(draw for draw, _ in trainings.values))
    seeds = list(dict.fromkeys(seed for _, seed in trainings.values))
    whole = len(trainings.values) == len(draws) * len(seeds)
    if not whole:  # trainings are missing: take one mean per draw, or per seed
        return _of_means(trainings, over_draws=len(draws) > 1)
    table = np.array([[trainings.values[draw, seed] for seed in seeds] for draw in draws])
    d, s = table.shape
    if d == 1 or s == 1:
        values = table.ravel()
        if len(values) < 2:
            return Layers(None, None, 0.0, 0.0)
        std = float(values.std(ddof=1))
        return Layers(
            std if d > 1 else None, std if s > 1 else None, std**2 / len(values), len(values) - 1
        )
    rest = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean()
    ms_d = s * float(table.mean(1).var(ddof=1))
    ms_s = d * float(table.mean(0).var(ddof=1))
    ms_e = float((rest**2).sum()) / ((d - 1) * (s - 1))
    within = float(table.var(axis=1, ddof=1).mean())
    between = math.sqrt(max(0.0, float(table.mean(1).var(ddof=1)) - within / s))
    total = ms_d + ms_s - ms_e
    squares = ms_d**2 / (d - 1) + ms_s**2 / (s - 1) + ms_e**2 / ((d - 1) * (s - 1))
    variance = max(total, ms_e) / (d * s)
    if squares == 0:
        return Layers(between, math.sqrt(within), variance, float(min(d, s) - 1))
    freedom = max(total, ms_e) ** 2 / squares
    return Layers(between, math.sqrt(within), variance, max(freedom, float(min(d, s) - 1)))


def _of_means(trainings: Trainings, *, over_draws: bool) -> Layers:
    groups: dict[int | None, list[float]] = {}
    for (draw, seed), value in trainings.values.items():
        groups.setdefault(draw if over_draws else seed, []).append(value)
    means = np.array([np.mean(values) for values in groups.values()])
    if len(means) < 2:
        return Layers(None, None, 0.0, 0.0)
    std = float(means.std(ddof=1))
    spread = (std, None) if over_draws else (None, std)
    return Layers(*spread, std**2 / len(means), float(len(means) - 1))


@dataclass(frozen=True)
class Comparison:
    """Two arms by one metric.

    Attributes:
        arm_a: Name of the one arm.
        arm_b: Name of the other.
        metric: Name of the metric.
        difference: Mean of ``arm_a`` minus mean of ``arm_b``.
        low: Lower end of its 95 % interval, for this pair alone; None below `FEWEST` seeds.
        high: Upper end.
        p: Two-sided p-value, for this pair alone; None below `FEWEST` seeds.
        p_holm: The same when all pairs are looked at.
        verdict: `BETTER`, `NOT_DISTINGUISHABLE` or `UNFINISHED`.
        better: The arm that is better; None unless ``verdict`` is `BETTER`.
        seeds: Training seeds of the arm that has fewer.
    """

    arm_a: str
    arm_b: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    verdict: str
    better: str | None
    seeds: int

    def to_json(self) -> dict[str, Any]:
        """Return what ``study.json`` says of it."""
        return dict(vars(self))

    def __str__(self) -> str:
        """``coreset - random: -0.031 (95 % -0.052 to -0.010, p = 0.012 over all pairs)``."""
        text = f"{self.arm_a} - {self.arm_b}: {self.difference:+.3g}"
        if self.low is None or self.high is None or self.p_holm is None:
            return f"{text} (no interval from {self.seeds} seeds; {FEWEST} are needed)"
        return (
            f"{text} (95 % {self.low:+.3g} to {self.high:+.3g}, p = {self.p_holm:.2g} over all "
            "pairs)"
        )


@dataclass(frozen=True)
class _Test:
    difference: float
    error: float
    freedom: float
    seeds: int
    interval: tuple[float, float] | None = field(default=None)
    p: float | None = None


def difference(a: Trainings, b: Trainings) -> tuple[float, float, float]:
    """Return the difference of two arms' means, its standard error, and degrees of freedom.

    Args:
        a: Trainings of the one arm.
        b: Trainings of the other.

    Returns:
        ``mean(a) - mean(b)``; nan and 0 for the others where an arm has one training alone.
    """
    value = a.mean - b.mean
    one, other = layers(a), layers(b)
    if not one.freedom or not other.freedom:
        return value, math.nan, 0.0
    images = sum(
        float(np.var(mine - theirs, ddof=1)) / len(mine)
        for mine, theirs in ((a.per_real, b.per_real), (a.per_generated, b.per_generated))
        if mine is not None and theirs is not None and len(mine) == len(theirs) > 1
    )
    variance = one.variance + other.variance + images
    squares = one.variance**2 / one.freedom + other.variance**2 / other.freedom
    freedom = variance**2 / squares if squares > 0 else one.freedom + other.freedom
    return value, math.sqrt(variance), freedom


def compare(
    arms: Mapping[str, Trainings],
    metric: str,
    *,
    lower_is_better: bool,
    unfinished: Sequence[str] = (),
    fewest: int = FEWEST,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> list[Comparison]:
    """Compare arms by one metric.

    Args:
        arms: Each arm's trainings.
        metric: Name of the metric.
        lower_is_better: Which way is better.
        unfinished: Arms whose models are unfinished, and so not compared.
        fewest: Training seeds of an arm below which there is no interval.
        pairs: Which arms are compared; by default every two.
    """
    pairs = list(combinations(arms, 2)) if pairs is None else pairs
    tests = [_test(arms[a], arms[b], fewest) for a, b in pairs]
    counted = [n for n, test in enumerate(tests) if test.p is not None]
    adjusted = holm([float(tests[n].p or 0.0) for n in counted])
    p_holm = dict(zip(counted, adjusted, strict=True))
    compared = []
    for number, ((a, b), test) in enumerate(zip(pairs, tests, strict=True)):
        p, better, verdict = p_holm.get(number), None, NOT_DISTINGUISHABLE
        if a in unfinished or b in unfinished:
            verdict = UNFINISHED
        elif p is not None and p <= 1 - LEVEL and test.difference != 0:
            verdict, better = BETTER, a if (test.difference < 0) == lower_is_better else b
        low, high = test.interval or (None, None)
        compared.append(
            Comparison(
                a, b, metric, test.difference, low, high, test.p, p, verdict, better, test.seeds
            )
        )
    return compared


def _test(a: Trainings, b: Trainings, fewest: int) -> _Test:
    value, error, freedom = difference(a, b)
    seeds = min(a.seeds, b.seeds)
    if seeds < fewest or not freedom:
        return _Test(value, error, freedom, seeds)
    if error == 0:  # all trainings alike: what differs at all, differs
        return _Test(value, error, freedom, seeds, (value, value), float(value == 0))
    student = stats.t(freedom)
    reach = float(student.ppf((1 + LEVEL) / 2)) * error
    p = 2 * float(student.sf(abs(value) / error))
    return _Test(value, error, freedom, seeds, (value - reach, value + reach), p)


def winner(comparisons: Sequence[Comparison]) -> str | None:
    """Name the arm that is better than every other one, if there is one."""
    arms = dict.fromkeys(name for one in comparisons for name in (one.arm_a, one.arm_b))
    for arm in arms:
        own = [one for one in comparisons if arm in (one.arm_a, one.arm_b)]
        comparable = [one for one in own if one.verdict != UNFINISHED]
        if comparable and all(one.better == arm for one in comparable):
            return arm
    return None


def rank_intervals(
    comparisons: Sequence[Comparison], arms: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return the best and the worst rank that each arm can have, 1 being the best.

    They hold together at the level of `compare`, as the pairs do.
    """
    row = {arm: number for number, arm in enumerate(arms)}
    order = [
        (row[one.better], row[one.arm_b if one.better == one.arm_a else one.arm_a])
        for one in comparisons
        if one.better is not None
    ]
    return dict(zip(arms, ranks_from_order(len(arms), order), strict=True))
