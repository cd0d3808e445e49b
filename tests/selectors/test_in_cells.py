"""Selection in cells: what is promised of it, against brute force and the exact choice."""

from __future__ import annotations

import numpy as np
import pytest
from curadiff.common.errors import DataError, SettingsError
from curadiff.selectors import select
from curadiff.selectors.distributed import cells, in_cells
from curadiff.selectors.distributed.cells import divide
from curadiff.selectors.distributed.in_cells import select_in_cells
from scipy.spatial.distance import cdist

N, BUDGET = 1500, 40


@pytest.fixture
def pool(clusters):
    x, _ = clusters(n=N)
    return x


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(cells, "BLOCK", 128)


def unit_of(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def rank_of(n, seed=0):
    return np.random.default_rng(seed).permutation(n)


def test_every_row_is_in_one_cell_that_is_small_enough_and_cells_are_alike(pool, tmp_path):
    divided = list(divide(pool, rank_of(N), tmp_path, most=200))
    rows = np.concatenate([cell.rows for cell in divided])
    assert sorted(rows) == list(range(N))
    assert len(divided) > N / 200
    assert all(20 <= cell.count <= 200 for cell in divided)
    for cell in divided:
        np.testing.assert_allclose(cell.unit, unit_of(pool)[cell.rows], atol=1e-6)
    inside = np.mean([cdist(c.unit, c.unit.mean(0, keepdims=True)).mean() for c in divided])
    whole = cdist(unit_of(pool), unit_of(pool).mean(0, keepdims=True)).mean()
    assert inside < 0.8 * whole
    assert len(list(tmp_path.iterdir())) == 2 * len(divided)


def test_levels_below_one_another_divide_what_one_level_cannot(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "BRANCHES", 3)
    divided = list(divide(pool, rank_of(N), tmp_path, most=100))
    assert sorted(np.concatenate([cell.rows for cell in divided])) == list(range(N))
    assert max(cell.count for cell in divided) <= 100
    assert len(divided) > 3


def test_equal_rows_are_divided_too(tmp_path):
    x = np.ones((1000, 4), np.float32)
    divided = list(divide(x, rank_of(1000), tmp_path, most=100))
    assert [cell.count for cell in divided] == [100] * 10


def test_a_few_foreign_rows_stay_beside_others_and_are_outliers_there(pool, tmp_path):
    rng = np.random.default_rng(5)
    away = -unit_of(pool).mean(0) + 0.02 * rng.normal(size=(6, pool.shape[1]))
    x = np.concatenate([pool, away.astype(pool.dtype)])
    options = {"most": 300, "rank": rank_of(N + 6), "folder": tmp_path}
    picked = select_in_cells(x, BUDGET, method="typicality", **options)
    assert picked.cells > 1
    assert picked.flagged >= 6
    assert not set(picked.indices) & set(range(N, N + 6))


@pytest.mark.parametrize("method", ["coreset", "typicality"])
def test_one_cell_gives_the_exact_choice(pool, tmp_path, method):
    rank = rank_of(N)
    picked = select_in_cells(pool, BUDGET, method=method, rank=rank, folder=tmp_path, most=N)
    exact = select(pool, BUDGET, method=method, ids=rank)
    assert picked.cells == 1
    assert picked.indices.tolist() == exact.indices.tolist()
    np.testing.assert_allclose(picked.scores, exact.scores)


@pytest.mark.parametrize("method", ["coreset", "typicality"])
def test_the_bound_holds_and_is_worth_something(pool, tmp_path, method):
    rank = rank_of(N)
    picked = select_in_cells(pool, BUDGET, method=method, rank=rank, folder=tmp_path, most=250)
    assert picked.cells > 3
    assert len(set(picked.indices)) == BUDGET
    unit = unit_of(pool.astype(float))
    gap = cdist(unit, unit[picked.indices]).min(1)
    if method == "coreset":
        assert gap.max() <= picked.bound + 1e-6
        exact = select(pool, BUDGET, method="coreset").coverage_radius[-1]
        assert picked.bound <= 4 * exact
        assert gap.max() <= 1.5 * exact
    else:
        assert (gap > picked.bound + 1e-6).sum() <= picked.flagged
        between = cdist(unit[picked.indices], unit[picked.indices])
        assert between[np.triu_indices(BUDGET, 1)].min() > picked.settings["min_distance"]


def test_the_bound_is_at_most_four_times_the_best_radius(tmp_path):
    """Balls of one radius around far centers, a pick for each: the centers are the best picks."""
    rng = np.random.default_rng(0)
    count, each, d, radius = 12, 100, 16, 0.05
    centers = np.eye(d)[:count]  # sqrt(2) apart
    around = rng.normal(size=(count, each, d))
    around -= (around @ centers[:, :, None]) * centers[:, None]  # at right angles to the center
    around /= np.linalg.norm(around, axis=2, keepdims=True)
    angle = 2 * np.arcsin(radius / 2)  # of a chord of that radius
    x = np.cos(angle) * centers[:, None] + np.sin(angle) * around
    x[:, 0] = centers
    x = x.reshape(-1, d)
    assert cdist(x, centers).min(1).max() == pytest.approx(radius)
    picked = select_in_cells(
        x, count, method="coreset", rank=rank_of(len(x)), folder=tmp_path, most=150
    )
    assert picked.cells > 3
    assert sorted(picked.indices // each) == list(range(count))
    assert cdist(x, x[picked.indices]).min(1).max() <= picked.bound + 1e-6
    assert picked.bound <= 4 * radius


def test_picks_are_greedy_and_the_order_of_rows_does_not_matter(pool, tmp_path):
    rank, moved = rank_of(N), np.random.default_rng(3).permutation(N)
    options = {"folder": tmp_path, "most": 250}
    for method in ("coreset", "typicality"):
        here = select_in_cells(pool, BUDGET, method=method, rank=rank, **options)
        there = select_in_cells(pool[moved], BUDGET, method=method, rank=rank[moved], **options)
        assert moved[there.indices].tolist() == here.indices.tolist()
        assert there.bound == pytest.approx(here.bound)
        if method == "coreset":  # shares of cells end before the greatest distance does
            assert (np.diff(here.scores[1:]) <= 1e-9).all()
    assert not list(tmp_path.iterdir())


def test_typicality_spreads_picks_over_clusters_as_the_rows_are(clusters, tmp_path):
    """Cells cut clusters, whose density within a cell is lower: without shares fewer are chosen."""
    x, labels = clusters(n=4000, d=32)
    picked = select_in_cells(
        x, 200, method="typicality", rank=rank_of(4000), folder=tmp_path, most=600
    )
    assert picked.cells > 6
    shares = np.bincount(labels, minlength=6) / len(labels)
    chosen = np.bincount(labels[picked.indices], minlength=6) / 200
    assert np.abs(chosen - shares).sum() / 2 < 0.03


def test_near_copies_in_two_cells_are_chosen_once(tmp_path, monkeypatch):
    """A pair that the border of two cells divides: the first round cannot see it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    x[200:] = x[:200] + 1e-3 * rng.normal(size=(200, 6))

    def halves(x, rank, folder, *, most, seed, kept):
        labels = np.repeat([0, 1], 200)
        return cells._write(x, np.arange(400), labels, folder / "half")

    monkeypatch.setattr(in_cells, "divide", halves)
    picked = select_in_cells(
        x, 120, method="typicality", rank=rank_of(400), folder=tmp_path, min_distance=0.02
    )
    assert len(picked.indices) == 120
    assert not {row % 200 for row in picked.indices[picked.indices < 200]} & {
        row - 200 for row in picked.indices[picked.indices >= 200]
    }
    assert picked.cells == 2


def test_no_more_than_a_block_is_read_at_a_time(pool, tmp_path):
    class Watched:
        shape = pool.shape
        most = 0

        def __getitem__(self, rows):
            part = pool[rows]
            self.most = max(self.most, len(part))
            return part

    watched = Watched()
    select_in_cells(watched, 5, method="coreset", rank=rank_of(N), folder=tmp_path, most=300)
    assert 0 < watched.most <= 128


def test_shares_keep_the_second_round_small(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(in_cells, "SECOND", 100)
    options = {"method": "coreset", "rank": rank_of(N), "folder": tmp_path, "most": 250}
    picked = select_in_cells(pool, BUDGET, **options)
    unit = unit_of(pool.astype(float))
    assert cdist(unit, unit[picked.indices]).min(1).max() <= picked.bound + 1e-6
    with pytest.raises(SettingsError, match="budget must be <= 50 in cells, got 60"):
        select_in_cells(pool, 60, **options)


def test_what_cannot_be_done_in_cells_is_refused(pool, tmp_path):
    options = {"rank": rank_of(N), "folder": tmp_path}
    with pytest.raises(SettingsError, match="method must be coreset or typicality in cells"):
        select_in_cells(pool, 5, method="top", **options)
    with pytest.raises(SettingsError, match="alpha must be 0 or 1 in cells, got 'auto'"):
        select_in_cells(pool, 5, method="typicality", alpha="auto", **options)
    with pytest.raises(SettingsError, match="budget must be 1 to 1,500"):
        select_in_cells(pool, N + 1, method="coreset", **options)
    pool[7, 3] = np.nan
    with pytest.raises(DataError, match="NaN"):
        select_in_cells(pool, 5, method="coreset", **options)
