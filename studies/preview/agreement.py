"""How far the preview's order of a study's arms agrees with that of the trained networks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from ... import runs
from ...common.errors import RunError
from ...config.metrics import values as metric_values
from ...runs import Run
from ..comparing import Summary
from .first import FILE
from .table import COLUMNS

FEWEST = 5  # arms from which full agreement of two orders is no chance: 2 / 5! < 0.05
DRAWS = 2000  # of the bootstrap


@dataclass(frozen=True)
class Previewed:
    """A study's preview.

    Attributes:
        run: The preview's run directory.
        values: ``{metric: {arm: values}}`` of the drawings: one per noise seed, or per draw.
    """

    run: Path
    values: Mapping[str, Mapping[str, Sequence[float]]]

    @property
    def page(self) -> Path:
        """Its page."""
        return self.run / "preview.html"


@dataclass(frozen=True)
class RankAgreement:
    """How far two orders of arms agree.

    Attributes:
        arms: How many arms both have.
        kendall: Kendall's tau-b of the means, 1 for the same order.
        spearman: Spearman's rho of the means.
        low: Lower end of the 95 % interval of ``kendall`` over seeds; None for too few arms.
        high: Upper end.
    """

    arms: int
    kendall: float
    spearman: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        text = (
            f"Kendall's tau {self.kendall:.2f}, Spearman's rho {self.spearman:.2f} over "
            f"{self.arms} arms"
        )
        if self.low is None or self.high is None:
            chance = min(1.0, 2 / math.factorial(self.arms))
            return f"{text}; too few arms to say: chance gives full agreement with p = {chance:.2g}"
        return f"{text}; 95 % interval of tau over seeds {self.low:.2f} to {self.high:.2f}"


def read_previewed(run: Run) -> Previewed | None:
    """Read the preview of a study, None where it has none."""
    path = run.path / FILE
    if not path.exists():
        return None
    try:
        noted = runs.read_json(path)
        folder = Path(noted["run"])
        outcomes = runs.read_json(folder / "outcomes.json")
    except (RunError, OSError):  # it was deleted since
        return None
    values: dict[str, dict[str, list[float]]] = {name: {} for name in COLUMNS}
    for arm, method in noted["arms"].items():
        own = [outcome for outcome in outcomes if outcome["name"] == method]
        for metric in COLUMNS:
            values_by_outcome = [_values_of(outcome, metric) for outcome in own]
            if len(own) > 1:  # draws of random: one mean each
                seeds = [statistics.fmean(each) for each in values_by_outcome if each]
            else:
                seeds = [value for each in values_by_outcome for value in each]
            if seeds:
                values[metric][arm] = seeds
    return Previewed(folder, values)


def _values_of(outcome: Mapping[str, Any], metric: str) -> list[float]:
    values = [drawing["values"].get(metric) for drawing in outcome["drawn"].values()]
    return [value for value in values if value is not None]


def agreements(previewed: Previewed, summary: Summary) -> dict[str, RankAgreement]:
    """Compare the orders of arms by every metric that both have.

    Args:
        previewed: The preview.
        summary: Values of the trained arms.
    """
    compared = {}
    for name in COLUMNS:
        trained = {
            arm: list(row[name].values.values()) for arm, row in summary.items() if name in row
        }
        agreement = rank_agreement(previewed.values[name], trained)
        if agreement is not None:
            compared[name] = agreement
    return compared


def agreement_record(run: Run, summary: Summary) -> dict[str, Any] | None:
    """Return what ``study.json`` says of a study's preview; None where it has none.

    Args:
        run: The study.
        summary: Values of the trained arms.
    """
    previewed = read_previewed(run)
    if previewed is None:
        return None
    titles = metric_values()
    return {
        "run": str(previewed.run),
        "agreement": [
            {
                "metric": name,
                **vars(one),
                "enough_arms": one.low is not None,
                "text": f"{titles[name].title}: {one}.",
            }
            for name, one in agreements(previewed, summary).items()
        ],
    }


def rank_agreement(
    previewed: Mapping[str, Sequence[float]], trained: Mapping[str, Sequence[float]]
) -> RankAgreement | None:
    """Compare the order of arms by the preview with that by trained networks.

    The interval is over seeds: the values of every arm are drawn again, with replacement, on
    both sides. It says how sure the order of these arms is, not what other arms would give.

    Args:
        previewed: Values by arm, one per noise seed or draw.
        trained: Values by arm, one per training.

    Returns:
        None for fewer than two arms.

    Source: Kendall 1945, Biometrika 33 (tau-b).
    """
    arms = [arm for arm in trained if arm in previewed]
    if len(arms) < 2:
        return None
    a = [statistics.fmean(previewed[arm]) for arm in arms]
    b = [statistics.fmean(trained[arm]) for arm in arms]
    kendall, spearman = (_statistic(of, a, b) for of in (stats.kendalltau, stats.spearmanr))
    if len(arms) < FEWEST:
        return RankAgreement(len(arms), kendall, spearman)
    generator = np.random.default_rng(0)
    again = []
    for _ in range(DRAWS):
        pair = [
            [float(np.mean(generator.choice(side[arm], len(side[arm])))) for arm in arms]
            for side in (previewed, trained)
        ]
        again.append(_statistic(stats.kendalltau, *pair))
    low, high = np.quantile(again, (0.025, 0.975))
    return RankAgreement(len(arms), kendall, spearman, float(low), float(high))


def _statistic(correlation: Any, a: Sequence[float], b: Sequence[float]) -> float:
    if len(set(a)) < 2 or len(set(b)) < 2:
        return 0.0  # one side has no order
    value = float(correlation(a, b).statistic)
    return value if math.isfinite(value) else 0.0
