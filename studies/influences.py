"""How much each image moves the values of a cell, kept beside its outcome for the intervals."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import metrics
from ..common.files import write_bytes

Floats = np.ndarray[Any, np.dtype[np.float64]]

KEPT = ("frechet_distance", "precision", "recall", "density", "coverage", "memorized")
"""Metrics whose influences are kept; the others have intervals over trainings alone."""


def influences_of(evaluation: metrics.Evaluation) -> dict[str, Floats]:
    """Return how much each image moves a value, mean 0, by metric and side.

    Returns:
        ``{"recall/real": (n,), "precision/generated": (m,), ...}``, and as ``rows/real`` and
        ``rows/generated`` which images these are, in the order of the features. Only the rows
        where no intervals were asked for (``bootstrap=0``).
    """
    rows = {"real": evaluation.real_rows, "generated": evaluation.generated_rows}
    kept: dict[str, Floats] = {f"rows/{side}": np.sort(own) for side, own in rows.items()}
    for metric in KEPT:
        moved = evaluation.influences.get(metric)
        sides = {} if moved is None else {"real": moved.per_real, "generated": moved.per_generated}
        for side, values in sides.items():
            if values is not None:
                kept[f"{metric}/{side}"] = values[np.argsort(rows[side], kind="stable")]
    return kept


def save(path: Path, by_reference: Mapping[str, Mapping[str, Floats]]) -> None:
    """Write the influences on a cell's values, by reference, in full or not at all."""
    data = io.BytesIO()
    flat: dict[str, Any] = {
        f"{reference}/{name}": np.asarray(values, np.float32)
        for reference, arrays in by_reference.items()
        for name, values in arrays.items()
    }
    np.savez_compressed(data, **flat)
    write_bytes(path, data.getvalue())


def load(path: Path, reference: str) -> dict[str, Floats]:
    """Read the influences on a cell's values; empty where none were kept or they are damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            prefix = f"{reference}/"
            return {
                name.removeprefix(prefix): np.asarray(stored[name], float)
                for name in stored.files
                if name.startswith(prefix)
            }
    except (OSError, ValueError, KeyError):
        return {}
