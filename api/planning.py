"""What a study will do: which images are held out, which trainings there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import ArmSettings, StudySettings
from ..datasets import reading
from ..errors import DataError, SettingsError


@dataclass(frozen=True)
class Cell:
    """One training of a study: an arm with a seed."""

    arm: ArmSettings
    seed: int

    @property
    def key(self) -> str:
        """Name of the cell, such as ``coreset-s0``."""
        return f"{self.arm.name}-s{self.seed}"


def cells(config: StudySettings) -> list[Cell]:
    """List the trainings, seed by seed, so that a first comparison is there early."""
    return [Cell(arm, seed) for seed in config.seeds for arm in config.arms]


def selection_name(config: StudySettings, cell: Cell) -> str:
    """Return the name of a cell's selection; only `random` draws anew for each seed."""
    name = f"{config.name}-{cell.arm.name}"
    return f"{name}-s{cell.seed}" if cell.arm.method == "random" else name


def split(view: Any, config: StudySettings) -> tuple[list[str], list[str]]:
    """Divide a view's samples into those that arms may train on and the held-out rest.

    Which images are held out depends on the images' names and on nothing else, so it is
    the same for every arm and seed, and on every machine.

    Returns:
        Ids of the pool and of the held-out images.

    Raises:
        SettingsError: The group field does not exist.
        DataError: One of the two sides would have fewer than two images.
    """
    source = reading.read_paths(view)
    groups = _groups(view, config.group_field, source.names)
    names = sorted(set(groups))
    order = np.random.default_rng(0).permutation(len(names))
    goal, held = round(config.held_out * len(source.ids)), set()
    count = dict.fromkeys(names, 0)
    for group in groups:
        count[group] += 1
    for number in order:
        if sum(count[group] for group in held) >= goal:
            break
        held.add(names[number])
    pool = [id for id, group in zip(source.ids, groups, strict=True) if group not in held]
    rest = [id for id, group in zip(source.ids, groups, strict=True) if group in held]
    if len(pool) < 2 or (config.held_out > 0 and len(rest) < 2):
        raise DataError(
            f"holding out {config.held_out:g} of {len(source.ids)} images leaves {len(pool)} to "
            f"train on and {len(rest)} to compare with; both need at least 2."
        )
    return pool, rest


def _groups(view: Any, field: str | None, names: Sequence[str]) -> list[str]:
    if field is None:
        return list(names)
    if view._dataset.get_field(field) is None:
        raise SettingsError(
            f"group_field: {view._dataset.name!r} has no field {field!r}; leave it out, or name a "
            "field that says which images belong together."
        )
    values = view.values(field)
    return [
        name if value is None else str(value) for name, value in zip(names, values, strict=True)
    ]


def check(config: StudySettings, pool_size: int) -> None:
    """Refuse a plan that cannot be carried out, before any work is done.

    Raises:
        SettingsError: A budget is larger than the pool.
    """
    for arm in config.arms:
        budget = arm.budget or config.budget
        if arm.method != "full" and budget > pool_size:
            raise SettingsError(
                f"the budget of arm {arm.name} is {budget}, but only {pool_size} images may be "
                f"trained on ({config.held_out:g} of the images are held out); lower the budget "
                "or held_out."
            )


def work(config: StudySettings) -> dict[str, float]:
    """Estimate each cell's cost in network evaluations of one image, by cell key.

    A training step costs about three evaluations per image: forward, and backward twice.
    """
    train, draw = config.train, config.generate
    return {
        cell.key: 3.0 * (cell.arm.steps or train.steps) * train.batch_size
        + float(draw.count * draw.steps)
        for cell in cells(config)
    }
