import numpy as np
import pytest
from curadiff.common.equal_rows import digests, distinct
from curadiff.common.errors import SettingsError
from curadiff.selectors import exact_duplicates, near_duplicates, suggested_radius
from curadiff.selectors.core.density import measure_density


def test_groups_equal_brute_force(clusters, unit):
    x, _ = clusters(n=250, copies=40)
    x[100:130] = x[5]
    u = unit(x)
    gap = np.linalg.norm(u[:, None] - u[None], axis=2)
    head = np.full(250, -1)
    for row in range(250):
        if head[row] < 0:
            head[(gap[row] <= 0.3) & (head < 0)] = row
    expected = [np.flatnonzero(head == h) for h in np.unique(head)]
    expected = [group.tolist() for group in expected if len(group) > 1]
    assert [group.tolist() for group in near_duplicates(x, 0.3)] == expected
    assert len(expected) > 10


def test_the_suggested_radius_finds_copies_and_little_else(clusters):
    x, _ = clusters(n=600, copies=25)
    groups = near_duplicates(x)
    assert [group.tolist() for group in groups][:25] == [[i, 575 + i] for i in range(25)]
    assert len(groups) <= 26


@pytest.mark.parametrize("d", [2, 5, 50])
def test_few_samples_are_near_duplicates_by_chance(d):
    x = np.random.default_rng(d).normal(size=(4000, d + 1))
    groups = near_duplicates(x)
    assert sum(map(len, groups)) <= 0.005 * 4000


def test_a_chain_is_not_one_group():
    angle = np.arange(20) * 0.1
    x = np.stack([np.cos(angle), np.sin(angle)], 1)
    assert max(map(len, near_duplicates(x, 0.11))) <= 3


def test_nothing_to_compare_gives_no_groups():
    assert near_duplicates(np.ones((1, 3))) == []
    assert suggested_radius(np.zeros((4, 2))) == 0
    assert [g.tolist() for g in near_duplicates(np.ones((3, 3)))] == [[0, 1, 2]]


def test_a_negative_radius_is_refused():
    with pytest.raises(SettingsError, match="radius must be >= 0, got -1"):
        near_duplicates(np.ones((3, 3)), -1)


def test_equal_hashes_are_exact_duplicates():
    assert [g.tolist() for g in exact_duplicates(["a", "b", "a", "c", "b"])] == [[0, 2], [1, 4]]


def test_rows_are_taken_once_and_know_their_equal():
    x = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [3, 4]], np.float32)
    kept, place = distinct(digests(x), np.array([4, 3, 2, 1, 0]))
    assert kept.tolist() == [2, 3, 4]
    assert place.tolist() == [0, 2, 0, 1, 2]
    assert (x[kept][place] == x).all()


def test_copies_change_neither_density_nor_outliers_nor_who_stands_for_whom(clusters):
    x, _ = clusters()
    rng = np.random.default_rng(5)
    rows = np.concatenate([np.arange(300), np.repeat([7, 8], 400)])[rng.permutation(1100)]
    unit = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    first = np.array([np.flatnonzero(rows == row)[0] for row in range(300)])
    plain = measure_density(unit, order=np.argsort(first), min_distance=0.1)
    found = measure_density(unit[rows], min_distance=0.1)
    for name in ("rho", "outlier_score", "flagged"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name)[rows])
    np.testing.assert_array_equal(found.representative, first[plain.representative][rows])
