"""Farthest-first traversal: exact, lazy, in blocks.

Plain greedy k-center compares every row with every new centre. But the distance
to the nearest centre only shrinks, so a value from an earlier round is an upper
bound. One round takes the rows with the largest bounds, brings them up to date
with one matrix product, and picks among them alone for as long as the best of
them beats every bound outside.

Picks do not depend on device or thread count: whenever float32 cannot tell
which row is best, the contenders are measured again in float64, by difference,
and what is still equal goes to the lowest row.

Source: the rule is Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5; that old values
bound new ones is Minoux 1978, doi:10.1007/BFb0006528.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..neighbors import full_precision, square_distances
from .pool import Pool

Array = np.ndarray[Any, Any]

DIAMETER = 2.0  # of the unit sphere: the distance of a row while nothing is chosen
DOUBT = 4e-6  # float32 error of a squared distance between unit rows, generously
SAME = 1e-12  # relative difference below which float64 values are equal
ROUND = 1024  # rows of one round: with 512 features they stay in the processor's cache


def farthest_first(
    pool: Pool, budget: int, *, scale: Array, allowed: Array, start: int | None = None
) -> tuple[Array, Array]:
    """Repeat: take the allowed row with the largest ``scale * distance to what is chosen``.

    Args:
        pool: Rows of length 1, quotas, and what is chosen already.
        budget: How many rows to take; fewer when the allowed rows run out.
        scale: (n,) positive factor of each row's distance.
        allowed: (n,) bool.
        start: First row when nothing is preselected; by default the largest scale.

    Returns:
        Rows in the order they were taken, and their scaled distances when taken.
    """
    with full_precision():
        return _Greedy(pool, budget, scale, allowed).run(start)


class _Greedy:
    def __init__(self, pool: Pool, budget: int, scale: Array, allowed: Array) -> None:
        self.pool, self.budget, self.scale2 = pool, budget, scale.astype(np.float64) ** 2
        self.room = pool.room.copy()
        self.x = torch.from_numpy(pool.x).to(pool.device)  # (n, d)
        self.factor = torch.from_numpy(self.scale2.astype(np.float32)).to(pool.device)
        self.near = torch.full((len(pool),), DIAMETER**2, device=pool.device)  # stale, squared
        self.seen = np.zeros(len(pool), np.int64)  # centres that a row was compared with
        self.open = allowed & pool.candidate & (self.room[pool.slot] > 0)
        self.centres = np.empty((len(pool.preselected) + budget, pool.x.shape[1]), np.float32)
        self.rows: list[int] = []  # of the centres, preselected ones first
        self.exact = np.full(len(pool), DIAMETER**2)
        self.exact_seen = np.zeros(len(pool), np.int64)
        for row in pool.preselected:
            self._add(int(row))

    def run(self, start: int | None) -> tuple[Array, Array]:
        begun, width = len(self.rows), ROUND
        if start is not None and not begun and self.open[start]:
            self._take(start)
        while len(self.rows) - begun < self.budget and self.open.any():
            before = len(self.rows)
            self._round(width, begun + self.budget)
            # Nothing taken: more rows than fit are in doubt, or the bounds were very stale.
            width = ROUND if len(self.rows) > before else 2 * width
        order = np.array(self.rows[begun:], np.int64)
        return order, self._scores(order)

    def _round(self, width: int, until: int) -> None:
        bound = self.factor * (self.near + DOUBT)
        bound[torch.from_numpy(~self.open).to(bound.device)] = -1.0
        top = bound.topk(min(width + 1, len(bound)))
        outside = float(top.values[-1]) if len(bound) > width else -1.0
        rows = top.indices[:width].cpu().numpy()
        rows = np.sort(rows[self.open[rows]])  # ascending, so that argmax meets low rows first
        self._refresh(rows)
        place = torch.from_numpy(rows).to(self.x.device)
        block, near, factor = self.x[place], self.near[place], self.factor[place]
        while len(self.rows) < until:
            value = factor * near
            best = int(value.argmax())
            floor = float(value[best]) - DOUBT * float(factor[best])
            if float(value[best]) < 0 or floor < outside:
                break
            rivals = torch.nonzero(value + DOUBT * factor >= floor)[:, 0]
            if len(rivals) > 1:
                rivals = rivals.cpu().numpy()
                best = int(rivals[self._best(rows[rivals])])
            full = self._take(int(rows[best]))
            torch.minimum(near, (2 - 2 * (block @ block[best])).clamp_(min=0), out=near)
            near[best] = -torch.inf
            if full:
                near[torch.from_numpy(~self.open[rows]).to(near.device)] = -torch.inf
        self.near[place] = near
        self.seen[rows] = len(self.rows)

    def _take(self, row: int) -> bool:
        """Choose a row; tell whether that filled its quota."""
        self._add(row)
        self.open[row] = False
        slot = self.pool.slot[row]
        self.room[slot] -= 1
        full = self.room[slot] == 0
        if full:
            self.open[self.pool.slot == slot] = False
        return bool(full)

    def _add(self, row: int) -> None:
        self.centres[len(self.rows)] = self.pool.x[row]
        self.rows.append(row)

    def _refresh(self, rows: Array) -> None:
        """Compare rows with the centres that they have missed."""
        count = len(self.rows)
        rows = rows[np.argsort(self.seen[rows], kind="stable")]
        for start in range(0, len(rows), 256):
            part = rows[start : start + 256]
            missed = self.centres[self.seen[part[0]] : count]
            if not len(missed):
                continue
            place = torch.from_numpy(part).to(self.x.device)
            centres = torch.from_numpy(missed).to(self.x.device)
            near = (2 - 2 * (self.x[place] @ centres.T).amax(1)).clamp_(min=0)
            self.near[place] = torch.minimum(self.near[place], near)
        self.seen[rows] = count

    def _best(self, rows: Array) -> int:
        """Which of the rows is farthest in float64; equal ones go to the first."""
        self._measure(rows)
        value = self.scale2[rows] * self.exact[rows]
        return int(np.argmax(value >= value.max() * (1 - SAME)))

    def _measure(self, rows: Array) -> None:
        """Bring the float64 distances of some rows up to date."""
        rows = rows[(self.exact_seen[rows] < len(self.rows)) & (self.exact[rows] > 0)]
        if not len(rows):
            return
        since = int(self.exact_seen[rows].min())
        missed = self.centres[since : len(self.rows)]
        dots = self.pool.x[rows] @ missed.T  # (m, c)
        close = 2 * dots >= 2 * dots.max(1, keepdims=True) - 2 * DOUBT
        at, centre = np.nonzero(close)
        gap = square_distances(self.pool.x[rows[at]], missed, centre[:, None])[:, 0]
        np.minimum.at(self.exact, rows[at], gap)
        self.exact_seen[rows] = len(self.rows)

    def _scores(self, order: Array) -> Array:
        """Scaled distance of each pick to those before it, by difference."""
        first = len(self.rows) - len(order)
        scores = np.empty(len(order))
        for start in range(0, len(order), 1024):
            part = order[start : start + 1024]
            dots = self.pool.x[part] @ self.centres[: first + start + len(part)].T
            after = np.arange(dots.shape[1]) >= (first + start + np.arange(len(part)))[:, None]
            dots[after] = -np.inf
            near = dots.argmax(1)
            gap = square_distances(self.pool.x[part], self.centres, near[:, None])[:, 0]
            scores[start : start + len(part)] = np.sqrt(gap)
        if len(order) and first == 0:
            scores[0] = DIAMETER
        return scores * np.sqrt(self.scale2[order])
