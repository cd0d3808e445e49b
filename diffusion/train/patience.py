"""When a training ends before its last step: its loss on held-out images does not fall any more.

The training decides it at a checkpoint, from what it has logged, so that where it ends depends on
no clock and on nobody who watches.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ...runs import Run

PATIENCE = "patience"
"""Entry of a training's record: the checkpoints that it waits for a lower loss, if it is to end."""


def validation_losses(log: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Return the mean loss on held-out images by step, as a training has logged it."""
    losses = {}
    for entry in log:
        levels = (entry.get("loss_by_level") or {}).get("held_out")
        if levels and "step" in entry:
            losses[int(entry["step"])] = statistics.fmean(levels)
    return losses


def out_of_patience(losses: Sequence[float], patience: int) -> bool:
    """Tell whether so many losses in a row are none below the lowest one before them."""
    if len(losses) <= patience:
        return False
    return min(losses[-patience:]) >= min(losses[:-patience])


def ends_early(run: Run) -> bool:
    """Tell whether a training has waited in vain, by its record and its log."""
    patience = run.record.get(PATIENCE)
    if patience is None:
        return False
    return out_of_patience(list(validation_losses(run.log()).values()), patience)
