"""What leaving some pictures out does, against leaving as many out by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

Values = Mapping[str, float]
"""By name of a metric."""


def against_chance(one: Values, chances: Sequence[Values]) -> dict[str, dict[str, Any]]:
    """Return by metric the change from the mean of the draws by chance.

    ``band`` is how far a further draw by chance comes from that mean in 95 of 100 cases, by
    Student's distribution: few draws, a wide band. ``outside`` says whether the change is larger.
    """
    draws = len(chances)
    quantile = float(stats.t.ppf(0.975, draws - 1))
    answer = {}
    for name, value in one.items():
        by_chance = [other[name] for other in chances]
        change = value - float(np.mean(by_chance))
        band = quantile * float(np.std(by_chance, ddof=1)) * np.sqrt(1 + 1 / draws)
        answer[name] = {"change": change, "band": band, "outside": bool(abs(change) > band)}
    return answer


def plain(values: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return values without their intervals."""
    return {name: one["value"] for name, one in values.items()}
