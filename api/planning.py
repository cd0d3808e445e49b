"""What a study will do: which images are held out, which trainings there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import ArmSettings, StudySettings
from ..datasets import reading
from ..errors import DataError, SettingsError

WATCHED = 256  # held-out images whose loss a training may look at


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


def named(dataset: Any, ids: Sequence[str]) -> list[str]:
    """Return what calls these images on any machine, in their order."""
    known = reading.read_paths(dataset.select(list(ids)))
    names = dict(zip(known.ids, known.names, strict=True))
    return [names[id] for id in ids]


def unseen(held_out: Any, field: str) -> list[str]:
    """Draw files of held-out images, at most `WATCHED`, for trainings to log their loss on.

    Args:
        held_out: View of the held-out images, which may be empty.
        field: The field with their embeddings; an image that has none cannot be read.
    """
    if not len(held_out):
        return []
    paths = reading.read_paths(held_out).paths
    bad = set(reading.rows_without(held_out, field))
    order = np.random.default_rng(0).permutation(len(paths))
    return [paths[row] for row in order if row not in bad][:WATCHED]


def frozen(dataset: Any, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Find a division's images in the data set, also after it was imported anew.

    Args:
        dataset: The data set as it is now.
        stored: ``pool`` and ``held_out``, sample ids, and their ``names`` likewise; a study
            of an older version has no names.

    Returns:
        The same with the ids of today; images that are gone are left out of both.
    """
    sides = ("pool", "held_out")
    there = set(dataset.values("id"))
    if all(id in there for side in sides for id in stored[side]):
        names = stored.get("names") or {side: named(dataset, stored[side]) for side in sides}
        return {**stored, "names": names}
    names = stored.get("names")
    if names is None:
        return {side: [id for id in stored[side] if id in there] for side in sides}
    ids = _by_name(dataset)
    kept = {side: [name for name in names[side] if name in ids] for side in sides}
    return {side: [ids[name] for name in kept[side]] for side in sides} | {"names": kept}


def _by_name(dataset: Any) -> dict[str, str]:
    """Return sample ids by file and by ``source_id``, where that is one sample's alone."""
    ids, paths = dataset.values(["id", "filepath"])
    found = dict(zip(paths, ids, strict=True))
    if dataset.get_field("source_id") is not None:
        named = dataset.values("source_id")
        count = Counter(named)
        found |= {name: id for name, id in zip(named, ids, strict=True) if count[name] == 1}
    return found


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
