"""Caches that save work, by kind: limited in size, listed and cleared.

Everything here can be made again. Each kind has a limit in GB, ``CURADIFF_CACHE_GB`` or for
one kind ``CURADIFF_CACHE_<KIND>_GB``; beyond it, what was not used for the longest time goes
first. Features of images are kept by `encoders.cache`, in one file under the same limit.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import SettingsError, nearest
from ..common.temporary import remove, sweep
from .home_folder import home

DEFAULT_GB = {"pixels": 4.0, "sheets": 0.1, "speeds": 0.1, "reports": 0.5, "embedding": 50.0}
KINDS = tuple(DEFAULT_GB)
ABOUT = {
    "pixels": "prepared training images",
    "sheets": "pictures of selections side by side",
    "speeds": "measured training speeds",
    "reports": "reports of selections",
    "embedding": "embeddings that several processes share and have not ended",
}


@dataclass(frozen=True)
class Held:
    """How much one kind of cache holds, and how much it may.

    Attributes:
        kind: One of `KINDS`.
        path: Its folder.
        entries: How many files, or folders for ``speeds`` and ``embedding``.
        bytes: What they take on the disk.
        limit: What they may take.
    """

    kind: str
    path: Path
    entries: int
    bytes: int
    limit: int


def folder(kind: str) -> Path:
    """Return the folder of one kind of cache.

    Raises:
        SettingsError: There is no such kind.
    """
    if kind not in KINDS:
        raise SettingsError(
            f"no cache is named {kind!r}{nearest(kind, KINDS)} (caches: features, "
            f"{', '.join(KINDS)})."
        )
    return home() / "reports" if kind == "reports" else home() / "cache" / kind


def limit(kind: str, default: float) -> int:
    """Return how many bytes one kind of cache may take.

    Args:
        kind: Such as ``pixels``.
        default: GB that it may take unless the environment says otherwise.

    Raises:
        SettingsError: The environment says something that is not a number >= 0.
    """
    name = f"CURADIFF_CACHE_{kind.upper()}_GB"
    name = name if os.environ.get(name) else "CURADIFF_CACHE_GB"
    given = os.environ.get(name) or str(default)
    try:
        size = float(given)
    except ValueError:
        size = -1.0
    if not 0 <= size < float("inf"):
        raise SettingsError(f"{name} must be a number >= 0, got {given!r}.")
    return int(size * 2**30)


def info() -> list[Held]:
    """Return how much each kind of cache holds, in the order of `KINDS`."""
    summaries = []
    for kind in KINDS:
        entries = _entries(kind)
        size = sum(taken for _, taken, _ in entries)
        most = limit(kind, DEFAULT_GB[kind])
        summaries.append(Held(kind, folder(kind), len(entries), size, most))
    return summaries


def clear(kind: str) -> int:
    """Delete all entries of one kind of cache, and return how many they were.

    Safe while others use it: what they have open stays theirs.
    """
    entries = _entries(kind)
    for _, _, path in entries:
        remove(path)
    return len(entries)


def touch(path: Path) -> None:
    """Set the time at which a cache entry was last used to now."""
    with suppress(OSError):
        os.utime(path)


def trim(kind: str, *, keep: Path | None = None) -> None:
    """Delete the longest unused entries of one kind of cache until it is within its limit.

    Args:
        kind: One of `KINDS`.
        keep: What was just made; it stays, however large it is.
    """
    most, entries = limit(kind, DEFAULT_GB[kind]), _entries(kind)
    held = sum(size for _, size, _ in entries)
    for _, size, path in entries:
        if held <= most:
            return
        if path != keep:
            remove(path)
            held -= size


def _entries(kind: str) -> list[tuple[float, int, Path]]:
    """Return last use, size and path of each entry of a cache, the longest unused first."""
    root = folder(kind)
    sweep(root, depth=1)
    paths = root.glob("*/*.html") if kind == "reports" else root.glob("*")
    entries = []
    for path in paths:
        if not path.name.startswith("."):
            with suppress(OSError):
                entries.append((path.lstat().st_mtime, _size(path), path))
    return sorted(entries)


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
