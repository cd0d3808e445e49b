"""Intervals of differences hold what repeated studies say, and equal arms are not told apart."""

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import (
    SeedValue,
    compare_arms,
    evaluate,
    rank_intervals,
    seed_value,
    two_level_difference,
)
from scipy import stats

IMAGES = 60


def study(rng, effects, *, seeds=3, training=0.05, shared=0.0, reference=0.3):
    """Arms whose true means differ by `effects`, with every source of chance that there is.

    A value is a mean over generated images plus one over real images; the arms read the same
    real images with slightly different weights, as recall does.
    """
    real = rng.standard_normal(IMAGES)
    common = shared * rng.standard_normal(seeds)
    arms = {}
    for name, effect in effects.items():
        weights = reference * (1 + 0.5 * rng.standard_normal())
        arm = {}
        for seed in range(seeds):
            images = rng.standard_normal(IMAGES)
            mean = effect + training * rng.standard_normal() + common[seed]
            value = mean + images.mean() + weights * real.mean()
            arm[seed] = SeedValue(value, images - images.mean(), weights * (real - real.mean()))
        arms[name] = arm
    return arms


@pytest.mark.parametrize(("seeds", "training"), [(2, 0.1), (3, 0.0), (3, 0.3), (6, 0.1)])
@pytest.mark.parametrize("paired", [False, True])
def test_intervals_hold_the_true_difference_in_95_of_100_studies(seeds, training, paired):
    rng = np.random.default_rng([seeds, paired])
    held = 0
    for _ in range(400):
        arms = study(rng, {"a": 0.4, "b": 0.1}, seeds=seeds, training=training, shared=0.5 * paired)
        low, high = two_level_difference(arms["a"], arms["b"], paired=paired).interval
        held += low <= 0.3 <= high
    assert held / 400 >= 0.92
    if training == 0.3:  # where images alone vary more than training, the interval is wider
        assert held / 400 <= 0.985


def test_arms_drawn_alike_are_told_apart_in_at_most_5_of_100_studies():
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(300):
        arms = study(rng, dict.fromkeys("abcd", 0.0), seeds=4)
        ranks = rank_intervals(list(arms), compare_arms(arms), better="lower")
        wrong += any(rank != (1, 4) for rank in ranks.values())
    assert wrong / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def test_ranks_hold_the_true_order_and_are_exact_where_arms_are_far_apart():
    rng = np.random.default_rng(4)
    true = {"a": 0.0, "b": 0.05, "c": 1.0, "d": 2.0}
    held = 0
    for _ in range(60):
        arms = study(rng, true, seeds=4)
        ranks = rank_intervals(list(arms), compare_arms(arms), better="lower")
        held += all(low <= 1 + "abcd".index(arm) <= high for arm, (low, high) in ranks.items())
    assert held >= 54
    far = study(rng, {"a": 3.0, "b": 6.0, "c": 9.0}, seeds=4)
    pairs = compare_arms(far)
    assert rank_intervals("abc", pairs, better="lower") == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
    assert rank_intervals("abc", pairs, better="higher") == {"a": (3, 3), "b": (2, 2), "c": (1, 1)}


def test_plain_numbers_give_welch_and_paired_t_tests(rng):
    a, b = rng.standard_normal(4), 1 + 2 * rng.standard_normal(5)
    welch = stats.ttest_ind(a, b, equal_var=False)
    ours = two_level_difference(dict(enumerate(a)), dict(enumerate(b)))
    assert ours.value == pytest.approx(a.mean() - b.mean())
    assert ours.p_value == pytest.approx(welch.pvalue)
    assert ours.interval == pytest.approx(tuple(welch.confidence_interval()))
    assert ours.seeds == (4, 5)
    together = stats.ttest_rel(a, b[:4])
    ours = two_level_difference(dict(enumerate(a)), dict(enumerate(b)), paired=True)
    assert ours.p_value == pytest.approx(together.pvalue)
    assert ours.interval == pytest.approx(tuple(together.confidence_interval()))
    assert ours.seeds == (4, 4)


def test_the_error_is_that_of_literal_resampling_of_seeds_and_images(rng):
    arms = study(rng, {"a": 0.0, "b": 0.2}, seeds=4, training=0.6)

    def draw(arm, real_rows):
        """One value of the arm from seeds and real images that were drawn again."""
        values = np.array([one.value for one in arm.values()])
        spread = values.mean() + np.sqrt(4 / 3) * (values - values.mean())
        chosen = rng.integers(4, size=4)
        real = np.mean([one.per_real[real_rows].mean() for one in arm.values()])
        return spread[chosen].mean() + real

    draws = []
    for _ in range(6000):
        real_rows = rng.integers(IMAGES, size=IMAGES)
        draws.append(draw(arms["a"], real_rows) - draw(arms["b"], real_rows))
    ours = two_level_difference(arms["a"], arms["b"])
    assert ours.std_error == pytest.approx(np.std(draws), rel=0.05)


def test_seeds_that_lie_close_by_chance_do_not_hide_what_images_alone_change(rng):
    images = [rng.standard_normal(50) for _ in range(6)]
    a = {seed: SeedValue(1.0, images[seed] - images[seed].mean()) for seed in range(3)}
    b = {seed: SeedValue(1.2, images[3 + seed] - images[3 + seed].mean()) for seed in range(3)}
    found = two_level_difference(a, b)
    alone = sum(np.var(one) / 50 for one in images[:3]) / 9
    alone += sum(np.var(one) / 50 for one in images[3:]) / 9
    assert found.std_error == pytest.approx(np.sqrt(alone))
    same_noise = {seed: SeedValue(1.2, a[seed].per_generated) for seed in range(3)}
    assert two_level_difference(a, same_noise, paired=True, paired_images=True).std_error == 0


def test_one_seed_says_nothing_about_others():
    found = two_level_difference({0: 1.0}, {0: 2.0, 1: 2.1})
    assert (found.std_error, found.interval, found.p_value) == (None, None, None)
    assert found.value == pytest.approx(-1.05)
    pairs = {("a", "b"): found}
    assert rank_intervals(["a", "b"], pairs, better="lower") == {"a": (1, 2), "b": (1, 2)}


def test_values_of_evaluations_come_with_their_influences(rng):
    real, generated = rng.standard_normal((80, 5)), rng.standard_normal((80, 5))
    evaluation = evaluate(real=real, generated=generated, null_draws=0, bootstrap=20)
    precision = seed_value(evaluation, "precision")
    inside = evaluation.generated["in_manifold"]
    assert precision.value == inside.mean()
    np.testing.assert_allclose(precision.per_generated, inside - inside.mean())
    assert precision.per_real is None
    assert seed_value(evaluation, "frechet_distance").per_real.shape == (80,)
    with pytest.raises(DataError, match="no memorized: it was not computed"):
        seed_value(evaluation, "memorized")


def test_what_cannot_be_compared_gets_one_sentence():
    with pytest.raises(DataError, match="first has no seed"):
        two_level_difference({}, {0: 1.0})
    with pytest.raises(DataError, match="share no seed"):
        two_level_difference({0: 1.0}, {1: 1.0}, paired=True)
    with pytest.raises(DataError, match="needs paired=True"):
        two_level_difference({0: 1.0}, {0: 1.0}, paired_images=True)
    with pytest.raises(DataError, match="level must be between 0 and 1, got 95"):
        two_level_difference({0: 1.0}, {0: 1.0}, level=95)
    few, many = (SeedValue(0.0, np.zeros(n), np.zeros(n)) for n in (3, 4))
    with pytest.raises(DataError, match="seed 0 has 3 generated images in first and 4 in second"):
        two_level_difference({0: few, 1: few}, {0: many, 1: many}, paired=True, paired_images=True)
    with pytest.raises(DataError, match="compared with 3 and 4 real images"):
        two_level_difference({0: few, 1: many}, {0: few, 1: few})
    pairs = {("a", "c"): two_level_difference({0: 1.0}, {0: 1.0})}
    with pytest.raises(DataError, match="differences name c, which arms does not have"):
        rank_intervals(["a", "b"], pairs, better="lower")
