"""Photographs with vectors that no encoder here made."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def paths(photos):
    return sorted(str(path) for path in photos.rglob("*.png"))


@pytest.fixture
def x(paths):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(len(paths), 8)) + rng.integers(0, 3, (len(paths), 1))).astype("f4")
