import itertools

import numpy as np
import pytest
from curadiff.selectors import select


@pytest.mark.parametrize("seed", range(3))
def test_no_outlier_and_no_near_duplicate_is_chosen(seed, clusters, unit):
    x, _ = clusters(n=600, seed=seed, copies=30)
    x[:12] = 8 * np.random.default_rng(seed).normal(size=(12, 16))  # scattered everywhere
    picked = select(x, 200, min_distance=0.02)
    assert picked.flagged.any()
    assert not picked.flagged[picked.indices].any()
    u = unit(x)[picked.indices]
    gap = np.linalg.norm(u[:, None] - u[None], axis=2) + 9 * np.eye(len(u))
    assert gap.min() > 0.02


def test_chosen_samples_keep_their_distance_from_preselected_ones(clusters, unit):
    x, _ = clusters(n=400, copies=40)
    taken = np.arange(40)
    picked = select(x, 100, preselected=taken, min_distance=0.05)
    u = unit(x)
    gap = np.linalg.norm(u[picked.indices][:, None] - u[taken][None], axis=2)
    assert gap.min() > 0.05


def test_alpha_0_without_guards_is_a_coreset():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))  # the sphere, evenly
    plain = select(x, 40, method="coreset")
    guarded = select(x, 40, alpha=0, min_distance=0, outlier_rate=0)
    assert guarded.indices.tolist() == plain.indices.tolist()


def test_it_starts_where_it_is_most_crowded(clusters):
    x, _ = clusters()
    picked = select(x, 10)
    assert picked.indices[0] == picked.density.argmin()


def test_shares_of_clusters_are_closer_to_the_pool_than_a_coresets(clusters):
    x, labels = clusters(n=1500)
    share = np.bincount(labels) / 1500

    def distance(method):
        picked = select(x, 150, method=method).indices
        return np.abs(np.bincount(labels[picked], minlength=6) / 150 - share).sum() / 2

    assert distance("typicality") < distance("coreset") / 2


def test_density_is_the_mean_distance_to_distinct_neighbours(clusters, unit):
    x, _ = clusters(n=200)
    x = np.concatenate([x, x[:50]])  # copies must not make their originals look crowded
    picked = select(x, 5, neighbors=7, min_distance=1e-3)
    u = unit(x[:200])
    gap = np.sort(np.linalg.norm(u[:, None] - u[None], axis=2), axis=1)[:, 1:8]
    np.testing.assert_allclose(picked.density[:200], gap.mean(1), rtol=1e-6)
    np.testing.assert_array_equal(picked.density[200:], picked.density[:50])


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_the_stated_bound_holds(alpha):
    for seed in range(15):
        x = np.random.default_rng(seed).normal(size=(11, 3))
        picked = select(x, 3, alpha=alpha, neighbors=3, min_distance=0)
        keep = np.flatnonzero(~picked.flagged)
        u = x[keep] / np.linalg.norm(x[keep], axis=1, keepdims=True)
        rho = picked.density[keep]
        scaled = np.linalg.norm(u[:, None] - u[None], axis=2) * rho[:, None] ** -alpha
        reached = scaled[:, np.searchsorted(keep, np.sort(picked.indices))].min(1).max()
        best = min(
            scaled[:, list(s)].min(1).max() for s in itertools.combinations(range(len(keep)), 3)
        )
        assert reached <= (1 + (rho.max() / rho.min()) ** alpha) * best + 1e-9


def test_a_shortfall_is_explained(clusters):
    x, _ = clusters(n=50)
    x = np.concatenate([x, x])
    picked = select(x, 80)
    assert picked.shortfall == 80 - len(picked.indices) > 0
    assert "near-duplicates" in picked.stop_reason
    assert "lower the budget" in picked.stop_reason


def test_too_few_neighbours_are_said(clusters):
    x, _ = clusters(n=8)
    assert "K = 7" in select(x, 2).stop_reason
