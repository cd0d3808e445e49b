import numpy as np
import pytest
import torch
from curadiff.common.errors import DataError
from curadiff.common.knn import RunningTopK, nearest
from sklearn.neighbors import NearestNeighbors


@pytest.mark.parametrize("block", [32, 2048])
@pytest.mark.parametrize("d", [2, 40])
def test_neighbours_equal_brute_force(block, d):
    rng = np.random.default_rng(d)
    query, reference = rng.normal(size=(90, d)), 5 + rng.normal(size=(500, d))
    distance, row = nearest(query, reference, 6, block=block)
    expected, place = (
        NearestNeighbors(n_neighbors=6, algorithm="brute").fit(reference).kneighbors(query)
    )
    np.testing.assert_allclose(distance, expected, rtol=1e-9)
    np.testing.assert_array_equal(row, place)


def test_tiny_distances_keep_their_digits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 512))
    y = x + 1e-7 * rng.normal(size=x.shape)
    distance, row = nearest(y, x, 1)
    np.testing.assert_array_equal(row[:, 0], np.arange(50))
    np.testing.assert_allclose(distance[:, 0], np.linalg.norm(y - x, axis=1), rtol=1e-9)


def test_a_row_is_not_its_own_neighbour_but_its_copy_is():
    x = np.random.default_rng(0).normal(size=(30, 4))
    x[20] = x[3]
    distance, row = nearest(x, x, 2, exclude_self=True)
    assert (row != np.arange(30)[:, None]).all()
    assert row[3, 0] == 20
    assert distance[3, 0] == 0


def test_many_equal_rows_come_in_order():
    x = np.ones((60, 3))
    distance, row = nearest(x[:2], x, 25)
    assert (distance == 0).all()
    assert row.tolist() == [list(range(25))] * 2


@pytest.mark.parametrize("itself", [False, True])
def test_hundreds_of_equal_rows_among_others_equal_brute_force(itself):
    rng = np.random.default_rng(3)
    blank, other = rng.normal(size=(2, 8))
    x = rng.normal(size=(900, 8))
    x[rng.permutation(900)[:500]] = blank
    x[rng.permutation(900)[:40]] = other
    distance, row = nearest(x, x, 12, exclude_self=itself)
    gap = np.linalg.norm(x[:, None] - x, axis=2)
    if itself:
        np.fill_diagonal(gap, np.inf)
    wanted = np.argsort(gap, axis=1, kind="stable")[:, :12]
    np.testing.assert_array_equal(row, wanted)
    np.testing.assert_allclose(distance, np.take_along_axis(gap, wanted, 1), atol=1e-12)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((np.ones((3, 2)), np.ones((3, 4)), 1), "2 features per row and reference has 4"),
        ((np.ones((3, 2)), np.ones((3, 2)), 4), "k must be between 1 and the 3"),
        ((np.ones(3), np.ones((3, 2)), 1), "query must be a matrix"),
    ],
)
def test_wrong_input_gets_a_sentence(given, sentence):
    with pytest.raises(DataError, match=sentence):
        nearest(*given)


def test_excluding_self_needs_the_same_rows():
    with pytest.raises(DataError, match="give the same array twice"):
        nearest(np.ones((3, 2)), np.ones((4, 2)), 1, exclude_self=True)


@pytest.mark.parametrize("block", [16, 2048])
def test_all_rows_against_each_other_equal_brute_force(block):
    x = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
    distance, row = nearest(x, x, 7, exclude_self=True, block=block)
    gap = np.linalg.norm(x[:, None].astype(np.float64) - x, axis=2) + np.diag([np.inf] * 400)
    np.testing.assert_array_equal(row, np.argsort(gap, axis=1)[:, :7])
    np.testing.assert_allclose(distance, np.sort(gap, axis=1)[:, :7], rtol=1e-9)


@pytest.mark.parametrize("order", ["mixed", "falling", "rising", "equal"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_smallest_of_many_tiles_are_those_of_one_sort(order, turned):
    rng = np.random.default_rng(3)
    gap = rng.random((70, 900)).astype(np.float32)
    if order == "equal":
        gap[:] = rng.integers(0, 2, gap.shape)
    elif order != "mixed":  # falling: every tile holds what is smaller than all before
        gap = np.sort(gap, axis=1)[:, :: -1 if order == "falling" else 1].copy()
    near = RunningTopK(100, 5, torch.device("cpu"))
    for first in range(0, 900, 300):
        tile = torch.from_numpy(gap[:, first : first + 300].copy())
        tile = tile.T.contiguous() if turned else tile
        near.update(slice(20, 90), tile, first, transposed=turned)
    value, row = near.value[20:90].numpy(), near.row[20:90].numpy()
    np.testing.assert_array_equal(value, np.sort(gap, axis=1)[:, :5])
    np.testing.assert_array_equal(value, np.take_along_axis(gap, row, 1))
    assert all(len(set(found)) == 5 for found in row)
    assert torch.isinf(near.value[:20]).all()
