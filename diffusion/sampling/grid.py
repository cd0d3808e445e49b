"""The sample grid: sixteen images of a network, always from the same noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ...common.contact_sheet import contact_sheet
from ...common.files import replacing
from ...config import TrainSettings
from . import batch

PICTURES, COLUMNS = 16, 4
EVALUATIONS = 25


def save_sample_grid(
    network: nn.Module,
    path: Path,
    *,
    settings: TrainSettings,
    alpha_bar: Sequence[float],
    device: torch.device,
    give_up: Callable[[], bool] | None = None,
    classes: int = 0,
) -> None:
    """Draw the grid and write it; not, when ``give_up`` says so meanwhile.

    With so many ``classes`` it shows them in turn.

    A large grid on a CPU takes minutes; who asks to stop need not wait for it.
    """
    with suppress(batch.Interrupted):
        pictures = batch.sample_images(
            network,
            range(PICTURES),
            size=settings.image_size,
            alpha_bar=alpha_bar,
            prediction=settings.prediction,
            sampler="ddim",
            evaluations=min(EVALUATIONS, settings.timesteps),
            device=device,
            give_up=give_up,
            classes=np.arange(PICTURES) % classes if classes else None,
        )
        write_grid(pictures, path, columns=COLUMNS)


def write_grid(pictures: np.ndarray, path: Path, columns: int) -> None:
    """Write images, (n, h, w, 3) uint8, as one PNG with so many columns."""
    _, height, width, _ = pictures.shape
    images = [Image.fromarray(picture) for picture in pictures]
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as part:
        contact_sheet(images, columns=columns, size=(width, height)).save(part, "PNG")
