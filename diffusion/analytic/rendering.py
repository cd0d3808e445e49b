"""Decide small, render large: the weights of small pictures mix large ones.

Noise levels of a small picture, taken for a large one, leave each window one candidate,
and so copies. The weights of the small picture's last level are brought to the large side
bilinearly instead, and the large training pictures are mixed by them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import screening
from .denoiser import Weights

AT_MOST = 256  # training images that a large picture is mixed of
BLOCK = 32  # of them at a time


def render(weights: Weights, pictures: np.ndarray) -> tuple[Tensor, Weights]:
    """Mix large pictures by the weights of a small one.

    The `AT_MOST` images that explain most are mixed; a window's weights among them are
    scaled to sum 1.

    Args:
        weights: Of a picture of some side; its images count from 0 to 2n - 1, and those
            from n on are the mirrored ones.
        pictures: (n, c, large, large) uint8.

    Returns:
        The picture (c, large, large), and the weights that it was mixed by.
    """
    values = weights.values
    chosen = screening.best(weights.score(), AT_MOST)
    rows = weights.rows
    if chosen is not None:
        values = values[chosen] if values.ndim == 1 else values[:, chosen]
        rows = chosen if rows is None else rows[chosen]
        values = values / values.sum(-1 if values.ndim == 1 else 1, keepdim=True)
    m = values.shape[0] if values.ndim == 1 else values.shape[1]
    rows = torch.arange(m, device=values.device) if rows is None else rows
    large = pictures.shape[-1]
    picture = torch.zeros((pictures.shape[1], large, large), device=values.device).to(values.dtype)
    for part in torch.arange(m, device=values.device).split(BLOCK):
        images = take(pictures, rows[part].cpu().numpy()).to(values)  # (part, c, large, large)
        shares = values[part] if values.ndim == 1 else enlarged(values[:, part], large)
        for image, share in zip(images, shares, strict=True):  # one at a time stays in the cache
            picture.addcmul_(image, share)
    return picture / 127.5 - 1, Weights(rows, values)


def take(pictures: np.ndarray, rows: np.ndarray) -> Tensor:
    """Return images of (n, c, s, s) uint8 as float32 in [0, 255]; from row n on mirrored."""
    n = len(pictures)
    images = torch.from_numpy(np.stack([pictures[row % n] for row in rows])).float()
    mirrored = torch.from_numpy(rows >= n)
    images[mirrored] = images[mirrored].flip(-1)
    return images


def enlarged(values: Tensor, large: int) -> Tensor:
    """Interpolate (h, m, w) bilinearly to (m, large, large)."""
    h, _, w = values.shape
    by_image = values.transpose(0, 1)  # (m, h, w)
    return _bilinear(h, large, values) @ by_image @ _bilinear(w, large, values).T


def _bilinear(small: int, large: int, like: Tensor) -> Tensor:
    """Return the (large, small) matrix that interpolates between the middles of pixels."""
    at = ((torch.arange(large) + 0.5) * small / large - 0.5).clamp(0, small - 1)
    left = at.floor().long().clamp(max=max(small - 2, 0))
    part = at - left
    matrix = torch.zeros(large, small)
    place = torch.arange(large)
    matrix[place, left] = 1 - part
    if small > 1:
        matrix[place, left + 1] = part
    return matrix.to(like)
