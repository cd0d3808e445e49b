"""The networks, built from settings: (x_t (b, 3, h, w), t (b,)) -> (b, 3, h, w)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...common.errors import EnvironmentFault, SettingsError
from ...config import TrainSettings
from .lucidrains import Lucidrains

GROUPS = 8
HEAD = 32


class Unet2D(nn.Module):
    """diffusers' ``UNet2DModel`` behind a plain call; ``inner`` is the model itself."""

    def __init__(self, **config: Any) -> None:
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

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the prediction for noised images x_t (b, 3, h, w) at levels t (b,)."""
        return self.inner(x_t, t, return_dict=False)[0]


def build(settings: TrainSettings) -> nn.Module:
    """Build the network with the random weights that belong to the settings' seed.

    Raises:
        SettingsError: It is the analytic one, which has no weights.
    """
    if settings.network == "analytic":
        raise SettingsError("the network analytic has no weights; it needs the images of a run.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if settings.network == "lucidrains":
            return Lucidrains(settings.base_channels, settings.widths)
        return Unet2D(**unet2d_config(settings))


def unwrap(network: nn.Module) -> nn.Module:
    """Return the module whose state-dict names are those of the published format."""
    return network.inner if isinstance(network, Unet2D) else network


def unet2d_config(settings: TrainSettings) -> dict[str, Any]:
    """Return the arguments of ``UNet2DModel``.

    At 128 px and the defaults: widths 64, 96, 192, 384, two layers a level,
    self-attention on the lowest level (16 px), 36.5 million parameters.
    """
    widths = settings.widths
    lowest = len(widths) - 1
    return {
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
