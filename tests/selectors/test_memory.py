"""Selecting with less memory than the embeddings take."""

import resource

import numpy as np
import pytest
from curadiff.common.errors import SettingsError
from curadiff.selectors import select
from curadiff.selectors.core import rows

N = 3000


@pytest.fixture
def tight(monkeypatch):
    """A budget that holds the bookkeeping of 3,000 rows and none of their embeddings."""
    monkeypatch.setattr(rows, "WORKING", 0)
    monkeypatch.setattr(rows, "RELEASE", 2**12)
    return N * rows.BESIDE


@pytest.fixture
def pool(clusters):
    return clusters(n=N, d=24, copies=50)[0]


@pytest.mark.parametrize("method", ["coreset", "random"])
def test_a_file_gives_the_same_selection_as_memory(method, pool, tight):
    ids = np.random.default_rng(0).permutation(N)
    given = {"method": method, "ids": ids, "preselected": [5, 17], "exclude": range(100, 200)}
    inside = select(pool, 200, **given)
    outside = select(pool, 200, **given, memory_budget=tight)
    assert isinstance(outside._pool.x, rows.FileRows)
    assert not isinstance(inside._pool.x, rows.FileRows)
    assert outside.indices.tolist() == inside.indices.tolist()
    assert outside.scores.tolist() == inside.scores.tolist()
    assert outside.nearest_pick.tolist() == inside.nearest_pick.tolist()
    assert outside.coverage_radius.tolist() == inside.coverage_radius.tolist()
    assert outside.embedding_hash == inside.embedding_hash


def test_a_mapped_input_is_read_and_given_back(pool, tight, tmp_path):
    np.save(tmp_path / "x.npy", pool)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = select(mapped, 50, method="coreset", memory_budget=tight)
    assert found.indices.tolist() == select(pool, 50, method="coreset").indices.tolist()


def test_changes_of_a_private_map_are_kept(pool, tight, tmp_path):
    np.save(tmp_path / "x.npy", pool)
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[:] = private[::-1].copy()
    select(private, 5, method="coreset", memory_budget=tight)
    assert (private == pool[::-1]).all()


def test_what_fits_stays_in_memory(pool, tight):
    found = select(pool, 5, method="typicality", memory_budget=tight + pool.size * 4)
    assert not isinstance(found._pool.x, rows.FileRows)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"method": "typicality"}, "typicality needs the embeddings in memory"),
        ({"method": "coreset", "together": np.arange(N)}, "together needs the embeddings"),
    ],
)
def test_what_cannot_choose_from_a_file_says_so(given, sentence, pool, tight):
    with pytest.raises(SettingsError, match=f"{sentence}.*take coreset, random, top"):
        select(pool, 5, memory_budget=tight, **given)


def test_a_budget_below_the_bookkeeping_is_refused(pool):
    with pytest.raises(SettingsError, match=r"memory_budget must be at least .* for 3,000 rows"):
        select(pool, 5, method="coreset", memory_budget=1000)


def test_a_full_disk_is_a_sentence(pool, tight):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(SettingsError, match=r"memory_budget needs room .* set TMPDIR"):
            select(pool, 5, method="coreset", memory_budget=tight)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
