"""Vendi score: how many distinct images a set amounts to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg

from ..common.threads import one_thread
from .arrays import Array, Floats, embeddings, unit_length
from .statistic import Statistic, Statistics

if TYPE_CHECKING:
    from .context import Context

ORDERS = (0.5, 1.0, 2.0, math.inf)


def vendi(*, generated: Any, orders: Sequence[float] = ORDERS) -> dict[float, float]:
    """Effective number of distinct images, from 1 (all alike) to the number of images.

    exp of the Renyi entropy of the eigenvalues of the cosine similarity matrix over
    n. Low orders count rare kinds fully, high ones only what is common. It never
    looks at the real images, so read it beside their own score.

    Args:
        generated: (n, d) embeddings; scaled to length 1 here.
        orders: Orders q of the entropy, each > 0; 1 is Shannon's, ``math.inf`` the largest.

    Returns:
        The score by order.

    Raises:
        DataError: There is no image or a value is not finite.

    Source: Friedman & Dieng 2023, arXiv:2210.02410; orders: Pasarkar & Dieng 2024,
    arXiv:2310.12952.
    """
    rows = unit_length(embeddings("generated", generated))
    shares = _spectrum(rows)
    return {order: score(shares, order) for order in orders}


def score(shares: Floats, order: float) -> float:
    """Effective number of kinds with the given shares (sum 1)."""
    shares = shares[shares > 0]
    if order == 1:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    if math.isinf(order):
        return float(1 / shares.max())
    return float((shares**order).sum() ** (1 / (1 - order)))


def influence(rows: Array) -> Floats:
    """How much each image raises the score of order 1: (n,), mean 0.

    The derivative of exp(H), H = -tr K log K, with respect to the image's weight in
    K = X^T X / n is exp(H) (-x^T log(K) x - H).
    """
    x = unit_length(rows)
    with one_thread():
        shares, axes = scipy.linalg.eigh(x.T @ x / len(x), check_finite=False)
    kept = shares > 1e-12
    surprise = -((x @ axes[:, kept]) ** 2 @ np.log(shares[kept]))
    return score(shares[kept], 1) * (surprise - surprise.mean())


def compute(c: Context) -> Statistics:
    """Return the Vendi score of the generated images."""
    scores = vendi(generated=embeddings("generated", c.generated, at_least=2))
    detail = {"orders": {f"{order:g}": value for order, value in scores.items()}}
    return {"vendi": Statistic(scores[1.0], None, lambda: influence(c.generated), detail)}


def spectrum_of_moment(moment: Floats) -> Floats:
    """Eigenvalues above rounding of X^T X / n, which are those of X X^T / n."""
    with one_thread():
        values = scipy.linalg.eigvalsh(moment, check_finite=False)
    return values[values > np.finfo(np.float64).eps * len(values)]


def _spectrum(x: Floats) -> Floats:
    """Eigenvalues of X X^T / n, through the smaller of X X^T and X^T X."""
    small = x if len(x) <= x.shape[1] else x.T
    return spectrum_of_moment(small @ small.T / len(x))
