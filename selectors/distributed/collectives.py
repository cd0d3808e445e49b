"""Collective operations among ranks that hold consecutive rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.distributed as dist

from ...common.knn import nearest
from ..core.rows import Array
from ..coreset import most_aligned, summed
from ..duplicates import Find


@dataclass(frozen=True)
class Shards:
    """Who holds which rows."""

    rank: int
    sizes: list[int]

    @property
    def mine(self) -> slice:
        """This rank's rows in the whole pool."""
        begin = sum(self.sizes[: self.rank])
        return slice(begin, begin + self.sizes[self.rank])

    @property
    def total(self) -> int:
        """Rows of all ranks together."""
        return sum(self.sizes)


def all_gather(value: Any) -> list[Any]:
    """Return every rank's value, by rank."""
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def gather_arrays(values: Array) -> Array:
    """Return the arrays of all ranks, one after the other in order of rank."""
    return np.concatenate(all_gather(np.asarray(values)))


def rows_of(unit: Array, shards: Shards, rows: Array) -> Array:
    """Return rows of the whole pool from the ranks that hold them, (len(rows), d)."""
    begin, end = shards.mine.start, shards.mine.stop
    held = np.flatnonzero((rows >= begin) & (rows < end))
    points = np.empty((len(rows), unit.shape[1]), np.float32)
    for place, part in all_gather((held, unit[rows[held] - begin])):
        points[place] = part
    return points


def distributed_search(unit: Array, shards: Shards) -> Find:
    """Return an exact nearest-neighbour search over all ranks: parts are broadcast in turn."""
    mine = np.arange(shards.mine.start, shards.mine.stop)

    def find(query: Array, reference: Array, k: int) -> tuple[Array, Array]:
        own = query[(query >= mine[0]) & (query <= mine[-1])] if len(mine) else query[:0]
        points = unit[own - shards.mine.start]
        best, rows = np.full((len(own), k), np.inf), np.full((len(own), k), -1, np.int64)
        begin = 0
        for rank, size in enumerate(shards.sizes):
            part = reference[(reference >= begin) & (reference < begin + size)]
            begin += size
            message = [unit[part - shards.mine.start] if rank == shards.rank else None]
            dist.broadcast_object_list(message, src=rank)
            if not len(part) or not len(own):
                continue
            itself = np.searchsorted(part, own)
            inside = (itself < len(part)) & (part[np.minimum(itself, len(part) - 1)] == own)
            skip = np.where(inside, itself, -1)
            count = min(k, len(part) - bool(inside.any()))
            if count < 1:
                continue
            gap, place = nearest(points, message[0], count, exclude=skip)  # type: ignore[arg-type]
            best, rows = np.hstack([best, gap]), np.hstack([rows, part[place]])
            order = np.lexsort((rows, best), axis=1)[:, :k]
            best, rows = np.take_along_axis(best, order, 1), np.take_along_axis(rows, order, 1)
        parts = all_gather((best, rows))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    return find


def most_central(unit: Array, shards: Shards, allowed: Array) -> int | None:
    """Return the allowed row nearest to the mean of all ranks' rows, the lowest of equals."""
    middle = np.sum(all_gather(summed(unit)), axis=0) / shards.total
    rows, align = most_aligned(unit, middle, allowed)
    rows, align = gather_arrays(rows + shards.mine.start), gather_arrays(align)
    return int(rows[np.argmax(align >= align.max() - 1e-12)]) if len(rows) else None
