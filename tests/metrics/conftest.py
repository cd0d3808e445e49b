import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def brute():
    """Distances by the definition, one difference at a time, in float64."""

    def distances(a, b):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        return np.stack([np.sqrt(((b - row) ** 2).sum(axis=1)) for row in a])

    return distances
