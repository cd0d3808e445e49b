"""Image retrieval score: how many of the real images a model would reach, drawing for ever."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from scipy import stats

from ..common.knn import nearest_between, prepare
from .arrays import embeddings, pair
from .statistic import Statistic, Statistics

if TYPE_CHECKING:
    from .context import Context

LEVEL = 0.95


class RetrievalScore(NamedTuple):
    """How much of the real set a model reaches.

    Attributes:
        value: Likeliest share of the real images that it would reach with unlimited images.
        bound: 95 % interval of it, from the chance of which images are drawn.
        retrieved: Real images that are nearest to a generated one.
        share: The same over the number of real images (the score at this count).
    """

    value: float
    bound: tuple[float, float]
    retrieved: int
    share: float


def retrieval_score(*, real: Any, generated: Any, device: str = "cpu") -> RetrievalScore:
    """Image retrieval score (IRS) for unlimited images, with its bound.

    Every generated image retrieves its nearest real one. If a model reached s of them, each as
    often as the others, m images would retrieve k different ones with a chance that is known
    (occupancy of s urns); the s that makes the observed k likeliest, over n, is the score. Real
    images do not reach 1 either, for some of them are nearest to few others: read it beside its
    null. Their ratio is what the authors call the adjusted score.

    Args:
        real: (n, d) embeddings.
        generated: (m, d) embeddings from the same encoder, m >= 2.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        DataError: The feature counts differ, a set is too small, or a value is not finite.

    Source: Dombrowski et al. 2025 (CVPR), arXiv:2411.16171; occupancy: Johnson & Kotz 1977, Urn
    Models and Their Application.
    """
    r, g = pair("real", real, "generated", generated)
    embeddings("generated", g, at_least=2)
    points, queries = prepare(r, g, device=device)
    nearest = nearest_between(queries, points, 1)[1][:, 0]
    return from_counts(len(set(nearest.tolist())), n_real=len(r), n_generated=len(g))


def from_counts(retrieved: int, *, n_real: int, n_generated: int) -> RetrievalScore:
    """Return the score where ``retrieved`` of n real images were nearest to m generated ones."""
    reachable = _likeliest(retrieved, n_real, n_generated)
    # The chance to retrieve as many or more grows with s, that of as many or fewer falls.
    tail = (1 - LEVEL) / 2
    low = _first(retrieved, reachable, lambda s: _at_least(retrieved, s, n_generated) > tail)
    high = _first(
        reachable, n_real + 1, lambda s: _at_least(retrieved + 1, s, n_generated) >= 1 - tail
    )
    high = max(high - 1, reachable)
    return RetrievalScore(
        reachable / n_real, (low / n_real, high / n_real), retrieved, retrieved / n_real
    )


def compute(c: Context) -> Statistics:
    """Return the image retrieval score of one comparison; its interval is its own bound."""
    score = retrieval_score(real=c.real, generated=c.generated, device=c.device)
    detail = {"retrieved": score.retrieved, "share": score.share}
    return {"retrieval_score": Statistic(score.value, detail=detail, interval=score.bound)}


def _likeliest(k: int, n: int, m: int) -> int:
    """The s in [k, n] with the largest chance of k different ones among m draws.

    The chance is S(m, k) s! / ((s - k)! s^m). Stirling's number S does not depend on s, and the
    ratio of s + 1 to s falls below 1 once and for all.
    """
    if k >= m:  # nothing came twice: the more there are, the likelier
        return n

    def falls(s: int) -> bool:
        step = math.log1p(1 / s)
        return -math.log1p(-k / (s + 1)) - m * step < 0

    return _first(k, n, falls)


def _at_least(k: int, s: int, m: int) -> float:
    """Chance that m draws from s images hit at least k different ones.

    Normal with the exact mean and variance of the number of urns hit, corrected for steps of 1.
    """
    if k > min(s, m):
        return 0.0
    empty = (1 - 1 / s) ** m
    both_empty = (1 - 2 / s) ** m if s > 1 else 0.0
    mean = s * (1 - empty)
    variance = s * empty + s * (s - 1) * both_empty - (s * empty) ** 2
    if variance <= 1e-12:
        return float(mean > k - 0.5)
    return float(stats.norm.sf((k - 0.5 - mean) / math.sqrt(variance)))


def _first(low: int, high: int, holds: Any) -> int:
    """Return the smallest number in [low, high) from which on a condition holds, else high."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
