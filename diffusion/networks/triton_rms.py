"""Root-mean-square norm of pixels over their channels, in channels-last memory, as Triton kernels.

There a pixel's channels are neighbours, so a picture is read once and written once. Offset and
shortcut are added in the same pass. Sums for gradients of weights are in float32, in an order that
depends on shapes alone.
"""

# pyright: basic, reportArgumentType=false

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

ELEMENTS = 2048  # that one program reads at a time, or one pixel's if those are more
CHUNK = 512  # pixels of a program on the way back
SMALLEST = 1e-12  # root of a pixel's sum of squares, as in torch.nn.functional.normalize


@triton.jit
def _loaded(
    X, OFFSET, start, end, c, MOVED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    """Return offsets of a tile of pixels, which are inside, x moved, and each pixel's norm."""
    rows = start + tl.arange(0, ROWS)
    columns = tl.arange(0, COLUMNS)
    inside = (rows < end)[:, None] & (columns < c)[None, :]
    offsets = rows.to(tl.int64)[:, None] * c + columns[None, :]
    x = tl.load(X + offsets, inside, 0.0).to(tl.float32)
    if MOVED:
        x += tl.load(OFFSET + columns, columns < c, 0.0).to(tl.float32)[None, :]
        x = tl.where(inside, x, 0.0)
    return offsets, inside, x, tl.sqrt(tl.sum(x * x, 1))


@triton.jit(do_not_specialize=["rows"])
def _norm(
    X, GAIN, OFFSET, SHORTCUT, Y, rows, c, root, smallest,
    MOVED: tl.constexpr, ADD: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Scale every pixel to root mean square 1, times a gain per channel; add the shortcut."""
    start = tl.program_id(0) * ROWS
    offsets, inside, x, norm = _loaded(X, OFFSET, start, rows, c, MOVED, ROWS, COLUMNS)
    columns = tl.arange(0, COLUMNS)
    gain = tl.load(GAIN + columns, columns < c, 0.0).to(tl.float32)
    y = x * (root / tl.maximum(norm, smallest))[:, None] * gain[None, :]
    if ADD:
        y += tl.load(SHORTCUT + offsets, inside, 0.0).to(tl.float32)
    tl.store(Y + offsets, y.to(Y.dtype.element_ty), inside)


@triton.jit(do_not_specialize=["rows"])
def _gradient(
    X, DY, GAIN, OFFSET, DX, SUMS, rows, c, root, smallest, MOVED: tl.constexpr,
    CHUNK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """The gradient of x; sums over a chunk of those of the gain and of the offset."""
    chunk = tl.program_id(0)
    columns = tl.arange(0, COLUMNS)
    gain = tl.load(GAIN + columns, columns < c, 0.0).to(tl.float32)
    of_gain = tl.zeros((ROWS, COLUMNS), tl.float32)
    of_offset = tl.zeros((ROWS, COLUMNS), tl.float32)
    end = tl.minimum((chunk + 1) * CHUNK, rows)
    for start in range(chunk * CHUNK, end, ROWS):
        offsets, inside, x, norm = _loaded(X, OFFSET, start, end, c, MOVED, ROWS, COLUMNS)
        dy = tl.load(DY + offsets, inside, 0.0).to(tl.float32)
        rate = 1 / tl.maximum(norm, smallest)
        x = x * rate[:, None]
        of_gain += dy * x
        dy = dy * gain[None, :]
        along = tl.sum(dy * x, 1)
        along = tl.where(norm > smallest, along, 0.0)  # a smaller norm is not what divides
        dx = (dy - x * along[:, None]) * (root * rate)[:, None]
        if MOVED:
            of_offset += dx
        tl.store(DX + offsets, dx.to(DX.dtype.element_ty), inside)
    at = SUMS + chunk * 2 * c + columns
    tl.store(at, tl.sum(of_gain, 0) * root, columns < c)
    if MOVED:
        tl.store(at + c, tl.sum(of_offset, 0), columns < c)


class RMSNorm(torch.autograd.Function):
    """See `rms_norm`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gain: Tensor, offset: Tensor | None, shortcut: Tensor | None
    ) -> Tensor:
        """Compute the output; keep x."""
        x = x.contiguous(memory_format=torch.channels_last)
        if shortcut is not None:
            shortcut = shortcut.contiguous(memory_format=torch.channels_last)
        b, c, h, w = x.shape
        rows, size = b * h * w, _size(c)
        y = torch.empty_like(x)
        _norm[(triton.cdiv(rows, size["ROWS"]),)](
            x, gain, gain if offset is None else offset, x if shortcut is None else shortcut, y,
            rows, c, c**0.5, SMALLEST, MOVED=offset is not None, ADD=shortcut is not None, **size,
        )  # fmt: skip
        ctx.save_for_backward(x, gain, offset)
        ctx.added = shortcut is not None
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients of x, gain, offset and shortcut."""
        x, gain, offset = ctx.saved_tensors
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        b, c, h, w = x.shape
        rows = b * h * w
        chunks = triton.cdiv(rows, CHUNK)
        dx = torch.empty_like(x)
        sums = torch.empty((chunks, 2, c), device=x.device, dtype=torch.float32)
        _gradient[(chunks,)](
            x, dy, gain, gain if offset is None else offset, dx, sums, rows, c, c**0.5, SMALLEST,
            MOVED=offset is not None, CHUNK=CHUNK, **_size(c),
        )  # fmt: skip
        of_gain = sums[:, 0].sum(0).to(gain.dtype).view_as(gain)
        of_offset = None if offset is None else sums[:, 1].sum(0).to(offset.dtype)
        return dx, of_gain, of_offset, dy if ctx.added else None


def _size(c: int) -> dict[str, int]:
    """Return the tile that one program reads at a time."""
    columns = triton.next_power_of_2(c)
    return {"ROWS": min(max(ELEMENTS // columns, 1), CHUNK), "COLUMNS": columns}


def rms_norm(
    x: Tensor, gain: Tensor, *, offset: Tensor | None = None, shortcut: Tensor | None = None
) -> Tensor:
    """Return normed pictures in channels-last memory, (b, c, h, w) in the type of x.

    ``normalize(x + offset) * gain * sqrt(c) + shortcut``, each pixel over its channels.

    Args:
        x: (b, c, h, w) on a GPU.
        gain: As many numbers as channels.
        offset: (c,), such as the bias of the convolution that x comes from.
        shortcut: (b, c, h, w).
    """
    return RMSNorm.apply(x, gain, offset, shortcut)  # pyright: ignore
