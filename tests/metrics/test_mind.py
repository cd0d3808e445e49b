import numpy as np
import pytest
from curadiff.metrics import mind
from curadiff.metrics.mind import directions


def by_definition(real, generated, axes):
    """Squared transport cost per direction from the quantile functions, on a fine grid."""
    at = (np.arange(200_000) + 0.5) / 200_000
    total = 0.0
    for u in axes.T:
        a, b = np.sort(real @ u), np.sort(generated @ u)
        gap = a[(at * len(a)).astype(int)] - b[(at * len(b)).astype(int)]
        total += (gap**2).mean()
    return 3 * real.shape[1] * total / axes.shape[1]


@pytest.mark.parametrize("m", [40, 25, 64])
def test_it_is_the_mean_transport_cost_between_projections(rng, m):
    x, y = rng.standard_normal((40, 6)), 0.5 + 2 * rng.standard_normal((m, 6))
    value = mind(real=x, generated=y, projections=8, seed=5)
    assert value == pytest.approx(by_definition(x, y, directions(8, 6, 5)), rel=1e-4)


def test_a_shift_costs_three_times_its_square(rng):
    x = rng.standard_normal((30, 20))
    shift = rng.standard_normal(20)
    value = mind(real=x, generated=x + shift, projections=4000)
    assert value == pytest.approx(3 * shift @ shift, rel=0.1)


def test_it_sees_what_mean_and_covariance_hide(rng):
    # +-1 coordinates have the moments of a normal distribution.
    normal = rng.standard_normal((2000, 2))
    corners = rng.choice([-1.0, 1.0], (2000, 2))
    other = rng.standard_normal((2000, 2))
    ours = mind(real=normal, generated=corners)
    assert ours > 20 * mind(real=normal, generated=other)


def test_identical_sets_and_seeds(rng):
    x, y = rng.standard_normal((30, 5)), rng.standard_normal((30, 5))
    assert mind(real=x, generated=x[::-1]) == pytest.approx(0, abs=1e-12)
    assert mind(real=x, generated=y, seed=1) == mind(real=x, generated=y, seed=1)
    assert mind(real=x, generated=y, seed=1) != mind(real=x, generated=y, seed=2)
