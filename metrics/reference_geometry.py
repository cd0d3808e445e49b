"""How spread out and how many-sided a reference is: what the size of a distance hangs on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..common.gaussians import fit_gaussian
from ..common.knn import nearest_within, prepare
from ..common.threads import one_thread
from .arrays import embeddings, neighbors_fit


class ReferenceGeometry(NamedTuple):
    """Two numbers about a set of real images.

    Attributes:
        mean_negative_log_distance: Mean of -log of the distance to the k-th nearest other image:
            the larger, the denser. Images with k exact copies are left out.
        effective_rank: How many directions the images spread along, from 1 to the features.
        k: Which neighbour.
    """

    mean_negative_log_distance: float
    effective_rank: float
    k: int


def reference_geometry(*, real: Any, k: int = 5, device: str = "cpu") -> ReferenceGeometry:
    """Describe a reference, beside a distance to it.

    A Frechet distance is in squared units of the embedding and grows with the number of
    directions that images spread along. So distances to two references can be compared only
    where these two numbers are alike; within one reference they do not change.

    Args:
        real: (n, d) embeddings, n > k.
        k: Which neighbour.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        DataError: There are too few images, all of them are equal, or a value is not finite.

    Source: effective rank: Roy & Vetterli 2007 (EUSIPCO); distances as a measure of density:
    Kozachenko & Leonenko 1987, Problems of Information Transmission 23.
    """
    x = embeddings("real", real, at_least=2)
    neighbors_fit("real", len(x), k)
    squared = nearest_within(prepare(x, device=device)[0], k)[0][:, -1]
    apart = squared[squared > 0]
    factor = fit_gaussian(x).factor
    small = factor @ factor.T if len(factor) <= factor.shape[1] else factor.T @ factor
    with one_thread():
        variances = np.maximum(scipy.linalg.eigvalsh(small, check_finite=False), 0)
    total = variances.sum()
    shares = variances[variances > 0] / total if total > 0 else np.ones(1)
    return ReferenceGeometry(
        float(-0.5 * np.log(apart).mean()) if len(apart) else float("inf"),
        float(np.exp(-(shares * np.log(shares)).sum())),
        k,
    )
