"""Intervals against published values, another library, and simulated raters."""

import numpy as np
import pytest
from curadiff.preferences.intervals import clustered, design_effect, wilson
from curadiff.preferences.stopping import always_valid, enough

proportion = pytest.importorskip("statsmodels.stats.proportion")


def test_wilson_gives_the_published_interval():
    assert wilson(120, 200) == pytest.approx((0.5308, 0.6654), abs=5e-5)


@pytest.mark.parametrize(("wins", "n"), [(0, 7), (7, 7), (3, 8), (500, 1000)])
def test_wilson_agrees_with_statsmodels(wins, n):
    expected = proportion.proportion_confint(wins, n, method="wilson")
    assert wilson(wins, n) == pytest.approx(expected, abs=1e-12)


def test_without_votes_anything_is_possible():
    assert wilson(0, 0) == (0.0, 1.0)


def test_one_rater_says_nothing_about_others():
    assert clustered(np.array([1.0, 0.0, 1.0]), np.zeros(3, dtype=int)) is None


def test_raters_who_never_change_their_mind_are_worth_one_vote_each():
    """Each of 4 raters gives 10 equal votes: 40 votes, as good as 4 (by hand: 40 / 4 x 4/3)."""
    scores = np.repeat([1.0, 0.0, 1.0, 0.0], 10)
    assert design_effect(scores, np.repeat(np.arange(4), 10)) == pytest.approx(10 * 4 / 3)


def coverage(interval, *, raters, votes, spread, studies=400):
    share, held = 0.55, 0
    for seed in range(studies):
        random = np.random.default_rng(seed)
        own = np.clip(share + random.normal(0, spread, raters), 0, 1)
        rater = np.repeat(np.arange(raters), votes)
        low, high = interval((random.random(len(rater)) < own[rater]) * 1.0, rater)
        held += low <= share <= high
    return held / studies


def test_intervals_by_rater_hold_where_wilsons_fails():
    def independent(scores, rater):
        return wilson(scores.sum(), len(scores))

    design = {"raters": 10, "votes": 40, "spread": 0.15}
    assert coverage(independent, **design) < 0.75
    assert coverage(clustered, **design) >= 0.90


def test_intervals_by_rater_hold_for_equal_raters_too():
    assert coverage(clustered, raters=10, votes=40, spread=0.0) >= 0.90


def ever_wrong(spread, *, studies=150, raters=10, votes=600):
    wrong = 0
    for seed in range(studies):
        random = np.random.default_rng(seed)
        own = np.clip(0.5 + random.normal(0, spread, raters), 0, 1)
        rater = np.arange(votes) % raters
        scores = (random.random(votes) < own[rater]) * 1.0
        looks = [always_valid(scores[:n], rater[:n]) for n in range(50, votes + 1, 25)]
        wrong += any(not low <= 0.5 <= high for low, high in looks)
    return wrong / studies


@pytest.mark.parametrize("spread", [0.0, 0.08])
def test_looking_after_every_few_votes_keeps_the_error(spread):
    """At most 5 %, with room for chance over 150 studies (binomial, 99 %: below 10 %)."""
    assert ever_wrong(spread) <= 0.10


def test_stopping_says_why():
    rater = np.arange(400) % 10
    assert enough(np.ones(400), rater, width=0.1).enough
    early = enough(np.ones(20), rater[:20], width=0.1)
    assert not early.enough
    assert early.interval == (0.0, 1.0)
    even = np.tile([1.0, 0.0], 4000)
    close = enough(even, np.repeat(np.arange(10), 800), width=0.1)
    assert close.enough
    assert "close" in close.sentence
