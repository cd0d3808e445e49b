"""Transport: the subset that is cheapest to turn into the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..common.arrays import Array, Floats, Integers
from ..common.errors import SettingsError
from .core.frechet import PoolGaussian
from .core.method_result import MethodResult
from .core.pool import Pool
from .typicality import typicality

DIRECTIONS = 64  # on which one-dimensional transport is measured
LOOKED_AT = 256  # samples that could take a pick's place, drawn for each step
STEPS = 2  # per pick, and
MOST_STEPS = 4000  # in all


def transport(pool: Pool, budget: int) -> MethodResult:
    """Start from typicality, then swap picks for as long as transport to the pool gets cheaper.

    The objective is a squared distance between the picks and the pool on the pool's 64 leading
    principal components: the cost of optimal transport, sliced (see `Objective`), plus the
    Frechet distance of fitted Gaussians. Each step takes a pick and, from a few samples of its
    quota drawn by seed, the one that would lower the objective most; it is swapped in where the
    objective, computed anew, falls. Preselected samples count as picks and stay. Outliers and
    near-duplicates are left out of both the picks and the pool that they are compared with.

    No labels are needed and memory is linear in the pool, unlike a transport plan between all
    samples.

    Source: after GADC, arXiv:2606.05883, which minimizes transport and Frechet distance; sliced
    transport is Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3.
    """
    if pool.weights is not None:
        raise SettingsError("transport takes no weights; leave them out or take another method.")
    start = typicality(pool, budget)
    assert start.density is not None
    whole = start.density.representative == np.arange(len(pool))
    allowed = pool.candidate & whole & ~start.density.flagged
    target = allowed.copy()
    target[pool.preselected] = True
    rows = np.concatenate([pool.preselected, start.order])
    target[rows] = True
    fixed = len(pool.preselected)
    if len(rows) - fixed < 1 or len(rows) < 2 or target.sum() <= len(rows):
        return start
    place = np.cumsum(target) - 1
    objective = Objective(pool.x[target], len(rows), seed=pool.seed)
    chosen, history = improved(
        objective,
        place[rows],
        fixed=fixed,
        allowed=allowed[target],
        group=pool.quota_group[target],
        seed=pool.seed,
    )
    order = np.flatnonzero(target)[chosen[fixed:]]
    settings = {
        **(start.settings or {}),
        "objective_of_typicality": history[0],
        "objective": history[-1],
        "swaps": len(history) - 1,
    }
    scores = -objective.costs(chosen)[fixed:]
    return replace(start, order=order, scores=scores, settings=settings)


class Objective:
    """Sliced transport plus Frechet distance between some rows and all, on 64 components.

    In one dimension the optimal plan keeps the order, so with s_(r) the r-th of k sorted picks
    and m_r the mean of the r-th of k equal parts of the sorted pool, its cost is
    mean (s_(r) - m_r)^2 plus the variance within the parts. The mean cost over orthogonal
    directions, times the number of components, has the scale of the unsliced cost.

    Attributes:
        z: (n, c) coordinates of the pool.
        projected: (n, l) along the directions.
        part_means: (k, l) m_r of every direction.
        within: What no choice of k can save.
    """

    def __init__(self, unit: Array, count: int, *, seed: int) -> None:
        self.gaussian = PoolGaussian(unit)
        self.z = self.gaussian.place(np.arange(len(unit)))
        components = self.z.shape[1]
        rng = np.random.default_rng(seed)
        directions = np.linalg.qr(rng.normal(size=(components, components)))[0][:, :DIRECTIONS]
        self.projected = self.z @ directions
        ordered = np.sort(self.projected, axis=0)
        self.part_means = part_means(ordered, count)
        within = (ordered**2).mean(0) - (self.part_means**2).mean(0)
        self.within = components * float(within.mean())

    def transport(self, sorted_picks: Floats) -> float:
        """Return the sliced cost of (k, l) sorted coordinates of the picks."""
        gap = sorted_picks - self.part_means
        return self.z.shape[1] * float((gap * gap).mean()) + self.within

    def sorted_picks(self, rows: Integers) -> Floats:
        """Return the picks' coordinates, sorted along each direction."""
        return np.sort(self.projected[rows], axis=0)

    def costs(self, rows: Integers) -> Floats:
        """Return what each pick adds to the sliced cost, its mean over directions, (k,)."""
        rank = self.projected[rows].argsort(axis=0, kind="stable").argsort(axis=0)
        gap = self.projected[rows] - np.take_along_axis(self.part_means, rank, 0)
        return self.z.shape[1] * (gap * gap).mean(1)

    def value(self, rows: Integers) -> float:
        """Return the objective of some rows, at least two."""
        frechet = self.gaussian.distance_of(self.z[rows])
        return self.transport(self.sorted_picks(rows)) + frechet

    def transport_after(self, sorted_picks: Floats, row: int, others: Integers) -> Floats:
        """Return the sliced cost when a pick is replaced by each of some rows, (others,)."""
        count, lines = sorted_picks.shape
        # Without the pick those above it come one rank lower.
        rank = np.array([np.searchsorted(s, v) for s, v in
                         zip(sorted_picks.T, self.projected[row], strict=True)])  # fmt: skip
        place = np.arange(count - 1)[:, None]
        left = np.take_along_axis(sorted_picks, place + (place >= rank), 0)  # (k - 1, l)
        below = np.zeros((count, lines))  # cost of the ranks below, if the new one comes here
        np.cumsum((left - self.part_means[:-1]) ** 2, axis=0, out=below[1:])
        above = np.zeros((count, lines))
        np.cumsum((left - self.part_means[1:])[::-1] ** 2, axis=0, out=above[1:])
        value = self.projected[others]  # (others, l)
        at = np.stack([np.searchsorted(s, v) for s, v in zip(left.T, value.T, strict=True)], 1)
        line = np.arange(lines)
        cost = below[at, line] + above[count - 1 - at, line]
        cost += (value - self.part_means[at, line]) ** 2
        return self.z.shape[1] * cost.mean(1) / count + self.within

    def frechet_slope(self, rows: Integers) -> Floats:
        """Return by how much the Frechet distance grows, to first order, with each row, (n,)."""
        z = self.z[rows]
        count, middle = len(rows), z.mean(0)
        moved = z - middle
        root = np.sqrt(self.gaussian.variance)
        inner = root[:, None] * (moved.T @ moved / (count - 1)) * root
        value, axes = np.linalg.eigh(inner)
        inverse = np.where(value > 1e-9 * max(value.max(), 1e-30), 1, 0) / np.sqrt(
            np.maximum(value, 1e-30)
        )
        slope = np.eye(len(root)) - root[:, None] * ((axes * inverse) @ axes.T) * root
        away = self.z - middle
        return 2 * away @ middle / count + np.einsum("nc,nc->n", away @ slope, away) / (count - 1)


def part_means(ordered: Floats, count: int) -> Floats:
    """Return the means of ``count`` equal parts of each sorted column, (count, l).

    A value on the border of two parts counts for both, by its share.
    """
    total = np.concatenate([np.zeros((1, ordered.shape[1])), np.cumsum(ordered, axis=0)])
    border = np.arange(count + 1) * len(ordered) / count
    low = np.minimum(border.astype(np.int64), len(ordered) - 1)
    integral = total[low] + (border - low)[:, None] * ordered[low]
    return np.diff(integral, axis=0) * count / len(ordered)


def improved(
    objective: Objective,
    rows: Integers,
    *,
    fixed: int,
    allowed: Array,
    group: Integers,
    seed: int,
) -> tuple[Integers, list[float]]:
    """Swap picks one by one while the objective falls.

    Args:
        objective: What should fall.
        rows: (k,) picks, those that must stay first.
        fixed: How many must stay.
        allowed: (n,) bool, which rows may be picked.
        group: (n,) a pick is only swapped for a row of its group.
        seed: Of the order of the picks and of the rows that are tried.

    Returns:
        The picks, each in the place of the one that it replaced, and the objective at the
        start and after each swap.
    """
    rng = np.random.default_rng(seed)
    rows, free = rows.copy(), allowed.copy()
    free[rows] = False
    history = [objective.value(rows)]
    ordered, slope = objective.sorted_picks(rows), objective.frechet_slope(rows)
    available = {int(g): np.flatnonzero(allowed & (group == g)) for g in np.unique(group)}
    steps = min(STEPS * (len(rows) - fixed), MOST_STEPS)
    turns = [rng.permutation(np.arange(fixed, len(rows))) for _ in range(STEPS)]
    for at in np.concatenate(turns)[:steps].tolist():
        others = available[int(group[rows[at]])]
        if len(others) > LOOKED_AT:
            others = rng.choice(others, LOOKED_AT, replace=False)
        others = others[free[others]]
        if not len(others):
            continue
        forecast = objective.transport_after(ordered, int(rows[at]), others) + slope[others]
        swapped = rows.copy()
        swapped[at] = others[np.argmin(forecast)]
        value = objective.value(swapped)
        if value < history[-1]:
            free[rows[at]], free[swapped[at]] = True, False
            rows = swapped
            history.append(value)
            ordered, slope = objective.sorted_picks(rows), objective.frechet_slope(rows)
    return rows, history
