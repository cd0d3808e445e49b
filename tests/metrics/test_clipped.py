"""Clipped density and coverage: by their definitions, calibrated, and deaf to outliers."""

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import (
    clipped_density_coverage,
    evaluate,
    expected_clipped_coverage,
)


def by_definition(real, generated, brute, k):
    """The formulas of the paper, image by image, with the calibration by its own sum."""
    rr, rg = brute(real, real), brute(real, generated)
    np.fill_diagonal(rr, np.inf)
    radius = np.sort(rr, axis=1)[:, k - 1]
    narrow = np.minimum(radius, np.median(radius))
    own = np.minimum((rr <= narrow[:, None]).sum(0) / k, 1).mean()
    density = min(np.minimum((rg <= narrow[:, None]).sum(0) / k, 1).mean() / own, 1)
    return density, np.minimum((rg < radius[:, None]).sum(1) / k, 1).mean()


@pytest.mark.parametrize(("n", "m", "k"), [(90, 90, 5), (120, 60, 3), (50, 130, 1)])
def test_both_are_what_the_definitions_say(rng, brute, n, m, k):
    real, generated = rng.standard_normal((n, 6)), 0.3 + 0.9 * rng.standard_normal((m, 6))
    scores = clipped_density_coverage(real=real, generated=generated, k=k)
    density, held = by_definition(real, generated, brute, k)
    assert scores["clipped_density"] == pytest.approx(density, rel=1e-12)
    reached = expected_clipped_coverage(n_real=n, n_good=np.arange(m + 1), k=k)
    assert np.interp(scores["clipped_coverage"] * m, np.arange(m + 1), reached) == pytest.approx(
        min(held, reached[-1])
    )


def test_the_calibration_is_the_mean_of_many_perfect_models(rng, brute):
    n, k = 40, 5
    for m in (3, 20, 60):
        held = []
        for _ in range(300):
            x = np.sort(rng.random(n + m))  # on a line, where balls are easily counted
            real, generated = x[chosen := rng.permutation(n + m)[:n], None], np.delete(x, chosen)
            rr, rg = brute(real, real), brute(real, generated[:, None])
            np.fill_diagonal(rr, np.inf)
            radius = np.sort(rr, axis=1)[:, k - 1]
            held.append(np.minimum((rg < radius[:, None]).sum(1) / k, 1).mean())
        expected = expected_clipped_coverage(n_real=n, n_good=m, k=k)[0]
        assert np.mean(held) == pytest.approx(expected, abs=4 * np.std(held) / np.sqrt(300))


def test_the_share_of_good_images_is_the_score(rng):
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        draws = []
        for _ in range(6):
            real = rng.standard_normal((400, 4))
            good = rng.standard_normal((round(400 * share), 4))
            bad = 50 + rng.standard_normal((400 - len(good), 4))
            draws.append(clipped_density_coverage(real=real, generated=np.concatenate([good, bad])))
        for name in ("clipped_density", "clipped_coverage"):
            # Scores end at 1, so that their mean falls a little short of it.
            assert np.mean([scores[name] for scores in draws]) == pytest.approx(share, abs=0.08)


def test_outliers_among_the_real_images_make_bad_images_no_better(rng):
    real = rng.standard_normal((400, 8))
    real[:20] *= 30  # huge balls
    bad = 20 * rng.standard_normal((400, 8))
    scores = evaluate(real=real, generated=bad, null_draws=0, bootstrap=0).values
    assert scores["density"] > 5 * scores["clipped_density"]
    assert scores["clipped_density"] < 0.02


def test_intervals_are_as_wide_as_other_images_make_them(rng):
    real = rng.standard_normal((200, 4))
    values, widths = [], []
    for number in range(40):
        generated = 1.3 * rng.standard_normal((200, 4)) + 0.5
        found = evaluate(
            real=real, generated=generated, metrics=["clipped_density_coverage"], null_draws=0,
            bootstrap=200 if number < 5 else 0,
        )  # fmt: skip
        record = found.records["clipped_density"]
        values.append(record.value)
        if record.interval:
            widths.append(record.interval[1] - record.interval[0])
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.35)


def test_too_few_images_are_said(rng):
    x = rng.standard_normal((9, 3))
    with pytest.raises(DataError, match="k = 5 needs at least 6 images and real has 5"):
        clipped_density_coverage(real=x[:5], generated=x)
    with pytest.raises(DataError, match="at least 5 generated images and there are 4"):
        clipped_density_coverage(real=x, generated=x[:4])


def test_no_ball_is_wider_than_the_median_of_the_distances(brute):
    """By hand, as the authors' code has it: radii 1, 1, 3, 3, whose median is 2, not root 5."""
    real = np.array([[0.0], [1.0], [10.0], [13.0]])
    for place, density in ((7.9, 0.0), (8.1, 1.0)):  # 2.1 and 1.9 from the image at 10
        generated = np.array([[place], [100.0]])
        scores = clipped_density_coverage(real=real, generated=generated, k=1)
        assert scores["clipped_density"] == density
        assert by_definition(real, generated, brute, 1)[0] == density
