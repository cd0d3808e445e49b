"""The sample grid: sixteen pictures of a network, always from the same noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from ...config import TrainSettings
from . import sample

PICTURES, COLUMNS = 16, 4
EVALUATIONS = 25


def save(
    network: nn.Module,
    path: Path,
    *,
    settings: TrainSettings,
    alpha_bar: Sequence[float],
    device: torch.device,
    give_up: Callable[[], bool] | None = None,
) -> None:
    """Draw the grid and write it; not, when ``give_up`` says so meanwhile.

    A large grid on a CPU takes minutes; who asks to stop need not wait for it.
    """
    with suppress(sample.GaveUp):
        pictures = sample.draw(
            network,
            range(PICTURES),
            size=settings.image_size,
            alpha_bar=alpha_bar,
            prediction=settings.prediction,
            sampler="ddim",
            evaluations=min(EVALUATIONS, settings.timesteps),
            device=device,
            give_up=give_up,
        )
        sample.save_grid(pictures, path, columns=COLUMNS)
