import itertools

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.selectors import select
from curadiff.selectors.core.rounds import two_rounds


def radius(x, rows):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    return np.linalg.norm(u[:, None] - u[rows], axis=2).min(1).max()


def test_two_rounds_cover_nearly_as_well_as_one(clusters):
    x, _ = clusters(n=900)
    rows, bound = two_rounds(np.array_split(x, 4), 60)
    assert len(set(rows.tolist())) == 60
    one = select(x, 60, method="coreset").coverage_radius[-1]
    assert radius(x, rows) <= 1.3 * one
    assert radius(x, rows) <= bound + 1e-6


def test_the_stated_bound_holds():
    for seed in range(10):
        x = np.random.default_rng(seed).normal(size=(12, 3))
        rows, _ = two_rounds(np.array_split(x, 3), 3)
        best = min(radius(x, list(s)) for s in itertools.combinations(range(12), 3))
        assert radius(x, rows) <= 4 * best


def test_one_part_gives_the_set_of_one_round(clusters):
    x, _ = clusters(n=200)
    rows, _ = two_rounds([x], 30)
    assert sorted(rows) == sorted(select(x, 30, method="coreset").indices)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="have 4 rows together; lower the budget of 5"):
        two_rounds([np.eye(3)[:2], np.eye(3)[:2]], 5)
