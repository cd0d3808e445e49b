import numpy as np
import pytest
import scipy.linalg
from curadiff.common.errors import DataError
from curadiff.common.gaussians import gaussian_distance, gaussian_from_moments
from curadiff.metrics import frechet_distance


def with_moments(rng, mean, covariance, n):
    """Rows whose sample mean and covariance are exactly those given."""
    d = len(mean)
    x = rng.standard_normal((n, d))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def spd(rng, d):
    root = rng.standard_normal((d, 2 * d))
    return root @ root.T / d


def by_definition(real, generated):
    """Through scipy's matrix square roots, the textbook way."""
    a, b = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    root = scipy.linalg.sqrtm(a)
    cross = scipy.linalg.sqrtm(root @ b @ root)
    gap = real.mean(0) - generated.mean(0)
    return gap @ gap + np.trace(a) + np.trace(b) - 2 * np.trace(cross).real


def test_axis_aligned_gaussians_have_the_closed_form(rng):
    s, t = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 16.0])
    shift = np.array([1.0, -2.0, 2.0])
    real = with_moments(rng, np.zeros(3), np.diag(s), 50)
    generated = with_moments(rng, shift, np.diag(t), 80)
    expected = (shift**2).sum() + ((np.sqrt(s) - np.sqrt(t)) ** 2).sum()
    assert frechet_distance(real=real, generated=generated) == pytest.approx(expected, rel=1e-10)


def test_general_gaussians_agree_with_matrix_square_roots(rng):
    real = with_moments(rng, rng.standard_normal(12), spd(rng, 12), 60)
    generated = with_moments(rng, rng.standard_normal(12), spd(rng, 12), 90)
    expected = by_definition(real, generated)
    assert frechet_distance(real=real, generated=generated) == pytest.approx(expected, rel=1e-9)


def test_the_distance_is_symmetric_and_scales_with_the_square(rng):
    a, b = rng.standard_normal((40, 6)), 1 + rng.standard_normal((50, 6)) * 2
    there = frechet_distance(real=a, generated=b)
    assert frechet_distance(real=b, generated=a) == pytest.approx(there, rel=1e-10)
    assert frechet_distance(real=3 * a, generated=3 * b) == pytest.approx(9 * there, rel=1e-10)


@pytest.mark.parametrize("n", [2, 9, 30, 200])
def test_identical_sets_are_at_distance_zero_however_few_images(rng, n):
    x = rng.standard_normal((n, 30)) @ rng.standard_normal((30, 30))
    spread = np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(real=x, generated=x.copy()) <= 1e-6 * spread


def test_fewer_images_than_features_give_the_same_as_in_their_own_subspace(rng):
    # Both sets live in 5 of 40 dimensions: 12 images are few for 40, enough for 5.
    basis = np.linalg.qr(rng.standard_normal((40, 5)))[0]
    a, b = rng.standard_normal((12, 5)), 0.5 + 2 * rng.standard_normal((12, 5))
    inside = frechet_distance(real=a, generated=b)
    assert frechet_distance(real=a @ basis.T, generated=b @ basis.T) == pytest.approx(inside)


def test_singular_covariances_give_a_finite_exact_value(rng):
    # Dead features (always 0) and copied ones, as networks with ReLUs have.
    a, b = rng.standard_normal((300, 20)), rng.standard_normal((300, 20)) * 1.5
    dead = np.zeros((300, 15))
    small = frechet_distance(real=a, generated=b)
    large = frechet_distance(
        real=np.hstack([a, dead, a]) / np.sqrt(2), generated=np.hstack([b, dead, b]) / np.sqrt(2)
    )
    assert large == pytest.approx(small, rel=1e-6)


def test_one_singular_side_against_a_regular_one(rng):
    a = rng.standard_normal((400, 8)) * np.array([1, 1, 1, 1, 0, 0, 0, 0])
    b = rng.standard_normal((400, 8))
    expected = by_definition(b, a)
    assert frechet_distance(real=a, generated=b) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(real=b, generated=a) == pytest.approx(expected, rel=1e-5)


def test_float32_features_are_accumulated_in_float64(rng):
    x = (100 + rng.standard_normal((500, 10))).astype(np.float32)
    y = (100 + rng.standard_normal((500, 10))).astype(np.float32)
    exact = frechet_distance(real=x.astype(np.float64), generated=y.astype(np.float64))
    assert frechet_distance(real=x, generated=y) == pytest.approx(exact, rel=1e-12)


def test_statistics_alone_are_enough(rng):
    s, t = spd(rng, 7), spd(rng, 7)
    a, b = with_moments(rng, np.zeros(7), s, 30), with_moments(rng, np.ones(7), t, 30)
    known = gaussian_distance(
        gaussian_from_moments(np.zeros(7), s), gaussian_from_moments(np.ones(7), t)
    )
    assert known == pytest.approx(frechet_distance(real=a, generated=b), rel=1e-9)


@pytest.mark.parametrize(
    ("real", "generated", "sentence"),
    [
        (np.zeros((3, 5)), np.zeros((3, 7)), "real has 5 features per image and generated has 7"),
        (np.zeros((1, 5)), np.zeros((3, 5)), "real has 1 image and at least 2 are needed"),
        (np.zeros((0, 5)), np.zeros((3, 5)), "real has 0 images and at least 2"),
        (np.zeros(5), np.zeros((3, 5)), r"real must be \(images, features\), got shape \(5,\)"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), "NaN or infinity in 3 of 3 rows"),
    ],
)
def test_bad_input_gets_one_sentence(real, generated, sentence):
    with pytest.raises(DataError, match=sentence):
        frechet_distance(real=real, generated=generated)


def test_roles_cannot_be_swapped_by_accident(rng):
    with pytest.raises(TypeError):
        frechet_distance(rng.standard_normal((5, 2)), rng.standard_normal((5, 2)))
