"""The prepared images: squares of one size as uint8, cached by content.

Decoding and resizing happen once per set of images and size. The result is one
memory-mapped array of shape (n, 3, size, size) under ``<home>/cache/pixels``,
named after the contents, so the same images are never prepared twice and changed
ones never mistaken for the old. Behind the array stand, as JSON, notes on how images
were read, and a checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..common.disk_faults import number_of
from ..common.errors import DataError, RunError
from ..common.files import replacing
from ..common.images import reading
from ..common.preparation import RECIPE, square
from ..common.temporary import sweep
from ..runs import Run, caches, home, listing, make_folder, read_json

DIGEST = 16  # bytes of the checksum at the end of a file
Notes = dict[int, str]  # by row, what to know of how an image was read; see `images.open_rgb`


def cache_path(sha256: Sequence[str], size: int) -> Path:
    """Return where the prepared images of these contents lie."""
    words = "\n".join([RECIPE, str(size), *sha256])
    return home() / "cache" / "pixels" / f"{hashlib.sha256(words.encode()).hexdigest()[:32]}.npy"


def used_by(run: Run) -> set[Path]:
    """List the prepared images that a run, or one inside it, was made with."""
    paths = set()
    for one in [run, *listing(folder=run.path / "runs")]:
        size = one.settings.get("image_size")
        for name in ("manifest.json", "held_out.json"):
            if isinstance(size, int) and (one.path / name).exists():
                with suppress(RunError, KeyError, TypeError):
                    paths.add(cache_path(read_json(one.path / name)["sha256"], size))
    return paths


def forget(paths: Iterable[Path]) -> None:
    """Delete prepared images; a training that uses them now is not disturbed."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def decode(
    paths: Sequence[str | Path], size: int, notes: Notes | None = None
) -> tuple[np.ndarray, dict[int, DataError]]:
    """Read images into one array, (n, 3, size, size) uint8.

    Args:
        paths: The files.
        size: Width and height that they are cut to.
        notes: Receives what to know of how images were read, without their paths.

    Returns:
        The array, and the errors of bad images by their place; their rows mean nothing.
    """
    pictures = np.empty((len(paths), 3, size, size), np.uint8)
    faults: dict[int, DataError] = {}

    def read(place: int) -> None:
        image_notes: list[str] = []
        try:
            with reading(paths[place], image_notes) as image:
                picture = square(image, size)
        except DataError as fault:
            faults[place] = fault
        else:
            pictures[place] = np.asarray(picture).transpose(2, 0, 1)
            if image_notes and notes is not None:
                notes[place] = " ".join(
                    text.removeprefix(f"{paths[place]} ") for text in image_notes
                )

    with ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(paths))))
    return pictures, dict(sorted(faults.items()))


def store(
    pictures: np.ndarray, sha256: Sequence[str], notes: Mapping[int, str] | None = None
) -> Path:
    """Put prepared images, (n, 3, size, size) uint8, and notes on them into the cache.

    Raises:
        RunError: The cache cannot be written; the disk is full or not writable.
    """
    path = cache_path(sha256, pictures.shape[-1])
    try:
        make_folder(path.parent)
        sweep(path.parent)
        with replacing(path, durable=True) as part, part.open("wb") as file:
            np.save(file, pictures)
            if notes:
                file.write(json.dumps({str(row): note for row, note in notes.items()}).encode())
            file.write(_digest(pictures))
    except (OSError, RunError) as fault:
        raise _unwritable(path, pictures, fault) from fault
    caches.trim("pixels", keep=path)
    return path


def is_stored(sha256: Sequence[str], size: int) -> bool:
    """Tell whether prepared images are in the cache, as they were written."""
    return _read(cache_path(sha256, size), len(sha256), size) is not None


def notes_on(sha256: Sequence[str], size: int) -> Notes:
    """Return what to know of how prepared images in the cache were read, by row.

    Raises:
        RunError: They are not in the cache any more.
    """
    path = cache_path(sha256, size)
    try:
        images = np.load(path, mmap_mode="r")
        with path.open("rb") as file:
            file.seek(images.offset + images.nbytes)
            text = file.read()[:-DIGEST]
        return {int(row): note for row, note in json.loads(text or b"{}").items()}
    except (OSError, ValueError) as fault:
        raise RunError(f"{path} cannot be read ({fault}); start again.") from fault


def _read(path: Path, count: int, size: int) -> np.ndarray | None:
    """Map prepared images; None where there are none or they are damaged.

    Whoever reads is the last user for the limit of the cache.
    """
    try:
        images = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError):
        return None
    if images.shape != (count, 3, size, size) or images.dtype != np.uint8:
        return None
    with path.open("rb") as file:
        file.seek(-DIGEST, os.SEEK_END)
        if file.read() != _digest(images):
            return None
    caches.touch(path)
    return images


def _digest(pictures: np.ndarray) -> bytes:
    """Return the checksum that stands behind the pictures in their file."""
    digest = hashlib.blake2b(digest_size=DIGEST)
    for first in range(0, len(pictures), 256):
        digest.update(np.ascontiguousarray(pictures[first : first + 256]).data)
    return digest.digest()


def _unwritable(path: Path, pictures: np.ndarray, fault: BaseException) -> RunError:
    number = number_of(fault)
    why = fault if number is None else os.strerror(number)
    return RunError(
        f"could not write {path}: {why}; it takes {pictures.nbytes} bytes. Free some "
        "space or set CURADIFF_HOME to another folder."
    )


def load(paths: Sequence[str], sha256: Sequence[str], size: int) -> np.ndarray:
    """Return the prepared images, (n, 3, size, size) uint8, memory-mapped.

    They are verified by their checksum, and decoded again when the cache was emptied or is
    damaged.

    Raises:
        DataError: An image can no longer be read.
        RunError: The cache cannot be written.
    """
    path = cache_path(sha256, size)
    images = _read(path, len(sha256), size)
    if images is not None:
        return images
    if path.exists():
        warnings.warn(f"{path} is damaged; the images are prepared anew", stacklevel=2)
    notes: Notes = {}
    pictures, faults = decode(paths, size, notes)
    for fault in faults.values():
        raise fault
    store(pictures, sha256, notes)
    return np.load(path, mmap_mode="r")
