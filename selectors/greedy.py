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

from dataclasses import dataclass
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
        return Greedy(pool, budget, scale, allowed).run(start)


@dataclass
class Block:
    """Candidates of one round, brought up to date; the same on every rank."""

    rows: Array  # (m,) ascending rows of the whole pool
    x: torch.Tensor  # (m, d)
    near: torch.Tensor  # (m,) squared distance to the nearest centre; float32
    scale2: Array  # (m,) squared factors
    slot: Array  # (m,)
    outside: float  # no other row's scaled squared distance is above this


class Greedy:
    """State of one traversal over the rows of this process.

    ``block`` is all that a traversal over several processes does differently.
    """

    def __init__(self, pool: Pool, budget: int, scale: Array, allowed: Array) -> None:
        self.pool, self.budget, self.scale2 = pool, budget, scale.astype(np.float64) ** 2
        self.offset = 0  # this process's first row in the whole pool
        self.room = pool.room.copy()
        self.x = torch.from_numpy(pool.x).to(pool.device)  # (n, d)
        self.factor = torch.from_numpy(self.scale2.astype(np.float32)).to(pool.device)
        self.near = torch.full((len(pool),), DIAMETER**2, device=pool.device)  # stale, squared
        self.seen = np.zeros(len(pool), np.int64)  # centres that a row was compared with
        self.open = allowed & pool.candidate & (self.room[pool.slot] > 0)
        self.centres = np.empty((len(pool.preselected) + budget, pool.x.shape[1]), np.float32)
        self.rows: list[int] = []  # of the centres, preselected ones first
        self.worth: list[float] = []  # squared factors of the picks
        self.exact: dict[int, tuple[float, int]] = {}  # row: float64 value, centres it counts
        for row in pool.preselected:
            self._add(int(row), pool.x[row])

    def run(self, start: int | None) -> tuple[Array, Array]:
        """Choose; return rows of the whole pool and their scores."""
        begun, width = len(self.pool.preselected), ROUND
        if start is not None and not begun and self.open[start]:
            first = self.pool.x[start]
            self._take(start, first, float(self.scale2[start]), int(self.pool.slot[start]))
        while len(self.rows) - begun < self.budget:
            block = self.block(width)
            if not len(block.rows):
                break
            before = len(self.rows)
            self._pick(block, begun + self.budget)
            # Nothing taken: more rows than fit are in doubt, or the bounds were very stale.
            width = ROUND if len(self.rows) > before else 2 * width
        return np.array(self.rows[begun:], np.int64), self._scores(begun)

    def block(self, width: int) -> Block:
        """Take the rows with the largest bounds and bring them up to date."""
        bound = self.factor * (self.near + DOUBT)
        bound[torch.from_numpy(~self.open).to(bound.device)] = -1.0
        top = bound.topk(min(width + 1, len(bound)))
        outside = float(top.values[-1]) if len(bound) > width else -1.0
        rows = top.indices[:width].cpu().numpy()
        rows = np.sort(rows[self.open[rows]])  # ascending, so that argmax meets low rows first
        self._refresh(rows)
        place = torch.from_numpy(rows).to(self.x.device)
        x, near = self.x[place], self.near[place]
        slot = self.pool.slot[rows]
        return Block(rows + self.offset, x, near, self.scale2[rows], slot, outside)

    def _pick(self, block: Block, until: int) -> None:
        """Exact greedy within the block, for as long as its best beats what is outside."""
        near = block.near.clone()
        factor = torch.from_numpy(block.scale2.astype(np.float32)).to(near.device)
        points = block.x.cpu().numpy()
        while len(self.rows) < until:
            value = factor * near
            best = int(value.argmax())
            floor = float(value[best]) - DOUBT * float(factor[best])
            if float(value[best]) < 0 or floor < block.outside:
                break
            rivals = torch.nonzero(value + DOUBT * factor >= floor)[:, 0]
            if len(rivals) > 1:
                best = self._best(block, points, rivals.cpu().numpy())
            slot = int(block.slot[best])
            self._take(int(block.rows[best]), points[best], float(block.scale2[best]), slot)
            gap = (2 - 2 * (block.x @ block.x[best])).clamp_(min=0)
            torch.minimum(near, gap, out=near)
            near[best] = -torch.inf
            if self.room[slot] == 0:
                near[torch.from_numpy(block.slot == slot).to(near.device)] = -torch.inf
        mine = (block.rows >= self.offset) & (block.rows < self.offset + len(self.pool))
        rows = block.rows[mine] - self.offset
        mine_too = torch.from_numpy(mine).to(near.device)
        self.near[torch.from_numpy(rows).to(self.near.device)] = near[mine_too].to(self.near.device)
        self.seen[rows] = len(self.rows)

    def _take(self, row: int, point: Array, scale2: float, slot: int) -> None:
        self.worth.append(scale2)
        self._add(row, point)
        self.exact.pop(row, None)
        self.room[slot] -= 1
        if 0 <= row - self.offset < len(self.pool):
            self.open[row - self.offset] = False
        if self.room[slot] == 0:
            self.open[self.pool.slot == slot] = False

    def _add(self, row: int, point: Array) -> None:
        self.centres[len(self.rows)] = point
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

    def _best(self, block: Block, points: Array, places: Array) -> int:
        """Which of the rivals is farthest in float64; equal ones go to the lowest row."""
        known = [self.exact.get(int(row), (DIAMETER**2, 0)) for row in block.rows[places]]
        value, seen = np.array([v for v, _ in known]), np.array([s for _, s in known])
        count = len(self.rows)
        stale = np.flatnonzero((seen < count) & (value > 0))
        if len(stale):
            since = int(seen[stale].min())
            fresh = _exact(points[places[stale]], self.centres[since:count])
            value[stale] = np.minimum(value[stale], fresh)
            for at in stale:
                self.exact[int(block.rows[places[at]])] = (float(value[at]), count)
        value = value * block.scale2[places]
        return int(places[np.argmax(value >= value.max() * (1 - SAME))])

    def _scores(self, begun: int) -> Array:
        """Scaled distance of each pick to those before it."""
        points = self.centres[: len(self.rows)]
        found = np.full(len(points) - begun, DIAMETER**2)
        for at in range(max(begun, 1), len(points), 1024):
            part = np.arange(at, min(at + 1024, len(points)))
            dots = points[part] @ points[: part[-1]].T
            dots[np.arange(dots.shape[1]) >= part[:, None]] = -np.inf
            near = dots.argmax(1)[:, None]
            found[part - begun] = square_distances(points[part], points, near)[:, 0]
        return np.sqrt(found * np.array(self.worth))


def _exact(points: Array, centres: Array) -> Array:
    """Squared distance of each point to its nearest centre, in float64 by difference.

    Float32 products first tell which centres can be the nearest.
    """
    dots = points @ centres.T  # (m, c)
    at, centre = np.nonzero(dots >= dots.max(1, keepdims=True) - DOUBT)
    gap = square_distances(points[at], centres, centre[:, None])[:, 0]
    found = np.full(len(points), np.inf)
    np.minimum.at(found, at, gap)
    return found
