import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import cmmd, kernel_distance


def cubic_by_definition(x, y):
    d = x.shape[1]
    k = lambda a, b: (a @ b.T / d + 1) ** 3  # noqa: E731
    n, m = len(x), len(y)
    within = (k(x, x).sum() - np.trace(k(x, x))) / (n * (n - 1))
    across = (k(y, y).sum() - np.trace(k(y, y))) / (m * (m - 1))
    return within + across - 2 * k(x, y).mean()


def gaussian_by_definition(x, y):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    k = lambda a, b: np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / 200).mean()  # noqa: E731
    return 1000 * (k(x, x) + k(y, y) - 2 * k(x, y))


@pytest.fixture(params=[32, 2048], autouse=True)
def block(request, monkeypatch):
    monkeypatch.setattr("curadiff.common.knn.points.BLOCK", request.param)


def test_both_are_what_their_definitions_say_also_for_unequal_counts(rng):
    x, y = rng.standard_normal((90, 8)), 0.4 + rng.standard_normal((70, 8))
    value = kernel_distance(real=x, generated=y)
    assert value == pytest.approx(cubic_by_definition(x, y), rel=1e-10)
    assert cmmd(real=x, generated=y) == pytest.approx(gaussian_by_definition(x, y), rel=1e-9)


def test_cmmd_keeps_nine_digits_where_two_sets_nearly_agree(rng):
    # Three means near 1 cancel to 1e-5 of them; the reference has more digits than float64.
    x = rng.standard_normal((80, 16)).astype(np.float32)
    y = x + 0.05 * rng.standard_normal((80, 16)).astype(np.float32)
    value = cmmd(real=x, generated=y)
    exact = gaussian_by_definition(x.astype(np.longdouble), y.astype(np.longdouble))
    assert 0 < exact < 0.1
    assert value == pytest.approx(float(exact), rel=1e-9)


def test_kernel_distance_is_unbiased(rng):
    # Same distribution: the mean over many small draws is 0 within its own error.
    values = [
        kernel_distance(real=rng.standard_normal((12, 4)), generated=rng.standard_normal((9, 4)))
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(400)
    assert min(values) < 0


def test_cmmd_of_identical_sets_is_zero(rng):
    x = rng.standard_normal((50, 6))
    assert cmmd(real=x, generated=x) == pytest.approx(0, abs=1e-12)
    assert cmmd(real=x, generated=5 * x) == pytest.approx(0, abs=1e-12)  # direction alone counts


@pytest.mark.parametrize("function", [kernel_distance, cmmd])
def test_one_image_is_not_enough(function):
    with pytest.raises(DataError, match="generated has 1 image and at least 2 are needed"):
        function(real=np.ones((4, 3)), generated=np.ones((1, 3)))
