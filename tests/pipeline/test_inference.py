"""Differences between arms: intervals that cover, and no winner where nothing differs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curadiff.studies import inference
from curadiff.studies.inference import (
    BETTER,
    NOT_DISTINGUISHABLE,
    UNFINISHED,
    Trainings,
    compare,
    layers,
    rank_intervals,
    winner,
)
from scipy import stats

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "study_simulated.py"


@pytest.fixture(scope="module")
def simulated():
    spec = importlib.util.spec_from_file_location("study_simulated", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def once(*values):
    """Trainings of an arm that chooses once, by seed."""
    return Trainings({(None, seed): value for seed, value in enumerate(values)})


def test_without_images_it_is_welchs_test():
    a, b = [0.31, 0.35, 0.30], [0.42, 0.39, 0.47, 0.41]
    (found,) = compare({"a": once(*a), "b": once(*b)}, "frechet_distance", lower_is_better=True)
    want = stats.ttest_ind(a, b, equal_var=False)
    interval = want.confidence_interval(0.95)
    assert found.p == pytest.approx(want.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p_holm == found.p, "one pair needs no adjustment"
    assert (found.verdict, found.better) == (BETTER, "a")
    (other,) = compare({"a": once(*a), "b": once(*b)}, "recall", lower_is_better=False)
    assert other.better == "b"


def test_images_widen_the_interval_by_what_does_not_cancel():
    common, own = np.random.default_rng(0).normal(size=(2, 400))
    a, b = once(0.30, 0.31, 0.32), once(0.40, 0.41, 0.42)
    alike = inference.difference(replace(a, per_real=common), replace(b, per_real=common))
    assert alike[1] == pytest.approx(inference.difference(a, b)[1]), "what both share cancels"
    apart = inference.difference(replace(a, per_real=common + own), replace(b, per_real=common))
    assert apart[1] ** 2 - alike[1] ** 2 == pytest.approx(np.var(own, ddof=1) / 400)
    assert apart[2] > alike[2], "images are many, so they add degrees of freedom"


def test_selections_and_seeds_are_two_layers():
    # Two-way analysis of variance, worked out by hand: rows are selections, columns are seeds.
    table = np.array([[1.0, 2.0], [3.0, 5.0], [8.0, 8.0]])
    values = {(d, s): table[d, s] for d in range(3) for s in range(2)}
    found = layers(Trainings(values))
    grand = table.mean()
    ms_d = 2 * ((table.mean(1) - grand) ** 2).sum() / 2
    ms_s = 3 * ((table.mean(0) - grand) ** 2).sum() / 1
    rest = table - table.mean(1)[:, None] - table.mean(0)[None] + grand
    ms_e = (rest**2).sum() / 2
    assert found.variance == pytest.approx((ms_d + ms_s - ms_e) / 6)
    assert found.between_seeds == pytest.approx(np.sqrt(np.mean([0.5, 2.0, 0.0])))
    assert found.between_draws == pytest.approx(np.sqrt(table.mean(1).var(ddof=1) - 2.5 / 3 / 2))
    missing = layers(Trainings({key: v for key, v in values.items() if key != (0, 1)}))
    means = np.array([1.0, 4.0, 8.0])  # of each selection, as far as it is trained
    assert (missing.variance, missing.freedom) == pytest.approx((means.var(ddof=1) / 3, 2))
    single = layers(once(0.5))
    assert (single.variance, single.freedom) == (0.0, 0.0)


def test_fewer_than_three_seeds_have_a_difference_and_no_interval():
    (found,) = compare({"a": once(0.1, 0.11), "b": once(0.9, 0.91, 0.92)}, "m", lower_is_better=1)
    assert found.difference == pytest.approx(0.105 - 0.91)
    assert (found.low, found.p, found.p_holm, found.better) == (None, None, None, None)
    assert found.verdict == NOT_DISTINGUISHABLE
    assert "no interval from 2 seeds; 3 are needed" in str(found)


def test_unfinished_models_are_not_compared():
    arms = {"good": once(0.1, 0.11, 0.12), "bad": once(0.9, 0.91, 0.92), "ok": once(0.5, 0.5, 0.51)}
    found = compare(arms, "frechet_distance", lower_is_better=True, unfinished=["bad"])
    verdicts = {(one.arm_a, one.arm_b): one.verdict for one in found}
    assert verdicts == {
        ("good", "bad"): UNFINISHED,
        ("good", "ok"): BETTER,
        ("bad", "ok"): UNFINISHED,
    }
    assert winner(found) == "good", "of those that can be compared"


def test_ranks_say_no_more_than_the_pairs():
    arms = {"a": once(0.1, 0.11, 0.12), "b": once(0.5, 0.52, 0.51), "c": once(0.5, 0.53, 0.50)}
    found = compare(arms, "frechet_distance", lower_is_better=True)
    assert rank_intervals(found, list(arms)) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
    assert winner(found) == "a"
    equal = compare({"a": once(1.0, 1.0, 1.0), "b": once(1.0, 1.0, 1.0)}, "m", lower_is_better=True)
    assert (equal[0].verdict, equal[0].p) == (NOT_DISTINGUISHABLE, 1.0)


@pytest.mark.parametrize(
    "changes", [{}, {"seeds": 5}, {"of_images": 0.5}, {"of_images": 30.0}, {"heavy": True}]
)
def test_intervals_cover_and_equal_arms_have_no_winner(simulated, changes):
    """200 studies of four arms from one distribution; bounds stated for the project."""
    shares = simulated.repeat(replace(simulated.Study(), **changes), 200, seed=1)
    assert shares.covered >= 0.90
    assert shares.winners <= 0.05


def test_a_planted_effect_is_found(simulated):
    """With five seeds, an arm that is 4 deviations of a seed ahead wins most studies."""
    study = simulated.Study(true=(-4.0, 0.0, 0.0, 0.0), seeds=5, of_images=2.0)
    shares = simulated.repeat(study, 200, seed=2)
    assert shares.right >= 0.6
    assert shares.winners - shares.right <= 0.01


def test_arms_of_one_selection_are_compared_as_the_metrics_package_does():
    from curadiff.metrics import two_level_difference
    from curadiff.metrics.differences import SeedValue

    generator = np.random.default_rng(3)
    real = generator.normal(size=(2, 500))
    real -= real.mean(axis=1, keepdims=True)
    values = [[0.31, 0.35, 0.30], [0.42, 0.39, 0.47, 0.41]]
    arms = [replace(once(*own), per_real=row) for own, row in zip(values, real, strict=True)]
    seeds = [
        {seed: SeedValue(value, None, row) for seed, value in enumerate(own)}
        for own, row in zip(values, real, strict=True)
    ]
    theirs = two_level_difference(*seeds)
    value, error, _ = inference.difference(*arms)
    assert value == pytest.approx(theirs.value)
    assert error == pytest.approx(theirs.std_error, rel=1e-3)
    (ours,) = compare({"a": arms[0], "b": arms[1]}, "frechet_distance", lower_is_better=True)
    assert ours.p == pytest.approx(theirs.p_value, rel=0.02)
    assert (ours.low, ours.high) == pytest.approx(theirs.interval, rel=0.01)
