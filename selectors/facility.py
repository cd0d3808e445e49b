"""Facility location: the samples that resemble all others most."""

from __future__ import annotations

import numpy as np
import torch

from ..neighbors import full_precision
from .picks import Picks
from .pool import Pool, positive_weights

WHOLE = 2**30  # bytes up to which all similarities are kept
LOOK = 64  # candidates that are looked at together


def facility_location(pool: Pool, budget: int) -> Picks:
    """Maximize the summed similarity of every sample to its most similar chosen one.

    Similarity is (1 + cosine) / 2. Greedy, so the sum is at least 1 - 1/e of the
    best possible; lazy, because gains only shrink. Weights say how much it counts that
    a sample is represented.

    Source: greedy bound Nemhauser et al. 1978, doi:10.1007/BF01588971; lazy evaluation
    Minoux 1978, doi:10.1007/BFb0006528.
    """
    with full_precision():
        return _greedy(pool, budget, positive_weights(pool, "facility-location"))


def _greedy(pool: Pool, budget: int, weight: np.ndarray) -> Picks:
    x = torch.from_numpy(pool.x).to(pool.device)
    worth = torch.from_numpy(weight.astype(np.float32)).to(pool.device)
    n = len(pool)
    table = _half(x @ x.T) if 4 * n * n <= WHOLE else None
    best = torch.zeros(n, device=pool.device)  # similarity to the nearest chosen one

    def similar(rows: np.ndarray) -> torch.Tensor:
        place = torch.from_numpy(rows).to(pool.device)
        return table[place] if table is not None else _half(x[place] @ x.T)  # (rows, n)

    for start in range(0, len(pool.preselected), LOOK):
        best = torch.maximum(best, similar(pool.preselected[start : start + LOOK]).amax(0))
    room = pool.room.copy()
    open_ = pool.candidate & (room[pool.slot] > 0)
    bound = np.where(open_, np.inf, -1.0)  # gains of earlier rounds bound later ones
    fresh = np.zeros(n, bool)
    order: list[int] = []
    scores: list[float] = []
    while len(order) < budget and open_.any():
        rows = np.sort(np.argpartition(-bound, min(LOOK, n) - 1)[:LOOK]) if n > LOOK else None
        rows = np.flatnonzero(open_) if rows is None else rows[open_[rows]]
        stale = rows[~fresh[rows]]
        if len(stale):
            gain = torch.relu(similar(stale) - best) @ worth
            bound[stale] = gain.double().cpu().numpy()
            fresh[stale] = True
        top = int(np.argmax(bound))
        if not fresh[top]:
            continue
        order.append(top)
        scores.append(float(bound[top]))
        best = torch.maximum(best, similar(np.array([top]))[0])
        fresh[:] = False
        slot = pool.slot[top]
        room[slot] -= 1
        open_[top] = False
        if room[slot] == 0:
            open_[pool.slot == slot] = False
        bound[~open_] = -1.0
    return Picks(np.array(order, np.int64), np.array(scores))


def _half(dots: torch.Tensor) -> torch.Tensor:
    return dots.add_(1).mul_(0.5)
