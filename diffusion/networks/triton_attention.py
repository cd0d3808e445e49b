"""Linear attention of pictures in channels-last memory, as Triton kernels.

Keys of a head are a softmax over a picture's pixels, queries one over the head's channels, and
what a pixel gets is its query times one small matrix, ``context``: keys times values. In
channels-last memory a head's part of a pixel is one piece, so each kernel reads queries, or keys
and values, once and where they are: nothing is rearranged, and no softmax is written. Sums are in
float32 and in an order that depends on shapes alone.
"""

# pyright: basic, reportArgumentType=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 64  # pixels that one program reads at a time
CHUNK = 512  # pixels of a program
OPERANDS = {
    torch.bfloat16: tl.bfloat16,
    torch.float16: tl.float16,
    torch.float32: tl.float32,
}  # of matrix products, whose sums are in float32


@triton.jit
def _tile(X, picture, start, end, hw, first, width, ROWS: tl.constexpr, HEAD: tl.constexpr):
    """Return pointers to channels first, first + 1, ... of pixels, and which are inside."""
    rows = start + tl.arange(0, ROWS)
    at = picture.to(tl.int64) * hw + rows
    pointers = X + at[:, None] * width + first + tl.arange(0, HEAD)[None, :]
    return pointers, (rows < end)[:, None] & (tl.arange(0, HEAD) < HEAD)[None, :]


@triton.jit
def _product(a, b, OPERAND: tl.constexpr):
    """Return the matrix product in float32."""
    return tl.dot(a.to(OPERAND), b.to(OPERAND), input_precision="ieee")


@triton.jit
def _square(X, place, HEAD: tl.constexpr):
    """Return pointers to one of many (HEAD, HEAD) matrices."""
    inner = tl.arange(0, HEAD)
    return X + place.to(tl.int64) * HEAD * HEAD + inner[:, None] * HEAD + inner[None, :]


@triton.jit
def _softmax(q):
    """Return the softmax of each row."""
    q = tl.exp(q - tl.max(q, 1)[:, None])
    return q / tl.sum(q, 1)[:, None]


@triton.jit(do_not_specialize=["hw", "chunks"])
def _context_parts(
    QKV, MAXIMUM, SUM, PART, hw, chunks, HEADS: tl.constexpr, HEAD: tl.constexpr,
    OPERAND: tl.constexpr, CHUNK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Of a chunk: the greatest key m of each channel, sums of exp(key - m), and times values."""
    head, chunk = tl.program_id(0), tl.program_id(1)
    picture, first = head // HEADS, head % HEADS * HEAD
    greatest = tl.full((HEAD,), float("-inf"), tl.float32)
    total = tl.zeros((HEAD,), tl.float32)
    part = tl.zeros((HEAD, HEAD), tl.float32)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        keys, inside = _tile(
            QKV, picture, start, end, hw, HEADS * HEAD + first, 3 * HEADS * HEAD, ROWS, HEAD
        )
        k = tl.load(keys, inside, float("-inf")).to(tl.float32)
        v = tl.load(keys + HEADS * HEAD, inside, 0.0)
        greater = tl.maximum(greatest, tl.max(k, 0))
        shrink = tl.exp(greatest - greater)
        e = tl.exp(k - greater[None, :])
        total = total * shrink + tl.sum(e, 0)
        part = part * shrink[:, None] + _product(tl.trans(e), v.to(tl.float32), OPERAND)
        greatest = greater
    place = head * chunks + chunk
    inner = tl.arange(0, HEAD)
    tl.store(MAXIMUM + place * HEAD + inner, greatest)
    tl.store(SUM + place * HEAD + inner, total)
    tl.store(_square(PART, place, HEAD), part)


@triton.jit(do_not_specialize=["chunks"])
def _context(
    MAXIMUM, SUM, PART, MEMORY, CONTEXT, LEVEL, chunks,
    HEADS: tl.constexpr, HEAD: tl.constexpr, KEPT: tl.constexpr,
):  # fmt: skip
    """The context of a head, from all chunks and the memory; the keys' log-sum-exp, by channel."""
    head = tl.program_id(0)
    inner = tl.arange(0, HEAD)
    memory = MEMORY + (head % HEADS * HEAD + inner) * KEPT
    greatest = tl.load(memory).to(tl.float32)
    for one in tl.static_range(1, KEPT):
        greatest = tl.maximum(greatest, tl.load(memory + one).to(tl.float32))
    total = tl.zeros((HEAD,), tl.float32)
    context = tl.zeros((HEAD, HEAD), tl.float32)
    for one in tl.static_range(KEPT):
        e = tl.exp(tl.load(memory + one).to(tl.float32) - greatest)
        v = tl.load(memory + HEADS * HEAD * KEPT + one).to(tl.float32)
        total += e
        context += e[:, None] * v[None, :]
    for chunk in range(chunks):
        place = head * chunks + chunk
        other = tl.load(MAXIMUM + place * HEAD + inner)
        greater = tl.maximum(greatest, other)
        shrink, grow = tl.exp(greatest - greater), tl.exp(other - greater)
        total = total * shrink + tl.load(SUM + place * HEAD + inner) * grow
        part = tl.load(_square(PART, place, HEAD))
        context = context * shrink[:, None] + part * grow[:, None]
        greatest = greater
    tl.store(_square(CONTEXT, head, HEAD), context / total[:, None])
    tl.store(LEVEL + head * HEAD + inner, greatest + tl.log(total))


@triton.jit(do_not_specialize=["hw"])
def _attend(
    QKV, CONTEXT, Y, hw, HEADS: tl.constexpr, HEAD: tl.constexpr,
    OPERAND: tl.constexpr, CHUNK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """The softmax of queries times the context, over the root of the head's width."""
    head, chunk = tl.program_id(0), tl.program_id(1)
    picture, first = head // HEADS, head % HEADS * HEAD
    context = tl.load(_square(CONTEXT, head, HEAD)) * HEAD**-0.5
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        queries, inside = _tile(QKV, picture, start, end, hw, first, 3 * HEADS * HEAD, ROWS, HEAD)
        q = _softmax(tl.load(queries, inside, 0.0).to(tl.float32))
        y = _product(q, context, OPERAND)
        out, _ = _tile(Y, picture, start, end, hw, first, HEADS * HEAD, ROWS, HEAD)
        tl.store(out, y.to(Y.dtype.element_ty), inside)


@triton.jit(do_not_specialize=["hw", "chunks"])
def _gradient_query(
    QKV, DY, CONTEXT, DQKV, PART, hw, chunks, HEADS: tl.constexpr, HEAD: tl.constexpr,
    OPERAND: tl.constexpr, CHUNK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """The gradient of queries; that of the context, summed over a chunk."""
    head, chunk = tl.program_id(0), tl.program_id(1)
    picture, first = head // HEADS, head % HEADS * HEAD
    context = tl.trans(tl.load(_square(CONTEXT, head, HEAD)) * HEAD**-0.5)
    part = tl.zeros((HEAD, HEAD), tl.float32)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        queries, inside = _tile(QKV, picture, start, end, hw, first, 3 * HEADS * HEAD, ROWS, HEAD)
        above, _ = _tile(DY, picture, start, end, hw, first, HEADS * HEAD, ROWS, HEAD)
        q = _softmax(tl.load(queries, inside, 0.0).to(tl.float32))
        dy = tl.load(above, inside, 0.0).to(tl.float32)
        part += _product(tl.trans(q), dy, OPERAND)
        dq = _product(dy, context, OPERAND)
        dq = q * (dq - tl.sum(q * dq, 1)[:, None])
        out, _ = _tile(DQKV, picture, start, end, hw, first, 3 * HEADS * HEAD, ROWS, HEAD)
        tl.store(out, dq.to(DQKV.dtype.element_ty), inside)
    tl.store(_square(PART, head * chunks + chunk, HEAD), part * HEAD**-0.5)


@triton.jit(do_not_specialize=["chunks"])
def _gradient_context(
    PART, CONTEXT, LEVEL, MEMORY, DCONTEXT, MEAN, DMEMORY, chunks,
    HEADS: tl.constexpr, HEAD: tl.constexpr, KEPT: tl.constexpr, OPERAND: tl.constexpr,
):  # fmt: skip
    """Gradients of the context and of the memory, and what each key's softmax takes away.

    The latter is computed with the gradient as the next kernel multiplies by it, so that the
    gradients of all keys of a channel have the sum zero.
    """
    head = tl.program_id(0)
    inner = tl.arange(0, HEAD)
    gradient = tl.zeros((HEAD, HEAD), tl.float32)
    for chunk in range(chunks):
        gradient += tl.load(_square(PART, head * chunks + chunk, HEAD))
    gradient = gradient.to(OPERAND).to(tl.float32)
    mean = tl.sum(gradient * tl.load(_square(CONTEXT, head, HEAD)), 1)
    level = tl.load(LEVEL + head * HEAD + inner)
    tl.store(_square(DCONTEXT, head, HEAD), gradient)
    tl.store(MEAN + head * HEAD + inner, mean)
    memory = MEMORY + (head % HEADS * HEAD + inner) * KEPT
    out = DMEMORY + (head // HEADS * 2 * HEADS * HEAD + head % HEADS * HEAD + inner) * KEPT
    for one in tl.static_range(KEPT):
        share = tl.exp(tl.load(memory + one).to(tl.float32) - level)
        v = tl.load(memory + HEADS * HEAD * KEPT + one).to(tl.float32)
        tl.store(out + one, share * (tl.sum(gradient * v[None, :], 1) - mean))
        tl.store(out + HEADS * HEAD * KEPT + one, tl.sum(gradient * share[:, None], 0))


@triton.jit(do_not_specialize=["hw"])
def _gradient_key_value(
    QKV, DCONTEXT, MEAN, LEVEL, DQKV, hw, HEADS: tl.constexpr, HEAD: tl.constexpr,
    OPERAND: tl.constexpr, CHUNK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """The gradients of keys and values."""
    head, chunk = tl.program_id(0), tl.program_id(1)
    picture, first = head // HEADS, head % HEADS * HEAD
    inner = tl.arange(0, HEAD)
    level, mean = tl.load(LEVEL + head * HEAD + inner), tl.load(MEAN + head * HEAD + inner)
    gradient = tl.load(_square(DCONTEXT, head, HEAD))
    turned = tl.trans(gradient)
    end = tl.minimum((chunk + 1) * CHUNK, hw)
    for start in range(chunk * CHUNK, end, ROWS):
        keys, inside = _tile(
            QKV, picture, start, end, hw, HEADS * HEAD + first, 3 * HEADS * HEAD, ROWS, HEAD
        )
        out, _ = _tile(
            DQKV, picture, start, end, hw, HEADS * HEAD + first, 3 * HEADS * HEAD, ROWS, HEAD
        )
        k = tl.load(keys, inside, float("-inf")).to(tl.float32)
        v = tl.load(keys + HEADS * HEAD, inside, 0.0).to(tl.float32)
        share = tl.exp(k - level[None, :])
        dk = share * (_product(v, turned, OPERAND) - mean[None, :])
        dv = _product(share, gradient, OPERAND)
        tl.store(out, dk.to(DQKV.dtype.element_ty), inside)
        tl.store(out + HEADS * HEAD, dv.to(DQKV.dtype.element_ty), inside)


class LinearAttention(torch.autograd.Function):
    """See `linear_attention`."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, memory: Tensor) -> Tensor:
        """Compute the output; keep queries, keys, values and the context."""
        qkv = qkv.contiguous(memory_format=torch.channels_last)
        memory = memory.contiguous()
        b, _, h, w = qkv.shape
        _, heads, head, kept = memory.shape
        hw, chunks = h * w, triton.cdiv(h * w, CHUNK)
        size = {"HEADS": heads, "HEAD": head}
        tiles = {**size, "OPERAND": _operand(qkv), "CHUNK": CHUNK, "ROWS": ROWS}
        new = {"device": qkv.device, "dtype": torch.float32}
        maximum, total = torch.empty((2, b, heads, chunks, head), **new)
        part = torch.empty((b, heads, chunks, head, head), **new)
        context, level = _contexts(b, memory)
        _context_parts[(b * heads, chunks)](qkv, maximum, total, part, hw, chunks, **tiles)
        _context[(b * heads,)](
            maximum, total, part, memory, context, level, chunks, KEPT=kept, **size
        )
        y = torch.empty(
            (b, heads * head, h, w),
            device=qkv.device,
            dtype=qkv.dtype,
            memory_format=torch.channels_last,
        )
        _attend[(b * heads, chunks)](qkv, context, y, hw, **tiles)
        ctx.save_for_backward(qkv, memory, context, level)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradients of queries, keys and values, and of the memory."""
        qkv, memory, context, level = ctx.saved_tensors
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        b, _, h, w = qkv.shape
        _, heads, head, kept = memory.shape
        hw, chunks = h * w, triton.cdiv(h * w, CHUNK)
        size = {"HEADS": heads, "HEAD": head}
        tiles = {**size, "OPERAND": _operand(qkv), "CHUNK": CHUNK, "ROWS": ROWS}
        new = {"device": qkv.device, "dtype": torch.float32}
        part = torch.empty((b, heads, chunks, head, head), **new)
        of_memory = torch.empty((b, *memory.shape), **new)
        of_context, mean = _contexts(b, memory)
        of_qkv = torch.empty_like(qkv)
        grid = (b * heads, chunks)
        _gradient_query[grid](qkv, dy, context, of_qkv, part, hw, chunks, **tiles)
        _gradient_context[(b * heads,)](
            part, context, level, memory, of_context, mean, of_memory, chunks,
            KEPT=kept, OPERAND=tiles["OPERAND"], **size,
        )  # fmt: skip
        _gradient_key_value[grid](qkv, of_context, mean, level, of_qkv, hw, **tiles)
        return of_qkv, of_memory.sum(0).to(memory.dtype)


def _contexts(b: int, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Return room for a matrix and for a row of each head, in float32."""
    _, heads, head, _ = memory.shape
    new = {"device": memory.device, "dtype": torch.float32}
    return torch.empty((b, heads, head, head), **new), torch.empty((b, heads, head), **new)


def _operand(x: Tensor) -> Any:
    """Return the type of operands; Triton's interpreter multiplies no bfloat16."""
    compiled = isinstance(_attend, triton.runtime.JITFunction)
    return OPERANDS[x.dtype] if compiled else tl.float32


def linear_attention(qkv: Tensor, memory: Tensor) -> Tensor:
    """Return what each pixel gets, (b, heads * head, h, w) in channels-last memory.

    Source: Shen et al. 2018, arXiv:1812.01243.

    Args:
        qkv: (b, 3 * heads * head, h, w) on a GPU: queries, keys, values, each by head.
        memory: (2, heads, head, k): k keys and values that every picture has besides.
    """
    return LinearAttention.apply(qkv, memory)  # pyright: ignore
