"""The network of denoising-diffusion-pytorch 1.9.4.

Written anew, with that repository's state-dict names, so that a ``.pt`` file of
its Trainer can be sampled from and trained on here. A U-Net with a 7x7 stem,
halving by pixel-unshuffle, linear attention above and full attention on the
lowest level, two skip connections per level, and one around the whole network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conditioning import CLASSES, CONDITIONING, ClassEmbedding, label_embedding, label_map

GROUPS = 8
HEADS, HEAD = 4, 32
MEMORY = 4  # learned key-value pairs that every attention also sees


class Lucidrains(nn.Module):
    """The U-Net of denoising-diffusion-pytorch.

    Args:
        base: Width of the stem.
        widths: Width of each level, from the full picture down.
        dropout: Chance that a unit between a residual block's convolutions is dropped.
        labels: How many numbers it is told about each image, see `conditioning`.
        classes: How many classes it knows.
    """

    def __init__(
        self,
        base: int,
        widths: Sequence[int],
        *,
        dropout: float = 0.0,
        labels: int = 0,
        classes: int = 0,
    ) -> None:
        super().__init__()
        code = 4 * base
        above = [base, *widths[:-1]]
        lowest = len(widths) - 1
        self.init_conv = nn.Conv2d(3, base, 7, padding=3)
        self.time_mlp = nn.Sequential(
            Sinusoid(base), nn.Linear(base, code), nn.GELU(), nn.Linear(code, code)
        )
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level, (wide, next_wide) in enumerate(zip(above, widths, strict=True)):
            self.downs.append(
                nn.ModuleList(
                    [
                        Residual(wide, wide, code),
                        Residual(wide, wide, code),
                        Attention(wide) if level == lowest else LinearAttention(wide),
                        halve(wide, next_wide) if level < lowest else conv3(wide, next_wide),
                    ]
                )
            )
            self.ups.insert(
                0,
                nn.ModuleList(
                    [
                        Residual(next_wide + wide, next_wide, code),
                        Residual(next_wide + wide, next_wide, code),
                        Attention(next_wide) if level == lowest else LinearAttention(next_wide),
                        double(next_wide, wide) if level > 0 else conv3(next_wide, wide),
                    ]
                ),
            )
        self.mid_block1 = Residual(widths[-1], widths[-1], code)
        self.mid_attn = Attention(widths[-1])
        self.mid_block2 = Residual(widths[-1], widths[-1], code)
        self.final_res_block = Residual(2 * base, base, code)
        self.final_conv = nn.Conv2d(base, 3, 1)
        for module in self.modules():
            if isinstance(module, Residual):
                module.dropout = dropout
        self.labels, self.classes = labels, classes
        if labels:
            self.add_module(CONDITIONING, label_map(labels, code))
        if classes:
            self.add_module(CLASSES, ClassEmbedding(classes, code))

    def forward(
        self,
        x_t: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        classes: Tensor | None = None,
    ) -> Tensor:
        """(b, 3, h, w), (b,), labels (b, k) and classes (b,) -> (b, 3, h, w)."""
        x = stem = self.init_conv(x_t)
        code = self.time_mlp(t)
        if self.labels:
            code = code + label_embedding(self, labels, len(x_t))
        if self.classes:
            embedding = cast(ClassEmbedding, self.get_submodule(CLASSES))
            code = code + embedding.looked_up(classes, len(x_t))
        skips: list[Tensor] = []
        for level in self.downs:
            first, second, attend, down = cast(nn.ModuleList, level)
            x = first(x, code)
            skips.append(x)
            x = second(x, code)
            x = attend(x)
            skips.append(x)
            x = down(x)
        x = self.mid_block1(x, code)
        x = self.mid_attn(x)
        x = self.mid_block2(x, code)
        for level in self.ups:
            first, second, attend, up = cast(nn.ModuleList, level)
            x = first(torch.cat((x, skips.pop()), 1), code)
            x = second(torch.cat((x, skips.pop()), 1), code)
            x = attend(x)
            x = up(x)
        return self.final_conv(self.final_res_block(torch.cat((x, stem), 1), code))


class Sinusoid(nn.Module):
    """Embed noise levels as sines and cosines of falling frequency."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pairs = width // 2

    def forward(self, t: Tensor) -> Tensor:
        """(b,) -> (b, width)."""
        falling = torch.arange(self.pairs, device=t.device) * -(math.log(10_000) / (self.pairs - 1))
        angle = t[:, None] * falling.exp()[None]
        return torch.cat((angle.sin(), angle.cos()), 1)


class Block(nn.Module):
    """Convolution, group normalization, scale and shift, SiLU."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.proj = conv3(width_in, width_out)
        self.norm = nn.GroupNorm(GROUPS, width_out)

    def forward(
        self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None
    ) -> Tensor:
        """(b, c, h, w) -> (b, c', h, w); scale and shift are (b, c', 1, 1)."""
        x = self.norm(self.proj(x))
        if scale is not None and shift is not None:
            x = x * (scale + 1) + shift
        return F.silu(x)


class Residual(nn.Module):
    """Two blocks beside a shortcut; the noise level scales and shifts the first."""

    def __init__(self, width_in: int, width_out: int, code: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(code, 2 * width_out))
        self.dropout = 0.0
        self.block1 = Block(width_in, width_out)
        self.block2 = Block(width_out, width_out)
        same = width_in == width_out
        self.res_conv = nn.Identity() if same else nn.Conv2d(width_in, width_out, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(b, c, h, w) and (b, code) -> (b, c', h, w)."""
        scale, shift = self.mlp(code)[:, :, None, None].chunk(2, 1)
        inner = self.block1(x, scale, shift)
        if self.dropout:
            inner = F.dropout(inner, self.dropout, self.training)
        return self.block2(inner) + self.res_conv(x)


class RMSNorm(nn.Module):
    """Normalize every pixel to unit root mean square over its channels, times a gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> the same."""
        return F.normalize(x, dim=1) * self.g * x.shape[1] ** 0.5


class LinearAttention(nn.Module):
    """Attention whose cost grows with the pixels, not their square (arXiv:1812.01243).

    What it finds is added to what it is given.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width)
        self.mem_kv = nn.Parameter(torch.randn(2, HEADS, HEAD, MEMORY))
        self.to_qkv = nn.Conv2d(width, 3 * HEADS * HEAD, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(HEADS * HEAD, width, 1), RMSNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> the same."""
        b, _, h, w = x.shape
        q, k, v = self.to_qkv(self.norm(x)).view(b, 3, HEADS, HEAD, h * w).unbind(1)
        memory = self.mem_kv[:, None].expand(-1, b, -1, -1, -1)  # (2, b, heads, head, memory)
        k, v = torch.cat((memory[0], k), -1), torch.cat((memory[1], v), -1)
        q = q.softmax(-2) * HEAD**-0.5
        context = k.softmax(-1) @ v.transpose(-1, -2)  # (b, heads, head of k, head of v)
        out = context.transpose(-1, -2) @ q  # (b, heads, head, pixels)
        return self.to_out(out.reshape(b, HEADS * HEAD, h, w)) + x


class Attention(nn.Module):
    """Full self-attention between pixels, added to what it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width)
        self.mem_kv = nn.Parameter(torch.randn(2, HEADS, MEMORY, HEAD))
        self.to_qkv = nn.Conv2d(width, 3 * HEADS * HEAD, 1, bias=False)
        self.to_out = nn.Conv2d(HEADS * HEAD, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> the same."""
        b, _, h, w = x.shape
        qkv = self.to_qkv(self.norm(x)).view(b, 3, HEADS, HEAD, h * w).transpose(-1, -2)
        q, k, v = qkv.unbind(1)  # each (b, heads, pixels, head)
        memory = self.mem_kv[:, None].expand(-1, b, -1, -1, -1).to(k.dtype)
        k, v = torch.cat((memory[0], k), -2), torch.cat((memory[1], v), -2)
        if x.device.type == "cpu":  # in bfloat16 slower there
            q, k, v = q.float(), k.float(), v.float()
        out = F.scaled_dot_product_attention(q, k, v)
        return self.to_out(out.transpose(-1, -2).reshape(b, HEADS * HEAD, h, w)) + x


def conv3(width_in: int, width_out: int) -> nn.Conv2d:
    """Return a 3x3 convolution that keeps the size."""
    return nn.Conv2d(width_in, width_out, 3, padding=1)


def halve(width_in: int, width_out: int) -> nn.Sequential:
    """Return a layer that packs 2x2 pixels into one."""
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * width_in, width_out, 1))


def double(width_in: int, width_out: int) -> nn.Sequential:
    """Return a layer that makes 2x2 pixels of one."""
    return nn.Sequential(nn.Upsample(scale_factor=2), conv3(width_in, width_out))
