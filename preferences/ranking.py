"""Which differences can be told from chance, and which ranks that leaves to each arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy import stats

from ..common.statistics import holm, ranks_from_order
from .intervals import LEVEL
from .strengths import Strengths


@dataclass(frozen=True)
class Difference:
    """Two arms' difference in log-strength.

    Attributes:
        first: Row of the one arm.
        second: Row of the other.
        value: Log-strength of the first minus that of the second.
        std_error: Its standard error.
        interval: 95 %, for this pair alone.
        p_value: Two-sided, for this pair alone.
        p_adjusted: The same when all pairs are looked at (Holm).
        share: Chance that the first is preferred, among votes without tie.
        share_interval: 95 %.
    """

    first: int
    second: int
    value: float
    std_error: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    share: float
    share_interval: tuple[float, float]

    @property
    def told_apart(self) -> bool:
        """Whether the pair differs at 5 % over all pairs together."""
        return self.p_adjusted < 1 - LEVEL


def differences(fitted: Strengths) -> list[Difference]:
    """Compare every two arms, with Student's quantiles for the number of raters."""
    pairs = list(combinations(range(len(fitted.arms)), 2))
    distribution = stats.t(fitted.raters - 1) if fitted.raters > 1 else stats.norm()
    quantile = float(distribution.ppf((1 + LEVEL) / 2))
    values = [float(fitted.log_strength[i] - fitted.log_strength[j]) for i, j in pairs]
    errors = [fitted.std_error(i, j) for i, j in pairs]
    p_values = [
        2 * float(distribution.sf(abs(value) / error))
        for value, error in zip(values, errors, strict=True)
    ]
    compared = []
    for (i, j), value, error, p, adjusted in zip(
        pairs, values, errors, p_values, holm(p_values), strict=True
    ):
        low, high = value - quantile * error, value + quantile * error
        share = (_logistic(low), _logistic(high))
        compared.append(
            Difference(i, j, value, error, (low, high), p, adjusted, _logistic(value), share)
        )
    return compared


def rank_intervals(count: int, compared: Sequence[Difference]) -> list[tuple[int, int]]:
    """Return the best and the worst rank that each arm can have, 1 being preferred most.

    Holm's rule makes all statements about pairs true together in 95 of 100 studies, and so the
    ranks that follow from them.
    """
    order = [
        (one.first, one.second) if one.value > 0 else (one.second, one.first)
        for one in compared
        if one.told_apart
    ]
    return ranks_from_order(count, order)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
