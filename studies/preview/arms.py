"""What is previewed: the whole pool, selections by a method, and what the user has chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.errors import DataError, RunError, nearest
from ...config import PreviewSettings, SelectSettings, choices
from ...datasets import reading, selections
from ...runs import Run, read_json, write_json
from ...workflows.selecting import choose

METHODS = tuple(choices(SelectSettings.model_fields["method"]) or ())
LESS = re.compile(r"(?P<of>.+)-less-(?P<percent>\d{1,2})")


@dataclass(frozen=True)
class Arm:
    """One set of training images to draw from.

    Attributes:
        key: Its own name, such as ``random-2``; names files and fields.
        name: What was asked for, such as ``random``.
        seed: Seed of the selection.
    """

    key: str
    name: str
    seed: int = 0

    @property
    def without(self) -> tuple[str, int] | None:
        """The key of the arm that this one is without its worst images, and how many percent."""
        match = LESS.fullmatch(self.name)
        return (match["of"], int(match["percent"])) if match else None


def arms(config: PreviewSettings) -> list[Arm]:
    """List the arms; ``random`` comes as often as it draws."""
    found = []
    for name in config.arms:
        if name == "random":
            found += [Arm(f"random-{n + 1}", name, n) for n in range(config.random_draws)]
        else:
            found.append(Arm(name, name))
    return found


def drawing_order(found: Sequence[Arm]) -> list[Arm]:
    """Order arms by when they are drawn: one of each first, the whole pool last."""
    first = [arm for arm in found if arm.seed == 0 and arm.name != "full" and not arm.without]
    again = [arm for arm in found if arm.seed > 0]
    full = [arm for arm in found if arm.name == "full"]
    less = [arm for arm in found if arm.without]
    return [*first, *full, *again, *less]


class Chooser:
    """Knows which images of the pool each arm has; keeps it with the preview.

    Args:
        run: The preview.
        config: Its settings.
        dataset: The data set.
        pool: The images that arms may have; with embeddings, except for random choices.
    """

    def __init__(self, run: Run, config: PreviewSettings, dataset: Any, pool: reading.Pool) -> None:
        self.run, self.config, self.dataset, self.pool = run, config, dataset, pool
        self.explained: Any = None  # a selection of this pool: its outliers and near-copies

    def ids(self, arm: Arm, worst: Sequence[str] = ()) -> list[str]:
        """Return the sample ids of an arm, choosing them when that was not done yet.

        Args:
            arm: Which.
            worst: For an arm without its worst images: ids of those of the other arm, worst
                first; images of which too little is known are not among them.

        Raises:
            DataError: Nothing of that name is there, or none of its images is in the pool.
        """
        path = self.run.path / "arms" / f"{arm.key}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            write_json(path, self._choose(arm, worst))
        return read_json(path)

    def _choose(self, arm: Arm, worst: Sequence[str]) -> list[str]:
        if arm.name == "full":
            return self.pool.ids
        if arm.without:
            other, percent = arm.without
            there = read_json(self.run.path / "arms" / f"{other}.json")
            dropped = set(list(worst)[: round(len(there) * percent / 100)])
            return [id for id in there if id not in dropped]
        if arm.name in METHODS:
            return self._by_method(arm)
        there = set(self.pool.ids)
        ids = [id for id in self._named(arm.name) if id in there]
        if not ids:
            raise DataError(
                f"no image of {arm.name!r} may be used: all are held out, or the source does not "
                "have them."
            )
        return ids

    def _by_method(self, arm: Arm) -> list[str]:
        options = self.config.select.model_dump(include=set(SelectSettings.model_fields))
        options |= {"method": arm.name, "budget": self.config.budget, "name": None}
        if arm.name == "random":
            options["seed"] = arm.seed
        found = choose(self.pool, SelectSettings(**options), self.dataset)
        if self.pool.x is not None:
            self.explained = self.explained or found
        return [self.pool.ids[row] for row in found.indices]

    def _named(self, name: str) -> list[str]:
        """Return the ids of a selection, a saved view or a tag of the user's."""
        dataset = self.dataset
        known = selections.selection_names(dataset)
        if name in known:
            return selections.read_selection(dataset, name).ids
        views, tags = dataset.list_saved_views(), dataset.distinct("tags")
        if name in views:
            return dataset.load_saved_view(name).values("id")
        if name in tags:
            return dataset.match_tags(name).values("id")
        every = ["full", *METHODS, *known, *views, *tags]
        raise DataError(
            f"{dataset.name!r} has no selection, saved view or tag {name!r}{nearest(name, every)}; "
            f"arms can be: {', '.join(dict.fromkeys(every))}."
        )

    def counts(self, ids: Sequence[str]) -> tuple[int, int]:
        """Count the outliers among images, and those that nearly repeat another of them."""
        if self.explained is None:
            settings = SelectSettings(method="random", budget=1)
            self.explained = choose(self.pool, settings, self.dataset)
        row = {id: number for number, id in enumerate(self.pool.ids)}
        rows = np.array([row[id] for id in ids if id in row], dtype=np.int64)
        alike = self.explained.representative[rows]
        return int(self.explained.flagged[rows].sum()), len(rows) - len(np.unique(alike))


def check(config: PreviewSettings, pool_size: int) -> None:
    """Refuse a preview that cannot be made, before any work is done.

    Raises:
        DataError: A budget is larger than the pool.
        RunError: An arm is to be without the worst images of one that is not previewed.
    """
    every = arms(config)
    if config.budget > pool_size and any(arm.name in METHODS for arm in every):
        raise DataError(
            f"budget must be <= {pool_size}, the images that may be used, got {config.budget}."
        )
    keys = [arm.key for arm in every]
    for arm in every:
        if arm.without and arm.without[0] not in keys:
            raise RunError(
                f"{arm.name} needs the arm {arm.without[0]!r}{nearest(arm.without[0], keys)}, "
                f"which is not previewed; add it to arms (there are: {', '.join(keys)})."
            )
