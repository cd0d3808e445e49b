"""How values change with the number of training images, and whether one more batch would help."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import stats

from ..config import ArmSettings, StudySettings
from .comparing import SHOWN
from .inference import LEVEL, Trainings


@dataclass(frozen=True)
class BudgetCurve:
    """The values of one way to choose, over the number of images chosen.

    Attributes:
        arms: The arms, smallest budget first.
        budgets: How many images each chooses.
        metric: Name of the metric.
        means: Its mean in each arm.
        per_doubling: By how much it changes when the images double: a line over log2(budget).
        interval: 95 % of that; None where there are too few trainings to tell.
        batch: How many images one more batch has: the smallest step between budgets.
        next_change: By how much the line changes with one more batch after the largest budget.
        next_interval: 95 % of that.
    """

    arms: list[str]
    budgets: list[int]
    metric: str
    means: list[float]
    per_doubling: float
    interval: tuple[float, float] | None
    batch: int
    next_change: float
    next_interval: tuple[float, float] | None

    @property
    def helps(self) -> bool | None:
        """Whether one more batch helps; None where that is not told from chance."""
        if self.next_interval is None or self.next_interval[0] <= 0 <= self.next_interval[1]:
            return None
        return (self.next_change < 0) == (SHOWN[self.metric][1] == "lower")

    def __str__(self) -> str:
        title = SHOWN[self.metric][0]
        first, last = self.budgets[0], self.budgets[-1]
        name = f"From {first:,} to {last:,} images ({', '.join(self.arms)})"
        if self.interval is None or self.next_interval is None:
            return (
                f"{name} the {title} changes by {self.per_doubling:+.3g} per doubling; too few "
                "trainings to say how sure that is."
            )
        low, high = self.next_interval
        answer = {True: "helps", False: "harms", None: "is not told from no change"}[self.helps]
        return (
            f"{name} the {title} changes by {self.per_doubling:+.3g} per doubling (95 % "
            f"{self.interval[0]:+.3g} to {self.interval[1]:+.3g}). One more batch of "
            f"{self.batch:,} {answer}: {self.next_change:+.3g} ({low:+.3g} to {high:+.3g}) if the "
            "line goes on."
        )

    def to_json(self) -> dict[str, Any]:
        """Return what ``study.json`` says of it."""
        return {**vars(self), "helps": self.helps, "text": str(self)}


def budget_curves(
    config: StudySettings, arms: Mapping[str, Trainings], metric: str
) -> list[BudgetCurve]:
    """Return a curve for each way to choose that has two or more budgets.

    Args:
        config: The study's settings.
        arms: Each arm's trainings.
        metric: Their metric.
    """
    families: dict[str, list[ArmSettings]] = {}
    for arm in config.arms:
        if arm.method != "full" and arm.name in arms:
            settings = arm.model_dump(mode="json", exclude={"name", "budget"}, warnings=False)
            families.setdefault(json.dumps(settings, sort_keys=True), []).append(arm)
    curves = []
    for family in families.values():
        sized = sorted(family, key=lambda arm: arm.budget or config.budget)
        budgets = [arm.budget or config.budget for arm in sized]
        if len(set(budgets)) > 1:
            curves.append(_curve([arm.name for arm in sized], budgets, arms, metric))
    return curves


def _curve(
    names: list[str], budgets: list[int], arms: Mapping[str, Trainings], metric: str
) -> BudgetCurve:
    x, y = [], []
    for name, budget in zip(names, budgets, strict=True):
        for value in _independent(arms[name]):
            x.append(math.log2(budget))
            y.append(value)
    line: Any = stats.linregress(x, y)
    slope, freedom = float(line.slope), len(x) - 2
    reach = None
    if freedom > 0 and len(x) > len(names):
        reach = float(stats.t(freedom).ppf((1 + LEVEL) / 2)) * float(line.stderr)
    batch = min(b - a for a, b in pairwise(sorted(set(budgets))))
    doublings = math.log2((budgets[-1] + batch) / budgets[-1])
    interval = None if reach is None else (slope - reach, slope + reach)
    return BudgetCurve(
        arms=names,
        budgets=budgets,
        metric=metric,
        means=[arms[name].mean for name in names],
        per_doubling=slope,
        interval=interval,
        batch=batch,
        next_change=slope * doublings,
        next_interval=None
        if interval is None
        else (interval[0] * doublings, interval[1] * doublings),
    )


def _independent(trainings: Trainings) -> Sequence[float]:
    """Return one value for each selection, or for each seed where there is one selection."""
    if trainings.draws == 1:
        return list(trainings.values.values())
    by_draw: dict[int | None, list[float]] = {}
    for (draw, _), value in trainings.values.items():
        by_draw.setdefault(draw, []).append(value)
    return [float(np.mean(values)) for values in by_draw.values()]
