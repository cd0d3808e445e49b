"""Harm against rates worked out by hand."""

import numpy as np
import pytest
from curadiff.diffusion.analytic.harm import FEWEST, influence
from curadiff.diffusion.analytic.sources import Source


def source(*shares):
    rows = np.flatnonzero(shares)
    return Source(rows.astype(np.int32), np.array(shares, np.float32)[rows])


def test_rates_are_shares_of_an_images_weight():
    made_of = [source(0.5, 0.5, 0), source(0.25, 0, 0.75)] * 10
    found = influence(made_of, outside=np.array([True, False] * 10), n=3)
    assert found.bad == 0.5
    assert found.use == pytest.approx([0.375, 0.25, 0.375])
    assert found.use.sum() == pytest.approx(1)
    assert found.harm == pytest.approx([0.5 / 0.75 - 0.5, 0.5, -0.5], abs=1e-6)
    assert found.drawings[1] == pytest.approx(10)
    assert (found.low < found.harm).all()
    assert found.worst()[0] == 1
    assert found.worst()[-1] == 2


def test_an_image_of_few_drawings_is_not_accused():
    made_of = [source(1, 0)] * 30 + [source(0.5, 0.5)] * int(FEWEST - 1)
    bad = np.array([False] * 30 + [True] * int(FEWEST - 1))
    found = influence(made_of, outside=bad, n=2)
    assert np.isnan(found.harm[1])
    assert found.worst().tolist() == [0]


def test_more_drawings_make_a_narrower_interval():
    widths = []
    for times in (10, 1000):
        made_of = [source(1, 0), source(0, 1)] * times
        found = influence(made_of, outside=np.array([True, False] * times), n=2)
        widths.append(found.high[0] - found.low[0])
    assert widths[1] < widths[0] / 5


def test_by_chance_most_intervals_hold_zero():
    rng = np.random.default_rng(0)
    made_of = [source(*rng.dirichlet(np.full(40, 0.3))) for _ in range(400)]
    found = influence(made_of, outside=rng.random(400) < 0.3, n=40)
    assert ((found.low < 0) & (found.high > 0)).mean() >= 0.85


def test_every_drawing_is_judged():
    with pytest.raises(ValueError, match="1 sources and 2 judged"):
        influence([source(1)], outside=np.array([True, False]), n=1)
