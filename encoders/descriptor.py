"""The built-in descriptor: shape and colour, no network, no download.

484 numbers for a 64 x 64 picture, in three blocks that each have length 1
before they are weighed and joined:

    324  HOG: 4 x 4 cells of 16 px, 9 unsigned orientations, 2 x 2 cells a block,
         L2-Hys (Dalal & Triggs 2005, section 6); weight 1
     96  mean and standard deviation of L*, a*, b* in 4 x 4 cells; weight 0.5
     64  joint histogram of L*, a*, b*, 4 bins each, square-rooted (Hellinger);
         weight 0.2

Among 1,192 photographs of ten kinds of garment, the nearest one by another
contributor is of the same kind for 37 % (10 % by chance, 65 % with MobileNetV2):
enough for a first run, no judge of quality. Never compare its values with
published ones.
"""

from __future__ import annotations

import numpy as np

from .encoder import Encoder
from .pixels import Pixels

SIDE, CELL, BINS = 64, 16, 9
GRID = SIDE // CELL
DIM = (GRID - 1) ** 2 * 4 * BINS + GRID**2 * 6 + 64
VERSION = 2  # raise it when any value changes

# linear sRGB to XYZ over the D65 white point (IEC 61966-2-1)
_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
) / np.array([[0.95047], [1.0], [1.08883]])
_byte = np.arange(256) / 255
_LINEAR = np.where(_byte > 0.04045, ((_byte + 0.055) / 1.055) ** 2.4, _byte / 12.92)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Convert (h, w, 3) uint8 sRGB to CIE L*a*b* (D65, 2 degrees), float64."""
    xyz = _LINEAR[rgb] @ _XYZ.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def hog(gray: np.ndarray) -> np.ndarray:
    """Histogram of oriented gradients of a (64, 64) picture: (324,) float64."""
    rows, columns = np.zeros_like(gray), np.zeros_like(gray)
    rows[1:-1] = gray[2:] - gray[:-2]
    columns[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    angle = np.rad2deg(np.arctan2(rows, columns)) % 180
    which = np.minimum((angle * BINS / 180).astype(np.intp), BINS - 1)  # 180 rounds up to it
    cell = np.arange(SIDE) // CELL
    place = (cell[:, None] * GRID + cell) * BINS + which
    votes = np.bincount(place.ravel(), np.hypot(rows, columns).ravel(), GRID * GRID * BINS)
    cells = votes.reshape(GRID, GRID, BINS) / CELL**2
    blocks = np.lib.stride_tricks.sliding_window_view(cells, (2, 2), axis=(0, 1))
    flat = blocks.transpose(0, 1, 3, 4, 2).reshape((GRID - 1) ** 2, -1)  # (9, 36)
    flat = np.minimum(_length_one(flat), 0.2)
    return _length_one(flat).ravel()


def _length_one(rows: np.ndarray) -> np.ndarray:
    return rows / np.sqrt((rows**2).sum(axis=-1, keepdims=True) + 1e-10)


def describe(rgb: np.ndarray) -> np.ndarray:
    """Describe a (64, 64, 3) uint8 picture by (484,) float32 of length 1."""
    colour = lab(rgb)
    cells = colour.reshape(GRID, CELL, GRID, CELL, 3).swapaxes(1, 2).reshape(GRID**2, -1, 3)
    moments = np.concatenate([cells.mean(axis=1), cells.std(axis=1)], axis=1).ravel()  # (96,)
    low, high = np.array([0.0, -80.0, -80.0]), np.array([100.0, 80.0, 80.0])
    bins = np.clip((colour - low) / (high - low) * 4, 0, 3.999).astype(np.intp)
    joint = np.bincount((bins @ np.array([16, 4, 1])).ravel(), minlength=64)  # (64,)
    blocks = (
        _length_one(hog(colour[..., 0] / 100)),
        0.5 * _length_one(moments),
        0.2 * _length_one(np.sqrt(joint)),
    )
    return _length_one(np.concatenate(blocks)).astype(np.float32)


def load() -> Encoder:
    """Return the built-in encoder; it always computes on the CPU."""
    pixels = Pixels(SIDE, "squash", filter="bilinear")
    return Encoder(
        name="builtin",
        dim=DIM,
        key=f"builtin-{VERSION}|none|{pixels}|float32",
        preprocess=lambda image: describe(pixels(image)),  # in the threads that decode
        forward=lambda stack: stack,
    )
