"""Strengths that trust raters as far as they agree with the others: a sensitivity analysis.

Each vote without tie follows the order of the strengths with the rater's own reliability
eta, and the opposite with 1 - eta. If the order of arms changes against the plain fit,
a few raters decide it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .comparisons import Comparisons, Floats
from .strengths import fit

START = 0.9  # above a half, which fixes which of the two mirrored solutions is meant
ROUNDS = 500
SMALL = 1e-8


@dataclass(frozen=True)
class Reliability:
    """Result of the search.

    Attributes:
        arms: (k,) names.
        log_strength: (k,) with mean 0, votes weighted by what is believed of their raters.
        raters: Names.
        eta: Reliability of each rater, 1 reliable, 0.5 guessing, below 0.5 answering reversed.
    """

    arms: list[str]
    log_strength: Floats
    raters: list[str]
    eta: Floats


def reliability(data: Comparisons) -> Reliability:
    """Estimate strengths and the raters' reliabilities together, by expectation-maximization.

    Args:
        data: The comparisons; ties say nothing here and are left out.

    Raises:
        DataError: As `strengths.fit`.

    Source: Chen et al. 2013, Pairwise Ranking Aggregation in a Crowdsourced Setting (WSDM);
    Dempster, Laird & Rubin 1977.
    """
    data = data.take(np.flatnonzero(data.outcome != 0.5))
    both = Comparisons(
        data.arms,
        data.raters,
        np.concatenate([data.first, data.first]),
        np.concatenate([data.second, data.second]),
        np.concatenate([data.outcome, 1 - data.outcome]),
        np.concatenate([data.rater, data.rater]),
    )
    sign = np.where(data.outcome == 1, 1.0, -1.0)
    strength = fit(data).log_strength
    eta = np.full(len(data.raters), START)
    votes = np.bincount(data.rater, minlength=len(data.raters))
    for _ in range(ROUNDS):
        agrees = 1 / (1 + np.exp(-sign * (strength[data.first] - strength[data.second])))
        joint = eta[data.rater] * agrees
        honest = joint / (joint + (1 - eta[data.rater]) * (1 - agrees))
        before = np.concatenate([strength, eta])
        eta = np.bincount(data.rater, weights=honest, minlength=len(data.raters)) / np.maximum(
            votes, 1
        )
        strength = fit(both, weights=np.concatenate([honest, 1 - honest])).log_strength
        if np.abs(np.concatenate([strength, eta]) - before).max() < SMALL:
            break
    return Reliability(data.arms, strength, data.raters, eta)
