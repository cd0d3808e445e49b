"""Scaling of values of any depth to 0-255: which values become black and white."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

BAND = 2**20  # values that are converted at a time, so that no large copy is made
DEPTHS = (8, 10, 12, 14, 16)  # bits of common sensors and formats


@dataclass(frozen=True)
class Range:
    """The values that become 0 and 255.

    Attributes:
        black: Becomes 0, as everything below.
        white: Becomes 255, as everything above.
        middle: What a value that is no number is replaced by.
        note: What was assumed, where the file does not say it; ends a sentence that
            begins with the file's name.
    """

    black: float
    white: float
    middle: float = 0.0
    note: str = ""


def of_integers(low: int, high: int, *, container: int, declared: float | None = None) -> Range:
    """Decide the range of whole numbers.

    Where the file says what white is, that holds. Else values that leave the upper
    bits of their container empty are taken for the next common depth: a 12-bit
    sensor's values in a 16-bit file would otherwise come out black. One value alone
    says nothing, so a picture of one value is read by its container.

    Args:
        low: The smallest value.
        high: The largest.
        container: Bits that a value is stored in.
        declared: White, where the file says it.
    """
    if declared is not None and low >= 0 and high <= declared:
        return Range(0, declared)
    if low < 0 or high >= 2**16:
        if low == high:
            return Range(min(low, 0), max(high, 1))
        black = min(low, 0)
        return Range(black, high, note=f"was scaled by its own range, {black:,} to {high:,}")
    depth = next(bits for bits in DEPTHS if high < 2**bits)
    if low == high:
        depth = 16 if container == 16 or depth > 8 else 8
    if low == high or depth == container:
        return Range(0, 2**depth - 1)
    return Range(
        0,
        2**depth - 1,
        note=f"holds {depth}-bit values in {container} bits (up to {high:,}) and was scaled so",
    )


def of_floats(low: float, high: float, mean: float, declared: tuple[float, float] | None) -> Range:
    """Decide the range of fractions, of which infinite ones and NaN were left out.

    Numbers from 0 to 1 are fractions of white, larger ones up to 255 are bytes, whole
    numbers of a common depth are those, and whatever else has its own range.

    Args:
        low: The smallest value.
        high: The largest.
        mean: Their mean, which replaces what is no number.
        declared: Black and white, where the file says them.
    """
    if declared is not None and declared[0] <= low and high <= declared[1] > declared[0]:
        return Range(*declared, middle=mean)
    if low >= 0:
        if high <= 1:
            return Range(0, 1, mean)
        if 25.5 < high <= 255:
            return Range(0, 255, mean)
        if 255 < high < 2**16:
            integer_range = of_integers(int(low), int(np.ceil(high)), container=32)
            return Range(integer_range.black, integer_range.white, mean, integer_range.note)
    if low == high:
        return Range(min(low, 0), max(high, 1), mean)
    return Range(low, high, mean, f"was scaled by its own range, {low:.6g} to {high:.6g}")


def spread(bands: Iterator[np.ndarray]) -> tuple[float, float, float, int]:
    """Return the smallest and largest finite value, their mean, and how many are not finite."""
    low, high, total, count, odd = np.inf, -np.inf, 0.0, 0, 0
    for band in bands:
        finite = band if band.dtype.kind != "f" else band[np.isfinite(band)]
        odd += band.size - finite.size
        if finite.size:
            low, high = min(low, finite.min()), max(high, finite.max())
            total += float(finite.sum(dtype=np.float64))
            count += finite.size
    return float(low), float(high), total / max(count, 1), odd


def bands(values: np.ndarray) -> Iterator[np.ndarray]:
    """Cut an array of (height, width, ...) into runs of rows."""
    rows = max(1, BAND // max(values[:1].size, 1))
    for top in range(0, len(values), rows):
        yield values[top : top + rows]


def scaled(
    values: np.ndarray, limits: Range, read: Callable[[np.ndarray], np.ndarray] = lambda band: band
) -> np.ndarray:
    """Scale to 0-255, (height, width, ...) uint8, rounded to the nearest.

    Args:
        values: The values, or what ``read`` makes values of.
        limits: Black and white.
        read: Turns a run of rows into values.
    """
    out = []
    step = 255 / (limits.white - limits.black)
    for part in bands(values):
        band = read(part).astype(np.float64)
        np.nan_to_num(band, copy=False, nan=limits.middle, posinf=limits.white, neginf=limits.black)
        out.append(np.clip(np.rint((band - limits.black) * step), 0, 255).astype(np.uint8))
    return np.concatenate(out)


def is_shifted(values: np.ndarray, depth: int) -> bool:
    """Tell whether 16-bit values are values of fewer bits, shifted up as the PNG standard has it.

    The free low bits are then zeros, or repeat the high ones.
    """
    free = 16 - depth
    for band in bands(values):
        top = band >> free
        gap = np.abs(band - np.round(top * (65535 / (2**depth - 1))))
        if not ((band == top << free) | (gap <= 1)).all():
            return False
    return True
