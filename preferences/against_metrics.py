"""Do people and a metric agree: on the order of arms, on pairs, on single votes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from ..common.errors import DataError
from .comparisons import Floats
from .intervals import LEVEL
from .results import Results
from .votes import Vote, effective


@dataclass(frozen=True)
class Agreement:
    """How well a metric orders the arms as people do.

    Attributes:
        metric: Its name.
        arms: Arms with both a strength and a value, most preferred first.
        values: The metric's values, in that order.
        tau: Kendall's tau-b between strengths and values, 1 for the same order.
        p_value: Exact two-sided p over all orders of the arms.
        smallest_p: The p that full agreement of so many arms would have.
        pair_accuracy: Share of pairs on which both agree; where people cannot tell a pair
            apart, either order counts half.
        pairs: How many pairs.
    """

    metric: str
    arms: list[str]
    values: list[float]
    tau: float
    p_value: float
    smallest_p: float
    pair_accuracy: float
    pairs: int

    def __str__(self) -> str:
        text = (
            f"{self.metric} orders {len(self.arms)} arms as people do with Kendall's tau "
            f"{self.tau:.2f} (p = {self.p_value:.2g}) and agrees on {self.pair_accuracy:.0%} of "
            f"{self.pairs} pairs."
        )
        if self.smallest_p > 1 - LEVEL:
            text += (
                f" {len(self.arms)} arms are too few for any order to be significant: full "
                f"agreement would have p = {self.smallest_p:.2g}."
            )
        return text


def agreement_with(
    results: Results, *, metric: str, values: Mapping[str, float], higher_is_better: bool
) -> Agreement:
    """Compare the order of arms by people with that by a metric.

    Args:
        results: What people said; needs a ranking.
        metric: Name of the metric.
        values: Its value for each arm; arms without one are left out.
        higher_is_better: Which way it is read.

    Raises:
        DataError: There is no ranking, or fewer than two arms have a value.

    Source: Kendall 1945, Biometrika 33 (tau-b); ties in pair accuracy after Deutsch et al.
    2023, arXiv:2305.14324.
    """
    if not results.ranking:
        raise DataError(f"people's votes give no ranking: {results.no_ranking}")
    ranks = [rank for rank in results.ranking if rank.arm in values]
    if len(ranks) < 2:
        raise DataError(f"{metric} has values for {len(ranks)} of the arms; two are needed.")
    sign = 1.0 if higher_is_better else -1.0
    strength = np.array([rank.log_strength for rank in ranks])
    value = np.array([values[rank.arm] for rank in ranks], dtype=np.float64)
    tau = _tau_b(strength, sign * value)
    right, count = 0.0, 0
    position = {rank.arm: row for row, rank in enumerate(ranks)}
    assert results.strengths is not None
    for one in results.compared:
        names = [results.strengths.arms[row] for row in (one.first, one.second)]
        if not set(names) <= set(position):
            continue
        count += 1
        metric_order = np.sign(sign * (values[names[0]] - values[names[1]]))
        if not one.told_apart:
            right += 1.0 if metric_order == 0 else 0.5
        else:
            right += 1.0 * (metric_order == np.sign(one.value))
    k = len(ranks)
    return Agreement(
        metric,
        [rank.arm for rank in ranks],
        [float(one) for one in value],
        tau,
        _tau_p(strength, sign * value),
        2 / math.factorial(k),
        right / count,
        count,
    )


def _tau_b(x: Floats, y: Floats) -> float:
    """Concordant minus discordant pairs over the pairs that neither side ties; 0 without any."""
    i, j = np.triu_indices(len(x), 1)
    sign_x, sign_y = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
    untied = float((sign_x != 0).sum()) * float((sign_y != 0).sum())
    return float((sign_x * sign_y).sum()) / math.sqrt(untied) if untied else 0.0


def _tau_p(x: Floats, y: Floats, draws: int = 20_000) -> float:
    """Two-sided p of a tau: over all orders of up to 7 arms, over random ones of more."""
    k = len(x)
    if k <= 7:
        orders = [list(order) for order in permutations(range(k))]
        extra = 0
    else:
        generator = np.random.default_rng(0)
        orders, extra = [list(generator.permutation(k)) for _ in range(draws)], 1
    i, j = np.triu_indices(k, 1)
    sign_x = np.sign(x[i] - x[j])
    reached = abs(float((sign_x * np.sign(y[i] - y[j])).sum()))
    arranged = y[np.array(orders)]
    sums = np.abs((sign_x * np.sign(arranged[:, i] - arranged[:, j])).sum(axis=1))
    return float(((sums >= reached - 1e-9).sum() + extra) / (len(orders) + extra))


@dataclass(frozen=True)
class VotePrediction:
    """Whether a value of single images, such as realism, predicts single votes.

    Attributes:
        auc: Area under the ROC curve of the difference left - right as a predictor of the vote
            for left: 1 predicts every vote, 0.5 says nothing.
        interval: 95 %, from resampled raters.
        votes: Votes without tie of which both images have a value.
    """

    auc: float
    interval: tuple[float, float] | None
    votes: int


def predicts_votes(
    votes: Iterable[Vote], values: Mapping[str, float], *, resamples: int = 1000, seed: int = 0
) -> VotePrediction:
    """Tell whether the image with the higher value is the one that people prefer.

    Args:
        votes: The votes.
        values: A value for each image, by its identity in the votes; higher should be better.
        resamples: Bootstrap draws of raters.
        seed: Of the draws.

    Raises:
        DataError: No vote has values for both images.
    """
    sided = [
        vote
        for vote in effective(votes)
        if vote.kind == "main" and vote.winner and vote.left in values and vote.right in values
    ]
    chosen = np.array([vote.answer == "left" for vote in sided], dtype=bool)
    if not chosen.any() or chosen.all():
        raise DataError(
            f"{len(sided)} votes have a side and a value for both images, and votes for both sides "
            "are needed; evaluate the images, or collect more votes."
        )
    gap = np.array([values[vote.left] - values[vote.right] for vote in sided])
    _, rater = np.unique([vote.rater for vote in sided], return_inverse=True)
    rows_of = [np.flatnonzero(rater == number) for number in range(int(rater.max()) + 1)]
    interval = None
    if len(rows_of) > 1:
        generator = np.random.default_rng(seed)
        drawn = []
        for _ in range(resamples):
            picked = generator.integers(len(rows_of), size=len(rows_of))
            rows = np.concatenate([rows_of[number] for number in picked])
            if chosen[rows].any() and not chosen[rows].all():
                drawn.append(_auc(gap[rows], chosen[rows]))
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        interval = (float(low), float(high))
    return VotePrediction(_auc(gap, chosen), interval, len(sided))


def _auc(score: Floats, positive: np.ndarray) -> float:
    """Chance that a positive has a higher score than a negative, ties half (Mann-Whitney)."""
    ranks, n = stats.rankdata(score), int(positive.sum())
    above = float(ranks[positive].sum()) - n * (n + 1) / 2
    return above / (n * (len(score) - n))
