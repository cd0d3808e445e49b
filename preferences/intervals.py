"""Intervals for a share of votes, with and without the fact that a rater votes many times."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from .comparisons import Floats, Integers

LEVEL = 0.95


def wilson(wins: float, n: float, *, quantile: float | None = None) -> tuple[float, float]:
    """Interval of a share, from independent votes.

    Args:
        wins: How many; a tie counts half.
        n: Of how many votes.
        quantile: Of the standard distribution; by default the normal's for 95 %.

    Returns:
        Lower and upper end, within [0, 1]; (0, 1) without a vote.

    Source: Wilson 1927, Journal of the American Statistical Association 22.
    """
    if n <= 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf((1 + LEVEL) / 2)) if quantile is None else quantile
    share, z2 = wins / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def design_effect(scores: Floats, cluster: Integers) -> float:
    """How many times larger a mean's variance is than with as many independent votes.

    The variance between raters is that of a ratio of sums over raters, with R / (R - 1) for R
    raters; never below 1, since a value below is chance more often than not.

    Args:
        scores: (n,) votes in [0, 1].
        cluster: (n,) the rater of each.

    Source: Kish 1965, Survey Sampling, section 8.2.
    """
    n, share = len(scores), float(np.mean(scores))
    _, place = np.unique(cluster, return_inverse=True)
    raters = int(place.max()) + 1
    alone = share * (1 - share) / n
    if raters < 2 or alone == 0:
        return 1.0
    residual = np.bincount(place, weights=scores - share)  # per rater
    between = raters / (raters - 1) * float((residual**2).sum()) / n**2
    return max(1.0, between / alone)


def clustered(scores: Floats, cluster: Integers) -> tuple[float, float] | None:
    """Interval of a mean vote when raters differ from one another.

    Wilson's interval with the effective number of votes ``n / design effect`` and Student's
    quantile with R - 1 degrees of freedom for R raters: it says what other raters of the same
    sort would answer, not only what these would.

    Args:
        scores: (n,) votes in [0, 1].
        cluster: (n,) the rater of each.

    Returns:
        Lower and upper end; None with fewer than two raters, who say nothing about others.

    Source: Korn & Graubard 1998, Survey Methodology 24 (effective sample size and degrees of
    freedom); Franco et al. 2019, Journal of Survey Statistics and Methodology 7 (with Wilson).
    """
    raters = len(np.unique(cluster))
    if raters < 2:
        return None
    n = len(scores) / design_effect(scores, cluster)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, raters - 1))
    return wilson(float(np.mean(scores)) * n, n, quantile=quantile)
