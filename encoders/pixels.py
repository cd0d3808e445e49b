"""How an encoder wants its pixels: one record that is applied, and that names itself.

Resizing happens on the 8-bit Pillow image, in the threads that decode; the
subtraction of the mean happens later, on the device, for a whole batch. The
arithmetic is that of torchvision's ``ToTensor`` and ``Normalize``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Pixels:
    """From a picture to the ``size`` x ``size`` pixels of a network.

    Attributes:
        size: Side of the network's input; None keeps the picture as it is.
        fit: ``crop`` scales the shorter side and cuts the centre, ``squash``
            scales both sides alike, ``pad`` scales the longer side and fills up.
        scale_to: Side to scale to before the centre is cut; by default ``size``.
        filter: Resampling filter, antialiased.
        mean: Subtracted per channel, after division by 255.
        std: Divided by per channel.
        fill: Colour of the padding, 0-255 per channel.
    """

    size: int | None
    fit: Literal["crop", "squash", "pad"] = "crop"
    scale_to: int | None = None
    filter: str = "bicubic"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    fill: tuple[int, ...] = (0, 0, 0)

    def __str__(self) -> str:
        if self.size is None:
            return f"native,{self.mean},{self.std}"
        filled = f",{self.fill}" if self.fit == "pad" else ""
        side = self.scale_to or self.size
        return f"{self.fit}{side}-{self.size}{filled},{self.filter},{self.mean},{self.std}"

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Resize and cut a picture: RGB in, ``(height, width, 3)`` uint8 out."""
        if self.size is None:
            return np.asarray(image)
        width, height = self._scaled(*image.size)
        if (width, height) != image.size:
            image = image.resize((width, height), FILTERS[self.filter])
        if (width, height) == (self.size, self.size):
            return np.asarray(image)
        if min(width, height) < self.size:
            image = self._padded(image)
        left = round((image.width - self.size) / 2)
        top = round((image.height - self.size) / 2)
        return np.asarray(image.crop((left, top, left + self.size, top + self.size)))

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        side = self.scale_to or self.size
        assert side is not None
        if self.fit == "squash":
            return side, side
        if self.fit == "pad":
            ratio = max(width, height) / side
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        short = min(width, height)  # torchvision cuts the other side's fraction off
        return (
            (side, int(side * height / short))
            if width == short
            else (int(side * width / short), side)
        )

    def _padded(self, image: Image.Image) -> Image.Image:
        assert self.size is not None
        canvas = Image.new(
            "RGB", (max(image.width, self.size), max(image.height, self.size)), self.fill
        )
        left = max(self.size - image.width, 0) // 2
        top = max(self.size - image.height, 0) // 2
        canvas.paste(image, (left, top))
        return canvas

    def normalized(self, batch: torch.Tensor) -> torch.Tensor:
        """Turn (n, height, width, 3) uint8 into normalized (n, 3, height, width) float32."""
        x = batch.permute(0, 3, 1, 2).float() / 255
        mean = x.new_tensor(self.mean).view(1, 3, 1, 1)
        std = x.new_tensor(self.std).view(1, 3, 1, 1)
        return (x - mean) / std


def scaled(size: int, kept: float) -> int:
    """Side to scale to so that the central cut keeps the fraction ``kept`` of it."""
    return math.floor(size / kept)
