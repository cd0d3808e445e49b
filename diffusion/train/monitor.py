"""What shows how good the EMA weights are while they train: sample grids, validation loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...config import TrainSettings
from ...runs import Run
from ..networks import network
from ..sampling import grid
from . import engine, validation
from .objective import Objective
from .progress import Progress
from .state import State


class Monitor:
    """Evaluates the EMA weights of a training.

    Args:
        run: Where sample grids go.
        settings: Of the training.
        state: Holds the weights and their EMA.
        objective: Defines the loss.
        training_images: (n, 3, h, w) uint8.
        training_classes: (n,) int64 their classes, None without.
        device: Where the network is.
    """

    def __init__(
        self,
        run: Run,
        settings: TrainSettings,
        state: State,
        objective: Objective,
        *,
        training_images: Tensor,
        device: torch.device,
        training_classes: np.ndarray | None = None,
    ) -> None:
        self.run, self.settings, self.state = run, settings, state
        self.objective, self.device = objective, device
        self.training_images, self.training_classes = training_images, training_classes
        self.classes = network.class_count(settings, run.path)
        self.held_out = validation.held_out_subset(run, settings.image_size, device)

    def log_validation_loss(self, step: int, progress: Progress) -> None:
        """Log the loss by noise level on training and held-out images, if any are held out.

        The network is told the classes of both, or where those of the held-out images are not
        known of neither, so that the two can be compared.
        """
        if self.held_out is None:
            return
        told = self.training_classes if self.held_out.classes is not None else None
        trained_on = validation.training_subset(self.training_images, self.device, told)
        with self._ema_network() as ema_network:
            losses = {
                name: validation.loss_by_level(ema_network, self.objective, *subset)
                for name, subset in {"train": trained_on, "held_out": self.held_out}.items()
            }
        progress.note(step, loss_by_level=losses)

    def grid_file(self, step: int) -> Path:
        """Return where the sample grid of a step is written."""
        return self.run.path / "grids" / f"step-{step:08d}.png"

    def save_grid(self, step: int, give_up: Callable[[], bool] | None) -> None:
        """Sample images and write the grid of a step."""
        with self._ema_network() as ema_network:
            grid.save_sample_grid(
                ema_network,
                self.grid_file(step),
                settings=self.settings,
                alpha_bar=self.objective.alpha_bar.tolist(),
                device=self.device,
                give_up=give_up,
                classes=self.classes,
            )

    @contextmanager
    def _ema_network(self) -> Iterator[torch.nn.Module]:
        inner = self.state.network
        with self.state.ema_in_place(), engine.eager(network.unwrap(inner)):
            inner.eval()  # without dropout
            try:
                yield inner
            finally:
                inner.train()
