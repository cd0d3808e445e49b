"""Which training images make bad drawings: how much weight they have there beyond chance.

A drawing is bad where no real image is near it: see `outside`. The weight that training
image i has in bad drawings is compared with what it would be if its weight were spread over
drawings by chance, and the difference is its harm. An image that is hardly used has a harm
near 0, whatever its few drawings are like, and its interval over drawings says how sure
that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...common.knn import nearest
from .sources import Source

WIDTH = 1.96  # standard errors on each side of a 95 % interval
ORDINARY = 0.95  # share of real images whose nearest other one is near
PART = 0.05  # of the images, the worst of which are looked at together
SHUFFLES = 199


@dataclass(frozen=True)
class Influence:
    """What each of n training images does to the drawings of a model.

    Attributes:
        use: (n,) share of all drawings that the image makes, sum 1.
        rate: (n,) share of its weight that is in bad drawings; NaN for one that is not used.
        harm: (n,) its weight in bad drawings beyond chance, n use (rate - bad): 1 - bad is
            that of an image of average use whose drawings are all bad; mean 0 over images.
        low: (n,) lower end of the 95 % interval of ``harm`` over drawings.
        high: (n,) upper end.
        bad: Share of drawings that are bad.
    """

    use: np.ndarray
    rate: np.ndarray
    harm: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bad: float

    def worst(self) -> np.ndarray:
        """Return all images, those of most harm first."""
        return np.argsort(-self.harm, kind="stable")


def outside(*, real: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Tell which drawings no real image is near.

    Near is the distance within which `ORDINARY` of the real images have another one: the
    same everywhere. Balls as wide as a real image's own neighbours are far, which precision
    uses, are widest around odd real images, and take in what odd training images make.

    Args:
        real: (n, d) features of real images that were not trained on, n > 1.
        drawn: (m, d) features of drawings, from the same encoder.

    Returns:
        (m,) bool.
    """
    apart, _ = nearest(real, real, 1, exclude_self=True)
    gap, _ = nearest(drawn, real, 1)
    return gap[:, 0] > np.quantile(apart[:, 0], ORDINARY)


def influence(sources: Sequence[Source], *, outside: np.ndarray, n: int) -> Influence:
    """Sum up what drawings are made of, by training image.

    Args:
        sources: What each of d drawings is made of.
        outside: (d,) true for drawings that no real image is near.
        n: How many training images there are.

    Raises:
        ValueError: ``sources`` and ``outside`` differ in length, or are empty.
    """
    rows, shares, outside = _checked(sources, outside)
    of_bad = np.repeat(outside, [len(one.rows) for one in sources])

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(rows, weights=weights, minlength=n)

    bad, drawn = float(outside.mean()), len(outside)
    weight = total(shares)
    beyond = shares * (of_bad - bad)  # of one image in one drawing
    mean = total(beyond) / drawn
    variance = (total(beyond**2) / drawn - mean**2).clip(min=0)
    error = np.sqrt(variance / max(drawn - 1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = total(shares * of_bad) / weight
    return Influence(
        use=weight / drawn,
        rate=rate,
        harm=n * mean,
        low=n * (mean - WIDTH * error),
        high=n * (mean + WIDTH * error),
        bad=bad,
    )


def chance(sources: Sequence[Source], *, outside: np.ndarray, n: int) -> float:
    """Return how often chance alone makes the worst images as bad as they are: a p-value.

    The drawings' flags are dealt out anew `SHUFFLES` times, and the mean harm of the worst
    `PART` of the images is compared. What images weigh in which drawings stays as it is, so few
    drawings, skewed shares and images that share drawings are accounted for.

    Args:
        sources: What each of d drawings is made of.
        outside: (d,) true for drawings that no real image is near.
        n: How many training images there are.

    Raises:
        ValueError: ``sources`` and ``outside`` differ in length, or are empty.
    """
    rows, shares, outside = _checked(sources, outside)
    drawing = np.repeat(np.arange(len(outside)), [len(one.rows) for one in sources])
    weights = sparse.csr_array((shares, (rows, drawing)), shape=(n, len(outside)))
    rng = np.random.default_rng(0)
    worst = max(1, round(PART * n))

    def statistic(flags: np.ndarray) -> float:
        harm = weights @ (flags - flags.mean())
        return float(np.partition(harm, n - worst)[n - worst :].sum())

    observed = statistic(outside.astype(np.float64))
    dealt = [statistic(rng.permutation(outside).astype(np.float64)) for _ in range(SHUFFLES)]
    return (1 + sum(one >= observed - 1e-12 for one in dealt)) / (1 + SHUFFLES)


def _checked(
    sources: Sequence[Source], outside: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the images of all drawings, their shares there, and the drawings' flags."""
    if len(sources) != len(outside) or not len(outside):
        raise ValueError(f"got {len(sources)} sources and {len(outside)} judged drawings.")
    rows = np.concatenate([one.rows for one in sources])
    shares = np.concatenate([one.shares for one in sources]).astype(np.float64)
    return rows, shares, np.asarray(outside, bool)
