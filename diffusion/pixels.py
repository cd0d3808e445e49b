"""The prepared images: squares of one size as uint8, cached by content.

Decoding and resizing happen once per set of images and size. The result is one
memory-mapped array of shape (n, 3, size, size) under ``<home>/cache/pixels``,
named after the contents, so the same images are never prepared twice and changed
ones never mistaken for the old.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..images import open_rgb, square
from ..runs import home, write_bytes

RECIPE = "square-lanczos-1"  # change it whenever the same files would give other pixels


def cache_path(sha256: Sequence[str], size: int) -> Path:
    """Return where the prepared images of these contents lie."""
    words = "\n".join([RECIPE, str(size), *sha256])
    return home() / "cache" / "pixels" / f"{hashlib.sha256(words.encode()).hexdigest()[:32]}.npy"


def decode(paths: Sequence[str | Path], size: int) -> list[np.ndarray | DataError]:
    """Read images as (3, size, size) uint8; in the place of a bad image stands its error."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: _decode(path, size), paths))


def _decode(path: str | Path, size: int) -> np.ndarray | DataError:
    try:
        return np.asarray(square(open_rgb(path), size)).transpose(2, 0, 1)
    except DataError as fault:
        return fault


def store(pictures: np.ndarray, sha256: Sequence[str]) -> Path:
    """Put prepared images, (n, 3, size, size) uint8, into the cache.

    Raises:
        RunError: The cache cannot be written; the disk is full or not writable.
    """
    path = cache_path(sha256, pictures.shape[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, pictures)
    write_bytes(path, buffer.getvalue())
    return path


def load(paths: Sequence[str], sha256: Sequence[str], size: int) -> np.ndarray:
    """Return the prepared images, (n, 3, size, size) uint8, memory-mapped.

    They are decoded again when the cache was emptied.

    Raises:
        DataError: An image can no longer be read.
    """
    path = cache_path(sha256, size)
    if not path.exists():
        pictures = decode(paths, size)
        for picture in pictures:
            if isinstance(picture, DataError):
                raise picture
        store(np.stack([p for p in pictures if isinstance(p, np.ndarray)]), sha256)
    return np.load(path, mmap_mode="r")
