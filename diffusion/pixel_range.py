"""From uint8 pixels to the range [-1, 1] that networks see, and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_uint8(pictures: Tensor) -> np.ndarray:
    """From (n, 3, h, w) in [-1, 1] to (n, h, w, 3) in 0..255."""
    scaled = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def to_unit(pictures: Tensor) -> Tensor:
    """From uint8 to float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1
