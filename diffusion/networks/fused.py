"""diffusers' residual blocks as a GPU computes them fastest: channels-last, norms fused.

`UNet2DModel` computes the same values without; where Triton cannot be used, it does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from ...common.errors import first_line
from .half import can_fuse


class FusedGroupNorm(nn.GroupNorm):
    """A group normalization that stays in channels-last memory."""

    def forward(self, input: Tensor) -> Tensor:
        """(b, c, h, w) -> the same."""
        return _norm(self, input) if can_fuse(input) else super().forward(input)


class FusedResnetBlock2D(ResnetBlock2D):
    """diffusers' block; in half precision on a GPU its norms, scales and SiLUs are fused."""

    def forward(self, input_tensor: Tensor, temb: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the block's output, (b, c, h, w); temb is (b, k) or None."""
        if not can_fuse(input_tensor):
            return super().forward(input_tensor, temb, *args, **kwargs)
        modulation = None
        hidden = self.conv1(_norm(self.norm1, input_tensor, activate=True))
        if self.time_emb_proj is not None:
            code = self.time_emb_proj(temb if self.skip_time_act else F.silu(temb))
            if self.time_embedding_norm == "scale_shift":
                modulation = code
            else:
                hidden = hidden + code[:, :, None, None]
        hidden = _norm(self.norm2, hidden, modulation=modulation, activate=True)
        hidden = self.conv2(self.dropout(hidden))
        if self.conv_shortcut is not None:
            input_tensor = self.conv_shortcut(input_tensor)
        output = input_tensor + hidden
        return output if self.output_scale_factor == 1 else output / self.output_scale_factor


def fuse(network: nn.Module) -> int:
    """Let the residual blocks and norms of a network on a GPU be computed fused.

    Its state dict and its values, to rounding, stay as they were.

    Returns:
        How many are, 0 where the GPU cannot.
    """
    if why_not():
        return 0
    fused = 0
    for module in network.modules():
        if type(module) is ResnetBlock2D and is_plain(module):
            module.__class__ = FusedResnetBlock2D
        elif type(module) is nn.GroupNorm:
            module.__class__ = FusedGroupNorm
        else:
            continue
        fused += 1
    return fused


@lru_cache(maxsize=1)
def why_not() -> str:
    """Return why this machine's GPU cannot compute fused norms; empty where it can."""
    try:
        from .triton_norm import group_norm

        random = torch.Generator().manual_seed(0)  # the caller's own generators stay as they are
        x, towards = torch.randn((2, 2, 32, 6, 8), generator=random).to("cuda", torch.bfloat16)
        x.requires_grad_()
        weight, bias = torch.ones(32, device="cuda"), torch.zeros(32, device="cuda")
        fused = group_norm(x, weight, bias, groups=8, eps=1e-5, activate=True)
        plain = F.silu(F.group_norm(x.float(), 8, weight, bias))
        gradient = torch.autograd.grad(fused, x, towards)[0]
        expected = torch.autograd.grad(plain, x, towards.float())[0]
        torch.testing.assert_close(fused.float(), plain, atol=0.03, rtol=0.03)
        torch.testing.assert_close(gradient, expected, atol=0.05, rtol=0.05)
    except Exception as fault:  # no Triton, no C compiler, a card that it does not know
        return first_line(fault)
    return ""


def is_plain(block: ResnetBlock2D) -> bool:
    """Tell whether a block keeps the size of its pictures and has SiLU."""
    plain = block.upsample is None and block.downsample is None
    return plain and isinstance(block.nonlinearity, nn.SiLU)


def _norm(
    norm: nn.GroupNorm, x: Tensor, *, modulation: Tensor | None = None, activate: bool = False
) -> Tensor:
    from .triton_norm import group_norm

    return group_norm(
        x,
        norm.weight,
        norm.bias,
        groups=norm.num_groups,
        eps=norm.eps,
        modulation=modulation,
        activate=activate,
    )
