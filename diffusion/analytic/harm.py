"""Which training images make bad drawings: the share of an image's weight that goes there.

A drawing is bad where no real image is near it. Of the weight that training image i has in
all drawings, the share in bad ones is compared with what it would be by chance, the share
of drawings that are bad. An image of little weight is judged by few drawings, so there is an
interval, and images are ordered by its lower end: nobody is accused by one drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .sources import Source

WIDTH = 1.96  # standard errors on each side of a 95 % interval
FEWEST = 5.0  # drawings, as counted by `Influence.drawings`, below which nothing is said


@dataclass(frozen=True)
class Influence:
    """What each of n training images does to the drawings of a model.

    Attributes:
        use: (n,) share of all drawings that the image makes, sum 1.
        harm: (n,) share of its weight that is in bad drawings, minus the share of drawings
            that are bad; NaN where too few drawings tell.
        low: (n,) lower end of the 95 % interval of ``harm``.
        high: (n,) upper end.
        drawings: (n,) in how many drawings its weight is, as if evenly spread.
        bad: Share of drawings that are bad.
    """

    use: np.ndarray
    harm: np.ndarray
    low: np.ndarray
    high: np.ndarray
    drawings: np.ndarray
    bad: float

    def worst(self) -> np.ndarray:
        """Return the images that can be judged, worst first by the lower end."""
        known = np.flatnonzero(~np.isnan(self.harm))
        return known[np.argsort(-self.low[known], kind="stable")]


def influence(sources: Sequence[Source], *, outside: np.ndarray, n: int) -> Influence:
    """Sum up what drawings are made of, by training image.

    Args:
        sources: What each of d drawings is made of.
        outside: (d,) true for drawings that no real image is near.
        n: How many training images there are.

    Raises:
        ValueError: ``sources`` and ``outside`` differ in length.
    """
    if len(sources) != len(outside):
        raise ValueError(f"got {len(sources)} sources and {len(outside)} judged drawings.")
    outside = np.asarray(outside, bool)
    rows = np.concatenate([one.rows for one in sources])
    shares = np.concatenate([one.shares for one in sources]).astype(np.float64)
    of_bad = np.repeat(outside, [len(one.rows) for one in sources])

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(rows, weights=weights, minlength=n)

    weight, squared = total(shares), total(shares**2)
    bad = float(outside.mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = total(shares * of_bad) / weight
        drawings = weight**2 / squared
        # Of a ratio of sums over drawings, by the squared deviations of each drawing; one more
        # drawing of either kind keeps a rate of 0 or 1 from looking certain.
        shrunk = (rate * drawings + bad) / (drawings + 1)
        error = np.sqrt(shrunk * (1 - shrunk) / (drawings + 1))
    told = drawings >= FEWEST
    harm = np.where(told, rate - bad, np.nan)
    return Influence(
        use=weight / max(len(sources), 1),
        harm=harm,
        low=np.where(told, shrunk - bad - WIDTH * error, np.nan),
        high=np.where(told, shrunk - bad + WIDTH * error, np.nan),
        drawings=np.nan_to_num(drawings),
        bad=bad,
    )
