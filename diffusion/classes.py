"""The classes of a training: their names and numbers, and which one an image is drawn of.

Classes are numbered in the order of their names; one number more stands for no class, which is
what unlabeled images have and what the network is told where a label is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..common.errors import SettingsError, nearest
from ..runs import Run, read_json
from . import manifest

Labels = Sequence[str | None]


def counts(labels: Labels) -> dict[str, int]:
    """Return how many images each class has, by name, in the order of their numbers."""
    counted = Counter(label for label in labels if label is not None)
    return {name: counted[name] for name in sorted(counted)}


def numbers(labels: Labels, known: Labels | None = None) -> np.ndarray:
    """Return the class of each image as a number, (n,) int64; the largest is no class.

    Args:
        labels: The class of each image by name, None where it has none.
        known: Labels of the training images, whose classes are the known ones; any other class is
            no class. By default the labels themselves.
    """
    names = counts(labels if known is None else known)
    number_of = {name: number for number, name in enumerate(names)}
    return np.array([number_of.get(label or "", len(number_of)) for label in labels], np.int64)


def learns_no_class(labels: Labels, label_dropout: float) -> bool:
    """Return whether a training with these labels also learns images without a class."""
    return label_dropout > 0 or None in labels


def labels_of(run_path: Path) -> list[str | None]:
    """Return the labels of a run's training images; empty for one without classes."""
    path = run_path / manifest.NAME
    return (read_json(path).get("labels") or []) if path.exists() else []


def drawn(
    run: Run, seeds: Sequence[int], given: Sequence[str] | None
) -> tuple[list[str | None], np.ndarray] | None:
    """Return which class each seed is drawn of; see `class_chooser`."""
    choose = class_chooser(run, given)
    return None if choose is None else choose(seeds)


def class_chooser(
    run: Run, given: Sequence[str] | None
) -> Callable[[Sequence[int]], tuple[list[str | None], np.ndarray]] | None:
    """Return a function from seeds to their classes, as names and as numbers; None without classes.

    The run's labels are read once.

    Seed s is of the class s modulo their number where some are given. Otherwise it has the
    label of a training image that follows from the seed, so that all together have them as
    often as the training images.

    Raises:
        SettingsError: The run has no classes and some are given, or it has no such class.
    """
    labels = labels_of(run.path)
    known = list(counts(labels))
    if not known:
        if given:
            raise SettingsError(
                f"{run.id} was trained without classes, so it cannot draw {given[0]}; train with "
                "the setting classes."
            )
        return None
    for name in given or []:
        if name not in known:
            raise SettingsError(
                f"{run.id} has no class {name!r}{nearest(name, known)} (classes: "
                f"{', '.join(known)})."
            )
    number_of = {name: number for number, name in enumerate(known)}

    def choose(seeds: Sequence[int]) -> tuple[list[str | None], np.ndarray]:
        if given:
            names: list[str | None] = [given[seed % len(given)] for seed in seeds]
        else:
            names = [labels[_place(seed, len(labels))] for seed in seeds]
        return names, np.array([number_of.get(name or "", len(known)) for name in names], np.int64)

    return choose


def _place(seed: int, count: int) -> int:
    from .train.randomness import stream

    return int(stream("class of a drawing", seed).integers(count))
