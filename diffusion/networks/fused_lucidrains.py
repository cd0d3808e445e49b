"""`Lucidrains` as a GPU computes it fastest: channels-last, with fused norms and linear attention.

Its modules have the same weights by the same names and compute the same values without.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...common.errors import first_line
from .half import can_fuse
from .lucidrains import Block, LinearAttention, Residual, RMSNorm, halve


class FusedResidual(Residual):
    """Norms, scale and shift, SiLU, the shortcut, and biases of convolutions in fused kernels."""

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(b, c, h, w) and (b, code) -> (b, c', h, w)."""
        if not can_fuse(x):
            return super().forward(x, code)
        inner = _block(self.block1, x, modulation=self.mlp(code))
        if self.dropout:
            inner = F.dropout(inner, self.dropout, self.training)
        return _block(self.block2, inner, shortcut=self.res_conv(x))


class FusedRMSNorm(RMSNorm):
    """A norm that stays in channels-last memory."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> the same."""
        if not can_fuse(x):
            return super().forward(x)
        from .triton_rms import rms_norm

        return rms_norm(x, self.g)


class FusedLinearAttention(LinearAttention):
    """Softmaxes and products in fused kernels, without rearranging queries, keys and values."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> the same."""
        if not can_fuse(x):
            return super().forward(x)
        from .triton_attention import linear_attention
        from .triton_rms import rms_norm

        attended = linear_attention(self.to_qkv(self.norm(x)), self.mem_kv)
        convolution, norm = cast(nn.Conv2d, self.to_out[0]), cast(RMSNorm, self.to_out[1])
        out = F.conv2d(attended, convolution.weight)
        return rms_norm(out, norm.g, offset=convolution.bias, shortcut=x)


class FusedHalving(nn.Sequential):
    """The convolution of unshuffled pixels as one of 2x2 pixels, which moves none of them."""

    def forward(self, input: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c', h / 2, w / 2)."""
        if not can_fuse(input):
            return super().forward(input)
        convolution = cast(nn.Conv2d, self[1])
        weight = convolution.weight.reshape(-1, input.shape[1], 2, 2)
        return F.conv2d(input, weight, convolution.bias, stride=2)


TOLERANCE = 0.05  # of values and gradients in bfloat16, by their norm; a wrong kernel is far off
FUSED: dict[type[nn.Module], type[nn.Module]] = {
    Residual: FusedResidual,
    RMSNorm: FusedRMSNorm,
    LinearAttention: FusedLinearAttention,
}


def fuse(network: nn.Module) -> int:
    """Let the parts of a network on a GPU be computed fused.

    Its state dict and its values, to rounding, stay as they were.

    Returns:
        How many are, 0 where the GPU cannot.
    """
    return 0 if why_not() else _replace(network)


def _replace(network: nn.Module) -> int:
    replaced = 0
    for module in network.modules():
        if type(module) in FUSED:
            module.__class__ = FUSED[type(module)]
        elif type(module) is nn.Sequential and isinstance(module[0], nn.PixelUnshuffle):
            module.__class__ = FusedHalving
        else:
            continue
        replaced += 1
    return replaced


@lru_cache(maxsize=1)
def why_not() -> str:
    """Return why this machine's GPU cannot compute the network fused; empty where it can."""
    try:
        with torch.random.fork_rng(devices=[]):  # the caller's own generators stay as they are
            torch.manual_seed(0)
            _check(torch.device("cuda"))
    except Exception as fault:  # no Triton, no C compiler, a card that it does not know
        return first_line(fault)
    return ""


def _check(device: torch.device) -> None:
    """Compare values and gradients, fused in bfloat16 and plain in float32.

    Raises:
        AssertionError: They differ.
    """
    width, code = 32, torch.randn(2, 24)
    parts: list[tuple[nn.Module, Callable[[nn.Module, Tensor], Tensor]]] = [
        (Residual(width, width, 24), lambda part, x: part(x, code.to(x))),
        (Residual(width, 48, 24), lambda part, x: part(x, code.to(x))),
        (LinearAttention(width), lambda part, x: part(x)),
        (halve(width, 48), lambda part, x: part(x)),
    ]
    for part, call in parts:
        x = torch.randn(2, width, 24, 24).to(device, torch.bfloat16)
        part = nn.Sequential(part).to(device)
        results = []
        for fused in (False, True):
            if fused:
                _replace(part)
                part = part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            given = x.clone() if fused else x.float()
            given = given.contiguous(memory_format=torch.channels_last).requires_grad_()
            with torch.autocast(device.type, torch.bfloat16, enabled=fused):
                y = call(part[0], given)
            towards = torch.linspace(-1, 1, y.numel(), device=device).view_as(y).sin()
            gradients = torch.autograd.grad(y, [given, *part.parameters()], towards.to(y.dtype))
            results.append((y, *gradients))
        for plain, other in zip(*results, strict=True):
            error = (other.float() - plain).norm() / plain.norm()
            if not error < TOLERANCE:
                kind = type(part[0]).__name__
                raise AssertionError(f"{kind} differs by {error:.1%} from what is not fused")


def _block(
    block: Block, x: Tensor, *, modulation: Tensor | None = None, shortcut: Tensor | None = None
) -> Tensor:
    from .triton_norm import group_norm

    convolution, norm = block.proj, block.norm
    return group_norm(
        F.conv2d(x, convolution.weight, padding=1),
        norm.weight,
        norm.bias,
        groups=norm.num_groups,
        eps=norm.eps,
        modulation=modulation,
        offset=convolution.bias,
        shortcut=shortcut,
        activate=True,
    )
