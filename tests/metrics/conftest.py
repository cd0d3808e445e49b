import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Small arrays on a busy machine: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


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
