"""Types of arrays, and the length of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def row_lengths(rows: Array) -> Floats:
    """Return the Euclidean length of every row, (n,), summed in float64."""
    wide = np.asarray(rows, dtype=np.float64)
    return np.sqrt(np.einsum("nd,nd->n", wide, wide))


def unit_length(rows: Array) -> Floats:
    """Return the rows scaled to length 1, in float64; rows of zeros stay as they are."""
    wide = rows.astype(np.float64)
    length = row_lengths(wide)[:, None]
    return np.divide(wide, length, out=wide, where=length > 0)
