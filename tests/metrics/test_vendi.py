import math

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import vendi


def test_copies_count_once_and_unrelated_images_each():
    assert vendi(generated=np.ones((9, 4)))[1] == pytest.approx(1)
    assert vendi(generated=np.eye(6))[1] == pytest.approx(6)


def test_unequal_groups_have_the_numbers_of_hill():
    # 6 + 3 + 1 images of three unrelated kinds.
    rows = np.eye(3)[[0] * 6 + [1] * 3 + [2]]
    p = np.array([0.6, 0.3, 0.1])
    found = vendi(generated=rows, orders=(0.5, 1, 2, math.inf))
    assert found[0.5] == pytest.approx(np.sqrt(p).sum() ** 2)
    assert found[1] == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert found[2] == pytest.approx(1 / (p**2).sum())
    assert found[math.inf] == pytest.approx(1 / 0.6)


def test_higher_orders_never_count_more(rng):
    scores = list(vendi(generated=rng.standard_normal((40, 8))).values())
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("n", [5, 40])
def test_few_images_for_the_features_give_the_same_as_the_full_similarity_matrix(rng, n):
    x = rng.standard_normal((n, 12))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(unit @ unit.T / n)
    shares = shares[shares > 1e-13]
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert vendi(generated=x)[1] == pytest.approx(expected, rel=1e-9)


def test_no_images_is_said():
    with pytest.raises(DataError, match="generated has 0 images and at least 1"):
        vendi(generated=np.empty((0, 3)))
