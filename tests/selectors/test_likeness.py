"""More like these, less like those, by brute force and by what is chosen."""

import numpy as np
import pytest
from curadiff.common.errors import SettingsError
from curadiff.selectors import select
from curadiff.selectors.core.likeness import leaning_weights, likeness


def test_the_score_is_the_mean_cosine_to_the_nearest_five_of_each_set(clusters, unit):
    u = unit(clusters()[0])
    toward, away = np.array([3, 9, 27, 81, 143, 200, 271]), np.array([5, 6])
    cosine = u @ u.T
    nearest_five = np.sort(cosine[:, toward], axis=1)[:, -5:].mean(1)
    expected = nearest_five - cosine[:, away].mean(1)
    score = likeness(u.astype(np.float32), toward, away)
    np.testing.assert_allclose(score, expected, atol=1e-6)


def test_weights_grow_e_fold_per_standard_deviation():
    score = np.array([-1.0, 0.0, 1.0])
    weights = leaning_weights(score, 2.0)
    assert np.log(weights[2] / weights[1]) == pytest.approx(2 / score.std())
    np.testing.assert_array_equal(leaning_weights(np.full(4, 0.3), 2.0), np.ones(4))


@pytest.mark.parametrize(
    "method", ["random", "typicality", "coreset", "facility-location", "kmeans", "herding"]
)
def test_picks_lean_toward_one_set_and_away_from_another(method, clusters):
    x, labels = clusters(n=400)
    toward, away = np.flatnonzero(labels == 1)[:8], np.flatnonzero(labels == 0)[:8]
    plain = select(x, 60, method=method)
    leaning = select(x, 60, method=method, toward=toward, away=away, pull=2.0)

    def share(selection, label):
        return (labels[selection.indices] == label).mean()

    assert share(leaning, 1) > share(plain, 1)
    assert share(leaning, 0) < share(plain, 0)
    assert leaning.settings["pull"] == 2.0


def test_top_ranks_by_likeness_alone(clusters, unit):
    x, _ = clusters()
    toward = np.array([10, 11, 12])
    picked = select(x, 20, method="top", toward=toward)
    score = likeness(unit(x).astype(np.float32), toward, np.empty(0, np.int64))
    assert set(picked.indices) == set(np.argsort(-score)[:20])


def test_row_order_and_given_weights_are_kept(clusters):
    x, _ = clusters()
    ids = np.array([f"image-{i:04d}" for i in range(300)])
    turn = np.random.default_rng(1).permutation(300)
    weights = np.random.default_rng(2).random(300) + 0.1
    back = np.argsort(turn)
    straight = select(x, 30, method="random", ids=ids, toward=[4, 5], weights=weights)
    turned = select(
        x[turn], 30, method="random", ids=ids[turn], toward=back[[4, 5]], weights=weights[turn]
    )
    assert ids[straight.indices].tolist() == ids[turn][turned.indices].tolist()


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("zcore", {"toward": [1]}, "zcore takes no weights, which toward and away become"),
        ("difficulty", {"away": [1]}, "difficulty has another use for weights"),
        ("top", {"away": [1], "weights": np.ones(300)}, "top ranks by weights or by toward"),
        ("random", {"toward": [1], "pull": -1.0}, "pull must be >= 0"),
        ("random", {"toward": [300]}, "toward must be rows between 0 and 299"),
    ],
)
def test_what_cannot_lean_says_why(method, settings, message, clusters):
    from curadiff.common.errors import CuradiffError

    with pytest.raises(CuradiffError, match=message):
        select(clusters()[0], 10, method=method, **settings)
    assert issubclass(SettingsError, CuradiffError)
