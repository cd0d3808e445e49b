"""A second built-in descriptor, for judging: wavelet scattering of shape and colour.

Nothing is learned and nothing is downloaded, and it shares nothing with the descriptor
``builtin``: no gradients, no histograms, no normalized blocks. So a first study without
a network can select with one and judge with the other. It follows the scattering transform
(Bruna & Mallat 2013, arXiv:1203.1513): moduli of complex wavelets, averaged, and the moduli
of the moduli's wavelets. For a 64 x 64 picture in luminance and two opponent colours:

    384  first order, luminance: 4 scales x 6 orientations, averaged in 4 x 4 cells
    192  first order, both colours: the same, averaged in 2 x 2 cells
    144  second order, luminance: 6 pairs of scales x 6 orientations, in 2 x 2 cells
     48  the channels themselves, averaged in 4 x 4 cells

All moduli are raised to the power 1/2, which evens out what contrast does. Among 1,192
photographs of ten kinds of garment, the nearest one by another contributor is of the same
kind for 42 % (10 % by chance). Values are comparable among each other only, never with
published ones.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft

from .encoder import Encoder
from .pixels import Pixels

SIDE, SCALES, ANGLES = 64, 4, 6
VERSION = 1  # raise it when any value changes
PAIRS = [(fine, coarse) for fine in range(SCALES) for coarse in range(fine + 1, SCALES)]
DIM = 384 + 192 + 144 + 48
WEIGHTS = (1.0, 1.0, 2.0, 0.3)  # of the blocks: unweighed, the means would drown all others
OPPONENT = np.array(
    [[1 / 3, 1 / 3, 1 / 3], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]], np.float32
)  # luminance, red against green, yellow against blue


@cache
def wavelets() -> np.ndarray:
    """Spectra of complex wavelets, (SCALES, ANGLES, SIDE, SIDE): Gaussians around a frequency.

    Scale j has its centre at 0.35 / 2^j cycles per pixel. Frequency 0 is taken out, so that
    an even surface gives nothing.
    """
    f = np.fft.fftfreq(SIDE)
    y, x = np.meshgrid(f, f, indexing="ij")
    spectra = np.empty((SCALES, ANGLES, SIDE, SIDE), np.float32)
    for scale in range(SCALES):
        centre, width = 0.35 / 2**scale, 0.12 / 2**scale
        for number in range(ANGLES):
            angle = np.pi * number / ANGLES
            u = x * np.cos(angle) + y * np.sin(angle)
            v = y * np.cos(angle) - x * np.sin(angle)
            spectra[scale, number] = np.exp(-((u - centre) ** 2 + v**2) / (2 * width**2))
    spectra[..., 0, 0] = 0
    return spectra


def describe(rgb: np.ndarray) -> np.ndarray:
    """Describe a (64, 64, 3) uint8 picture by (DIM,) float32."""
    channels = np.moveaxis(rgb.astype(np.float32) / 255 @ OPPONENT.T, -1, 0)  # (3, 64, 64)
    first = _moduli(channels[:, None, None], wavelets())  # (3, scales, angles, 64, 64)
    second = [_moduli(first[0, fine], wavelets()[coarse]) for fine, coarse in PAIRS]
    moduli = [_cells(first[0], 4), _cells(first[1:], 2), _cells(np.stack(second), 2)]
    parts = [*(np.sqrt(part) for part in moduli), _cells(channels, 4)]
    weighed = [weight * part.ravel() for weight, part in zip(WEIGHTS, parts, strict=True)]
    return np.concatenate(weighed).astype(np.float32)


def _moduli(maps: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """Filter maps, (..., 64, 64), by wavelets and forget the phase."""
    spectrum = np.asarray(scipy.fft.fft2(maps)) * spectra
    return np.abs(np.asarray(scipy.fft.ifft2(spectrum)))


def _cells(maps: np.ndarray, grid: int) -> np.ndarray:
    """Average maps, (..., 64, 64), in grid x grid cells."""
    cell = SIDE // grid
    return maps.reshape(*maps.shape[:-2], grid, cell, grid, cell).mean(axis=(-3, -1))


def load() -> Encoder:
    """Return the encoder ``scattering``; it always computes on the CPU."""
    pixels = Pixels(SIDE, "squash", filter="bicubic")
    return Encoder(
        name="scattering",
        dim=DIM,
        key=f"scattering-{VERSION}|none|{pixels}|float32",
        preprocess=lambda image: describe(pixels(image)),  # in the threads that decode
        forward=lambda stack: stack,
    )
