"""How strongly each arm is preferred: Bradley-Terry, and Davidson where votes are tied.

With log-strengths b the chance that i is preferred to j is, for ties of parameter nu >= 0,

    p_ij = e^b_i / (e^b_i + e^b_j + nu e^((b_i + b_j) / 2)),

and that of a tie is ``nu e^((b_i + b_j) / 2)`` over the same sum. Without a tie among the
votes nu is 0 and this is Bradley-Terry's model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

from ..common.errors import DataError
from .comparisons import Comparisons, Floats, Integers

STEPS = 100
SMALL = 1e-11  # a Newton step of this size ends the search


@dataclass(frozen=True)
class Strengths:
    """Fitted log-strengths.

    Attributes:
        arms: (k,) names.
        log_strength: (k,) with mean 0; a difference d means odds of e^d among votes without tie.
        nu: The tie parameter; 0 without ties.
        covariance: (k, k) of `log_strength` as if votes were independent.
        clustered: (k, k) the same when raters differ (sandwich); None with one rater.
        raters: How many raters there were.
    """

    arms: list[str]
    log_strength: Floats
    nu: float
    covariance: Floats
    clustered: Floats | None
    raters: int

    def std_error(self, first: int, second: int) -> float:
        """Standard error of the difference of two log-strengths, the larger of the two sorts."""
        contrast = np.zeros(len(self.arms))
        contrast[first], contrast[second] = 1.0, -1.0
        kinds = [self.covariance] + ([] if self.clustered is None else [self.clustered])
        return float(np.sqrt(max(float(contrast @ kind @ contrast) for kind in kinds)))


def fit(data: Comparisons, *, weights: Floats | None = None) -> Strengths:
    """Find the log-strengths that make the votes likeliest.

    Args:
        data: The comparisons; arms without a vote are refused.
        weights: (n,) how much each vote counts; by default 1.

    Raises:
        DataError: No finite strengths exist: arms were never compared, directly or through
            others, or one group of arms won every vote against the rest. The message names them.

    Source: Bradley & Terry 1952, Biometrika 39; Davidson 1970, JASA 65; existence: Ford 1957,
    American Mathematical Monthly 64; the sandwich: White 1982, Econometrica 50, by rater.
    """
    w = np.ones(len(data)) if weights is None else weights
    _existence(data, w)
    tied = bool(((data.outcome == 0.5) & (w > 0)).any())
    parameters = np.zeros(len(data.arms) + tied)
    likelihood = _log_likelihood(data, w, parameters, tied)
    for _ in range(STEPS):
        scores, information = _derivatives(data, w, parameters, tied)
        step = _solve(information, scores.sum(axis=0), len(data.arms))
        scale = 1.0
        while True:
            candidate = parameters + scale * step
            reached = _log_likelihood(data, w, candidate, tied)
            if reached >= likelihood - 1e-12 * abs(likelihood) or scale < 1e-10:
                break
            scale /= 2
        parameters, likelihood = candidate, reached
        if np.abs(scale * step).max() < SMALL:
            break
    else:
        raise DataError(
            "the strengths did not settle; some arms win nearly every vote. Collect more votes "
            "on them, or leave them out."
        )
    return _strengths(data, w, parameters, tied)


def _strengths(data: Comparisons, w: Floats, parameters: Floats, tied: bool) -> Strengths:
    k = len(data.arms)
    scores, information = _derivatives(data, w, parameters, tied)
    inverse = _inverse(information, k)
    raters = len(np.unique(data.rater))
    clustered = None
    if raters > 1:
        by_rater = np.zeros((int(data.rater.max()) + 1, scores.shape[1]))
        np.add.at(by_rater, data.rater, scores)
        meat = raters / (raters - 1) * by_rater.T @ by_rater
        clustered = (inverse @ meat @ inverse)[:k, :k]
    b = parameters[:k]
    nu = float(np.exp(parameters[k])) if tied else 0.0
    return Strengths(data.arms, b - b.mean(), nu, inverse[:k, :k], clustered, raters)


def _probabilities(
    data: Comparisons, parameters: Floats, tied: bool
) -> tuple[Floats, Floats, Floats]:
    """(n,) chances that the first wins, that the second wins, and of a tie, as logarithms."""
    k = len(data.arms)
    first, second = parameters[data.first], parameters[data.second]
    tie = (first + second) / 2 + parameters[k] if tied else np.full(len(data), -np.inf)
    total = np.logaddexp(np.logaddexp(first, second), tie)
    return first - total, second - total, tie - total


def _log_likelihood(data: Comparisons, w: Floats, parameters: Floats, tied: bool) -> float:
    win, loss, tie = _probabilities(data, parameters, tied)
    chosen = np.where(data.outcome == 1, win, np.where(data.outcome == 0, loss, tie))
    return float((w * chosen).sum())


def _derivatives(
    data: Comparisons, w: Floats, parameters: Floats, tied: bool
) -> tuple[Floats, Floats]:
    """Each vote's share in the score (n, p), and the information (p, p) of all.

    Both follow from the sufficient statistics of a vote, ``s = e_i`` for a win of i and
    ``(e_i + e_j) / 2 + e_nu`` for a tie: score ``s - E s``, information ``Cov s``.
    """
    n, k = len(data), len(data.arms)
    chances = [np.exp(part) for part in _probabilities(data, parameters, tied)]
    statistics = np.zeros((3, n, k + tied))
    rows = np.arange(n)
    statistics[0, rows, data.first] = 1
    statistics[1, rows, data.second] = 1
    statistics[2, rows, data.first] = statistics[2, rows, data.second] = 0.5
    if tied:
        statistics[2, :, k] = 1
    mean = sum(p[:, None] * s for p, s in zip(chances, statistics, strict=True))
    which = np.where(data.outcome == 1, 0, np.where(data.outcome == 0, 1, 2))
    scores = w[:, None] * (statistics[which, rows] - mean)
    information = np.zeros((k + tied, k + tied))
    for p, s in zip(chances, statistics, strict=True):
        away = s - mean
        information += away.T @ ((w * p)[:, None] * away)
    return scores, information


def _fixed(information: Floats, k: int) -> Floats:
    """Add the direction that the votes say nothing about: all log-strengths moved together."""
    fixed = information.copy()
    fixed[:k, :k] += 1.0 / k
    return fixed


def _solve(information: Floats, score: Floats, k: int) -> Floats:
    return np.asarray(np.linalg.solve(_fixed(information, k), score), dtype=np.float64)


def _inverse(information: Floats, k: int) -> Floats:
    """Inverse of the information on log-strengths with mean 0 (and the tie parameter)."""
    inverse = np.linalg.inv(_fixed(information, k))
    keep = np.eye(len(inverse))
    keep[:k, :k] -= 1.0 / k
    return np.asarray(keep @ inverse @ keep, dtype=np.float64)


def _existence(data: Comparisons, w: Floats) -> None:
    """Refuse votes for which no finite strengths are likeliest, and say which arms are to blame."""
    k = len(data.arms)
    if k < 2:
        raise DataError(f"strengths need at least two arms, there are {k}.")
    counted = w > 0
    first, second, outcome = data.first[counted], data.second[counted], data.outcome[counted]
    met = np.zeros((k, k), dtype=bool)
    met[first, second] = True
    parts, part = connected_components(met, directed=False)
    if parts > 1:
        groups = [_names(data, part == number) for number in range(parts)]
        raise DataError(
            f"no vote links {' with '.join(groups)}; their order is unknown. Collect votes on "
            "pairs between them."
        )
    if (outcome == 0.5).all():
        raise DataError("all votes are ties, so no strength can be told; the arms look alike.")
    above = _unbounded(k, first, second, outcome)
    if above is not None:
        raise DataError(
            f"{_names(data, above)} never lost a vote against {_names(data, ~above)}, so the "
            "strength between them has no finite value; the win rates stand. More votes may "
            "bring a first loss."
        )


def _unbounded(k: int, first: Integers, second: Integers, outcome: Floats) -> np.ndarray | None:
    """Look for a direction in which the likelihood grows or stays for ever.

    Along strengths b and log nu t every outcome must stay the likeliest of its three: for a win
    of i over j ``b_i - b_j >= max(0, 2 t)``, for a tie ``2 t >= |b_i - b_j|`` (Albert & Anderson
    1984, Biometrika 71, for logistic models). A linear program finds the largest one.

    Returns:
        (k,) the arms that such a direction lifts above all others; None without one.
    """
    seen = np.unique(np.column_stack([first, second, 2 * outcome]).astype(np.int64), axis=0)
    rows = []
    for i, j, doubled in seen:
        gap = np.zeros(k + 1)
        gap[i], gap[j] = 1.0, -1.0
        nu = np.zeros(k + 1)
        nu[k] = 2.0
        if doubled == 1:
            rows += [nu - gap, nu + gap]
        else:
            gap = gap if doubled == 2 else -gap
            rows += [gap, gap - nu]
    constraints = np.array(rows)
    bounds = [(0.0, 0.0), *[(-1.0, 1.0)] * (k - 1), (-1.0, 1.0) if 1 in seen[:, 2] else (0.0, 0.0)]
    best = linprog(-constraints.sum(axis=0), -constraints, np.zeros(len(rows)), bounds=bounds)
    if best.fun > -1e-6:
        return None
    b = np.asarray(best.x[:k])
    return b > b.max() - 1e-6


def _names(data: Comparisons, mask: np.ndarray) -> str:
    return " and ".join(name for name, inside in zip(data.arms, mask, strict=True) if inside)
