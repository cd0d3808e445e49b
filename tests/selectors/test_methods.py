"""What the smaller methods promise, by brute force or by a case where the answer is plain."""

import itertools

import numpy as np
import pytest
import torch
from curadiff.common.errors import DataError
from curadiff.selectors import facility, select


@pytest.mark.parametrize("whole", [True, False])
def test_facility_location_equals_plain_greedy(whole, clusters, unit, monkeypatch):
    if not whole:
        monkeypatch.setattr(facility, "WHOLE", 0)
    x, _ = clusters(n=250)
    u = unit(x)
    similar = (1 + u @ u.T) / 2
    best, expected = np.zeros(250), []
    for _ in range(30):
        gain = np.maximum(similar - best, 0).sum(1)
        gain[expected] = -1
        expected.append(int(gain.argmax()))
        best = np.maximum(best, similar[expected[-1]])
    assert select(x, 30, method="facility-location").indices.tolist() == expected


def test_facility_location_chooses_alike_where_sums_are_rounded_otherwise(monkeypatch):
    """Of equal rows the first; a device that adds in another order must not choose another."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 16), dtype=np.float32)
    x[1::2] = x[::2]
    picked = select(x, 60, method="facility-location").indices
    assert (picked % 2 == 0).all()
    exact = facility._Similarities.__call__
    for seed in range(3):
        noise = np.random.default_rng(seed)

        def rounded(self, rows, noise=noise):
            values = exact(self, rows)
            return values * (1 + torch.from_numpy(noise.uniform(-6e-8, 6e-8, values.shape))).float()

        monkeypatch.setattr(facility._Similarities, "__call__", rounded)
        assert select(x, 60, method="facility-location").indices.tolist() == picked.tolist()


def test_facility_location_is_within_its_bound():
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=(12, 3))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        similar = (1 + x @ x.T) / 2

        def value(rows, similar=similar):
            return similar[list(rows)].max(0).sum()

        best = max(value(rows) for rows in itertools.combinations(range(12), 3))
        picked = select(x, 3, method="facility-location").indices
        assert value(picked) >= (1 - 1 / np.e) * best


@pytest.mark.parametrize("method", ["kmeans", "typiclust"])
def test_separated_clusters_are_each_represented(method):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [50, 30, 15, 5])
    x = 50 * np.eye(8)[labels] + rng.normal(size=(100, 8))
    # k-means may begin with two means in one cluster, so ask for a few more than there are.
    picked = select(x, 12, method=method).indices
    assert set(labels[picked]) == {0, 1, 2, 3}


def test_mini_batches_serve_every_cluster_and_repeat(monkeypatch):
    monkeypatch.setattr("curadiff.selectors.core.clustering.MINI_BATCH", 100)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [500, 300, 150, 50])
    x = 50 * np.eye(8)[labels] + rng.normal(size=(1000, 8))
    picked = select(x, 12, method="kmeans").indices
    assert set(labels[picked]) == {0, 1, 2, 3}
    ids, turn = np.array([f"{row:04d}" for row in range(1000)]), rng.permutation(1000)
    turned = select(x[turn], 12, method="kmeans", ids=ids[turn]).indices
    assert turn[turned].tolist() == picked.tolist()


@pytest.mark.parametrize("method", ["kmeans", "typiclust"])
def test_a_cluster_with_a_preselected_sample_comes_later(method):
    x = np.repeat(np.eye(3), [40, 40, 40], axis=0) + 1e-3 * np.random.default_rng(0).normal(
        size=(120, 3)
    )
    labels = np.repeat([0, 1, 2], 40)
    picked = select(x, 40, method=method, preselected=np.arange(20), exclude=np.arange(20, 25))
    assert (labels[picked.indices[:10]] > 0).mean() > 0.7


def test_densest_prefers_the_crowded_cluster(clusters):
    rng = np.random.default_rng(0)
    x = np.concatenate([[5, 0, 0] + 0.1 * rng.normal(size=(60, 3)), rng.normal(size=(60, 3))])
    picked = select(x, 30, method="densest")
    assert (picked.indices < 60).all()
    assert picked.density[picked.indices].max() <= np.sort(picked.density)[29] + 1e-12


def test_zcore_prefers_the_rim_to_redundant_copies():
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [np.ones((1, 4)) + 1e-4 * rng.normal(size=(200, 4)), rng.normal(size=(30, 4))]
    )
    picked = select(x, 30, method="zcore").indices
    assert (picked >= 200).mean() > 0.8


def test_top_ranks_by_weight():
    w = np.array([3.0, -1.0, 7.0, 7.0, 0.0])
    picked = select(np.eye(5), 4, method="top", weights=w)
    assert picked.indices.tolist() == [2, 3, 0, 4]


def test_alpha_auto_is_at_least_as_near_to_the_pool_as_1(clusters):
    x, _ = clusters(n=800)
    found, plain = select(x, 80, alpha="auto"), select(x, 80)
    assert isinstance(found.settings["alpha"], float)

    def gap(picked):
        keep = x[picked.indices] / np.linalg.norm(x[picked.indices], axis=1, keepdims=True)
        pool = x / np.linalg.norm(x, axis=1, keepdims=True)
        return np.linalg.norm(np.cov(keep.T) - np.cov(pool.T)) + np.linalg.norm(
            keep.mean(0) - pool.mean(0)
        )

    assert gap(found) <= 1.2 * gap(plain)


@pytest.mark.parametrize("method", ["random", "coreset", "typicality", "kmeans"])
def test_units_are_chosen_whole(method, clusters):
    x, _ = clusters(n=300)
    person = np.random.default_rng(0).integers(0, 120, size=300)
    picked = select(x, 60, method=method, together=person)
    for label in set(person[picked.indices]):
        assert set(np.flatnonzero(person == label)) <= set(picked.indices)
    assert 55 <= len(picked.indices) <= 60
    assert picked.shortfall == 60 - len(picked.indices)


@pytest.mark.parametrize("method", ["random", "coreset", "typicality", "kmeans", "densest"])
def test_large_units_in_front_do_not_leave_the_budget_empty(method, clusters):
    # Forty people with 30 photographs each, which no budget of 6 can hold, and six with one.
    x, _ = clusters(n=1206)
    person = np.concatenate([np.arange(1200) // 30, 100 + np.arange(6)])
    picked = select(x, 6, method=method, together=person)
    assert sorted(picked.indices) == list(range(1200, 1206))
    assert picked.shortfall == 0


@pytest.mark.parametrize("method", ["random", "coreset"])
def test_units_are_ranked_until_the_budget_is_filled(method, clusters):
    # Of 60 people with four photographs each one fits the budget of 5, and one of two with one.
    x, _ = clusters(n=242)
    person = np.concatenate([np.arange(240) // 4, [100, 101]])
    for seed in range(3):
        picked = select(x, 5, method=method, together=person, seed=seed)
        assert len(picked.indices) == 5
        assert np.unique(person[picked.indices]).size == 2


def test_units_that_are_all_too_large_are_refused_with_their_size(clusters):
    x, _ = clusters(n=30)
    with pytest.raises(DataError, match="the smallest free one has 10 samples and the budget is 6"):
        select(x, 6, together=np.arange(30) // 10)


def test_units_keep_to_quotas(clusters):
    x, _ = clusters(n=300)
    person = np.arange(300) // 3
    group = person % 2
    picked = select(x, 60, together=person, groups=group, quotas={0: 45, 1: 15})
    assert np.bincount(group[picked.indices]).tolist() == [45, 15]


def test_units_that_cannot_be_used_get_a_sentence(clusters):
    x, _ = clusters(n=30)
    with pytest.raises(DataError, match="several groups"):
        select(x, 6, together=np.arange(30) // 3, groups=np.arange(30) % 2, quotas="balanced")
    with pytest.raises(DataError, match="one label for each of 30 rows"):
        select(x, 6, together=[1])
    with pytest.raises(DataError, match="no unit of together is free"):
        select(x, 6, together=np.arange(30) // 3, exclude=np.arange(0, 30, 3))
