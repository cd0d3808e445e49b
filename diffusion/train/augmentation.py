"""Augmentation that does not leak into the samples: the network is told what was done.

Each training image is flipped, scaled, rotated, stretched and shifted at random, and the
network sees nine numbers that say how. With all of them zero, which stands for an image as it
is, it samples images as they are.

Source: Karras et al. 2022, arXiv:2206.00364, appendix F.2 and table 6 (after Karras et al.
2020, arXiv:2006.06676). The color transforms of the latter are off there: of their code's
``AugmentPipe``, ``train.py`` switches on flips, scale, rotation, stretch and shift, hence nine
labels. Pixels are interpolated bicubically, not through their wavelet filter.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SCALE_STD = 0.2  # standard deviation of the binary logarithm of the scale
STRETCH_STD = 0.2  # the same of the stretch along one axis
TURNED_STRETCH = 0.5  # chance that a stretch is along any axis and not the horizontal one
SHIFT_STD = 0.125  # of the side of the image

FLIP_Y_LABEL = 1  # its column among the labels
FLIP_Y, SCALE, ANGLE, STRETCH, STRETCH_ANGLE, SHIFT_X, SHIFT_Y = range(7)


def draw_parameters(rng: np.random.Generator, count: int, probability: float) -> np.ndarray:
    """Return random transforms, (count, 7) float64; a row of zeros leaves its image as it is.

    Columns: vertical flip (0 or 1), scale, angle, stretch, angle of the stretch, and the two
    shifts; scale, stretch and shifts are in standard deviations. Vertical flip, scale,
    rotation, stretch and shift each happen with the probability, independently.
    """
    applied = rng.random((5, count)) < probability
    flip = rng.integers(2, size=count)
    scale, stretch, shift_x, shift_y = rng.standard_normal((4, count))
    angle, stretch_angle = rng.uniform(-math.pi, math.pi, (2, count))
    stretch_angle *= rng.random(count) < TURNED_STRETCH
    on_flip, on_scale, on_angle, on_stretch, on_shift = applied
    columns = (
        flip * on_flip,
        scale * on_scale,
        angle * on_angle,
        stretch * on_stretch,
        stretch_angle * on_stretch,
        shift_x * on_shift,
        shift_y * on_shift,
    )
    return np.stack(columns, 1)


def labels_of(parameters: np.ndarray, flip_x: np.ndarray) -> np.ndarray:
    """Return what the network is told, (b, 9) float32.

    Args:
        parameters: (b, 7) from `draw_parameters`.
        flip_x: (b,) bool, whether the image is mirrored.
    """
    p = parameters
    return np.stack(
        [
            flip_x,
            p[:, FLIP_Y],
            p[:, SCALE],
            np.cos(p[:, ANGLE]) - 1,
            np.sin(p[:, ANGLE]),
            p[:, STRETCH] * np.cos(p[:, STRETCH_ANGLE]),
            p[:, STRETCH] * np.sin(p[:, STRETCH_ANGLE]),
            p[:, SHIFT_X],
            p[:, SHIFT_Y],
        ],
        1,
    ).astype(np.float32)


def inverse_maps(parameters: np.ndarray) -> np.ndarray:
    """Return where each output point comes from, (b, 2, 3) float32.

    Points are (x, y, 1) with x to the right, y down and the image from -1 to 1. Forward, an
    image is scaled, rotated, stretched, then shifted. Flips are not part of it.
    """
    p = parameters
    scale = np.exp2(-SCALE_STD * p[:, SCALE])
    stretch = np.exp2(STRETCH_STD * p[:, STRETCH])
    zero = np.zeros_like(scale)
    shrink = _matrix(scale, zero, zero, scale)
    unstretch = _matrix(1 / stretch, zero, zero, stretch)
    along, back = _rotation(p[:, STRETCH_ANGLE]), _rotation(-p[:, STRETCH_ANGLE])
    linear = shrink @ _rotation(-p[:, ANGLE]) @ along @ unstretch @ back
    shift = 2 * SHIFT_STD * p[:, [SHIFT_X, SHIFT_Y], None]
    return np.concatenate([linear, -linear @ shift], 2).astype(np.float32)


def _matrix(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], -2)  # (b, 2, 2)


def _rotation(angle: np.ndarray) -> np.ndarray:
    return _matrix(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))


def transform(images: Tensor, flip_y: Tensor, maps: Tensor) -> Tensor:
    """Return flipped and mapped images; what lies outside of one is mirrored into it.

    Args:
        images: (b, 3, h, w) float32 in [-1, 1].
        flip_y: (b,) bool.
        maps: (b, 2, 3) from `inverse_maps`. An image whose map is the identity stays as it is
            to the bit.
    """
    images = torch.where(flip_y.view(-1, 1, 1, 1), images.flip(-2), images)
    with torch.autocast(images.device.type, enabled=False):
        grid = F.affine_grid(maps, list(images.shape), align_corners=False)
        mapped = F.grid_sample(
            images, grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )
    identity = torch.eye(2, 3, device=maps.device)
    same = (maps == identity).flatten(1).all(1)
    return torch.where(same.view(-1, 1, 1, 1), images, mapped.clamp(-1, 1))
