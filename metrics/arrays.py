"""What every metric asks of its embeddings, said once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.arrays import Array, Booleans, Floats, Integers, unit_length
from ..common.errors import DataError

__all__ = [
    "Array",
    "Booleans",
    "Floats",
    "Integers",
    "embeddings",
    "neighbors_fit",
    "pair",
    "unit_length",
]


def embeddings(name: str, values: Any, *, at_least: int = 1) -> Array:
    """Check one set of embeddings; float32 and float64 are kept, the rest becomes float32.

    Args:
        name: What the caller calls it, for the error.
        values: (n, d), anything that numpy can read.
        at_least: How many rows are needed.

    Raises:
        DataError: It is not (n, d), has too few rows, or holds NaN or infinity.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(
            f"{name} must be (images, features), got shape {array.shape}; give one row per image."
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64 if array.dtype.kind in "iub" else np.float32)
    if len(array) < at_least:
        few = "1 image" if len(array) == 1 else f"{len(array)} images"
        raise DataError(f"{name} has {few} and at least {at_least} are needed; add images.")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise DataError(
            f"{name} holds NaN or infinity in {len(bad)} of {len(array)} rows (first: row "
            f"{bad[0]}); embed those images again or leave them out."
        )
    return np.ascontiguousarray(array)


def pair(
    first: str, first_values: Any, second: str, second_values: Any, *, at_least: int = 1
) -> tuple[Array, Array]:
    """Check two sets of embeddings that are to be compared.

    Raises:
        DataError: As `embeddings`, or the feature counts differ.
    """
    a = embeddings(first, first_values, at_least=at_least)
    b = embeddings(second, second_values, at_least=at_least)
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"{first} has {a.shape[1]} features per image and {second} has {b.shape[1]}; "
            "embed both with the same encoder."
        )
    return a, b


def neighbors_fit(name: str, count: int, k: int) -> None:
    """Check that every image of a set has k others.

    Raises:
        DataError: It has not.
    """
    if k < 1:
        raise DataError(f"k must be >= 1, got {k}.")
    if count <= k:
        raise DataError(
            f"k = {k} needs at least {k + 1} images and {name} has {count}; add images or lower k."
        )
