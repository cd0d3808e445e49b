"""How much memory decoding may take, over all threads together.

A file of a few hundred kilobytes can claim pixels for gigabytes. What an image
needs is estimated from its header before anything is decoded; images share
`limit` bytes, and a thread waits until what it needs is free.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError, SettingsError

VARIABLE = "CURADIFF_DECODE_GB"

LARGE = 64 * 2**20  # bytes
SCANS = 200  # of a progressive JPEG; cameras and editors write about ten

# Bytes a pixel, measured: while an image is made RGB and turned, it is held three times.
MADE_RGB = 8
SIZE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # by Pillow's mode, else 4
DECODER = {"WEBP": 8, "AVIF": 4, "JPEG2000": 8}  # what decoders hold beside the image
DEEP_COLOUR = 12  # both bytes of every channel
PROGRESSIVE = 6  # coefficients of a progressive JPEG, two bytes each, of three channels

# Tags of TIFF 6.0.
TILE_WIDTH, TILE_LENGTH, BITS, SAMPLES = 322, 323, 258, 277

_free = threading.Condition()
_taken = 0


def limit() -> int:
    """Return how many bytes decoding may take, over all threads together.

    Raises:
        SettingsError: ``CURADIFF_DECODE_GB`` is not a number above 0.
    """
    given = os.environ.get(VARIABLE) or "1"
    try:
        size = float(given)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise SettingsError(f"{VARIABLE} must be a number above 0, got {given!r}.")
    return int(size * 2**30)


def pixels() -> int:
    """Return how many pixels an image may have: 89 million for each gigabyte of `limit`."""
    return int(89_478_485 * limit() / 2**30)


@contextmanager
def taking(needed: int) -> Iterator[None]:
    """Hold bytes while decoding; waits until they are free, or nothing else is decoded."""
    global _taken
    most = limit()
    with _free:
        _free.wait_for(lambda: _taken == 0 or _taken + needed <= most)
        _taken += needed
    if needed >= LARGE:
        _return_freed()
    try:
        yield
    finally:
        with _free:
            _taken -= needed
            _free.notify_all()


def _return_freed() -> None:
    """Give back what earlier images freed; glibc keeps it for the thread that had it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def needed(
    path: str | Path, file: Any, stream: BinaryIO, deep_colour: bool, said: list[str]
) -> int:
    """Return how many bytes decoding takes; a JPEG that needs too much is set to be read smaller.

    Args:
        path: The file.
        file: It, as Pillow has opened it.
        stream: What it was opened from.
        deep_colour: Whether its colours have 16 bits a channel.
        said: Receives a sentence about an image that is read smaller.

    Raises:
        DataError: It needs more than is allowed.
    """
    width, height = file.size
    kind = "JPEG" if file.format == "MPO" else file.format
    each = SIZE.get(file.mode, 4) + MADE_RGB + DECODER.get(kind, 0) + DEEP_COLOUR * deep_colour
    fixed = 0
    if kind in ("WEBP", "AVIF", "JPEG2000"):  # their decoders want the whole file
        fixed += stream.seek(0, os.SEEK_END)
    if kind == "TIFF":
        fixed += _tile_bytes(file)
    if kind == "JPEG" and file.info.get("progressive"):
        fixed += width * height * PROGRESSIVE
        _check_scans(path, stream)
    if kind == "JPEG" and not _fits(width, height, fixed, each):
        parts = [p for p in (2, 4) if _fits(-(-width // p), -(-height // p), fixed, each)]
        part = next(iter(parts), 8)
        file.draft(None, (max(width // part, 1), max(height // part, 1)))
        said.append(f"{path} was read at {file.width} x {file.height} pixels to save memory.")
    if file.width * file.height > pixels():
        raise DataError(
            f"{path} claims {width} x {height} pixels, more than the {pixels() // 10**6} million "
            f"that are decoded safely; scale it down, remove its sample, or set {VARIABLE} above "
            f"{limit() / 2**30:g}."
        )
    total = fixed + each * file.width * file.height
    if total > limit():
        raise DataError(
            f"{path} claims {width} x {height} pixels; decoding takes {total / 2**20:,.0f} MB, "
            f"more than the {limit() / 2**20:,.0f} MB that are allowed. Scale it down, remove its "
            f"sample, or set {VARIABLE} higher."
        )
    return total


def _fits(width: int, height: int, fixed: int, each: int) -> bool:
    area = width * height
    return area <= pixels() and fixed + each * area <= limit()


def _check_scans(path: str | Path, stream: BinaryIO) -> None:
    place, scans = stream.tell(), 0
    stream.seek(0)
    while block := stream.read(2**20):
        scans += block.count(b"\xff\xda")
    stream.seek(place)
    if scans > SCANS:
        raise DataError(
            f"{path} is a JPEG of {scans:,} scans, which takes minutes to decode; save it anew "
            "or remove its sample."
        )


def _tile_bytes(file: Any) -> int:
    """Return what a TIFF's decoder holds for a tile, which may be larger than the image."""
    tags = file.tag_v2
    if TILE_WIDTH not in tags:
        return 0
    bits = max(tags.get(BITS, (1,))) * int(tags.get(SAMPLES, 1))
    return int(tags[TILE_WIDTH]) * int(tags.get(TILE_LENGTH, 0)) * bits // 8
