"""Harm against weights added up by hand."""

import numpy as np
import pytest
from curadiff.diffusion.analytic.harm import chance, influence, outside
from curadiff.diffusion.analytic.sources import Source


def source(*shares):
    rows = np.flatnonzero(shares)
    return Source(rows.astype(np.int32), np.array(shares, np.float32)[rows])


def test_harm_is_an_images_weight_in_bad_drawings_beyond_chance():
    made_of = [source(0.5, 0.5, 0), source(0.25, 0, 0.75)] * 10
    found = influence(made_of, outside=np.array([True, False] * 10), n=3)
    assert found.bad == 0.5
    assert found.use == pytest.approx([0.375, 0.25, 0.375])
    assert found.rate == pytest.approx([0.5 / 0.75, 1, 0])
    assert found.harm == pytest.approx(3 * found.use * (found.rate - 0.5))
    assert found.harm.mean() == pytest.approx(0, abs=1e-9)
    assert (found.low < found.harm).all()
    assert (found.harm < found.high).all()
    assert found.worst().tolist() == [1, 0, 2]


def test_an_image_that_is_hardly_used_is_not_accused():
    made_of = [source(0.99, 0.01, 0), source(0, 0, 1), source(1, 0, 0)] * 10
    found = influence(made_of, outside=np.array([True, False, False] * 10), n=3)
    assert found.rate[1] == 1
    assert 0 < found.harm[1] < 0.05
    assert found.worst()[0] == 0


def test_the_interval_is_that_of_a_mean_over_drawings():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(4, 0.5), size=300)
    bad = rng.random(300) < 0.3
    found = influence([source(*one) for one in shares], outside=bad, n=4)
    terms = 4 * shares * (bad - bad.mean())[:, None]
    assert found.harm == pytest.approx(terms.mean(0), abs=1e-6)
    error = terms.std(0, ddof=1) / np.sqrt(300)
    assert found.high - found.harm == pytest.approx(1.96 * error, rel=1e-4)


def test_by_chance_most_intervals_hold_zero():
    rng = np.random.default_rng(0)
    made_of = [source(*rng.dirichlet(np.full(40, 0.3))) for _ in range(400)]
    found = influence(made_of, outside=rng.random(400) < 0.3, n=40)
    assert ((found.low < 0) & (found.high > 0)).mean() >= 0.85


def test_a_drawing_is_bad_farther_away_than_real_images_are_from_one_another():
    real = np.arange(21.0)[:, None] ** np.array([1, 0])  # one apart on a line
    real[-1, 0] = 40  # but for one, which must not make room around itself
    drawn = np.array([[3.4, 1], [19.9, 1], [30.0, 1], [41.5, 1]])
    assert outside(real=real, drawn=drawn).tolist() == [False, False, True, True]


def test_every_drawing_is_judged():
    with pytest.raises(ValueError, match="1 sources and 2 judged"):
        influence([source(1)], outside=np.array([True, False]), n=1)


def drawings(rng, n, count):
    """Drawings that one image each makes half of, and nine others the rest."""
    made = []
    for at in range(count):
        others = rng.choice(n, 9, replace=False)
        rows = np.concatenate([[at % n], others[others != at % n]])
        shares = np.concatenate([[0.5], np.full(len(rows) - 1, 0.5 / (len(rows) - 1))])
        made.append(Source(rows, shares))
    return made


@pytest.mark.parametrize("bad", [0.1, 0.8, 0.95])
def test_flags_by_chance_have_p_values_that_are_spread_evenly(bad):
    """At usual and at high rates of bad drawings, where intervals are far from 95 %."""
    rng = np.random.default_rng(0)
    made = drawings(rng, 100, 200)
    p = [chance(made, outside=rng.random(200) < bad, n=100) for _ in range(100)]
    # 100 p-values below .2: 20 are expected, standard deviation 4.
    assert 8 <= sum(one <= 0.2 for one in p) <= 32
    assert sum(one <= 0.05 for one in p) <= 12  # 5, standard deviation 2.2


def test_planted_images_are_told_from_chance():
    rng = np.random.default_rng(1)
    made = drawings(rng, 100, 400)
    planted = np.array([source.rows[0] < 6 for source in made])
    assert chance(made, outside=planted | (rng.random(400) < 0.1), n=100) <= 0.01


def test_where_all_or_no_drawings_are_bad_nothing_is_told_from_chance():
    made = drawings(np.random.default_rng(2), 20, 40)
    for flags in (np.zeros(40, bool), np.ones(40, bool)):
        assert chance(made, outside=flags, n=20) == 1
