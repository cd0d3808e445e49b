"""How well a subset stands for the pool: the Frechet distance between fitted Gaussians.

A measure of selections, on few components, so that subsets of a few hundred have a
covariance of full rank. Not the published metric of generated images.
"""

from __future__ import annotations

import numpy as np

from ...common.arrays import Array
from ...common.gaussians import Gaussian, fit_gaussian, gaussian_distance

COMPONENTS = 64


class PoolGaussian:
    """Mean and covariance of a pool on its leading principal components.

    Source: Dowson & Landau 1982, doi:10.1016/0047-259X(82)90077-X.
    """

    def __init__(self, unit: Array, components: int = COMPONENTS) -> None:
        count = min(components, unit.shape[1], max(1, len(unit) - 1))
        self.mean = unit.mean(0, dtype=np.float64)
        moment = np.zeros((unit.shape[1], unit.shape[1]))
        for part in np.array_split(unit, 1 + len(unit) // 16384):
            moment += (part.T @ part).astype(np.float64)
        covariance = moment / len(unit) - np.outer(self.mean, self.mean)
        value, axes = np.linalg.eigh(covariance)
        self.axes = axes[:, ::-1][:, :count]  # (d, c)
        self.variance = np.maximum(value[::-1][:count], 0)  # (c,)
        self.unit = unit
        spread = np.sqrt(self.variance)
        self._on_components = Gaussian(np.zeros(count), np.diag(spread), float(self.variance.sum()))

    def place(self, rows: Array) -> Array:
        """Coordinates of pool rows on the components, (k, c)."""
        return (self.unit[rows] - self.mean) @ self.axes

    def distance(self, rows: Array) -> float:
        """Squared Frechet distance between some rows and the pool; nan for a single row."""
        if len(rows) < 2:
            return float("nan")
        return self.distance_of(self.place(rows))

    def distance_of(self, z: Array) -> float:
        """Return the same for points that are placed already, (k, c), at least two."""
        return gaussian_distance(self._on_components, fit_gaussian(z))
