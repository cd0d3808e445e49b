"""Votes needed, against published counts and simulated studies."""

import inspect

import numpy as np
import pytest
from curadiff.common.errors import SettingsError
from curadiff.config import RatePlanSettings
from curadiff.preferences import plan
from curadiff.preferences.planner import decisive_votes


@pytest.mark.parametrize(("share", "votes"), [(0.55, 783), (0.6, 194), (0.65, 85), (0.7, 47)])
def test_decisive_votes_are_the_known_counts(share, votes):
    assert decisive_votes(share) == votes


def test_the_planned_count_has_the_planned_power():
    from scipy import stats

    n = decisive_votes(0.6)
    wins = np.random.default_rng(0).binomial(n, 0.6, 4000)
    found = (np.abs(wins / n - 0.5) / np.sqrt(0.25 / n) > stats.norm.ppf(0.975)).mean()
    assert found == pytest.approx(0.8, abs=0.03)


def test_ties_and_raters_that_differ_need_more_votes():
    plain = plan(effect=0.6, arms=2, raters=8, tie_rate=0.0, icc=0.0)
    assert plain.votes_per_pair == 194
    assert plan(effect=0.6, arms=2, raters=8, tie_rate=0.5, icc=0.0).votes_per_pair == 388
    differing = plan(effect=0.6, arms=2, raters=8, tie_rate=0.0, icc=0.01)
    per_rater = differing.votes_per_pair / 8  # 1 + (m - 1) icc, at its own count
    assert differing.votes_per_pair == pytest.approx(194 * (1 + (per_rater - 1) * 0.01), abs=1)


def test_more_arms_mean_more_pairs_and_a_stricter_test():
    three = plan(effect=0.6, arms=3, raters=8, icc=0.0, tie_rate=0.0)
    assert three.pairs == 3
    assert three.decisive == decisive_votes(0.6, alpha=0.05 / 3)
    assert three.minutes_per_rater == pytest.approx(three.votes_per_rater * 4 / 60)


def test_too_few_raters_are_told_how_many_are_needed():
    with pytest.raises(SettingsError, match=r"At least (\d+) raters") as caught:
        plan(effect=0.6, arms=2, raters=8, icc=0.1, tie_rate=0.0)
    needed = int(str(caught.value).split("At least ")[1].split()[0])
    assert plan(effect=0.6, arms=2, raters=needed, icc=0.1, tie_rate=0.0).votes > 0


@pytest.mark.parametrize(
    ("name", "value"), [("effect", 0.5), ("arms", 1), ("raters", 0), ("tie_rate", 1.0)]
)
def test_wrong_values_are_named(name, value):
    with pytest.raises(SettingsError, match=f"{name} must be"):
        RatePlanSettings(**{name: value})


def test_the_defaults_of_the_settings_are_those_of_the_function():
    defaults = RatePlanSettings()
    function = inspect.signature(plan).parameters
    for name, value in defaults.model_dump().items():
        assert function[name].default in (inspect.Parameter.empty, value), name
