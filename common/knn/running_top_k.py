"""The smallest values of every row of a matrix that is seen tile by tile."""

from __future__ import annotations

import numpy as np
import torch

HEAD = 512  # columns of a first look, which tells what is worth a second one


class RunningTopK:
    """The smallest distances seen so far for every row of a set, tile by tile.

    Attributes:
        value: (count, keep) ascending, infinite where fewer were seen.
        row: (count, keep) int64, whose distance it is.

    Everything that was seen and is not kept is at least as large as the last value kept.
    """

    def __init__(
        self, count: int, keep: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self.keep = keep
        self.value = torch.full((count, keep), torch.inf, device=device, dtype=dtype)
        self.row = torch.zeros((count, keep), dtype=torch.int64, device=device)

    def update(self, at: slice, gap: torch.Tensor, first: int, *, transposed: bool = False) -> None:
        """Take in the distances of the rows ``at`` to others.

        Args:
            at: Which rows.
            gap: (rows, others) numbers; (others, rows) where ``transposed``.
            first: Number of the first of the others.
            transposed: Whether the rows lie across.
        """
        others = gap.shape[0 if transposed else 1]
        head = max(HEAD, 16 * self.keep) if gap.device.type == "cpu" else others
        if bool(torch.isinf(self.value[at, -1]).any()):
            self._sort_in(at, gap[:head] if transposed else gap[:, :head], first, transposed)
            if head >= others:
                return
            gap, first = gap[head:] if transposed else gap[:, head:], first + head
        if gap.device.type == "cpu":
            self._sift(at, gap, first, transposed)
        else:
            self._sort_in(at, gap, first, transposed)

    def _sift(self, at: slice, gap: torch.Tensor, first: int, transposed: bool) -> None:
        """Look at what lies below the largest value kept, which is little after a few tiles."""
        limit = self.value[at, -1]
        below = gap < (limit if transposed else limit[:, None])
        i, j = np.divmod(np.flatnonzero(below.numpy()), gap.shape[1])
        if not len(i):
            return
        value = gap.numpy()[i, j]
        if transposed:
            short = np.uint16 if gap.shape[1] <= 2**16 else j.dtype  # sorted by radix
            order = np.argsort(j.astype(short), kind="stable")
            i, j, value = j[order], i[order], value[order]
        count = np.bincount(i, minlength=len(limit))
        most = int(count.max())
        if 4 * most > gap.shape[0 if transposed else 1]:
            self._sort_in(at, gap, first, transposed)
            return
        place = np.arange(len(i)) - (np.cumsum(count) - count)[i]
        values = np.full((len(count), most), np.inf, value.dtype)
        rows = np.zeros((len(count), most), np.int64)
        values[i, place], rows[i, place] = value, j + first
        self._merge(at, torch.from_numpy(values), torch.from_numpy(rows))

    def _sort_in(self, at: slice, gap: torch.Tensor, first: int, transposed: bool) -> None:
        gap = gap.T.contiguous() if transposed else gap
        value, place = gap.topk(min(self.keep, gap.shape[1]), dim=1, largest=False, sorted=False)
        self._merge(at, value, place + first)

    def _merge(self, at: slice, value: torch.Tensor, row: torch.Tensor) -> None:
        value = torch.cat([self.value[at], value], 1)
        self.value[at], order = value.topk(self.keep, dim=1, largest=False)
        self.row[at] = torch.cat([self.row[at], row], 1).gather(1, order)
