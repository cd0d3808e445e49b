"""The networks, built from settings: (x_t (b, 3, h, w), t (b,)) -> (b, 3, h, w)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...common.errors import EnvironmentFault, SettingsError
from ...config import TrainSettings
from ...runs import read_json
from ..init.from_pipeline import SHAPE
from .conditioning import CONDITIONING, label_embedding, label_map
from .lucidrains import Lucidrains

GROUPS = 8
HEAD = 32
AUGMENTATION_LABELS = 9


class Unet2D(nn.Module):
    """diffusers' ``UNet2DModel`` behind a plain call; ``inner`` is the model itself."""

    def __init__(self, labels: int = 0, **config: Any) -> None:
        super().__init__()
        try:
            from diffusers.models.unets.unet_2d import UNet2DModel

            from .attention import use_float32_on_cpu
        except ImportError as fault:
            raise EnvironmentFault(
                f"the network unet2d needs diffusers, which does not import here ({fault}); "
                "install it with: pip install diffusers"
            ) from fault
        self.inner = UNet2DModel(**config)
        use_float32_on_cpu(self.inner)
        if labels:
            code = self.inner.time_embedding.linear_2.out_features
            self.inner.add_module(CONDITIONING, label_map(labels, code))
            self.inner.class_embedding = nn.Identity()  # adds what it is given to the embedding

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the prediction for noised images x_t (b, 3, h, w) at levels t (b,).

        Args:
            x_t: (b, 3, h, w).
            t: (b,) noise levels.
            labels: (b, k) what is known of the images, zeros by default.
        """
        if self.inner.class_embedding is None:
            return self.inner(x_t, t, return_dict=False)[0]
        added = label_embedding(self.inner, labels, len(x_t))
        return self.inner(x_t, t, class_labels=added, return_dict=False)[0]


def build(settings: TrainSettings, run_path: Path | None = None) -> nn.Module:
    """Build the network with the random weights that belong to the settings' seed.

    Args:
        settings: Of the training.
        run_path: Its run, where the network may have the shape of a pipeline that it starts
            from.

    Raises:
        SettingsError: It is the analytic one, which has no weights.
    """
    if settings.network == "analytic":
        raise SettingsError("the network analytic has no weights; it needs the images of a run.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if settings.network == "lucidrains":
            return Lucidrains(
                settings.base_channels,
                settings.widths,
                dropout=settings.dropout,
                labels=label_count(settings),
            )
        return Unet2D(label_count(settings), **unet2d_config(settings, run_path))


def label_count(settings: TrainSettings) -> int:
    """Return how many labels the network of a training is told."""
    return AUGMENTATION_LABELS if settings.augment else 0


def unwrap(network: nn.Module) -> nn.Module:
    """Return the module whose state-dict names are those of the published format."""
    return network.inner if isinstance(network, Unet2D) else network


def unet2d_config(settings: TrainSettings, run_path: Path | None = None) -> dict[str, Any]:
    """Return the arguments of ``UNet2DModel``.

    At 128 px and the defaults: widths 64, 96, 192, 384, two layers a level,
    self-attention on the lowest level (16 px), 36.5 million parameters.
    """
    dropout = {"dropout": settings.dropout} if settings.dropout else {}
    if run_path is not None and (run_path / SHAPE).exists():
        shape = read_json(run_path / SHAPE)
        return {**shape, "sample_size": settings.image_size, **dropout}
    widths = settings.widths
    lowest = len(widths) - 1
    return {
        **dropout,
        "sample_size": settings.image_size,
        "in_channels": 3,
        "out_channels": 3,
        "layers_per_block": settings.layers,
        "block_out_channels": tuple(widths),
        "down_block_types": ("DownBlock2D",) * lowest + ("AttnDownBlock2D",),
        "up_block_types": ("AttnUpBlock2D",) + ("UpBlock2D",) * lowest,
        "attention_head_dim": HEAD if widths[-1] % HEAD == 0 else GROUPS,
        "norm_num_groups": GROUPS,
        "resnet_time_scale_shift": "scale_shift",
    }
