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

import numpy as np
import torch

from ...common.arrays import Array
from ...common.knn import full_precision, square_distances
from .nearest_centre import DOUBT, exact_square_to_nearest, square_to_nearest
from .pool import Pool
from .rows import FileRows, release, take

DIAMETER = 2.0  # of the unit sphere: the distance of a row while nothing is chosen
CLOSED = -float("inf")  # value of a row that cannot be taken
SAME = 1e-12  # relative difference below which float64 values are equal
ROUND = 1024  # rows of one round
SWEEP = 4096  # rows that are compared with the first centres at a time
CORE = 128  # rows of a round that are picked among at a time


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
    quota_group: Array  # (m,)
    outside: float  # no other row's scaled squared distance is above this


class Greedy:
    """State of one traversal over the rows of this process.

    A traversal over several processes replaces the public methods.
    """

    def __init__(self, pool: Pool, budget: int, scale: Array, allowed: Array) -> None:
        self.pool, self.budget, self.scale2 = pool, budget, scale.astype(np.float64) ** 2
        self.offset = 0  # this process's first row in the whole pool
        self.quota_left = pool.quota_left.copy()
        self.x = torch.from_numpy(pool.x).to(pool.device)  # (n, d)
        self.factor = torch.from_numpy(self.scale2.astype(np.float32)).to(pool.device)
        # Squared distances to the nearest centre, of an earlier round.
        self.near = torch.full((len(pool),), DIAMETER**2, device=pool.device)
        self.seen = np.zeros(len(pool), np.int64)  # centres that a row was compared with
        self.open = allowed & pool.candidate & (self.quota_left[pool.quota_group] > 0)
        self.centres = np.empty((len(pool.preselected) + budget, pool.x.shape[1]), np.float32)
        self.rows: list[int] = []  # of the centres, preselected ones first
        self.worth: list[float] = []  # squared factors of the picks
        self.exact: dict[int, tuple[float, int]] = {}  # row: float64 value, centres it counts
        self._close(np.flatnonzero(~self.open))
        for row, point in zip(pool.preselected, self.preselected_points(), strict=True):
            self._add(int(row), point)

    def preselected_points(self) -> Array:
        """Return (p, d) the rows that are chosen already."""
        return take(self.pool.x, self.pool.preselected)

    def run(self, start: int | None) -> tuple[Array, Array]:
        """Choose; return rows of the whole pool and their scores."""
        begun = len(self.pool.preselected)
        if start is not None and not begun and self.open[start]:
            first = self.pool.x[start]
            self._take(start, first, float(self.scale2[start]), int(self.pool.quota_group[start]))
        self._sweep()
        width = ROUND
        while len(self.rows) - begun < self.budget:
            block = self.block(width)
            if not len(block.rows):
                break
            before = len(self.rows)
            self._pick(block, begun + self.budget)
            # Nothing was taken: more rows than fit are in doubt.
            width = ROUND if len(self.rows) > before else 2 * width
        return np.array(self.rows[begun:], np.int64), self._scores(begun)

    def block(self, width: int) -> Block:
        """Bring rows with large bounds up to date until the best is known; take the best ones."""
        reach = width
        while True:
            bound = self.factor * (self.near + DOUBT)
            top = bound.topk(min(reach + 1, len(bound)))
            stale = float(top.values[-1]) if len(bound) > reach else CLOSED
            rows = top.indices[:reach].cpu().numpy()
            rows = rows[self.open[rows]]
            self._refresh(rows)
            place = torch.from_numpy(rows).to(self.x.device)
            value, best = self.factor[place] * (self.near[place] + DOUBT), CLOSED
            if len(rows):
                at = int(value.argmax())
                best = float(value[at] - 2 * DOUBT * self.factor[place[at]])
            best, limit = self.agree(best, stale)
            if best >= limit:
                break
            if stale > best:
                reach *= 2
        if len(rows) > width:
            top = value.topk(width + 1)
            stale = max(stale, float(top.values[-1]))
            rows = rows[top.indices[:width].cpu().numpy()]
        rows = np.sort(rows)  # ascending, so that argmax meets low rows first
        near = self.near[torch.from_numpy(rows).to(self.near.device)]
        x, quota_group = self._rows(rows), self.pool.quota_group[rows]
        return Block(rows + self.offset, x, near, self.scale2[rows], quota_group, stale)

    def _rows(self, rows: Array) -> torch.Tensor:
        if isinstance(self.pool.x, FileRows):
            return torch.from_numpy(take(self.pool.x, rows)).to(self.x.device)
        # twice as fast as indexing
        return self.x.index_select(0, torch.from_numpy(rows).to(self.x.device))

    def agree(self, best: float, stale: float) -> tuple[float, float]:
        """Return the largest of each over all processes."""
        return best, stale

    def _pick(self, block: Block, until: int) -> None:
        """Exact greedy within the block, for as long as its best beats what is outside."""
        near = block.near.clone()
        factor = torch.from_numpy(block.scale2.astype(np.float32)).to(near.device)
        width = CORE
        while len(self.rows) < until and len(near):
            bound = factor * (near + DOUBT)
            top = bound.topk(min(width + 1, len(bound)))
            outside = block.outside
            if len(bound) > width:
                outside = max(outside, float(top.values[-1]))
            before = len(self.rows)
            core = np.sort(top.indices[:width].cpu().numpy())
            taken = self._pick_core(block, core, near, outside, until)
            if len(self.rows) == before:
                # Either the round is over, or too many rows of it are in doubt.
                if width >= len(bound) or float(top.values[0]) < block.outside:
                    break
                width *= 4
                continue
            width = CORE
            added = torch.from_numpy(self.centres[before : len(self.rows)]).to(near.device)
            torch.minimum(near, square_to_nearest(block.x, added), out=near)
            near[torch.from_numpy(taken).to(near.device)] = CLOSED
            full = self.quota_left[block.quota_group] == 0
            if full.any():
                near[torch.from_numpy(full).to(near.device)] = CLOSED
        mine = (block.rows >= self.offset) & (block.rows < self.offset + len(self.pool))
        rows = block.rows[mine] - self.offset
        mine_too = torch.from_numpy(mine).to(near.device)
        self.near[torch.from_numpy(rows).to(self.near.device)] = near[mine_too].to(self.near.device)
        self.seen[rows] = len(self.rows)

    def _pick_core(
        self, block: Block, core: Array, near: torch.Tensor, outside: float, until: int
    ) -> Array:
        """Do so among some places of the block, on the host; return those that were taken."""
        place = torch.from_numpy(core).to(near.device)
        points = block.x[place].cpu().numpy()
        factor = block.scale2[core].astype(np.float32)
        value, doubt = factor * near[place].cpu().numpy(), DOUBT * factor
        quota_group, taken = block.quota_group[core], []
        while len(self.rows) < until:
            best = int(value.argmax())
            floor = value[best] - doubt[best]
            if floor < outside or value[best] == CLOSED:
                break
            rivals = np.flatnonzero(value + doubt >= floor)
            if len(rivals) > 1:
                best = self._best(block, points, core, rivals)
            taken.append(best)
            at = core[best]
            self._take(
                int(block.rows[at]), points[best], float(block.scale2[at]), int(quota_group[best])
            )
            gap = np.maximum(2 - 2 * (points @ points[best]), 0)
            np.minimum(value, factor * gap, out=value)
            value[best] = CLOSED
            if self.quota_left[quota_group[best]] == 0:
                value[quota_group == quota_group[best]] = CLOSED
        return core[taken]

    def _take(self, row: int, point: Array, scale2: float, quota_group: int) -> None:
        self.worth.append(scale2)
        self._add(row, point)
        self.exact.pop(row, None)
        self.quota_left[quota_group] -= 1
        if 0 <= row - self.offset < len(self.pool):
            self._close(np.array([row - self.offset]))
        if self.quota_left[quota_group] == 0:
            self._close(np.flatnonzero(self.pool.quota_group == quota_group))

    def _close(self, rows: Array) -> None:
        self.open[rows] = False
        self.near[torch.from_numpy(rows).to(self.near.device)] = CLOSED

    def _add(self, row: int, point: Array) -> None:
        self.centres[len(self.rows)] = point
        self.rows.append(row)

    def _sweep(self) -> None:
        """Compare all rows with the first centres, in order, which is faster than picking rows."""
        centres = torch.from_numpy(self.centres[: len(self.rows)]).to(self.x.device)
        if len(centres):
            for start in range(0, len(self.near), SWEEP):
                near = self.near[start : start + SWEEP]
                torch.minimum(
                    near, square_to_nearest(self.x[start : start + SWEEP], centres), out=near
                )
                release(self.pool.x)
            self.seen[:] = len(centres)

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
            near = torch.minimum(self.near[place], square_to_nearest(self._rows(part), centres))
            self.near[place] = near
        self.seen[rows] = count

    def _best(self, block: Block, points: Array, core: Array, places: Array) -> int:
        """Which of the rivals is farthest in float64; equal ones go to the lowest row."""
        rows = block.rows[core[places]]
        known = [self.exact.get(int(row), (DIAMETER**2, 0)) for row in rows]
        value, seen = np.array([v for v, _ in known]), np.array([s for _, s in known])
        count = len(self.rows)
        stale = np.flatnonzero((seen < count) & (value > 0))
        if len(stale):
            since = int(seen[stale].min())
            exact = exact_square_to_nearest(points[places[stale]], self.centres[since:count])
            value[stale] = np.minimum(value[stale], exact)
            for at in stale:
                self.exact[int(rows[at])] = (float(value[at]), count)
        value = value * block.scale2[core[places]]
        return int(places[np.argmax(value >= value.max() * (1 - SAME))])

    def _scores(self, begun: int) -> Array:
        """Scaled distance of each pick to those before it."""
        points = self.centres[: len(self.rows)]
        square = np.full(len(points) - begun, DIAMETER**2)
        for at in range(max(begun, 1), len(points), 1024):
            part = np.arange(at, min(at + 1024, len(points)))
            dots = points[part] @ points[: part[-1]].T
            dots[np.arange(dots.shape[1]) >= part[:, None]] = -np.inf
            near = dots.argmax(1)[:, None]
            square[part - begun] = square_distances(points[part], points, near)[:, 0]
        return np.sqrt(square * np.array(self.worth))
