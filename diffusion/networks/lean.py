"""diffusers' residual blocks with fewer passes over each picture, for training on a CPU.

While training, diffusers' block copies a picture out of channels-last memory before its shortcut,
whose convolution copies it back; it divides by 1, and scales and shifts in two passes.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from .fused import is_plain


class LeanResnetBlock2D(ResnetBlock2D):
    """diffusers' block without up- or downsampling; the same values to rounding."""

    def forward(self, input_tensor: Tensor, temb: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the block's output, (b, c, h, w); temb is (b, k)."""
        hidden = self.conv1(F.silu(self.norm1(input_tensor)))
        project = cast(nn.Linear, self.time_emb_proj)
        scale, shift = project(F.silu(temb))[:, :, None, None].chunk(2, dim=1)
        hidden = torch.addcmul(shift, self.norm2(hidden), 1 + scale)
        hidden = self.conv2(self.dropout(F.silu(hidden)))
        if self.conv_shortcut is not None:
            input_tensor = self.conv_shortcut(input_tensor)
        return input_tensor + hidden


def make_lean(network: nn.Module) -> None:
    """Let the residual blocks of a network compute so, where they are of the usual kind."""
    for module in network.modules():
        if type(module) is ResnetBlock2D and _usual(module):
            module.__class__ = LeanResnetBlock2D


def _usual(block: ResnetBlock2D) -> bool:
    return (
        is_plain(block)
        and block.time_emb_proj is not None
        and block.time_embedding_norm == "scale_shift"
        and not block.skip_time_act
        and block.output_scale_factor == 1
    )
