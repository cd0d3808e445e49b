"""Drawings that are copies: one training image makes most of them, which is exact here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import runs
from ...runs import Run

COPY = 0.5  # share of a drawing that one training image makes, from which the eye sees a copy
PAIRS = 6  # drawings of an arm that are kept with their image


def copies_in(model_run: Run, folder: Path) -> dict[str, Any]:
    """Find the drawings of a folder that are copies of a training image.

    Args:
        model_run: The model that drew them.
        folder: The drawings, with what they are made of.

    Returns:
        ``copied``: share of the drawings of which one image, mirrored or not, makes at least
        `COPY`; and ``pairs``: drawings that one image makes most of, most first, each with
        its ``drawing`` and ``image`` (files) and ``share``.
    """
    from ...diffusion.analytic import sources

    manifest = runs.read_json(model_run.path / "manifest.json")
    largest = [source.largest(1) for source in sources.load(folder)]
    rows = [int(row[0]) for row, _ in largest]
    shares = np.array([share[0] for _, share in largest])
    first = np.argsort(-shares, kind="stable")[:PAIRS]
    return {
        "copied": float((shares >= COPY).mean()),
        "pairs": [
            {
                "drawing": str(folder / f"{number:06d}.png"),
                "image": manifest["paths"][rows[number]],
                "share": float(shares[number]),
            }
            for number in first
        ],
    }


def pictures_of(pairs: Sequence[dict[str, Any]]) -> list[Path]:
    """Return the files of pairs for a sheet: each drawing, and beside it its image."""
    return [Path(pair[side]) for pair in pairs for side in ("drawing", "image")]
