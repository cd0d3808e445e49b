"""The prepared images: squares of one size as uint8, cached by content.

Decoding and resizing happen once per set of images and size. The result is one
memory-mapped array of shape (n, 3, size, size) under ``<home>/cache/pixels``,
named after the contents, so the same images are never prepared twice and changed
ones never mistaken for the old.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..errors import DataError, RunError
from ..images import reading
from ..preparation import RECIPE, square
from ..runs import home, make_folder


def cache_path(sha256: Sequence[str], size: int) -> Path:
    """Return where the prepared images of these contents lie."""
    words = "\n".join([RECIPE, str(size), *sha256])
    return home() / "cache" / "pixels" / f"{hashlib.sha256(words.encode()).hexdigest()[:32]}.npy"


def decode(paths: Sequence[str | Path], size: int) -> tuple[np.ndarray, dict[int, DataError]]:
    """Read images into one array, (n, 3, size, size) uint8.

    Returns:
        The array, and the errors of bad images by their place; their rows mean nothing.
    """
    pictures = np.empty((len(paths), 3, size, size), np.uint8)
    faults: dict[int, DataError] = {}

    def read(place: int) -> None:
        try:
            with reading(paths[place]) as image:
                picture = square(image, size)
        except DataError as fault:
            faults[place] = fault
        else:
            pictures[place] = np.asarray(picture).transpose(2, 0, 1)

    with ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(paths))))
    return pictures, dict(sorted(faults.items()))


def store(pictures: np.ndarray, sha256: Sequence[str]) -> Path:
    """Put prepared images, (n, 3, size, size) uint8, into the cache.

    Raises:
        RunError: The cache cannot be written; the disk is full or not writable.
    """
    path = cache_path(sha256, pictures.shape[-1])
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        make_folder(path.parent)
    except OSError as fault:
        raise _unwritable(path, pictures, fault) from fault
    try:
        with temporary.open("wb") as file:
            np.save(file, pictures)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, pictures, fault) from fault
    return path


def _unwritable(path: Path, pictures: np.ndarray, fault: OSError) -> RunError:
    return RunError(
        f"could not write {path}: {fault.strerror or fault}; it takes {pictures.nbytes} "
        "bytes. Free some space or set CURADIFF_HOME to another folder."
    )


def load(paths: Sequence[str], sha256: Sequence[str], size: int) -> np.ndarray:
    """Return the prepared images, (n, 3, size, size) uint8, memory-mapped.

    They are decoded again when the cache was emptied.

    Raises:
        DataError: An image can no longer be read.
    """
    path = cache_path(sha256, size)
    if not path.exists():
        pictures, faults = decode(paths, size)
        for fault in faults.values():
            raise fault
        store(pictures, sha256)
    return np.load(path, mmap_mode="r")
