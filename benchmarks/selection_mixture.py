"""A hard pool of embeddings whose outliers, duplicates and clusters are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixture:
    """Rows and what is true of them."""

    x: np.ndarray  # (n, d) float32
    cluster: np.ndarray  # (n,) of inliers 0..59, -1 for outliers
    outlier: np.ndarray  # (n,) bool
    pairs: np.ndarray  # (p, 2) rows that are near-duplicates


def mixture(seed: int, n: int = 11_647, d: int = 512) -> Mixture:
    """Draw a pool, every part proportional to n.

    60 clusters with Zipf sizes, each an ellipsoid of its own in about 24 of d dimensions with
    its own spread. 2 % outliers: half alone in random directions, a quarter halfway
    between two clusters or far out of one, a quarter in tight cliques of 3 to 6 junk
    images. 2.6 % of the rows copy another row nearly, some in cliques of 3 to 6 copies.
    """
    rng = np.random.default_rng(seed)
    size = np.array([1 / (rank + 1) for rank in range(60)])
    bad, twins = round(0.02 * n), round(300 / 11_647 * n)
    good = n - bad - twins
    cluster = rng.choice(60, size=good, p=size / size.sum())
    common = rng.normal(size=d) / np.sqrt(d)  # real embeddings share a mean direction
    centres = common + 0.9 * rng.normal(size=(60, d)) / np.sqrt(d)
    spread = np.exp(rng.normal(0, 0.35, 60)) * 0.55
    x = np.empty((good, d))
    for c in range(60):
        rows = np.flatnonzero(cluster == c)
        axes = rng.normal(size=(24, d)) / np.sqrt(d)
        scale = spread[c] * np.sqrt(0.85 ** np.arange(24) / sum(0.85 ** np.arange(24)))
        x[rows] = centres[c] + (rng.normal(size=(len(rows), 24)) * scale) @ axes
    x += 0.1 * rng.normal(size=x.shape) / np.sqrt(d)

    junk = bad // 4
    far = np.concatenate(
        [
            common + 1.3 * rng.normal(size=(bad - 2 * junk, d)) / np.sqrt(d),
            _between(rng, x, centres, cluster, junk),
            _cliques(rng, common + 1.3 * rng.normal(size=(junk, d)) / np.sqrt(d), junk),
        ]
    )
    source = rng.choice(good, size=twins, replace=False)
    crowd = source[: twins // 6]  # these are copied three to six times over
    source[: twins // 6] = np.repeat(crowd, 4)[: twins // 6]
    copies = x[source] + 0.03 * rng.normal(size=(twins, d)) / np.sqrt(d)
    rows = np.concatenate([x, far, copies])
    label = np.concatenate([cluster, np.full(bad, -1), cluster[source]])
    turn = rng.permutation(n)
    place = np.empty(n, np.int64)
    place[turn] = np.arange(n)
    pairs = np.stack([place[source], place[good + bad + np.arange(twins)]], 1)
    return Mixture(rows[turn].astype(np.float32), label[turn], label[turn] == -1, pairs)


def _between(rng, x, centres, cluster, count):
    half = count // 2
    ends = np.array([rng.choice(60, 2, replace=False) for _ in range(half)])
    mixed = centres[ends].mean(1) + 0.5 * rng.normal(size=(half, x.shape[1])) / np.sqrt(x.shape[1])
    rows = rng.choice(len(x), count - half, replace=False)
    own = centres[cluster[rows]]
    return np.concatenate([mixed, own + 2.5 * (x[rows] - own)])


def _cliques(rng, seeds, count):
    size = rng.integers(3, 7, size=count)
    member = np.repeat(np.arange(count), size)[:count]
    return seeds[member] + 0.15 * rng.normal(size=(count, seeds.shape[1])) / np.sqrt(seeds.shape[1])
