"""Selection from more rows than one process holds or compares: exact inside of cells.

Two rounds, as `core.rounds.two_rounds`, over cells of like rows in place of consecutive parts.
In each cell the method chooses exactly, then it chooses from what was chosen there. Time grows
with the rows times the rows of a cell, not with their square; memory with the rows of a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import SettingsError
from ...common.knn import nearest
from ..core.greedy import farthest_first
from ..core.pool import Pool, fill, make_pool
from ..core.rows import Array
from ..coreset import most_central
from ..duplicates import LISTED, stars, suggested_radius
from ..selection import select
from ..typicality import safe_rho, usual_neighbors
from .cells import Cell, Rows, divide

METHODS = ("coreset", "typicality")
MOST = 100_000  # rows of a cell
SECOND = 200_000  # rows that the second round chooses from, about
LOOKED_AT = 2048  # rows that the near-duplicate radius is suggested from


@dataclass(frozen=True)
class InCells:
    """A selection that was made in cells.

    Attributes:
        indices: (k,) rows of the pool in the order they were chosen.
        scores: (k,) what the method maximized when it chose them.
        bound: No row that may be chosen is farther from its nearest pick than this.
        cells: How many there were.
        flagged: Outliers, each by its cell.
        settings: Options as used.
    """

    indices: Array
    scores: Array
    bound: float
    cells: int
    flagged: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class Chosen:
    """What the first round chose, of one cell or of all.

    Attributes:
        unit: (m, d) the rows at length 1.
        rows: (m,) which they are of the pool.
        scale: (m,) what their distances are multiplied by.
        reach: (m,) largest distance of a row of the cell whose nearest pick this is.
        scores: (m,) what the method maximized.
        cell: (m,) which cell they are of.
        flagged: Outliers of the cell.
        eligible: Rows of each cell that are no outliers and no near-duplicates of another.
    """

    unit: Array
    rows: Array
    scale: Array
    reach: Array
    scores: Array
    cell: Array
    flagged: int
    eligible: Array


def select_in_cells(
    x: Rows,
    budget: int,
    *,
    method: str,
    rank: Array,
    folder: Path,
    most: int = MOST,
    alpha: float = 1.0,
    neighbors: int | None = None,
    min_distance: float | None = None,
    outlier_rate: float | None = None,
    device: str = "auto",
    seed: int = 0,
) -> InCells:
    """Choose by coreset or typicality, exactly inside of cells of hierarchical k-means.

    What holds: the distance of every row to its nearest pick is at most ``bound``, which is
    computed: the largest distance to a pick of the own cell plus that pick's to a pick of the
    second round. For coreset, where each cell chose as many as the budget (while all cells together
    choose `SECOND` at most), the bound is at most four times the best radius possible. For
    typicality it is about rows that are no outliers; picks lie farther apart than
    ``min_distance``, also across cells, and none is an outlier of its cell. Density is that within
    the cell, which is lower than in the pool where the border of cells cuts a crowd; so at
    alpha = 1, where picks are to be spread as the rows are, each cell has its share of them.
    Where all rows are in one cell, the choice is that of `select`.

    Args:
        x: (n, d) numbers, of which a block is in memory at a time.
        budget: How many to choose.
        method: ``coreset`` or ``typicality``.
        rank: (n,) order of the rows by what they are called; equal rows are told apart by it.
        folder: Where cells are written for the while, see `cells.divide`.
        most: Rows of a cell.
        alpha: Of typicality; 0 or 1.
        neighbors: Of typicality.
        min_distance: Of typicality; by default suggested from the nearest neighbours, in their
            cells, of `LOOKED_AT` rows.
        outlier_rate: Of typicality.
        device: As in `select`.
        seed: Of k-means.

    Raises:
        DataError: A row has NaN or infinity, or is zero.
        SettingsError: The method is another one, or the budget cannot be met in cells.

    Source: two rounds of k-center as Malkomes et al. 2015, "Fast distributed k-center clustering
    with outliers on massive data"; cells as in hierarchical k-means, Vo et al. 2024,
    arXiv:2405.15613.
    """
    n = len(rank)
    check(method, budget, n, alpha)
    cells = list(divide(x, rank, folder, most=most, seed=seed))
    options: dict[str, Any] = {}
    if method == "typicality":
        if min_distance is None and len(cells) > 1:  # one for all of them
            min_distance = _near_radius(cells, rank)
        options = {
            "alpha": alpha,
            "neighbors": neighbors or usual_neighbors(n, budget),
            "min_distance": min_distance,
            **({} if outlier_rate is None else {"outlier_rate": outlier_rate}),
        }
    parts = []
    each = _share(budget, [cell.count for cell in cells])
    for cell in cells:
        parts.append(_first_round(cell, each(cell), method, rank, device, options))
        cell.delete()
    flagged = sum(part.flagged for part in parts)
    used = {"method": method, "budget": budget, "seed": seed, **options, "most": most}
    if len(parts) == 1:
        only = parts[0]
        reach = float(only.reach.max(initial=0.0))
        return InCells(only.rows, only.scores, reach, 1, flagged, used)
    union = _joined(parts, rank)
    radius = options.get("min_distance", 0.0)
    indices, scores, bound = _second_round(union, budget, method, alpha, radius, device)
    return InCells(indices, scores, bound, len(parts), flagged, used)


def check(method: str, budget: int, n: int, alpha: float | str) -> None:
    """Refuse what is not possible in cells.

    Raises:
        SettingsError: The method is another one, or the budget cannot be met in cells.
    """
    if method not in METHODS:
        raise SettingsError(f"method must be {' or '.join(METHODS)} in cells, got {method!r}.")
    if alpha not in (0, 1):
        raise SettingsError(f"alpha must be 0 or 1 in cells, got {alpha!r}.")
    if not 1 <= budget <= n:
        raise SettingsError(f"budget must be 1 to {n:,}, the rows that there are, got {budget:,}.")
    if budget > SECOND // 2:
        raise SettingsError(f"budget must be <= {SECOND // 2:,} in cells, got {budget:,}.")


def _share(budget: int, counts: list[int]) -> Callable[[Cell], int]:
    """Return how many a cell chooses: the budget, or its share of what a second round takes."""
    whole = sum(min(budget, count) for count in counts)
    total = sum(counts)

    def each(cell: Cell) -> int:
        most = min(budget, cell.count)
        return most if whole <= SECOND else min(most, max(1, SECOND * cell.count // total))

    return each


def _first_round(
    cell: Cell, count: int, method: str, rank: Array, device: str, options: dict[str, Any]
) -> Chosen:
    unit, rows = np.array(cell.unit), cell.rows
    chosen = select(unit, count, method=method, ids=rank[rows], device=device, **options)
    picks = chosen.indices
    scale, among, eligible = np.ones(len(picks)), np.ones(len(rows), bool), len(rows)
    if method == "typicality":
        scale = safe_rho(chosen.density)[picks] ** -float(options["alpha"])
        among = ~chosen.flagged
        eligible = int((among & (chosen.representative == np.arange(len(rows)))).sum())
    reach = np.zeros(len(picks))
    if len(picks):
        place = np.empty(len(rows), np.int64)
        place[picks] = np.arange(len(picks))
        nearest_pick = place[chosen.nearest_pick[among]]
        np.maximum.at(reach, nearest_pick, chosen.nearest_pick_distance[among])
    flagged = int((~among).sum())
    return Chosen(
        unit[picks],
        rows[picks],
        scale,
        reach,
        chosen.scores,
        np.zeros(len(picks), np.int64),
        flagged,
        np.array([eligible]),
    )


def _joined(parts: Iterable[Chosen], rank: Array) -> Chosen:
    """Put what cells chose together, by rank."""
    parts = list(parts)
    rows = np.concatenate([part.rows for part in parts])
    cell = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    order = np.argsort(rank[rows])
    unit, scale, reach, scores = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("unit", "scale", "reach", "scores")
    )
    flagged = sum(part.flagged for part in parts)
    eligible = np.concatenate([part.eligible for part in parts])
    return Chosen(unit, rows[order], scale, reach, scores, cell[order], flagged, eligible)


def _second_round(
    union: Chosen, budget: int, method: str, alpha: float, radius: float, device: str
) -> tuple[Array, Array, float]:
    """Choose from what cells chose; return rows, scores and the bound."""
    m = len(union.rows)
    allowed = np.ones(m, bool)
    pool = _pool(union, min(budget, m), device)
    if method == "typicality":
        allowed = stars(pool.x, radius, device=pool.device) == np.arange(m)
        pool = replace(pool, candidate=allowed)
    count = min(budget, int(allowed.sum()))
    if method == "typicality" and alpha == 1:
        room = np.bincount(union.cell[allowed], minlength=len(union.eligible))
        shares = fill(union.eligible.astype(float), room, count)
        pool = replace(pool, quota_group=union.cell, quota_left=shares)
    start = most_central(pool) if method == "coreset" or alpha == 0 else None
    order, scores = farthest_first(pool, count, scale=union.scale, allowed=allowed, start=start)
    gap = nearest(pool.x, pool.x[order], 1, device=pool.device)[0][:, 0]
    return union.rows[order], scores, float((union.reach + gap).max())


def _pool(union: Chosen, budget: int, device: str) -> Pool:
    return make_pool(
        union.unit,
        budget,
        ids=None,
        preselected=None,
        exclude=None,
        groups=None,
        quotas=None,
        weights=None,
        seed=0,
        device=device,
    )[0]


def _near_radius(cells: list[Cell], rank: Array) -> float:
    """Suggest the near-duplicate radius from some rows, each searched for in its cell."""
    limit = min(LOOKED_AT, len(rank))
    below = np.partition(rank, limit - 1)[limit - 1]
    found = []
    for cell in cells:
        query = np.flatnonzero(rank[cell.rows] <= below)
        count = min(LISTED, cell.count - 1)
        if not len(query) or count < 1:
            continue
        unit = np.array(cell.unit)
        distance = nearest(unit[query], unit, count, exclude=query)[0]
        for gaps in distance:
            apart = gaps[gaps > 0][:2]  # equal rows count as one
            if len(apart):
                found.append(np.resize(apart, 2))
    return suggested_radius(np.array(found)) if found else 0.0
