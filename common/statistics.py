"""Statistics that metrics, studies and ratings share: spread, several tests at once, ranks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard


@dataclass(frozen=True)
class Spread:
    """A value over seeds.

    Attributes:
        mean: Mean over the seeds.
        std: Standard deviation (n - 1); None for one seed.
        n: How many seeds.
        values: The value of each seed, by seed; of a study's training whose selection has a seed of
            its own by ``draw 2, seed 0``.
        excess: Mean of what the value exceeds the one of real images by; None where unknown.
    """

    mean: float
    std: float | None
    n: int
    values: dict[int | str, float]
    excess: float | None = None

    def __str__(self) -> str:
        """One value, both of two, else mean and deviation: two values have no deviation to tell."""
        if self.n > 2 and self.std is not None:
            spread = f" ± {number(self.std)}" if self.std else ""  # all are equal
            return f"{number(self.mean)}{spread}"
        return " / ".join(number(value) for _, value in sorted(self.values.items(), key=str))


def spread(
    values: Mapping[int | str, float | None] | Mapping[int, float | None],
    excess: Iterable[float | None] = (),
) -> Spread | None:
    """Summarize a value over seeds; None where no seed has one."""
    known = {seed: float(value) for seed, value in values.items() if _is_finite(value)}
    if not known:
        return None
    above = [float(value) for value in excess if _is_finite(value)]
    return Spread(
        statistics.fmean(known.values()),
        statistics.stdev(known.values()) if len(known) > 1 else None,
        len(known),
        known,
        statistics.fmean(above) if above else None,
    )


def number(value: float) -> str:
    """Write a number with three significant digits, small ones without exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}"


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false finding among them stays below the level.

    Source: Holm 1979, Scandinavian Journal of Statistics 6.
    """
    order = sorted(range(len(p_values)), key=lambda row: p_values[row])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, row in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[row]))
        adjusted[row] = largest
    return adjusted


def ranks_from_order(count: int, order: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the best and the worst rank that each of some items can have, 1 being the best.

    An item stands behind all that are known to be better and before all that are known to be
    worse. Where all of `order` holds together in 95 of 100 studies, so do the ranks.

    Args:
        count: How many items there are.
        order: Pairs of items (better, worse) that were told apart.

    Source: Mohamad et al. 2019, Statistics in Medicine 38 (ranks from pairwise tests).
    """
    better, worse = [0] * count, [0] * count
    for first, second in order:
        better[second] += 1
        worse[first] += 1
    return [(1 + better[item], count - worse[item]) for item in range(count)]


def _is_finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
