"""Group normalization of pictures in channels-last memory, as Triton kernels.

Convolutions in bf16 are fastest in channels-last memory. PyTorch's own group normalization on a
GPU leaves it: every picture is copied into the other order and back. Here one picture is read
twice and written once, with scale, shift and SiLU in the same pass; backward likewise. Sums are
in float32 and in an order that depends on shapes alone, so that a step can be repeated to the bit.
"""

# pyright: basic, reportArgumentType=false

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 32  # places of a picture that one program reads at a time
COLUMNS = 64  # channels of a program
CHUNK = 512  # places of a program
WIDE = 128  # channels of a group that one program reads; of wider groups the next power of 2


@triton.jit
def _tile(start, end, c, block, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return the offsets of a tile in a picture, which are inside, and its columns."""
    rows = start + tl.arange(0, ROWS)
    columns = block * COLUMNS + tl.arange(0, COLUMNS)
    inside = (rows < end)[:, None] & (columns < c)[None, :]
    return rows.to(tl.int64)[:, None] * c + columns[None, :], inside, columns


@triton.jit
def _gradient(x, dy, a, b, ACT: tl.constexpr):
    """Return the gradient before the activation."""
    if ACT:
        v = x * a[None, :] + b[None, :]
        s = tl.sigmoid(v)
        return dy * s * (1 + v * (1 - s))
    return dy


@triton.jit(do_not_specialize=["hw", "chunks"])
def _sums(X, SUMS, hw, c, chunks, CHUNK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Sums over a chunk of x - first and its square, by channel, where first is x at place 0."""
    picture, chunk, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    X += picture.to(tl.int64) * hw * c
    columns = block * COLUMNS + tl.arange(0, COLUMNS)
    first = tl.load(X + columns, columns < c, 0.0).to(tl.float32)
    one = tl.zeros((ROWS, COLUMNS), tl.float32)
    two = tl.zeros((ROWS, COLUMNS), tl.float32)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        offsets, inside, _ = _tile(start, end, c, block, ROWS, COLUMNS)
        x = tl.load(X + offsets, inside, 0.0).to(tl.float32)
        x = tl.where(inside, x - first[None, :], 0.0)
        one += x
        two += x * x
    at = SUMS + (picture * chunks + chunk) * 2 * c + columns
    tl.store(at, tl.sum(one, 0), columns < c)
    tl.store(at + c, tl.sum(two, 0), columns < c)


@triton.jit
def _added(SUMS, picture, group, c, chunks, width, WIDE: tl.constexpr):
    """Return a group's columns, which are inside, and both sums of its channels over chunks."""
    inner = tl.arange(0, WIDE)
    inside = inner < width
    columns = group * width + inner
    one = tl.zeros((WIDE,), tl.float32)
    two = tl.zeros((WIDE,), tl.float32)
    for chunk in range(chunks):
        at = SUMS + (picture * chunks + chunk) * 2 * c + columns
        one += tl.load(at, inside, 0.0)
        two += tl.load(at + c, inside, 0.0)
    return columns, inside, one, two


@triton.jit(do_not_specialize=["hw", "chunks", "groups", "width", "stride"])
def _statistics(
    X, SUMS, W, BIAS, OFFSET, MOD, MEAN, RATE, APART, A, B, hw, c, chunks, groups, width, stride,
    eps, MOVED: tl.constexpr, MODULATED: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Mean and 1 / deviation of a group; factor a and summand b of each of its channels.

    Moved x has an offset for each channel, and apart is its channels' means less their group's.
    """
    picture, group = tl.program_id(0), tl.program_id(1)
    columns, inside, one, two = _added(SUMS, picture, group, c, chunks, width, WIDE)
    first = tl.load(X + picture.to(tl.int64) * hw * c + columns, inside, 0.0).to(tl.float32)
    means = first + one / hw
    if MOVED:
        offset = tl.load(OFFSET + columns, inside, 0.0).to(tl.float32)
        means += offset
    mean = tl.sum(tl.where(inside, means, 0.0), 0) / width
    apart = tl.where(inside, means - mean, 0.0)
    squares = tl.where(inside, two - one * one / hw, 0.0)
    variance = tl.sum(squares / hw + apart * apart, 0) / width
    rate = 1 / tl.sqrt(variance + eps)
    a = rate * tl.load(W + columns, inside, 0.0).to(tl.float32)
    b = tl.load(BIAS + columns, inside, 0.0).to(tl.float32) - mean * a
    if MOVED:
        b += offset * a
        tl.store(APART + picture * c + columns, apart, inside)
    if MODULATED:
        scale = 1 + tl.load(MOD + picture * stride + columns, inside, 0.0).to(tl.float32)
        shift = tl.load(MOD + picture * stride + c + columns, inside, 0.0).to(tl.float32)
        a, b = a * scale, b * scale + shift
    tl.store(MEAN + picture * groups + group, mean)
    tl.store(RATE + picture * groups + group, rate)
    tl.store(A + picture * c + columns, a, inside)
    tl.store(B + picture * c + columns, b, inside)


@triton.jit(do_not_specialize=["hw"])
def _apply(
    X, A, B, SHORTCUT, Y, hw, c, ACT: tl.constexpr, ADD: tl.constexpr,
    CHUNK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Multiply by a, add b, apply SiLU, add the shortcut."""
    picture, chunk, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    columns = block * COLUMNS + tl.arange(0, COLUMNS)
    a = tl.load(A + picture * c + columns, columns < c, 0.0)
    b = tl.load(B + picture * c + columns, columns < c, 0.0)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        offsets, inside, _ = _tile(start, end, c, block, ROWS, COLUMNS)
        offsets += picture.to(tl.int64) * hw * c
        v = tl.load(X + offsets, inside, 0.0).to(tl.float32) * a[None, :] + b[None, :]
        if ACT:
            v = v * tl.sigmoid(v)
        if ADD:
            v += tl.load(SHORTCUT + offsets, inside, 0.0).to(tl.float32)
        tl.store(Y + offsets, v.to(Y.dtype.element_ty), inside)


@triton.jit(do_not_specialize=["hw", "chunks", "groups", "width"])
def _gradient_sums(
    X, DY, A, B, OFFSET, MEAN, RATE, SUMS, hw, c, chunks, groups, width, MOVED: tl.constexpr,
    ACT: tl.constexpr, CHUNK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Sums over a chunk of the gradient before the activation, alone and times normed x."""
    picture, chunk, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    columns = block * COLUMNS + tl.arange(0, COLUMNS)
    a = tl.load(A + picture * c + columns, columns < c, 0.0)
    b = tl.load(B + picture * c + columns, columns < c, 0.0)
    mean = tl.load(MEAN + picture * groups + columns // width, columns < c, 0.0)
    rate = tl.load(RATE + picture * groups + columns // width, columns < c, 0.0)
    if MOVED:
        mean -= tl.load(OFFSET + columns, columns < c, 0.0).to(tl.float32)
    one = tl.zeros((ROWS, COLUMNS), tl.float32)
    two = tl.zeros((ROWS, COLUMNS), tl.float32)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        offsets, inside, _ = _tile(start, end, c, block, ROWS, COLUMNS)
        offsets += picture.to(tl.int64) * hw * c
        x = tl.load(X + offsets, inside, 0.0).to(tl.float32)
        dv = _gradient(x, tl.load(DY + offsets, inside, 0.0).to(tl.float32), a, b, ACT)
        dv = tl.where(inside, dv, 0.0)
        one += dv
        two += dv * (x - mean[None, :]) * rate[None, :]
    at = SUMS + (picture * chunks + chunk) * 2 * c + columns
    tl.store(at, tl.sum(one, 0), columns < c)
    tl.store(at + c, tl.sum(two, 0), columns < c)


@triton.jit(do_not_specialize=["hw", "chunks", "groups", "width", "stride"])
def _gradient_statistics(
    SUMS, W, BIAS, MOD, MEAN, RATE, APART, DW, DBIAS, DOFFSET, DMOD, P, Q, hw, c, chunks, groups,
    width, stride, MOVED: tl.constexpr, MODULATED: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Gradients of weight, bias, offset, scale and shift of a picture; p and q of its group."""
    picture, group = tl.program_id(0), tl.program_id(1)
    columns, inside, one, two = _added(SUMS, picture, group, c, chunks, width, WIDE)
    weight = tl.load(W + columns, inside, 0.0).to(tl.float32)
    row = picture * c + columns
    if MODULATED:
        bias = tl.load(BIAS + columns, inside, 0.0).to(tl.float32)
        at = DMOD + picture * 2 * c + columns
        tl.store(at, (weight * two + bias * one).to(DMOD.dtype.element_ty), inside)
        tl.store(at + c, one.to(DMOD.dtype.element_ty), inside)
        scale = 1 + tl.load(MOD + picture * stride + columns, inside, 0.0).to(tl.float32)
        one, two = one * scale, two * scale
    tl.store(DW + row, two, inside)
    tl.store(DBIAS + row, one, inside)
    mean = tl.load(MEAN + picture * groups + group)
    rate = tl.load(RATE + picture * groups + group)
    count = hw * width
    first = tl.sum(weight * one, 0) / count
    second = tl.sum(weight * two, 0) / count
    tl.store(P + picture * groups + group, rate * (rate * mean * second - first))
    if MOVED:
        apart = tl.load(APART + row, inside, 0.0)
        moved = rate * (weight * one - hw * (first + rate * apart * second))
        tl.store(DOFFSET + row, moved, inside)
    tl.store(Q + picture * groups + group, -rate * rate * second)


@triton.jit(do_not_specialize=["hw", "groups", "width"])
def _apply_gradient(
    X, DY, A, B, OFFSET, P, Q, DX, hw, c, groups, width, MOVED: tl.constexpr, ACT: tl.constexpr,
    CHUNK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """The gradient of x: a * that before the activation + p + q * x."""
    picture, chunk, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    columns = block * COLUMNS + tl.arange(0, COLUMNS)
    a = tl.load(A + picture * c + columns, columns < c, 0.0)
    b = tl.load(B + picture * c + columns, columns < c, 0.0)
    p = tl.load(P + picture * groups + columns // width, columns < c, 0.0)
    q = tl.load(Q + picture * groups + columns // width, columns < c, 0.0)
    if MOVED:
        p += q * tl.load(OFFSET + columns, columns < c, 0.0).to(tl.float32)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        offsets, inside, _ = _tile(start, end, c, block, ROWS, COLUMNS)
        offsets += picture.to(tl.int64) * hw * c
        x = tl.load(X + offsets, inside, 0.0).to(tl.float32)
        dv = _gradient(x, tl.load(DY + offsets, inside, 0.0).to(tl.float32), a, b, ACT)
        dx = dv * a[None, :] + p[None, :] + x * q[None, :]
        tl.store(DX + offsets, dx.to(DX.dtype.element_ty), inside)


class GroupNorm(torch.autograd.Function):
    """See `group_norm`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, modulation: Tensor | None,
        offset: Tensor | None, shortcut: Tensor | None, groups: int, eps: float, activate: bool,
    ) -> Tensor:  # fmt: skip
        """Compute the output; keep x and two or three numbers per channel."""
        x = x.contiguous(memory_format=torch.channels_last)
        if shortcut is not None:
            shortcut = shortcut.contiguous(memory_format=torch.channels_last)
        b, c, h, w = x.shape
        hw, width, chunks = h * w, c // groups, triton.cdiv(h * w, CHUNK)
        new = {"device": x.device, "dtype": torch.float32}
        sums = torch.empty((b, chunks, 2, c), **new)
        mean, rate = torch.empty((2, b, groups), **new)
        factor, summand = torch.empty((2, b, c), **new)
        apart = None if offset is None else torch.empty((b, c), **new)
        grid = (b, chunks, triton.cdiv(c, COLUMNS))
        size = {"CHUNK": CHUNK, "ROWS": ROWS, "COLUMNS": COLUMNS}
        if modulation is not None and modulation.stride(1) != 1:
            modulation = modulation.contiguous()
        _sums[grid](x, sums, hw, c, chunks, **size)
        _statistics[(b, groups)](
            x, sums, weight, bias, _or(offset, weight), _or(modulation, weight), mean, rate,
            _or(apart, mean), factor, summand, hw, c, chunks, groups, width,
            0 if modulation is None else modulation.stride(0), eps,
            MOVED=offset is not None, MODULATED=modulation is not None,
            WIDE=max(WIDE, triton.next_power_of_2(width)),
        )  # fmt: skip
        y = torch.empty_like(x)
        _apply[grid](
            x, factor, summand, _or(shortcut, x), y, hw, c,
            ACT=activate, ADD=shortcut is not None, **size,
        )  # fmt: skip
        ctx.save_for_backward(
            x, weight, bias, modulation, offset, mean, rate, apart, factor, summand
        )
        ctx.activate, ctx.added = activate, shortcut is not None
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients of x, weight, bias, modulation, offset and shortcut."""
        saved = ctx.saved_tensors
        x, weight, bias, modulation, offset, mean, rate, apart, factor, summand = saved
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        b, c, h, w = x.shape
        groups = mean.shape[1]
        hw, width, chunks = h * w, c // groups, triton.cdiv(h * w, CHUNK)
        new = {"device": x.device, "dtype": torch.float32}
        sums = torch.empty((b, chunks, 2, c), **new)
        of_weight, of_bias = torch.empty((2, b, c), **new)
        of_offset = None if offset is None else torch.empty((b, c), **new)
        p, q = torch.empty((2, b, groups), **new)
        of_modulation = None
        if modulation is not None:
            of_modulation = torch.empty((b, 2 * c), device=x.device, dtype=modulation.dtype)
        grid = (b, chunks, triton.cdiv(c, COLUMNS))
        size = {"CHUNK": CHUNK, "ROWS": ROWS, "COLUMNS": COLUMNS}
        size |= {"ACT": ctx.activate, "MOVED": offset is not None}
        _gradient_sums[grid](
            x, dy, factor, summand, _or(offset, mean), mean, rate, sums,
            hw, c, chunks, groups, width, **size,
        )  # fmt: skip
        _gradient_statistics[(b, groups)](
            sums, weight, bias, _or(modulation, weight), mean, rate, _or(apart, mean),
            of_weight, of_bias, _or(of_offset, mean), _or(of_modulation, weight), p, q,
            hw, c, chunks, groups, width, 0 if modulation is None else modulation.stride(0),
            MOVED=offset is not None, MODULATED=modulation is not None,
            WIDE=max(WIDE, triton.next_power_of_2(width)),
        )  # fmt: skip
        dx = torch.empty_like(x)
        _apply_gradient[grid](
            x, dy, factor, summand, _or(offset, mean), p, q, dx, hw, c, groups, width, **size
        )
        of_weight, of_bias = of_weight.sum(0).to(weight.dtype), of_bias.sum(0).to(bias.dtype)
        if offset is not None and of_offset is not None:
            of_offset = of_offset.sum(0).to(offset.dtype)
        of_shortcut = dy if ctx.added else None
        return dx, of_weight, of_bias, of_modulation, of_offset, of_shortcut, None, None, None


def _or(tensor: Tensor | None, other: Tensor) -> Tensor:
    """Return what a kernel is given in the place of a tensor that it will not read."""
    return other if tensor is None else tensor


def group_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    groups: int,
    eps: float,
    modulation: Tensor | None = None,
    offset: Tensor | None = None,
    shortcut: Tensor | None = None,
    activate: bool = False,
) -> Tensor:
    """Return normed pictures in channels-last memory, (b, c, h, w) in the type of x.

    ``silu(norm(x + offset) * (1 + scale) + shift) + shortcut``, with the mean and variance of each
    group of channels.

    Args:
        x: (b, c, h, w) on a GPU.
        weight: (c,).
        bias: (c,).
        groups: Divides c.
        eps: Added to the variance.
        modulation: (b, 2 c): scale, then shift, for each picture and channel; None: neither.
        offset: (c,), such as the bias of the convolution that x comes from, which is added and
            whose gradient is computed here at no cost.
        shortcut: (b, c, h, w).
        activate: Whether to apply SiLU.
    """
    return GroupNorm.apply(  # pyright: ignore
        x, weight, bias, modulation, offset, shortcut, groups, eps, activate
    )
