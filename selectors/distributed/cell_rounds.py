"""The two rounds of a selection in cells: exact in each, then from what was chosen in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...common.knn import nearest
from ..core.greedy import farthest_first
from ..core.pool import Pool, fill, make_pool
from ..core.rows import Array
from ..coreset import most_central
from ..duplicates import LISTED, stars, suggested_radius
from ..selection import select
from ..typicality import safe_rho
from .cells import Cell

LOOKED_AT = 2048  # rows that the near-duplicate radius is suggested from


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


def first_round(
    cell: Cell, count: int, method: str, rank: Array, device: str, options: dict[str, Any]
) -> Chosen:
    """Choose from a cell, exactly."""
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


def joined(parts: Iterable[Chosen], rank: Array) -> Chosen:
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


def second_round(
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


def near_radius(cells: list[Cell], rank: Array) -> float:
    """Suggest the near-duplicate radius from some rows, each searched for in its cell."""
    limit = min(LOOKED_AT, len(rank))
    below = np.partition(rank, limit - 1)[limit - 1]
    nearest_two = []
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
                nearest_two.append(np.resize(apart, 2))
    return suggested_radius(np.array(nearest_two)) if nearest_two else 0.0
