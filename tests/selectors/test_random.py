import numpy as np
import pytest
from curadiff.selectors import select
from scipy import stats


def test_every_sample_is_equally_likely():
    x = np.random.default_rng(0).normal(size=(20, 3))
    counts = np.zeros(20)
    for seed in range(400):
        counts[select(x, 5, method="random", seed=seed).indices] += 1
    assert stats.chisquare(counts).pvalue > 0.001


def test_seeds_differ():
    x = np.random.default_rng(0).normal(size=(200, 3))
    one, two = (select(x, 50, method="random", seed=s).indices.tolist() for s in (0, 1))
    assert one != two


def test_new_samples_leave_the_order_of_old_ones():
    x = np.random.default_rng(0).normal(size=(200, 3))
    ids = [f"img-{i}" for i in range(200)]
    before = select(x[:150], 150, method="random", ids=ids[:150]).indices
    after = select(x, 200, method="random", ids=ids).indices
    assert before.tolist() == after[after < 150].tolist()


def test_weights_are_the_odds_of_being_first():
    x = np.random.default_rng(0).normal(size=(2, 3))
    first = [select(x, 1, method="random", weights=[3, 1], seed=s).indices[0] for s in range(400)]
    assert np.mean(np.array(first) == 0) == pytest.approx(0.75, abs=0.07)
