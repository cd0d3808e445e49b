"""Selection from more rows than one process holds or compares: exact inside of cells.

Two rounds, as `core.rounds.two_rounds`, over cells of like rows in place of consecutive parts.
In each cell the method chooses exactly, then it chooses from what was chosen there. Time grows
with the rows times the rows of a cell, not with their square; memory with the rows of a cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ...common.devices import choose_device
from ...common.errors import SettingsError
from ...version import __version__
from ..core.rows import Array
from ..typicality import usual_neighbors
from .cell_rounds import LOOKED_AT, Chosen, first_round, joined, near_radius, second_round
from .cells import Cell, Rows, cells_by, divide
from .kept import Kept

METHODS = ("coreset", "typicality")
MOST = 100_000  # rows of a cell
SECOND = 200_000  # rows that the second round chooses from, about


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
    key: str | None = None,
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
        folder: Where cells are written, see `cells.divide`.
        most: Rows of a cell.
        alpha: Of typicality; 0 or 1.
        neighbors: Of typicality.
        min_distance: Of typicality; by default suggested from the nearest neighbours, in their
            cells, of `LOOKED_AT` rows.
        outlier_rate: Of typicality.
        device: As in `select`.
        seed: Of k-means.
        key: What the rows and their ranks are known by. What is done is then kept in the folder,
            and a later call with the same key and settings goes on from there: cells that were
            divided, and what was chosen from each. The result is that of one call. The caller
            deletes the folder. None keeps nothing.

    Raises:
        DataError: A row has NaN or infinity, or is zero.
        SettingsError: The method is another one, or the budget cannot be met in cells.

    Source: two rounds of k-center as Malkomes et al. 2015, "Fast distributed k-center clustering
    with outliers on massive data"; cells as in hierarchical k-means, Vo et al. 2024,
    arXiv:2405.15613.
    """
    n = len(rank)
    check(method, budget, n, alpha)
    kept = None
    if key is not None:
        computes = str(choose_device(device, float64=True))
        asked = (budget, method, most, alpha, neighbors, min_distance, outlier_rate, computes, seed)
        kept = Kept(folder, _key(key, x.shape, asked))
    cells = list(divide(x, rank, folder, most=most, seed=seed, kept=kept))
    options: dict[str, Any] = {}
    if method == "typicality":
        if min_distance is None and len(cells) > 1:  # one for all of them
            min_distance = _kept_radius(kept, cells, rank)
        options = {
            "alpha": alpha,
            "neighbors": neighbors or usual_neighbors(n, budget),
            "min_distance": min_distance,
            **({} if outlier_rate is None else {"outlier_rate": outlier_rate}),
        }
    parts = []
    each = _share(budget, [cell.count for cell in cells])
    for cell in cells:
        part = _kept_choice(kept, cell)
        if part is None:
            part = first_round(cell, each(cell), method, rank, device, options)
            if kept is not None:
                kept.store(cell.path.name, vars(part))
        parts.append(part)
        if kept is None:
            cell.delete()
    flagged = sum(part.flagged for part in parts)
    used = {"method": method, "budget": budget, "seed": seed, **options, "most": most}
    if len(parts) == 1:
        only = parts[0]
        reach = float(only.reach.max(initial=0.0))
        return InCells(only.rows, only.scores, reach, 1, flagged, used)
    union = joined(parts, rank)
    radius = options.get("min_distance", 0.0)
    indices, scores, bound = second_round(union, budget, method, alpha, radius, device)
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


def _key(key: str, shape: tuple[int, ...], asked: tuple[Any, ...]) -> str:
    """Hash what decides the cells and what is chosen from each."""
    constants = (SECOND, LOOKED_AT, *cells_by())
    text = json.dumps([__version__, key, shape, asked, constants], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _kept_radius(kept: Kept | None, cells: list[Cell], rank: Array) -> float:
    """Return the near-duplicate radius that `near_radius` suggests, or suggested before."""
    before = None if kept is None else kept.stored("options", ["min_distance"])
    if before is not None:
        return float(before["min_distance"])
    radius = near_radius(cells, rank)
    if kept is not None:
        kept.store("options", {"min_distance": np.array(radius)})
    return radius


def _kept_choice(kept: Kept | None, cell: Cell) -> Chosen | None:
    """Return what an earlier call chose from a cell, None where none did."""
    members = [field.name for field in fields(Chosen)]
    arrays = None if kept is None else kept.stored(cell.path.name, members)
    return None if arrays is None else Chosen(**{**arrays, "flagged": int(arrays["flagged"])})


def _share(budget: int, counts: list[int]) -> Callable[[Cell], int]:
    """Return how many a cell chooses: the budget, or its share of what a second round takes."""
    whole = sum(min(budget, count) for count in counts)
    total = sum(counts)

    def each(cell: Cell) -> int:
        most = min(budget, cell.count)
        return most if whole <= SECOND else min(most, max(1, SECOND * cell.count // total))

    return each
