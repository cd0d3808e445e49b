"""Exact selection over several processes, each holding a part of the rows.

Start it like training, say with ``accelerate launch`` or ``torchrun``; give every rank its own
consecutive rows, for example a slice of a memory-mapped file. All ranks return the same
picks, the ones that a single process would make with all rows.

Per lazy round, ranks exchange blocks of candidates instead of one vector per pick: every rank
brings its best rows up to date, the blocks are gathered, and each rank then runs the same
greedy steps on the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from ..errors import EnvironmentFault, SettingsError
from ..neighbors import full_precision, nearest
from .density import measure_density_by
from .greedy import Block, Greedy
from .pool import Pool, choose_device
from .rows import Array, unit_rows

METHODS = ("coreset", "typicality")


@dataclass(frozen=True)
class Shards:
    """Who holds which rows."""

    rank: int
    sizes: list[int]

    @property
    def offset(self) -> int:
        """This rank's first row in the whole pool."""
        return sum(self.sizes[: self.rank])

    @property
    def total(self) -> int:
        """Rows of all ranks together."""
        return sum(self.sizes)


def select_sharded(
    x: Array,
    budget: int,
    *,
    method: str = "coreset",
    alpha: float = 1.0,
    neighbors: int | None = None,
    min_distance: float | None = None,
    outlier_rate: float | None = None,
    device: str = "cpu",
) -> tuple[Array, Array]:
    """Choose from the rows of all ranks; call it on every rank with equal settings.

    Args:
        x: (n, d) this rank's embeddings; rank 0 holds the first rows, and so on.
        budget: How many to choose from all ranks together.
        method: ``coreset`` or ``typicality``, as in `select`.
        alpha: Of typicality.
        neighbors: Of typicality.
        min_distance: Of typicality.
        outlier_rate: Of typicality.
        device: Where products are computed. Exchange is by the process group's backend.

    Returns:
        Rows of the whole pool in the order they were chosen, and their scores.

    Raises:
        EnvironmentFault: No process group was started.
        SettingsError: The method is not one of these, or the budget exceeds the rows.
    """
    if not dist.is_initialized():
        raise EnvironmentFault(
            "select_sharded needs a process group; start the ranks with torchrun or accelerate "
            "launch and call torch.distributed.init_process_group() first, or use select."
        )
    if method not in METHODS:
        raise SettingsError(
            f"method must be one of {', '.join(METHODS)} when sharded, got {method!r}."
        )
    unit = unit_rows(np.asanyarray(x))
    shards = Shards(dist.get_rank(), _everyone(len(unit)))
    if not 1 <= budget <= shards.total:
        raise SettingsError(
            f"budget must be between 1 and {shards.total}, the rows of all ranks, got {budget}."
        )
    mine = slice(shards.offset, shards.offset + len(unit))
    scale, allowed, start = np.ones(len(unit)), np.ones(len(unit), bool), None
    if method == "coreset":
        start = _most_central(unit, shards)
    else:
        given: Mapping[str, Any] = {"min_distance": min_distance}
        if outlier_rate is not None:
            given = {**given, "outlier_rate": outlier_rate}
        k = neighbors or int(np.clip(round(2 * shards.total / budget), 5, 20))
        density = measure_density_by(_finder(unit, shards), shards.total, neighbors=k, **given)
        whole = (density.head == np.arange(shards.total)) & ~density.flagged
        middle = float(np.median(density.rho))
        rho = np.maximum(density.rho, 1e-3 * middle if middle > 0 else 1.0)
        scale, allowed = rho[mine] ** -alpha, whole[mine]
        if alpha == 0:
            start = _most_central(unit, shards, allowed)
    pool = Pool(
        x=unit,
        ids=np.arange(mine.start, mine.stop),
        candidate=np.ones(len(unit), bool),
        preselected=np.empty(0, np.int64),
        slot=np.zeros(len(unit), np.int64),
        room=np.array([budget]),
        weights=None,
        seed=0,
        device=choose_device(device),
    )
    with full_precision():
        return _ShardedGreedy(pool, budget, scale, allowed, shards.offset).run(start)


class _ShardedGreedy(Greedy):
    """The same traversal; a round's block is gathered from all ranks."""

    def __init__(self, pool: Pool, budget: int, scale: Array, allowed: Array, offset: int) -> None:
        super().__init__(pool, budget, scale, allowed)
        self.offset = offset

    def run(self, start: int | None) -> tuple[Array, Array]:
        if start is not None:  # a row of the whole pool: its holder tells the others
            here = 0 <= start - self.offset < len(self.pool)
            told = _everyone(
                (self.pool.x[start - self.offset], float(self.scale2[start - self.offset]))
                if here
                else None
            )
            point, scale2 = next(one for one in told if one is not None)
            self._take(start, point, scale2, 0)
        return super().run(None)

    def agree(self, best: float, stale: float) -> tuple[float, float]:
        told = _everyone((best, stale))
        return max(b for b, _ in told), max(s for _, s in told)

    def block(self, width: int) -> Block:
        own = super().block(width)
        x, near = own.x.cpu().numpy(), own.near.cpu().numpy()
        parts = _everyone((own.rows, x, near, own.scale2, own.outside))
        rows, x, near, scale2 = (np.concatenate([p[i] for p in parts]) for i in range(4))
        return Block(
            rows,  # ascending, for ranks hold consecutive rows
            torch.from_numpy(x).to(own.x.device),
            torch.from_numpy(near).to(own.x.device),
            scale2,
            np.zeros(len(rows), np.int64),
            max(p[4] for p in parts),
        )


def _finder(unit: Array, shards: Shards) -> Any:
    """Exact neighbours across ranks: shards travel in turn, lists are merged."""
    mine = np.arange(shards.offset, shards.offset + len(unit))

    def find(query: Array, reference: Array, k: int) -> tuple[Array, Array]:
        own = query[(query >= mine[0]) & (query <= mine[-1])] if len(mine) else query[:0]
        points = unit[own - shards.offset]
        best, rows = np.full((len(own), k), np.inf), np.full((len(own), k), -1, np.int64)
        begin = 0
        for rank, size in enumerate(shards.sizes):
            part = reference[(reference >= begin) & (reference < begin + size)]
            begin += size
            here = [unit[part - shards.offset] if rank == shards.rank else None]
            dist.broadcast_object_list(here, src=rank)
            if not len(part) or not len(own):
                continue
            itself = np.searchsorted(part, own)
            inside = (itself < len(part)) & (part[np.minimum(itself, len(part) - 1)] == own)
            skip = np.where(inside, itself, -1)
            count = min(k, len(part) - bool(inside.any()))
            if count < 1:
                continue
            gap, place = nearest(points, here[0], count, exclude=skip)  # type: ignore[arg-type]
            best, rows = np.hstack([best, gap]), np.hstack([rows, part[place]])
            order = np.lexsort((rows, best), axis=1)[:, :k]
            best, rows = np.take_along_axis(best, order, 1), np.take_along_axis(rows, order, 1)
        parts = _everyone((best, rows))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    return find


def _most_central(unit: Array, shards: Shards, allowed: Array | None = None) -> int | None:
    """The row nearest to the mean of all ranks' rows, the lowest of equals."""
    middle = sum(_everyone(unit.sum(0, dtype=np.float64))) / shards.total
    align = unit @ middle
    if allowed is not None:
        align = np.where(allowed, align, -np.inf)
    whole = np.concatenate(_everyone(align))
    return int(np.argmax(whole >= whole.max() - 1e-12)) if np.isfinite(whole.max()) else None


def _everyone(value: Any) -> list[Any]:
    """Every rank's value, by rank."""
    found = [None] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found
