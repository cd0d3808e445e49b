"""The averaged weights (EMA) that images are drawn with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

POWER = 2 / 3


def ema_decay_at(step: int, *, decay: float, every: int, warmup: int) -> float | None:
    """Return the decay of the EMA update after a step.

    Args:
        step: Optimizer steps done, 1 after the first.
        decay: Its upper limit, reached late.
        every: Steps between two updates, counted from the first step.
        warmup: Up to here the average is a copy of the weights; from here the
            decay grows as 1 - (1 + steps)^(-2/3), so that a short training does
            not average the noise it began with.

    Returns:
        0 to copy the weights, a share below 1 to mix, None where no update is due.
    """
    if (step - 1) % every:
        return None
    age = step - warmup - 1
    return 0.0 if age <= 0 else min(decay, 1 - (1 + age) ** -POWER)


def ema_update(ema: Sequence[Tensor], weights: Sequence[Tensor], decay: float) -> None:
    """Compute ``ema = decay * ema + (1 - decay) * weights`` in place, all tensors in one kernel."""
    with torch.no_grad():
        torch._foreach_lerp_(list(ema), [w.detach() for w in weights], 1 - decay)  # pyright: ignore
