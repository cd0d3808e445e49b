import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import evaluate, memorization


def photographs(rng, n, d=64):
    """Clusters of different widths in 12 of d directions, with noise in all."""
    shape = np.random.default_rng(0)
    centers, mix = shape.standard_normal((8, 12)) * 2, shape.standard_normal((12, d))
    kind = rng.integers(0, 8, n)
    inner = centers[kind] + rng.standard_normal((n, 12)) * np.linspace(0.5, 1.5, 8)[kind, None]
    return inner @ mix / 3 + 0.3 * rng.standard_normal((n, d))


def test_a_model_that_copies_is_flagged_and_held_out_images_are_not(rng):
    train, fresh = photographs(rng, 1200), photographs(rng, 1000)
    copies = train[:1000] + 0.05 * rng.standard_normal((1000, 64))
    copied = memorization(generated=copies, train=train)
    assert copied.memorized.mean() >= 0.99
    assert copied.authentic.mean() <= 0.01
    np.testing.assert_array_equal(copied.nearest, np.arange(1000))
    honest = memorization(generated=fresh, train=train)
    assert honest.memorized.mean() <= 0.01
    assert 0.6 < honest.authentic.mean() < 0.95  # not 1 for a perfect model either


def test_mirrored_copies_are_found_when_the_mirrored_images_are_given(rng):
    train, flipped = photographs(rng, 300), photographs(rng, 300)
    copies = np.concatenate([train[:50], flipped[50:100]])
    found = memorization(generated=copies, train=train, train_mirrored=flipped)
    assert found.memorized.all()
    np.testing.assert_array_equal(found.nearest, np.arange(100))
    np.testing.assert_array_equal(found.mirrored, np.arange(100) >= 50)
    assert memorization(generated=copies, train=train).memorized[50:].mean() < 0.1


def test_an_image_that_is_nearly_its_own_mirror_image_counts_as_no_copy_of_itself(rng):
    # Symmetric photographs: the mirrored set is the set. The limit must not fall to 0.
    train = photographs(rng, 300)
    found = memorization(generated=photographs(rng, 200), train=train, train_mirrored=train)
    assert found.below >= 0.5
    assert found.memorized.mean() <= 0.02


def test_distances_and_ratios_are_what_the_definition_says(rng, brute):
    train, made = rng.standard_normal((80, 7)), rng.standard_normal((60, 7))
    found = memorization(generated=made, train=train, neighbors=10)
    distances = brute(made, train)
    np.testing.assert_array_equal(found.nearest, distances.argmin(1))
    np.testing.assert_allclose(found.distance, distances.min(1))
    around = np.sort(distances, axis=1)[:, :10].mean(1)
    np.testing.assert_allclose(found.ratio, distances.min(1) / around)
    among = brute(train, train)
    np.fill_diagonal(among, np.inf)
    np.testing.assert_array_equal(
        found.authentic, distances.min(1) > among.min(1)[distances.argmin(1)]
    )


def test_a_copy_of_an_image_that_was_trained_on_many_times_is_a_copy(rng):
    train = np.concatenate([np.repeat(photographs(rng, 1), 80, axis=0), photographs(rng, 200)])
    found = memorization(generated=train[:1], train=train)
    assert found.distance[0] == 0
    assert found.ratio[0] == 0
    assert found.memorized[0]


@pytest.mark.parametrize("spread", [0.0, 0.002])
def test_what_was_repeated_more_often_than_the_neighbourhood_is_wide_is_caught(rng, spread):
    # 80 of each of 3 photographs: the 50 nearest to a copy are all the same picture.
    plain, often = photographs(rng, 1200), photographs(rng, 3)
    repeated = np.repeat(often, 80, axis=0) + spread * rng.standard_normal((240, 64))
    train = np.concatenate([plain, repeated])
    copies = np.repeat(often, 10, axis=0) + 0.05 * rng.standard_normal((30, 64))
    found = memorization(generated=copies, train=train)
    assert found.memorized.all()
    assert not found.authentic.any()
    gap = np.linalg.norm(copies[:, None] - train, axis=2)
    np.testing.assert_allclose(found.distance, gap.min(1))
    np.testing.assert_allclose(gap[np.arange(30), found.nearest], gap.min(1))
    fresh = photographs(rng, 1000)
    honest = memorization(generated=fresh, train=train).memorized
    assert honest.mean() <= 0.01
    assert np.mean(honest != memorization(generated=fresh, train=plain).memorized) <= 0.005
    flipped = memorization(generated=copies, train=-train, train_mirrored=train)
    assert flipped.memorized.all()
    assert flipped.mirrored.all()


def test_one_image_repeated_and_nothing_else(rng):
    train = np.ones((60, 8))
    found = memorization(generated=np.concatenate([train[:1], 2 * train[:1]]), train=train)
    np.testing.assert_array_equal(found.ratio, [0, 1])
    np.testing.assert_array_equal(found.memorized, [True, False])


def test_close_copies_far_from_the_origin_are_told_apart(rng):
    # In float32 products all of these distances would be rounding noise.
    train = 1e4 + rng.standard_normal((200, 32))
    made = train[::-1] + 1e-6 * rng.standard_normal((200, 32))
    np.testing.assert_array_equal(
        memorization(generated=made, train=train).nearest, np.arange(200)[::-1]
    )


def test_bad_training_sets_get_one_sentence(rng):
    x = rng.standard_normal((5, 3))
    with pytest.raises(DataError, match="train has 1 image and at least 2 are needed"):
        memorization(generated=x, train=x[:1])
    with pytest.raises(DataError, match="train has 5 images and train_mirrored has 4"):
        memorization(generated=x, train=x, train_mirrored=x[:4])
    with pytest.raises(DataError, match="generated has 3 features per image and train has 2"):
        memorization(generated=x, train=x[:, :2])


def test_the_limit_used_is_recorded(rng):
    train, made = photographs(rng, 200), photographs(rng, 100)
    found = evaluate(real=made, generated=made, train=train, metrics=["memorization"])
    assert found.records["memorized"].detail["below"] == memorization(
        generated=made, train=train
    ).below  # fmt: skip


def test_what_is_far_from_everything_is_no_copy_of_what_it_is_least_far_from():
    """Gray pictures are 10 from three photographs and 25 from sixty: a ratio below a half.

    Yet photographs of this set are about 1.5 from their nearest fellows.
    """
    random = np.random.default_rng(0)
    many, few = (random.normal(0, 0.7, (count, 8)) for count in (60, 3))
    many[:, 0] += 25
    few[:, 0] -= 10
    photographs = np.concatenate([many, few])
    gray = memorization(generated=np.zeros((3, 8)), train=photographs)
    assert (gray.ratio < 0.5).all()
    assert not gray.memorized.any()
    assert gray.authentic.all()
    assert memorization(generated=photographs + 0.01, train=photographs).memorized.all()
