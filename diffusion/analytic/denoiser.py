"""The posterior mean of training images in windows: sums over boxes, and a softmax.

|y - x_i|^2 = |y|^2 - 2 (y - x_i / 2) x_i, and |y|^2 is the same for all i, so a window's
logit is the sum over the window of (y - x_i / 2) x_i / sigma^2. The sums over square
windows are two products with a band of ones, one along each axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import screening, windows

LOWEST = -80.0  # logit below the window's highest at which a weight counts as 0


@dataclass(frozen=True)
class Weights:
    """How much each training image makes of each pixel of one picture.

    Attributes:
        rows: (m,) places of the images among `Denoiser.images`; None is all of them.
        values: (h, m, w), sums to 1 over m; or (m,) where every pixel has the same.
    """

    rows: Tensor | None
    values: Tensor

    def share(self) -> Tensor:
        """Return what share of the picture each of the m images makes, (m,), sum 1."""
        return self.values if self.values.ndim == 1 else self.values.mean((0, 2))

    def score(self) -> Tensor:
        """Return how much each of the m images explains that others do not, (m,)."""
        squared = self.values.square()
        return squared if squared.ndim == 1 else squared.sum((0, 2))


class Denoiser:
    """Denoises with the images of a training set; all computing is in their number type.

    Args:
        pictures: (n, c, side, side) float, in [-1, 1].
        radius: From a noise level to the window, see `windows`.
    """

    def __init__(self, pictures: Tensor, radius: windows.Radius) -> None:
        self.side = pictures.shape[-1]
        self.radius = radius
        self.mean = pictures.mean(0)  # (c, side, side); taken off, sums stay small and exact
        self.images = (pictures - self.mean).permute(1, 2, 0, 3).contiguous()  # (c, h, n, w)
        self.squares = torch.zeros(len(self), dtype=pictures.dtype, device=pictures.device)
        for plane in self.images.flatten(0, 1):
            self.squares += plane.square().sum(1)  # (n,)

    def __len__(self) -> int:
        return self.images.shape[2]

    def image(self, row: int) -> Tensor:
        """Return a training image, (c, side, side)."""
        return self.images[:, :, row] + self.mean

    def whole(self, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Return the posterior mean over whole pictures, and its weights (b, n).

        Args:
            y: (b, c, side, side) pictures plus noise.
            sigma: Standard deviation of the noise.
        """
        centered = (y - self.mean).permute(1, 2, 0, 3)  # (c, h, b, w)
        logits = (-0.5 * self.squares).repeat(len(y), 1)  # (b, n)
        planes = [(c, h) for c in range(len(self.images)) for h in range(self.side)]
        for plane in planes:
            logits.addmm_(centered[plane], self.images[plane].T)
        weights = (logits / sigma**2).softmax(1)
        x_0 = torch.empty_like(y)
        for c, h in planes:
            x_0[:, c, h] = weights @ self.images[c, h]
        return x_0 + self.mean, weights

    def windowed(
        self, y: Tensor, sigma: float, radius: int, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the posterior mean in windows for one picture, and its weights (h, m, w).

        Args:
            y: (c, side, side), a picture plus noise.
            sigma: Standard deviation of the noise.
            radius: A pixel's window reaches so many pixels to each side.
            rows: (m,) images to look at; None is all.
        """
        images = self.images if rows is None else self.images.index_select(2, rows)
        centered = y - self.mean
        sums = centered[0][:, None, :] - images[0] / 2
        sums.mul_(images[0])
        for channel in range(1, len(images)):
            sums.addcmul_(centered[channel][:, None, :] - images[channel] / 2, images[channel])
        band = windows.band(self.side, radius, y)
        h, m, w = sums.shape
        sums = (sums.view(h * m, w) @ band).view(h, m * w)
        sums = ((band / sigma**2) @ sums).view(h, m, w)
        # Below LOWEST numbers would be too small for fast arithmetic.
        sums.sub_(sums.amax(1, keepdim=True)).clamp_(min=LOWEST).exp_()
        sums.div_(sums.sum(1, keepdim=True))
        x_0 = torch.stack([(sums * one).sum(1) for one in images])
        return x_0 + self.mean, sums


class Sampling:
    """Denoises pictures from level to level of falling noise.

    The weights at one level decide which images are screened out on the next, per picture.

    Args:
        denoiser: The training images.
        screen: Leave out images of little weight where there are many; else use all.
    """

    def __init__(self, denoiser: Denoiser, *, screen: bool = True) -> None:
        self.denoiser, self.screen = denoiser, screen
        self.before: dict[int, tuple[Tensor | None, Tensor]] = {}  # images and their scores

    def denoise(
        self, y: Tensor, sigma: float, visit: Callable[[int, Weights], None] | None = None
    ) -> Tensor:
        """Return x_0 (b, c, side, side) for y.

        Args:
            y: (b, c, side, side) pictures plus noise, the same pictures at every call.
            sigma: Standard deviation of the noise, in the range of pixels in [-1, 1].
            visit: Called for each picture with its number and the weights that x_0 is mixed
                by; they are large, and are not kept.
        """
        stated = sigma * windows.REFERENCE / self.denoiser.side
        radius = self.denoiser.radius(stated)
        if radius is None:
            x_0, every = self.denoiser.whole(y, sigma)
            for place, one in enumerate(every):
                self._record(place, Weights(None, one), visit)
            return x_0
        x_0 = torch.empty_like(y)
        for place, one in enumerate(y):
            rows = self._rows(place, stated)
            x_0[place], values = self.denoiser.windowed(one, sigma, radius, rows)
            self._record(place, Weights(rows, values), visit)
        return x_0

    def _record(
        self, place: int, weights: Weights, visit: Callable[[int, Weights], None] | None
    ) -> None:
        if self.screen and len(self.denoiser) > screening.EXACT:
            self.before[place] = (weights.rows, weights.score())
        if visit is not None:
            visit(place, weights)

    def _rows(self, place: int, sigma: float) -> Tensor | None:
        if place not in self.before:
            return None
        rows, score = self.before[place]
        chosen = screening.best(score, screening.keep(sigma))
        if chosen is None:
            return rows
        return chosen if rows is None else rows[chosen]
