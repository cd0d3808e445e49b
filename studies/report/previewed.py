"""What the preview said of a study's arms, beside what the trained networks scored."""

from __future__ import annotations

import html
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
from ...runs import Run
from .. import comparing
from ..preview import LABEL
from ..preview.first import FILE

COMPARED = ("frechet_distance", "precision", "recall", "coverage")
FEWEST = 5  # arms from which full agreement of two orders is no chance: 2 / 5! < 0.05
DRAWS = 2000  # of the bootstrap


@dataclass(frozen=True)
class Previewed:
    """A study's preview.

    Attributes:
        page: Its page.
        values: ``{metric: {arm: values}}`` of the drawings: one per noise seed, or per draw.
    """

    page: Path
    values: Mapping[str, Mapping[str, Sequence[float]]]


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
    values: dict[str, dict[str, list[float]]] = {name: {} for name in COMPARED}
    for arm, method in noted["arms"].items():
        own = [outcome for outcome in outcomes if outcome["name"] == method]
        for metric in COMPARED:
            values_by_outcome = [_values_of(outcome, metric) for outcome in own]
            if len(own) > 1:  # draws of random: one mean each
                seeds = [statistics.fmean(each) for each in values_by_outcome if each]
            else:
                seeds = [value for each in values_by_outcome for value in each]
            if seeds:
                values[metric][arm] = seeds
    return Previewed(folder / "preview.html", values)


def _values_of(outcome: Mapping[str, Any], metric: str) -> list[float]:
    values = [drawing["values"].get(metric) for drawing in outcome["drawn"].values()]
    return [value for value in values if value is not None]


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


def previewed_section(previewed: Previewed | None, summary: comparing.Summary) -> str:
    """Return the part of a report about the study's preview, empty without one.

    Args:
        previewed: The preview.
        summary: Values of the trained arms.
    """
    if previewed is None:
        return ""
    head, lines, sentences = "", [], []
    metrics = [name for name in COMPARED if any(name in row for row in summary.values())]
    metrics = [name for name in metrics if previewed.values.get(name)]
    if not metrics:
        return ""
    for name in metrics:
        title, better = comparing.SHOWN[name]
        arrow = "↓" if better == "lower" else "↑"
        head += f"<th>{title} {arrow} previewed</th><th>trained</th>"
    for arm, row in summary.items():
        cells = ""
        for name in metrics:
            drawn = previewed.values[name].get(arm)
            before = comparing.number(statistics.fmean(drawn)) if drawn else "–"
            after = comparing.number(row[name].mean) if name in row else "–"
            cells += f"<td>{before}</td><td>{after}</td>"
        lines.append(f"<tr><th>{html.escape(arm)}</th>{cells}</tr>")
    for name in metrics:
        trained = {
            arm: list(row[name].values.values()) for arm, row in summary.items() if name in row
        }
        agreement = rank_agreement(previewed.values[name], trained)
        if agreement is not None:
            sentences.append(f"<li>{_sentence(comparing.SHOWN[name][0], agreement)}</li>")
    return (
        f"<h2>What the preview said</h2><p class=quiet>{LABEL} Its values are not those of a "
        "network: compare the order of the arms, not the numbers.</p><div class=scroll><table>"
        f"<thead><tr><th>arm</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f"<ul class=quiet>{''.join(sentences)}</ul><p class=quiet>Its pictures: "
        f"<code>{html.escape(str(previewed.page))}</code></p>"
    )


def _sentence(title: str, agreement: RankAgreement) -> str:
    text = (
        f"{title[0].upper()}{title[1:]}: Kendall's tau {agreement.kendall:.2f}, Spearman's rho "
        f"{agreement.spearman:.2f} over {agreement.arms} arms"
    )
    if agreement.low is None or agreement.high is None:
        chance = min(1.0, 2 / math.factorial(agreement.arms))
        return f"{text}; too few arms to say: chance gives full agreement with p = {chance:.2g}."
    return f"{text}; 95 % interval of tau over seeds {agreement.low:.2f} to {agreement.high:.2f}."
