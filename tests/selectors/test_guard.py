"""The outlier guard against data whose outliers are known."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from curadiff.selectors import select

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def mixture():
    spec = importlib.util.spec_from_file_location("mixture", BENCHMARKS / "selection_mixture.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mixture"] = module
    spec.loader.exec_module(module)
    return module.mixture


def test_it_flags_planted_outliers_and_few_inliers(mixture):
    pool = mixture(0, d=64)
    picked = select(pool.x, 1000)
    assert picked.flagged[pool.outlier].mean() > 0.9
    assert picked.flagged[~pool.outlier].mean() < 0.02
    assert pool.outlier[picked.indices].sum() <= 2


@pytest.mark.parametrize("size", [3, 8, 15])
def test_a_small_foreign_group_is_flagged_whole(size, clusters):
    x, _ = clusters(n=2000, d=32)
    rng = np.random.default_rng(size)
    x[:size] = 3 * rng.normal(size=32) + 0.5 * rng.normal(size=(size, 32))
    picked = select(x, 100)
    assert picked.flagged[:size].all()
    assert picked.flagged[size:].mean() < 0.025


@pytest.mark.parametrize("d", [3, 10, 100])
def test_about_the_stated_share_of_ordinary_samples_is_flagged(d):
    x = np.random.default_rng(d).normal(size=(3000, d))
    assert 0.002 < select(x, 10).flagged.mean() < 0.03


def test_rate_0_turns_the_guard_off(clusters):
    x, _ = clusters(n=400)
    x[0] = 50 * np.eye(16)[0]
    guarded, open_ = select(x, 50), select(x, 50, outlier_rate=0)
    assert guarded.flagged[0]
    assert not open_.flagged.any()
    assert open_.outlier_score[0] > 1


def test_few_samples_are_not_judged_and_that_is_said(clusters):
    x, _ = clusters(n=30)
    picked = select(x, 5)
    assert not picked.flagged.any()
    assert "fewer than 50" in picked.stop_reason
