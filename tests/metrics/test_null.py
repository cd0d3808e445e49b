import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import (
    density_coverage,
    evaluate,
    expected_coverage,
    frechet_distance,
    frechet_extrapolated,
)


def test_the_null_of_a_perfect_model_is_its_value(rng):
    # Generated and real images of one distribution: the excess is noise around 0.
    x, y = rng.standard_normal((800, 20)), rng.standard_normal((400, 20))
    found = evaluate(real=x, generated=y, counts="subsample", metrics=["frechet_distance"])
    record = found.records["frechet_distance"]
    assert record.n_null == (400, 400)
    assert record.value > 0.3  # all of it bias: the distributions are equal
    assert abs(record.excess) < 0.1 * record.value


def test_held_out_images_stand_in_for_the_generated_ones(rng):
    x, y, z = (rng.standard_normal((150, 6)) for _ in range(3))
    found = evaluate(real=x, generated=y, held_out=z, metrics=["frechet_distance"])
    record = found.records["frechet_distance"]
    assert record.null == pytest.approx(frechet_distance(real=x, generated=z))
    assert record.excess == pytest.approx(record.value - record.null)
    assert record.n_null == (150, 150)
    assert record.null_std is None  # there is only one draw of all of them


def test_without_spare_images_halves_are_compared_at_their_own_count(rng):
    x, y = rng.standard_normal((100, 6)), 1 + rng.standard_normal((100, 6))
    record = evaluate(real=x, generated=y, null_draws=5).records["frechet_distance"]
    assert record.n_null == (50, 50)
    assert record.null_std > 0
    # The bias at 50 images is in both, so what is left is the shift of 1 in 6 features.
    assert record.excess == pytest.approx(6, rel=0.35)


def test_held_out_images_that_are_also_reference_images_are_noted(rng):
    x, y = rng.standard_normal((40, 6)), rng.standard_normal((40, 6))
    notes = evaluate(real=x, generated=y, held_out=x).notes
    assert any("share images with real, so the nulls are too small" in note for note in notes)


def test_memorization_has_the_null_of_images_not_trained_on(rng):
    train, fresh, made = (rng.standard_normal((300, 12)) for _ in range(3))
    record = evaluate(
        real=fresh, generated=made, train=train, metrics=["memorization"]
    ).records["authentic"]  # fmt: skip
    assert record.n_null == (300, 300)
    assert record.null == pytest.approx(record.value, abs=0.12)
    assert 0.6 < record.null < 0.95  # not 1, also for a perfect model
    mixed = np.concatenate([train[:100], fresh[:200]])
    found = evaluate(real=mixed, generated=made, train=train, metrics=["memorization"])
    assert found.records["authentic"].null is None
    assert any("real shares images with train" in note for note in found.notes)
    with_held_out = evaluate(
        real=mixed, generated=made, train=train, held_out=fresh, metrics=["memorization"]
    )
    assert with_held_out.records["authentic"].null == record.null


def test_images_repeated_more_than_k_times_are_noted(rng):
    x, y = rng.standard_normal((40, 6)), rng.standard_normal((40, 6))
    y[:5] = y[0]
    notes = evaluate(real=x, generated=y).notes
    assert any(note.startswith("5 generated images occur more than k = 3 times") for note in notes)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (1000, 200), (200, 1000)])
def test_coverage_of_a_perfect_model_is_as_predicted(rng, n, m):
    values = [
        density_coverage(real=rng.standard_normal((n, 6)), generated=rng.standard_normal((m, 6)))
        for _ in range(4)
    ]
    mean = np.mean([value["coverage"] for value in values])
    assert mean == pytest.approx(expected_coverage(n_real=n, n_generated=m), abs=0.02)


def test_coverage_predictions_of_equal_and_unequal_counts():
    assert expected_coverage(n_real=10_000, n_generated=10_000) == pytest.approx(
        1 - 2**-5, abs=1e-3
    )
    assert expected_coverage(n_real=5000, n_generated=1000) == pytest.approx(0.6, abs=0.02)


def test_extrapolation_removes_most_of_the_bias(rng):
    d, n = 40, 400
    shift = np.full(d, 0.2)  # population distance 1.6
    raw, limit = [], []
    for seed in range(4):
        x, y = rng.standard_normal((n, d)), shift + rng.standard_normal((n, d))
        raw.append(frechet_distance(real=x, generated=y) - 1.6)
        limit.append(frechet_extrapolated(real=x, generated=y, seed=seed).value - 1.6)
    assert np.mean(raw) > 1
    assert abs(np.mean(limit)) < 0.2 * np.mean(raw)


def test_the_error_of_the_extrapolation_is_what_other_images_change(rng):
    # A known population, drawn anew many times: the spread is what the error should be.
    found = [
        frechet_extrapolated(
            real=rng.standard_normal((300, 10)), generated=0.3 + rng.standard_normal((300, 10))
        )
        for _ in range(40)
    ]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.std_error for one in found]) == pytest.approx(spread, rel=0.3)
    missed = [abs(one.value - 0.9) > 2 * one.std_error for one in found]
    assert np.mean(missed) <= 0.15


def test_extrapolation_is_computed_on_request_and_says_what_it_needs(rng):
    x, y = rng.standard_normal((60, 3)), rng.standard_normal((60, 3))
    found = evaluate(real=x, generated=y, metrics=["frechet_extrapolated"], null_draws=0)
    record = found.records["frechet_extrapolated"]
    assert record.detail["sizes"] == [30, 36, 42, 48, 54, 60]
    assert len(record.detail["distances"]) == 6
    with pytest.raises(DataError, match="needs at least 24 images on either side, got 20 real"):
        frechet_extrapolated(real=x[:20], generated=y)
