"""How a photograph becomes what a model is trained on, decided in one place.

A training sees the central part of each photograph at its own size. Whoever compares
that model's images with real ones must look at the same thing, so `diffusion` prepares
its pixels with `cut`, and an encoder made by ``Encoder.at(size)`` does too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from .errors import DataError
from .images import DECODING, size_of

Size = tuple[int, int]  # width, height

RECIPE = f"square-lanczos-{DECODING}"  # change it whenever `cut` would give other pixels


def cut(image: Image.Image, size: Size) -> Image.Image:
    """Cut the central part that has the shape of ``size``, then resize it, antialiased.

    Cropping first keeps shapes: a circle in a portrait photograph stays a circle. Smaller
    pictures are enlarged. A picture of that size already comes back unchanged, pixel by
    pixel, so preparing twice is preparing once.

    Args:
        image: A Pillow image.
        size: Width and height that are wanted.
    """
    width, height = size
    wide = min(image.width, max(1, round(image.height * width / height)))
    high = min(image.height, max(1, round(image.width * height / width)))
    left, top = (image.width - wide) // 2, (image.height - high) // 2
    box = (left, top, left + wide, top + high)
    return image.crop(box).resize(size, Image.Resampling.LANCZOS)


def square(image: Image.Image, size: int) -> Image.Image:
    """Cut the central square and resize it to ``size`` x ``size``, as every training does."""
    return cut(image, (size, size))


def identity(size: Size | None) -> str:
    """Return a preparation's name: ``native``, or recipe and size; equal names, equal pixels."""
    return "native" if size is None else f"{RECIPE} {size[0]}x{size[1]}"


def described(size: Size | None) -> str:
    """Return a preparation in words, for people."""
    if size is None:
        return "at their own size and shape"
    shape = "square" if size[0] == size[1] else "part of that shape"
    return f"cut to the central {shape} and resized to {size[0]} x {size[1]} pixels (Lanczos)"


def sizes(paths: Sequence[str | Path]) -> list[Size | None]:
    """Return the upright width and height of image files, read from their headers.

    Returns:
        One size per file, None where it cannot be read; decoding will say why.
    """
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(_size, paths))


def count(all_sizes: Sequence[Size | None]) -> list[tuple[Size, int]]:
    """Count how often each size occurs, the most frequent first."""
    return Counter(size for size in all_sizes if size is not None).most_common()


def _size(path: str | Path) -> Size | None:
    try:
        return size_of(path)
    except DataError:
        return None
