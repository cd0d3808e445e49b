"""Which generated images repeat a training image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from .arrays import Array, Booleans, Floats, Integers, embeddings, pair
from .distances import neighbors_between, neighbors_within, together

NEIGHBORS = 50
COPY = 0.5  # Carlini et al.: nearest closer than half of the mean of its neighbourhood


class Memorization(NamedTuple):
    """For every generated image: the training image that it is nearest to."""

    nearest: Integers  # row of train
    mirrored: Booleans  # the mirrored training image is the nearer one
    distance: Floats
    ratio: Floats  # distance / mean distance of the nearest training images; 0 for a copy
    authentic: Booleans  # farther from it than its own nearest training neighbour


def memorization(
    *,
    generated: Any,
    train: Any,
    train_mirrored: Any = None,
    neighbors: int = NEIGHBORS,
    device: str = "cpu",
) -> Memorization:
    """Find the nearest training image of every generated one, by exact distance.

    ``ratio`` compares that distance with the mean over the ``neighbors`` nearest
    training images: near 1 for an image among its like, near 0 for a copy.
    ``authentic`` is false where the generated image is nearer to a training image
    than that one's nearest fellow. New real images are authentic in about 75-80 % of
    cases, not in all, so read both beside their values for held-out real images.

    Args:
        generated: (m, d) embeddings.
        train: (n, d) embeddings of the images that the model was trained on, n >= 2.
        train_mirrored: (n, d) embeddings of the same images mirrored, row by row, for a
            model that was trained with horizontal flips.
        neighbors: How many nearest training images make the neighbourhood.
        device: ``cpu``, ``cuda`` or ``auto``.

    Raises:
        DataError: Feature or row counts differ, train has fewer than 2 images, or a
            value is not finite.

    Source: ratio: Carlini et al. 2023, arXiv:2301.13188, section 5.2; authenticity:
    Alaa et al. 2022, arXiv:2102.08921.
    """
    g, t = pair("generated", generated, "train", train)
    embeddings("train", t, at_least=2)
    own = [t]
    if train_mirrored is not None:
        _, flipped = pair("train", t, "train_mirrored", train_mirrored)
        if len(flipped) != len(t):
            raise DataError(
                f"train has {len(t)} images and train_mirrored has {len(flipped)}; "
                "give the mirrored images row by row."
            )
        own.append(flipped)
    return _search(g, own, neighbors, device)


def _search(g: Array, own: list[Array], neighbors: int, device: str) -> Memorization:
    images, *training = together(g, *own, device=device)
    count = len(training[0])
    near = min(neighbors, count)
    found = [neighbors_between(images, points, near) for points in training]
    squared = np.concatenate([distances for distances, _ in found], axis=1)
    rows = np.concatenate([index for _, index in found], axis=1)
    flipped = np.repeat(np.arange(len(found)) > 0, near)
    first = squared.argmin(axis=1)[:, None]
    nearest = np.take_along_axis(rows, first, 1)[:, 0]
    distance = np.sqrt(np.take_along_axis(squared, first, 1)[:, 0])
    around = np.sqrt(np.partition(squared, near - 1, axis=1)[:, :near]).mean(axis=1)
    ratio = np.divide(distance, around, out=np.zeros(len(g)), where=distance > 0)
    fellow = np.sqrt(neighbors_within(training[0], 1)[0][:, 0])  # (n,)
    return Memorization(
        nearest=nearest,
        mirrored=flipped[first[:, 0]],
        distance=distance,
        ratio=ratio,
        authentic=distance > fellow[nearest],
    )
