"""Divide rows that no memory holds into cells of like rows: hierarchical k-means, on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..core.clustering import kmeans_clusters
from ..core.rows import Array, unit_rows
from .kept import Kept

BRANCHES = 32  # cells that rows are divided into at a time
SAMPLED = 256  # rows for each of them that the means are fitted to
SMALL = 0.1  # of the most rows of a cell: smaller cells join their nearest
UNDIVIDED = 0.9  # of the rows in one cell: k-means does not divide them
BLOCK = 16_384  # rows in memory at a time


class Rows(Protocol):
    """A matrix of which consecutive rows can be read: an array, a memory map, shards."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and features."""
        ...

    def __getitem__(self, rows: slice, /) -> Array:
        """Return consecutive rows."""
        ...


@dataclass(frozen=True)
class Cell:
    """Rows of one cell, in two files.

    Attributes:
        path: Name of the files, without their endings.
        count: How many rows.
        dim: Length of a row.
    """

    path: Path
    count: int
    dim: int

    @property
    def unit(self) -> Array:
        """(count, dim) the rows at length 1, memory-mapped."""
        return np.memmap(self.path.with_suffix(".x"), np.float32, "r", shape=(self.count, self.dim))

    @property
    def rows(self) -> Array:
        """(count,) which rows of the pool they are."""
        return np.fromfile(self.path.with_suffix(".rows"), np.int64)

    @property
    def files(self) -> tuple[Path, Path]:
        """Its files: of the rows, and of which they are."""
        return self.path.with_suffix(".x"), self.path.with_suffix(".rows")

    @property
    def whole(self) -> bool:
        """Whether its files are there, as long as they should be."""
        lengths = (4 * self.count * self.dim, 8 * self.count)
        return all(
            path.is_file() and path.stat().st_size == length
            for path, length in zip(self.files, lengths, strict=True)
        )

    def delete(self) -> None:
        """Delete the files."""
        for path in self.files:
            path.unlink(missing_ok=True)


def cells_by() -> tuple[float, ...]:
    """Return the constants that decide which cells rows are divided into."""
    return BRANCHES, SAMPLED, SMALL, UNDIVIDED, BLOCK


def divide(
    x: Rows, rank: Array, folder: Path, *, most: int, seed: int = 0, kept: Kept | None = None
) -> Iterator[Cell]:
    """Divide rows into cells of at most so many, each a k-means cluster of a cluster.

    The rows are read some times and written once for each level of the hierarchy; a block of
    them is in memory at a time. Cells of less than a tenth of ``most`` join the cell of the
    nearest mean, so that a few foreign rows stay beside rows that they stand apart from. Rows
    that k-means does not divide, such as equal ones, are divided by rank.

    Args:
        x: (n, d) numbers.
        rank: (n,) order of the rows that does not depend on where they stand, as by a hash of
            their ids: the means are fitted to those of lowest rank.
        folder: Where the files of the cells go: 4 d + 8 bytes for each row, twice that meanwhile.
        most: Rows of a cell.
        seed: Of k-means.
        kept: What an earlier call did in this folder, to go on from there and to be added to;
            None keeps nothing.

    Yields:
        The cells; each row is in one of them. Delete a cell when it is done with, unless what is
        done is kept.
    """
    waiting, divided = _kept_cells(kept, x.shape[1])
    if not waiting and not divided:
        waiting = _split(x, np.arange(len(rank)), rank, folder / "cell", most, seed)
        _note(kept, waiting, divided, written=waiting)
    yield from divided
    while waiting:
        cell = waiting.pop()
        if cell.count <= most:
            divided.append(cell)
            yield cell
            continue
        parts = _split(cell.unit, cell.rows, rank, cell.path, most, seed)
        waiting += parts
        _note(kept, waiting, divided, written=parts)
        cell.delete()


def _kept_cells(kept: Kept | None, dim: int) -> tuple[list[Cell], list[Cell]]:
    """Return the cells that wait and those that are divided; none where a file is not whole."""
    if kept is None:
        return [], []
    waiting, divided = (
        [Cell(kept.folder / name, count, dim) for name, count in kept.sizes[state]]
        for state in ("waiting", "divided")
    )
    if not all(cell.whole for cell in (*waiting, *divided)):
        kept.forget()
        return [], []
    return waiting, divided


def _note(
    kept: Kept | None, waiting: list[Cell], divided: list[Cell], *, written: list[Cell]
) -> None:
    if kept is not None:
        kept.note(
            [(cell.path.name, cell.count) for cell in waiting],
            [(cell.path.name, cell.count) for cell in divided],
            written=[path for cell in written for path in cell.files],
        )


def _split(x: Rows, rows: Array, rank: Array, name: Path, most: int, seed: int) -> list[Cell]:
    """Divide rows once, into at most `BRANCHES` cells."""
    n = len(rows)
    if n <= most:
        return _write(x, rows, np.zeros(n, np.int8), name)
    order = rank[rows]
    count = min(BRANCHES, max(2, math.ceil(2 * n / most)))
    means = kmeans_clusters(_lowest(x, order, SAMPLED * count), count, seed=seed)[2]
    half = 0.5 * np.square(means).sum(1)
    labels = np.empty(n, np.int8)
    for start in range(0, n, BLOCK):
        unit = unit_rows(x[start : start + BLOCK])
        labels[start : start + BLOCK] = (unit @ means.T - half).argmax(1)
    labels, sizes = _joined(labels, means, int(SMALL * most))
    if sizes.max() > UNDIVIDED * n:
        count = math.ceil(n / most)
        place = np.empty(n, np.int64)
        place[np.argsort(order, kind="stable")] = np.arange(n)
        labels = (place * count // n).astype(np.int64)
    return _write(x, rows, labels, name)


def _lowest(x: Rows, order: Array, count: int) -> Array:
    """Return the rows of lowest rank, at length 1, by rank."""
    count = min(count, len(order))
    lowest = np.sort(np.argpartition(order, count - 1)[:count])
    taken = []
    for start in range(0, len(order), BLOCK):
        low, high = np.searchsorted(lowest, [start, start + BLOCK])
        if low < high:
            taken.append(unit_rows(x[start : start + BLOCK][lowest[low:high] - start]))
    return np.concatenate(taken)[np.argsort(order[lowest], kind="stable")]


def _joined(labels: Array, means: Array, least: int) -> tuple[Array, Array]:
    """Join small cells to that of the nearest mean, the smallest first."""
    sizes = np.bincount(labels, minlength=len(means))
    goes_to = np.arange(len(means))
    while True:
        there = np.flatnonzero(sizes)
        smallest = there[sizes[there].argmin()]
        if len(there) == 1 or sizes[smallest] >= least:
            return goes_to[labels], sizes
        others = there[there != smallest]
        gap = np.square(means[others] - means[smallest]).sum(1)
        nearest = others[gap.argmin()]
        goes_to[goes_to == smallest] = nearest
        sizes[nearest] += sizes[smallest]
        sizes[smallest] = 0


def _write(x: Rows, rows: Array, labels: Array, name: Path) -> list[Cell]:
    """Write each label's rows to files of their own."""
    counts = np.bincount(labels)
    cells = {
        int(label): Cell(name.with_name(f"{name.name}-{label}"), int(counts[label]), x.shape[1])
        for label in np.flatnonzero(counts)
    }
    with ExitStack() as stack:
        files = {
            label: [
                stack.enter_context(cell.path.with_suffix(ending).open("wb"))
                for ending in (".x", ".rows")
            ]
            for label, cell in cells.items()
        }
        for start in range(0, len(rows), BLOCK):
            part = labels[start : start + BLOCK]
            unit, numbers = unit_rows(x[start : start + BLOCK]), rows[start : start + BLOCK]
            for label in np.unique(part):
                vectors, names = files[int(label)]
                vectors.write(unit[part == label].tobytes())
                names.write(numbers[part == label].tobytes())
    return list(cells.values())
