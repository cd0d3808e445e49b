"""What a selection from shards is known by, and what it gives."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...config import SelectSettings


@dataclass(frozen=True)
class Chosen:
    """Rows that were chosen.

    Attributes:
        rows: (k,) rows of the pool in the order they were chosen.
        scores: (k,) what the method maximized.
        stop_reason: Why it ended.
        shortfall: How many fewer than the budget.
        used: Settings as used.
        flagged: Outliers; None where they were not looked for.
        bound: No row that may be chosen is farther from its nearest pick; None where the choice is
            exact.
        cells: In how many cells it was made; 0 where all rows were compared at once.
    """

    rows: np.ndarray
    scores: np.ndarray
    stop_reason: str
    shortfall: int
    used: dict[str, Any]
    flagged: int | None = None
    bound: float | None = None
    cells: int = 0


def fingerprint(config: SelectSettings, constraints: Any, *hashes: bytes | memoryview) -> str:
    """Hash what decides a choice: settings, values of columns, ids and embeddings."""
    left_out = {"overwrite", "name", "device", "to_shards"}
    asked = config.model_dump(mode="json", exclude=left_out)
    digest = hashlib.sha256(json.dumps([asked, constraints], sort_keys=True, default=str).encode())
    for part in hashes:
        digest.update(part)
    return digest.hexdigest()
