"""Values over the number of training images, what leaving out does, and how metrics agree."""

from __future__ import annotations

import numpy as np
import pytest
from curadiff.config import StudySettings
from curadiff.studies import study_record
from curadiff.studies.budgets import budget_curves
from curadiff.studies.conclusions import conclude
from curadiff.studies.inference import Trainings
from scipy import stats

from .test_conclusions import outcome

SEEDS = (0, 1, 2)


def sized(budgets, slope=-0.1, noise=0.0):
    generator = np.random.default_rng(0)
    return {
        f"random-{budget}": Trainings(
            {
                (None, seed): 2 + slope * np.log2(budget) + noise * generator.normal()
                for seed in SEEDS
            }
        )
        for budget in budgets
    }


def settings(budgets):
    arm = {"name": "random", "method": "random", "budget": list(budgets)}
    return StudySettings(arms=[arm, "full"])


def test_a_line_over_doublings_is_found_again_and_carried_on():
    (curve,) = budget_curves(settings([500, 1000, 2000]), sized([500, 1000, 2000]), "cmmd")
    assert curve.budgets == [500, 1000, 2000]
    assert curve.per_doubling == pytest.approx(-0.1)
    assert curve.batch == 500
    assert curve.next_change == pytest.approx(-0.1 * np.log2(2500 / 2000))
    assert curve.helps is True
    assert "One more batch of 500 helps" in str(curve)


def test_the_interval_is_that_of_a_regression():
    arms = sized([500, 1000, 2000], slope=-0.01, noise=0.05)
    (curve,) = budget_curves(settings([500, 1000, 2000]), arms, "frechet_distance")
    x = np.repeat(np.log2([500, 1000, 2000]), 3)
    y = [value for one in arms.values() for value in one.values.values()]
    line = stats.linregress(x, y)
    reach = stats.t(7).ppf(0.975) * line.stderr
    assert curve.interval == pytest.approx((line.slope - reach, line.slope + reach))
    assert curve.helps is None
    assert "is not told from no change" in str(curve)
    one = {name: Trainings({(None, 0): arm.mean}) for name, arm in arms.items()}
    (unsure,) = budget_curves(settings([500, 1000, 2000]), one, "frechet_distance")
    assert unsure.interval is None
    assert "too few trainings" in str(unsure)
    assert budget_curves(StudySettings(), arms, "cmmd") == []


def rows(arms):
    generator = np.random.default_rng(1)
    return [
        outcome(
            arm,
            seed,
            frechet_distance=value + 0.01 * generator.normal(),
            precision=0.7,
            recall=0.9 - value + 0.01 * generator.normal(),
        )
        for arm, value in arms.items()
        for seed in range(5)
    ]


def test_a_value_that_harms_is_named_and_one_that_does_nothing_is_not():
    config = StudySettings(
        leave_out="sender",
        seeds=list(range(5)),
        arms=[
            "random",
            {"name": "without-a", "method": "random", "without": "sender=a"},
            {"name": "without-b", "method": "random", "without": "sender=b"},
            {"name": "without-c", "method": "random", "without": "sender=c"},
        ],
    )
    outcomes = rows({"random": 0.30, "without-a": 0.20, "without-b": 0.30, "without-c": 0.45})
    answer = conclude(outcomes, "held_out")
    evidence = study_record.evidence_of(config, outcomes, "held_out", answer)
    effects = {one.value: one.effect for one in evidence.left_out}
    assert effects == {"a": "harms", "b": "not distinguishable", "c": "helps"}
    assert all(one.comparison.arm_b == "random" for one in evidence.left_out)
    harm, help_, unsure = evidence.sentences
    assert harm.startswith("Images with the value a harm: without them the models are better")
    assert help_.startswith("Images with the value c help: without them the models are worse")
    assert unsure == "Of b it is not told whether their images help or harm."
    (tau,) = [
        one["tau"]
        for one in evidence.agreement
        if (one["metric_a"], one["metric_b"]) == ("frechet_distance", "recall")
    ]
    assert tau >= 0.6, "two arms do not differ, so their order may be either"
