import numpy as np
import pytest


@pytest.fixture
def clusters():
    """Make (x, labels): separated clusters of unequal size, with a few near-copies."""

    def make(n=300, d=16, seed=0, copies=0):
        rng = np.random.default_rng(seed)
        centres = 3 * rng.normal(size=(6, d))
        labels = rng.choice(6, size=n, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
        x = centres[labels] + rng.normal(size=(n, d))
        if copies:
            x[-copies:] = x[:copies] * (1 + 1e-4 * rng.normal(size=(copies, d)))
            labels[-copies:] = labels[:copies]
        return x.astype(np.float32), labels

    return make


@pytest.fixture
def unit():
    """Scale rows to length 1 as float32, then widen: the numbers that methods see."""

    def make(x):
        x = np.asarray(x, np.float64)
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)

    return make
