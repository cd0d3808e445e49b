"""Which images are copies of one another: equal files, equal pixels, or nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..common.arrays import Array
from ..common.knn import nearest
from ..selectors.duplicates import suggested_radius

LINKED = 8  # nearest images that an image is compared with
FEW = 12  # with fewer images there is nothing to judge nearness by; only equal ones are copies
SAME = 1e-4  # embeddings of equal pixels may differ by rounding, never by more


@dataclass(frozen=True)
class Copies:
    """Groups of images that are copies of one another.

    Attributes:
        group: (n,) number of the group of each image; an image without copies is alone in one.
        equal: (n,) the same for equal files alone.
    """

    group: list[int]
    equal: list[int]


def find_copies(sha256: Sequence[str | None], rows: Sequence[int], x: Array) -> Copies:
    """Group images by content and by embedding.

    Two images are linked when their files are equal, or when their embeddings are nearer than
    `copy_radius`; what is linked over others is one group too.

    Args:
        sha256: Hash of each file, n of them; None where it cannot be read.
        rows: Which images have an embedding, m of them.
        x: (m, d) embeddings of length 1, in the order of ``rows``.
    """
    equal = Groups(len(sha256))
    first: dict[str, int] = {}
    for row, digest in enumerate(sha256):
        if digest is not None:
            equal.join(first.setdefault(digest, row), row)
    alike = Groups(len(sha256))
    for row in range(len(sha256)):
        alike.join(equal.group_of(row), row)
    for a, b in _near(x):
        alike.join(rows[a], rows[b])
    everyone = range(len(sha256))
    return Copies(
        [alike.group_of(row) for row in everyone], [equal.group_of(row) for row in everyone]
    )


def copy_radius(distance: Array) -> float:
    """Return the distance below which two images are copies, from distances to neighbours.

    It is the radius for near-duplicates, or the one from the fourth nearest images if that is
    larger: where most images have up to three copies, the nearest one tells nothing of how far
    images are apart.

    Args:
        distance: (n, 8) distances of every image to its nearest others, ascending.
    """
    return max(SAME, suggested_radius(distance[:, :2]), suggested_radius(distance[:, [3, 7]]))


def _near(x: Array) -> list[tuple[int, int]]:
    """Pairs of rows that are copies by their embeddings."""
    if len(x) < 2:
        return []
    k = min(LINKED, len(x) - 1)
    distance, index = nearest(x, x, k, exclude_self=True)
    radius = copy_radius(distance) if len(x) >= FEW else SAME
    near = np.argwhere(distance <= radius)
    return [(int(row), int(index[row, place])) for row, place in near]


class Groups:
    """Numbers in groups, named after their smallest member."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def group_of(self, one: int) -> int:
        """Return the smallest member of a number's group."""
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Make one group of two."""
        a, b = sorted((self.group_of(one), self.group_of(other)))
        self.parent[b] = a
