"""Transport: its one-dimensional costs by brute force, and that the objective falls."""

import numpy as np
import pytest
from curadiff.selectors import select
from curadiff.selectors.core.frechet import PoolGaussian
from curadiff.selectors.core.rows import unit_rows
from curadiff.selectors.transport import Objective, improved, part_means


def cost_of_sorted_copies(pool, picks):
    """Optimal transport on a line: both repeated to equal counts, sorted, and paired."""
    pool, picks = np.repeat(np.sort(pool), len(picks)), np.repeat(np.sort(picks), len(pool))
    return ((pool - picks) ** 2).mean()


@pytest.mark.parametrize("count", [3, 5, 7])
def test_sliced_transport_equals_sorted_pairing(count):
    rng = np.random.default_rng(count)
    x = unit_rows(rng.normal(size=(21, 4)))
    objective = Objective(x, count, seed=0)
    rows = rng.choice(21, count, replace=False)
    costs = [cost_of_sorted_copies(line, line[rows]) for line in objective.projected.T]
    value = objective.transport(objective.sorted_picks(rows))
    assert value == pytest.approx(4 * np.mean(costs), rel=1e-9)
    pool_part = objective.value(rows) - value
    assert pool_part == pytest.approx(PoolGaussian(x).distance(rows), rel=1e-9)


def test_parts_of_uneven_pools_share_the_value_on_their_border():
    means = part_means(np.array([[0.0], [1.0], [2.0]]), 2)
    np.testing.assert_allclose(means[:, 0], [(0 + 0.5 * 1) / 1.5, (0.5 * 1 + 2) / 1.5])


def test_the_cost_of_every_swap_is_that_of_the_swapped_picks():
    rng = np.random.default_rng(0)
    objective = Objective(unit_rows(rng.normal(size=(60, 6))), 9, seed=0)
    rows = rng.choice(60, 9, replace=False)
    others = np.setdiff1d(np.arange(60), rows)
    costs = objective.transport_after(objective.sorted_picks(rows), int(rows[4]), others)
    for other, cost in zip(others, costs, strict=True):
        swapped = rows.copy()
        swapped[4] = other
        expected = objective.transport(objective.sorted_picks(swapped))
        assert cost == pytest.approx(expected, rel=1e-9)


def test_the_slope_forecasts_the_frechet_distance_of_a_swap():
    rng = np.random.default_rng(1)
    objective = Objective(unit_rows(rng.normal(size=(600, 6))), 200, seed=0)
    rows = rng.choice(600, 200, replace=False)
    slope = objective.frechet_slope(rows)
    before = objective.gaussian.distance(rows)
    forecast, actual = [], []
    for other in np.setdiff1d(np.arange(600), rows)[:50]:
        swapped = rows.copy()
        swapped[0] = other
        forecast.append(slope[other] - slope[rows[0]])
        actual.append(objective.gaussian.distance(swapped) - before)
    assert np.corrcoef(forecast, actual)[0, 1] > 0.95


def test_the_objective_never_rises_and_kept_rows_stay(clusters):
    x, labels = clusters(n=400)
    unit = unit_rows(x)
    rows = np.random.default_rng(0).choice(400, 40, replace=False)
    objective = Objective(unit, 40, seed=0)
    picks, history = improved(
        objective, rows, fixed=5, allowed=np.ones(400, bool), group=labels, seed=0
    )
    assert len(history) > 20
    assert (np.diff(history) < 0).all()
    assert history[-1] == pytest.approx(objective.value(picks))
    np.testing.assert_array_equal(picks[:5], rows[:5])
    np.testing.assert_array_equal(labels[picks], labels[rows])
    assert len(set(picks.tolist())) == 40


def test_it_beats_its_start_on_a_planted_mixture():
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(8, 24))
    label = rng.choice(8, 1500, p=[0.35, 0.2, 0.15, 0.1, 0.08, 0.06, 0.04, 0.02])
    x = centre[label] + 0.3 * rng.normal(size=(1500, 24)) * (1 + label[:, None] / 4)
    start, swapped = (select(x, 100, method=m) for m in ("typicality", "transport"))
    gaussian = PoolGaussian(unit_rows(x))
    assert gaussian.distance(swapped.indices) < 0.5 * gaussian.distance(start.indices)
    assert swapped.settings["objective"] < 0.9 * swapped.settings["objective_of_typicality"]
    assert not swapped.flagged[swapped.indices].any()
    assert len(set(swapped.representative[swapped.indices])) == 100
