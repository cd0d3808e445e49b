"""How often chance alone gives one arm all the best seeds, exactly and without a distribution.

Where k arms do not differ, every way to deal the N = n_1 + ... + n_k values over the arms is
equally likely, and arm i holds the n_i best values in one of C(N, n_i) ways; two arms cannot both
lead. So some arm leads with probability sum_i 1 / C(N, n_i): 1/7 for four arms with two seeds.
Where only some arms do not differ and the others are far behind, it is the same sum over those
few, largest for two: 2 / C(2n, n) for n seeds, 1/3, 1/10 and 1/35 for two, three and four. For a
pair and a direction that were named before the study, half of that applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb


def chance_of_leader(sizes: Sequence[int]) -> float:
    """Probability that, of arms which do not differ, one has all its seeds ahead of all others.

    Args:
        sizes: Seeds of each arm.

    Returns:
        sum_i 1 / C(N, n_i) with N all seeds; 1 for one seed per arm, where some arm is first.
    """
    total = sum(sizes)
    return min(1.0, sum(1 / comb(total, size) for size in sizes))


def chance_at_worst(size: int, others: Iterable[int]) -> float:
    """The same for a given leader where any of the others may differ and be far behind.

    Args:
        size: Seeds of the leading arm.
        others: Seeds of each other arm.

    Returns:
        The largest `chance_of_leader` over the leader with any of the other arms.
    """
    others = list(others)
    subsets = (chosen for count in range(1, len(others) + 1) for chosen in _subsets(others, count))
    return max(chance_of_leader([size, *chosen]) for chosen in subsets)


def _subsets(sizes: Sequence[int], count: int) -> Iterable[tuple[int, ...]]:
    """Choices of so many sizes, each combination of values once."""
    return set(combinations(sorted(sizes), count))
