"""What a study will do: its arms, its trainings, their steps, and what they cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.errors import SettingsError
from ..common.keys import training_key, under
from ..config import ArmSettings, StudySettings
from ..datasets import reading
from ..runs import Run
from . import recorded

MOST_VALIDATION = 256  # held-out images whose loss a training may look at


@dataclass(frozen=True)
class Cell:
    """One training of a study.

    Attributes:
        arm: How its images are chosen.
        seed: Seed of the training.
        draw: Seed of the selection where the arm chooses anew for each; None where its choice
            is the same for all.
        revision: 1, and one more each time that the arm's settings became others.
    """

    arm: ArmSettings
    seed: int
    draw: int | None = None
    revision: int = 1

    @property
    def arm_name(self) -> str:
        """Name of the arm with its revision: ``coreset``, ``coreset.2``."""
        return self.arm.name if self.revision == 1 else f"{self.arm.name}.{self.revision}"

    @property
    def key(self) -> str:
        """Name of the cell: ``coreset-s0``; ``random-d2-s0`` where draw and seed differ."""
        return training_key(self.arm_name, self.seed, draw=self.draw)


def cells(
    config: StudySettings,
    revisions: Mapping[str, Sequence[str]] | None = None,
    *,
    recorded_arms: bool = False,
) -> list[Cell]:
    """List the trainings, seed by seed, so that a first comparison is there early.

    Args:
        config: The study's settings.
        revisions: What `revised` returned, and the study's record keeps.
        recorded_arms: Whether the arms were read from the study's record. One that no revision
            knows was then written by another version, and is what it was last.
    """
    return [
        Cell(arm, seed, draw, _revision(arm, revisions or {}, recorded_arms=recorded_arms))
        for number, seed in enumerate(config.seeds)
        for arm in config.arms
        for draw in _rotated(config.draws_of(arm), number)
    ]


def cells_of(run: Run) -> list[Cell]:
    """List the trainings of a study that there is.

    Raises:
        RunError: Its record is damaged.
        SettingsError: It has settings that are not known any more.
    """
    revisions = run.record.get("revisions")
    return cells(recorded.study_to_read(run), revisions, recorded_arms=True)


def _rotated(values: list[int | None], first: int) -> list[int | None]:
    """Begin with another value for each seed, so that the first trainings are all different."""
    first %= len(values)
    return values[first:] + values[:first]


def fingerprint(arm: ArmSettings) -> str:
    """Tell whether an arm is what it was; its name and settings left at their default do not."""
    settings = arm.model_dump(
        mode="json", exclude={"name"}, exclude_defaults=True, warnings=False
    )  # of a study of another version values may be refused today
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def revised(
    config: StudySettings, before: Mapping[str, Sequence[str]], arms: Sequence[ArmSettings] = ()
) -> dict[str, list[str]]:
    """Return the fingerprints that each arm has had, oldest first.

    What was trained for an arm is found by its revision: an arm that becomes what it once
    was finds its trainings again.

    Args:
        config: The study's settings of now.
        before: What this returned earlier.
        arms: The arms that a study of an older version was begun with.
    """
    revisions = {name: list(marks) for name, marks in before.items()}
    for arm in [*arms, *config.arms]:
        marks, mark = revisions.setdefault(arm.name, []), fingerprint(arm)
        if mark not in marks:
            marks.append(mark)
    return revisions


def _revision(
    arm: ArmSettings, revisions: Mapping[str, Sequence[str]], *, recorded_arms: bool
) -> int:
    marks, mark = list(revisions.get(arm.name, ())), fingerprint(arm)
    if mark in marks:
        return marks.index(mark) + 1
    return max(1, len(marks)) if recorded_arms else len(marks) + 1


def selection_name(label: str, cell: Cell) -> str:
    """Return the name of a cell's selection, which all cells of one draw share."""
    if cell.draw is None:
        return under(label, cell.arm_name)
    return training_key(cell.arm_name, cell.draw, study=label)


def validation_images(held_out: Any, field: str) -> reading.Samples:
    """Return at most `MOST_VALIDATION` of the held-out images, whose loss trainings log.

    Args:
        held_out: View of the held-out images, which may be empty.
        field: The field with their embeddings; an image that has none cannot be read.
    """
    if not len(held_out):
        return reading.Samples([], [], [])
    images = reading.read_paths(held_out)
    bad = set(reading.rows_without(held_out, field))
    order = np.random.default_rng(0).permutation(len(images.ids))
    rows = [row for row in order if row not in bad][:MOST_VALIDATION]
    ids, paths, names = (
        [one[row] for row in rows] for one in (images.ids, images.paths, images.names)
    )
    return reading.Samples(ids, paths, names)


def budget_of(config: StudySettings, arm: ArmSettings, pool_size: int) -> int:
    """Return how many images an arm is to train on, of so many that it may choose from."""
    return pool_size if arm.method == "full" else arm.budget or config.budget


def check_classes(config: StudySettings, dataset: Any) -> None:
    """Refuse fields of classes that hold none, before any work is done.

    Raises:
        DataError: There is no such field, or it holds something else.
    """
    for field in (config.train.classes, config.evaluate.classes):
        if field is not None:
            reading.class_path(dataset, field)


def check(config: StudySettings, pool_size: int, sizes: Mapping[str, int] | None = None) -> None:
    """Refuse a plan that cannot be carried out, before any work is done.

    Args:
        config: The study's settings.
        pool_size: How many images may be trained on.
        sizes: How many of them an arm may choose from, where that is fewer, by name.

    Raises:
        SettingsError: A budget is larger than what an arm may choose from.
    """
    for arm in config.arms:
        size = (sizes or {}).get(arm.name, pool_size)
        budget = budget_of(config, arm, size)
        if budget > size:
            held = f" ({config.held_out:g} of the images are held out)"
            which = "may be trained on" if size == pool_size else f"may be chosen by {arm.name}"
            raise SettingsError(
                f"the budget of arm {arm.name} is {budget}, but only {size} images {which}"
                f"{held if size == pool_size else ''}; lower the budget or held_out."
            )


def work(
    config: StudySettings, cells: Sequence[Cell], steps: Mapping[str, int]
) -> dict[str, float]:
    """Estimate each cell's cost in network evaluations of one image, by cell key.

    A training step costs about three evaluations per image: forward, and backward twice.

    Args:
        config: The study's settings.
        cells: Its trainings.
        steps: Their optimizer steps, by cell key.
    """
    draw = config.generate
    return {
        cell.key: 3.0 * steps[cell.key] * config.train.batch_size + float(draw.count * draw.steps)
        for cell in cells
    }
