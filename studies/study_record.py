"""``study.json``: what a study found, for programs and for the report.

metric        what orders the arms; ``reference`` which real images they are compared with
verdict       ``word``, ``text`` and ``best`` (an arm, or null)
notes         what else a reader must know, one sentence each
order         the arms, best mean first; ``unusable`` says why an arm's models are unfinished
ranks         best and worst rank that each arm can have, by what the comparisons tell apart
comparisons   for every metric and every two arms: ``arm_a arm_b metric difference low high p
              p_holm verdict better seeds``; difference is arm_a minus arm_b, low and high are
              95 %, null below three training seeds
spread        by arm: standard deviation ``between_draws`` (over selections) and
              ``between_seeds`` (over training seeds within a selection)
curves        by arm: ``points`` over images seen, the ``best`` checkpoint, ``memorized_rises``,
              ``per_doubling``, ``flat`` and ``text``, see `curves`
budgets       one for each way to choose that has several budgets, see `budgets`
left_out      one for each value of ``leave_out``, see `LeftOut`
agreement     Kendall's tau between every two metrics' orders of the arms
preview       null, or the study's preview: its ``run``, and the ``agreement`` of its order of the
              arms with that of the trainings, by metric: ``metric arms kendall spearman low high
              enough_arms text``; low and high are 95 % over seeds, null below five arms
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from scipy import stats

from .. import runs
from ..config import StudySettings
from ..runs import Run
from . import comparing, curves
from .budgets import BudgetCurve, budget_curves
from .comparing import SHOWN
from .conclusion_notes import first_few
from .conclusions import Conclusion
from .curves import best_text
from .inference import Comparison, compare
from .leaving_out import baseline
from .preview.agreement import agreement_record
from .trainings import Influences, trainings_by_arm

FILE = "study.json"


@dataclass(frozen=True)
class LeftOut:
    """What leaving the images of one value out does, against random images of all values.

    Attributes:
        value: The value, such as a supplier.
        arm: The arm without it.
        comparison: That arm minus the one of all values; p-values are over all values.
    """

    value: str
    arm: str
    comparison: Comparison

    @property
    def effect(self) -> str:
        """``helps``, ``harms`` or ``not distinguishable``: what having the value's images does."""
        if self.comparison.better is None:
            return self.comparison.verdict
        return "harms" if self.comparison.better == self.arm else "helps"

    def to_json(self) -> dict[str, Any]:
        """Return what ``study.json`` says of it."""
        return {"value": self.value, "effect": self.effect, **self.comparison.to_json()}


@dataclass(frozen=True)
class Evidence:
    """Everything beside the values that a study's answer stands on.

    Attributes:
        curves: By arm, see `curves.of_arms`.
        budgets: A curve for each way to choose with several budgets.
        left_out: An entry for each value that was left out.
        agreement: Kendall's tau by pair of metrics.
    """

    curves: dict[str, dict[str, Any]]
    budgets: list[BudgetCurve]
    left_out: list[LeftOut]
    agreement: list[dict[str, Any]]

    @property
    def sentences(self) -> list[str]:
        """What a reader must know of it: arms that are not trained enough or copy, and answers."""
        lines = [
            text
            for arm, curve in self.curves.items()
            for text in (
                curve["text"] if curve["flat"] is False else "",
                copying_text(arm, curve["memorized_rises"]),
                best_text(arm, curve) if curve["flat"] is False else "",
            )
            if text
        ]
        lines += [str(curve) for curve in self.budgets]
        for one in self.left_out:
            if one.effect in ("helps", "harms"):
                better = "worse" if one.effect == "helps" else "better"
                lines.append(
                    f"Images with the value {one.value} {one.effect.removesuffix('s')}: without "
                    f"them the models are {better} ({one.comparison})."
                )
        unsure = [one.value for one in self.left_out if one.effect not in ("helps", "harms")]
        if unsure:
            lines.append(
                f"Of {first_few(unsure)} it is not told whether their images help or harm."
            )
        return lines


def copying_text(arm: str, images_seen: int | None) -> str:
    """Say from when on the models of an arm copy training images; empty where they do not."""
    if images_seen is None:
        return ""
    return f"The models of {arm} begin to copy training images at {images_seen:,} images seen."


def evidence_of(
    config: StudySettings,
    outcomes: Sequence[Mapping[str, Any]],
    against: str,
    conclusion: Conclusion,
    influences: Influences | None = None,
) -> Evidence:
    """Work out curves, budget curves, what leaving out does, and how metrics agree.

    Args:
        config: The study's settings.
        outcomes: One record per training.
        against: Which reference: ``held_out`` or ``pool``.
        conclusion: The answer.
        influences: As for `conclude`.
    """
    summary = comparing.table(outcomes, against)
    metric = comparing.ranked_by(summary)
    budgets, left_out = [], []
    if metric is not None:
        arms = trainings_by_arm(outcomes, against, metric, influences)
        budgets = budget_curves(config, arms, metric)
        whole = baseline(config)
        without = [arm for arm in config.arms if arm.left_out and arm.name in arms]
        if config.leave_out is not None and whole in arms:
            compared = compare(
                arms,
                metric,
                lower_is_better=SHOWN[metric][1] == "lower",
                unfinished=list(conclusion.unusable),
                pairs=[(arm.name, whole) for arm in without],
            )
            left_out = [
                LeftOut(arm.left_out[1], arm.name, one)
                for arm, one in zip(without, compared, strict=True)
                if arm.left_out is not None
            ]
    return Evidence(curves.of_arms(outcomes), budgets, left_out, _agreement(summary))


def _agreement(summary: comparing.Summary) -> list[dict[str, Any]]:
    """Kendall's tau between the orders that every two metrics give the arms, best first."""
    agreements = []
    for a, b in combinations(comparing.columns(summary), 2):
        arms = [arm for arm, row in summary.items() if a in row and b in row]
        if len(arms) < 3:
            continue
        signs = [1 if SHOWN[name][1] == "lower" else -1 for name in (a, b)]
        orders = [
            [sign * summary[arm][name].mean for arm in arms]
            for sign, name in zip(signs, (a, b), strict=True)
        ]
        tested: Any = stats.kendalltau(*orders)
        tau = float(tested.statistic)
        if tau == tau:  # not where all arms have one value
            agreements.append({"metric_a": a, "metric_b": b, "tau": tau, "arms": len(arms)})
    return agreements


def write_record(
    run: Run,
    against: str,
    metric: str | None,
    conclusion: Conclusion,
    evidence: Evidence,
    summary: comparing.Summary,
) -> None:
    """Write ``study.json`` into a study's directory."""
    runs.write_json(
        run.path / FILE,
        {
            "reference": against,
            "metric": metric,
            "verdict": {
                "word": conclusion.word,
                "text": conclusion.text,
                "best": conclusion.best,
            },
            "notes": list(conclusion.notes),
            "order": conclusion.order,
            "unusable": conclusion.unusable,
            "ranks": {arm: list(rank) for arm, rank in conclusion.ranks.items()},
            "comparisons": [one.to_json() for one in conclusion.comparisons],
            "spread": {arm: dict(vars(one)) for arm, one in conclusion.spread.items()},
            "curves": evidence.curves,
            "budgets": [one.to_json() for one in evidence.budgets],
            "left_out": [one.to_json() for one in evidence.left_out],
            "agreement": evidence.agreement,
            "preview": agreement_record(run, summary),
        },
    )
