"""Which generated images repeat a training image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from ..common.errors import DataError
from ..common.knn import Points, nearest_between, nearest_within, prepare
from .arrays import Booleans, Floats, Integers, embeddings, pair
from .statistic import Statistics, mean_over_generated

if TYPE_CHECKING:
    from .context import Context
    from .registry import Fields

NEIGHBORS = 50
COPY = 0.5  # Carlini et al.: nearer than half of the mean distance of its neighbourhood
TWIN = 0.1  # training images that near, of the usual distance to a neighbour, count as one
RARE = 0.005  # share of the training images that come that near to another one


class Memorization(NamedTuple):
    """For every generated image: the training image that it is nearest to."""

    nearest: Integers  # row of train
    mirrored: Booleans  # the mirrored training image is the nearer one
    distance: Floats
    ratio: Floats  # distance / mean distance of the nearest training images; 0 for a copy
    memorized: Booleans  # ratio below `below`
    authentic: Booleans  # farther from it than its own nearest training neighbour
    below: float  # ratio that different images of this kind hardly ever have


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
    training images: near 1 for an image among its like, near 0 for a copy. An image
    is ``memorized`` where its ratio is below 0.5, or below what only 0.5 % of the
    training images have among the others, whichever is larger: encoders differ in
    how far they put two pictures of one thing apart. It must also be as near to the
    training image as that one's nearest fellow, or as training images usually are to
    theirs: a picture that is far from everything is no copy of what it is least far
    from. Training images that all but
    coincide count as one in all this, however often they were repeated.
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
    images, *training = prepare(g, *own, device=device)
    near = min(neighbors, len(t) - 1)
    among = nearest_within(training[0], near)
    different_rows = _distinct_images(*among)
    if len(different_rows) in (1, len(t)):  # all different, or nothing but one image
        return _judge(images, training, near, _among_training(among[0], training, near))[0]
    # What is repeated fills its own neighbourhood, and a copy of it would seem at home there.
    _, *different = prepare(g, *(rows[different_rows] for rows in own), device=device)
    near = min(neighbors, len(different_rows) - 1)
    fellows = _among_training(nearest_within(different[0], near)[0], different, near)
    judged, reach = _judge(images, different, near, fellows)
    return _nearest_of_all(judged, reach, images, training)


def compute(c: Context) -> Statistics:
    """Return the shares of memorized and of authentic images of one comparison."""
    return {
        "memorized": mean_over_generated(c.memory.memorized, below=c.memory.below),
        "authentic": mean_over_generated(c.memory.authentic),
    }


def fields(c: Context) -> tuple[Fields, Fields]:
    """Return the nearest training image of every generated one, and what follows from it."""
    if c.train is None or len(c.train) < 2:
        return {}, {}
    of_generated: Fields = {
        "nearest_train": c.memory.nearest,
        "nearest_train_mirrored": c.memory.mirrored,
        "nearest_train_distance": c.memory.distance,
        "memorization_ratio": c.memory.ratio,
        "memorized": c.memory.memorized,
        "authentic": c.memory.authentic,
    }
    return of_generated, {}


def _judge(
    images: Points, training: list[Points], near: int, among: Floats
) -> tuple[Memorization, Floats]:
    """Judge every image, and say up to which distance it may be a copy: (m,)."""
    neighbors = [nearest_between(images, points, near) for points in training]
    squared = np.concatenate([distances for distances, _ in neighbors], axis=1)
    rows = np.concatenate([index for _, index in neighbors], axis=1)
    first = squared.argmin(axis=1)
    nearest = rows[np.arange(len(rows)), first]
    distance, ratio = _ratio(squared, near)
    fellow, usual = np.sqrt(among[:, :near].min(axis=1)), _ratio(among, near)[1]
    below = max(COPY, float(np.quantile(usual, RARE)))
    reach = np.maximum(fellow[nearest], np.median(fellow))
    judged = Memorization(
        nearest=nearest,
        mirrored=first >= near,
        distance=distance,
        ratio=ratio,
        memorized=(ratio < below) & (distance <= reach),
        authentic=distance > fellow[nearest],
        below=below,
    )
    return judged, reach


def _distinct_images(squared: Floats, rows: Integers) -> Integers:
    """Rows of the training images that differ, the first one of each kind: (kinds,)."""
    count = len(squared)
    gap = np.sqrt(squared)
    i, j = np.nonzero(gap <= TWIN * np.median(gap.mean(axis=1)))
    links = scipy.sparse.coo_array((np.ones(len(i)), (i, rows[i, j])), shape=(count, count))
    _, kind = scipy.sparse.csgraph.connected_components(links, directed=False)
    return np.unique(kind, return_index=True)[1]


def _nearest_of_all(
    judged: Memorization, reach: Floats, images: Points, training: list[Points]
) -> Memorization:
    """Name the nearest of all training images where only different ones were compared."""
    nearest = [nearest_between(images, points, 1) for points in training]
    squared = np.concatenate([distances for distances, _ in nearest], axis=1)
    rows = np.concatenate([index for _, index in nearest], axis=1)
    at = squared.argmin(axis=1)
    every = np.arange(len(rows))
    distance = np.sqrt(squared[every, at])
    scale = np.divide(distance, judged.distance, out=np.ones(len(rows)), where=judged.distance > 0)
    ratio = judged.ratio * scale
    return judged._replace(
        nearest=rows[every, at],
        mirrored=at > 0,
        distance=distance,
        ratio=ratio,
        memorized=(ratio < judged.below) & (distance <= reach),
    )


def _ratio(squared: Floats, near: int) -> tuple[Floats, Floats]:
    """Distance of the nearest, and its ratio to the mean of the ``near`` nearest: (n,) each."""
    nearest = np.sqrt(np.partition(squared, near - 1, axis=1)[:, :near])
    distance = nearest.min(axis=1)
    ratio = np.divide(
        distance, nearest.mean(axis=1), out=np.zeros(len(squared)), where=distance > 0
    )
    return distance, ratio


def _among_training(within: Floats, training: list[Points], near: int) -> Floats:
    """Squared distances of every training image to its nearest others, mirrored ones after."""
    parts = [within]  # (n, near)
    for mirrored in training[1:]:
        squared, rows = nearest_between(training[0], mirrored, near + 1)
        squared[rows == np.arange(len(rows))[:, None]] = np.inf  # its own mirror image
        parts.append(np.sort(squared, axis=1)[:, :near])
    return np.concatenate(parts, axis=1)
