"""Leave one kind of garment out of a random thousand: which one helps, which one harms?

    python benchmarks/evidence groups IMAGES LABELS ARMS.npz GROUPS.npz

writes ten arms without one class of the arm random-0, and eight that leave out as many pictures
at random; ``preview GROUPS.npz`` draws them.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from arms import read_arms, write_npz
from preview import HELD_OUT, POOL, idx

BY_CHANCE = 8
CLASSES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("arms", type=Path)
    parser.add_argument("groups", type=Path)


def main(given: Namespace) -> None:
    """Write the arms."""
    arms = read_arms(given.arms)
    labels = pool_labels(given.labels)
    rows = arms.rows["random-0"]
    assert len(arms.pool) == POOL, "the classes are those of the whole pool"
    without = {f"rows/without {name}": rows[labels[rows] != n] for n, name in enumerate(CLASSES)}
    size = round(np.mean([len(one) for one in without.values()]))
    chances = {
        f"rows/by chance {n}": np.random.default_rng(n).permutation(rows)[:size]
        for n in range(BY_CHANCE)
    }
    write_npz(given.groups, pool=arms.pool, **without, **chances)


def pool_labels(path: Path) -> np.ndarray:
    """Return the classes of the pool, by the split of `preview.read`."""
    labels = idx(path)
    order = np.random.default_rng(0).permutation(len(labels))
    return labels[order[HELD_OUT : HELD_OUT + POOL]]
