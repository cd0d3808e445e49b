"""DINOv2, as published FD-DINOv2 values use it.

timm has the network (Oquab et al. 2023, arXiv:2304.07193), but two things
differ from the original code and would change every value:

- timm resamples the position embedding from 37 x 37 to 16 x 16 with antialiasing;
  the original doesn't, and asks for a scale of (16 + 0.1) / 37 rather than for a
  size. `original_positions` does that.
- timm's own transform gives 518 px; FD-DINOv2 (Stein et al. 2023,
  arXiv:2306.04675) squashes the picture to 224 x 224, bicubic.

The embedding is the class token after the last norm, not scaled to length 1.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .encoder import Encoder
from .network import wrap
from .pixels import IMAGENET_MEAN, IMAGENET_STD, Pixels
from .weights import Source, file_hash, fill, locate, read_state

if TYPE_CHECKING:
    import torch

SIDE, PATCH = 224, 14
SIZES = {"s": "small", "b": "base", "l": "large"}


def original_positions(positions: torch.Tensor, grid: int = SIDE // PATCH) -> torch.Tensor:
    """Resample a position embedding the way the original DINOv2 code does.

    Args:
        positions: (1, 1 + m * m, d): class token, then an m x m grid (m = 37).
        grid: Patches per side that are needed.

    Returns:
        (1, 1 + grid * grid, d)
    """
    import torch

    token, patches = positions[:, :1], positions[:, 1:]
    side = round(patches.shape[1] ** 0.5)
    if side == grid:
        return positions
    square = patches.reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, d, 37, 37)
    small = torch.nn.functional.interpolate(
        square.float(), scale_factor=(grid + 0.1) / side, mode="bicubic", antialias=False
    )
    return torch.cat([token, small.permute(0, 2, 3, 1).reshape(1, grid * grid, -1)], dim=1)


def load(name: str, size: str, *, weights: str | None, device: str, dtype: str) -> Encoder:
    """Load DINOv2.

    Args:
        name: The encoder's name, for messages.
        size: ``small``, ``base`` or ``large``.
        weights: The original file or timm's; None to look it up.
        device: Where to compute.
        dtype: Number format.

    Raises:
        WeightsError: The weights are not here or are others.
    """
    import timm

    path = locate(name, _source(size), weights)
    state = read_state(path)
    state.pop("mask_token", None)  # serves training only
    if "pos_embed" in state and state["pos_embed"].ndim == 3:
        state["pos_embed"] = original_positions(state["pos_embed"])
    network = timm.create_model(
        f"vit_{size}_patch14_dinov2.lvd142m", pretrained=False, img_size=SIDE, num_classes=0
    )
    fill(network, state, encoder=name, path=path)
    return wrap(
        network,
        Pixels(SIDE, "squash", filter="bicubic", mean=IMAGENET_MEAN, std=IMAGENET_STD),
        name=name,
        identity=f"dinov2-{size}-original-positions|{file_hash(path)}",
        device=device,
        dtype=dtype,
    )


def source_of(name: str) -> Source:
    """Return where the weights of ``dinov2-vit-s14``, ``-b14`` or ``-l14`` are looked for."""
    return _source(SIZES[name.removeprefix("dinov2-vit-")[0]])


def _source(size: str) -> Source:
    file = f"dinov2_vit{size[0]}14_pretrain.pth"
    torch_home = os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch"
    return Source(
        repo=f"timm/vit_{size}_patch14_dinov2.lvd142m",
        files=("model.safetensors", "pytorch_model.bin"),
        cached=(Path(torch_home) / "hub" / "checkpoints" / file,),
    )
