"""The embeddings of a pool, scaled to length 1: in memory, or in a file where memory is short."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import IO, cast

import numpy as np

from ...common.arrays import Array, row_lengths
from ...common.errors import DataError, SettingsError

BLOCK = 1024  # rows that are checked and scaled at a time
BESIDE = 128  # bytes that a selection keeps for each row besides its embedding
WORKING = 2**28  # bytes that blocks of rows and libraries take for a moment
RELEASE = 2**25  # bytes read from a file before its pages are given back


def unit_rows(x: Array, order: Array | None = None, *, memory_budget: int | None = None) -> Array:
    """Scale rows to length 1, as float32, checking each.

    Args:
        x: (n, d) numbers; a memory-mapped file is read block by block.
        order: (n,) which row comes first, and so on; by default as they are.
        memory_budget: Bytes that a selection may take. Scaled rows that do not fit
            go to a nameless file in the folder for temporary files.

    Returns:
        (n, d); an array in memory or a memory map, see `release`.

    Raises:
        DataError: A row has NaN or infinity, or is zero; the message counts and names them.
        SettingsError: The budget is too small for any selection, or there is no room on the disk.
    """
    need = len(x) * BESIDE + WORKING
    if memory_budget is not None and memory_budget < need:
        raise SettingsError(
            f"memory_budget must be at least {need:,} bytes for {len(x):,} rows, got "
            f"{memory_budget:,}."
        )
    if memory_budget is None or need + 4 * x.size <= memory_budget:
        unit = np.empty(x.shape, np.float32)
        for start, block in _scaled(x, order):
            unit[start : start + len(block)] = block
        return unit
    file = tempfile.TemporaryFile(prefix="curadiff-")  # noqa: SIM115 - open for as long as the map
    for _, block in _scaled(x, order):
        _write(file, block)
    file.flush()
    return FileRows.over(file, x.shape)


class FileRows(np.memmap):  # type: ignore[type-arg]
    """A memory map that knows its file."""

    file: IO[bytes] | None = None

    @classmethod
    def over(cls, file: IO[bytes], shape: tuple[int, ...]) -> FileRows:
        """Map a file of float32; copy on write, for torch wants writable arrays."""
        rows = cast(FileRows, cls(file, np.float32, "c", shape=shape))
        rows.file = file
        return rows


def take(x: Array, rows: Array) -> Array:
    """Copy some rows; from a file without mapping it, which brings in far more than the rows."""
    file = x.file if isinstance(x, FileRows) else None
    if file is None:
        return x[rows]
    taken = np.empty((len(rows), x.shape[1]), x.dtype)
    for place, row in enumerate(rows.tolist()):
        os.preadv(file.fileno(), [taken[place].data], row * taken[place].nbytes)
    return taken


def release(x: Array) -> None:
    """Give back the pages of a memory map that were read; reading them again is possible.

    Not for a private map that was written to: its changes would be lost.
    """
    mapped = getattr(x, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def chunks(x: Array, height: int) -> Iterator[tuple[int, Array]]:
    """Go through rows in blocks, with the first row of each, and give pages back on the way."""
    every = max(1, RELEASE // max(1, height * x.shape[1] * x.itemsize))
    for place, start in enumerate(range(0, len(x), height)):
        yield start, x[start : start + height]
        if place % every == every - 1:
            release(x)


def _scaled(x: Array, order: Array | None) -> Iterator[tuple[int, Array]]:
    straight = order is None or bool((order[1:] > order[:-1]).all())
    every = max(1, RELEASE // (BLOCK * x.shape[1] * x.itemsize))
    for place, start in enumerate(range(0, len(x), BLOCK)):
        rows = slice(start, start + BLOCK) if straight or order is None else order[start:][:BLOCK]
        block = np.asarray(x[rows], dtype=np.float64)
        length = row_lengths(block)
        if not (np.isfinite(length).all() and length.all()):
            which = np.arange(len(x))[rows] if isinstance(rows, slice) else rows
            _refuse(which, length)
        yield start, np.divide(block, length[:, None], dtype=np.float32, casting="same_kind")
        # What a caller wrote to a private map would be lost.
        if place % every == every - 1 and getattr(x, "mode", None) == "r":
            release(x)


def _refuse(rows: Array, length: Array) -> None:
    if not np.isfinite(length).all():
        raise DataError(_bad_rows(rows[~np.isfinite(length)], "NaN or infinity"))
    raise DataError(_bad_rows(rows[length == 0], "only zeros, so no direction"))


def _bad_rows(rows: Array, what: str) -> str:
    some = ", ".join(map(str, sorted(rows)[:5])) + (", ..." if len(rows) > 5 else "")
    return (
        f"x has {what} in {len(rows)} row{'s' * (len(rows) > 1)} ({some}); "
        "embed those samples again or leave them out."
    )


def _write(file: IO[bytes], block: Array) -> None:
    try:
        file.write(np.ascontiguousarray(block).data)
    except OSError as fault:
        raise SettingsError(
            f"memory_budget needs room for the embeddings in {tempfile.gettempdir()} "
            f"({fault.strerror}); free some, set TMPDIR to another folder, or raise the budget."
        ) from None
