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

from ...common.knn import nearest
from .sources import Source

WIDTH = 1.96  # standard errors on each side of a 95 % interval
ORDINARY = 0.95  # share of real images whose nearest other one is near


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
    if len(sources) != len(outside) or not len(outside):
        raise ValueError(f"got {len(sources)} sources and {len(outside)} judged drawings.")
    outside = np.asarray(outside, bool)
    rows = np.concatenate([one.rows for one in sources])
    shares = np.concatenate([one.shares for one in sources]).astype(np.float64)
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
