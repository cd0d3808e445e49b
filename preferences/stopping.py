"""When enough votes are in: an interval that may be looked at after every vote.

An ordinary 95 % interval is wrong more often than that if one looks again and again and
stops when it pleases. This one holds at all moments together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .comparisons import Floats, Integers
from .intervals import LEVEL, design_effect

LEAST_VOTES = 50  # before these the spread is not known well enough
LEAST_RATERS = 5
NARROWEST_AT = 300.0  # effective votes at which the interval is narrowest for its level


@dataclass(frozen=True)
class Verdict:
    """Whether to go on.

    Attributes:
        enough: Stop: the interval is narrow enough, or no longer holds an even split.
        share: Win rate of the first arm, ties half.
        interval: Where it is at all moments together, at 95 %.
        sentence: What to do, in words.
    """

    enough: bool
    share: float
    interval: tuple[float, float]
    sentence: str


def always_valid(scores: Floats, cluster: Integers) -> tuple[float, float]:
    """Interval of a mean vote that holds at every moment at once, at 95 %.

    Robbins' normal mixture with the largest variance that votes in [0, 1] can have, 1/4, times
    the design effect of the raters, widened by Student's quantile over the normal's since that
    effect is estimated; the whole of [0, 1] before 50 votes of 5 raters.

    Args:
        scores: (n,) votes in [0, 1] so far.
        cluster: (n,) the rater of each.

    Source: Robbins 1970, Annals of Mathematical Statistics 41; Howard et al. 2021, Annals of
    Statistics 49 (time-uniform intervals).
    """
    n, raters = len(scores), len(np.unique(cluster))
    if n < LEAST_VOTES or raters < LEAST_RATERS:
        return 0.0, 1.0
    effective = n / design_effect(scores, cluster)
    alpha = 1 - LEVEL
    # rho^2 that makes the boundary narrowest at NARROWEST_AT (Howard et al., section 3.5)
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / NARROWEST_AT
    spread = effective * rho2 + 1
    half = 0.5 * math.sqrt(2 * spread * math.log(math.sqrt(spread) / alpha) / rho2) / effective
    level = (1 + LEVEL) / 2
    half *= float(stats.t.ppf(level, raters - 1) / stats.norm.ppf(level))
    mean = float(np.mean(scores))
    return max(0.0, mean - half), min(1.0, mean + half)


def enough(scores: Floats, cluster: Integers, *, width: float) -> Verdict:
    """Decide whether a pair of arms needs more votes.

    The rule: stop when `always_valid` is at most `width` wide, or lies on one side of 1/2. It
    may be asked after every vote; equal arms are told apart in at most 5 % of studies.

    Args:
        scores: (n,) votes on the pair: 1 for the first arm, 0 for the second, 0.5 for a tie.
        cluster: (n,) the rater of each.
        width: Widest interval that is good enough, such as 0.1.
    """
    low, high = always_valid(scores, cluster)
    mean = float(np.mean(scores)) if len(scores) else 0.5
    if low > 0.5 or high < 0.5:
        return Verdict(True, mean, (low, high), "The preference is settled; no more votes needed.")
    if high - low <= width:
        sentence = f"The interval is {high - low:.2f} wide, narrow enough; the arms are close."
        return Verdict(True, mean, (low, high), sentence)
    sentence = f"The interval is {high - low:.2f} wide and holds an even split; add votes."
    return Verdict(False, mean, (low, high), sentence)
