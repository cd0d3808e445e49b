"""What is previewed: the whole pool, selections by a method, and what the user has chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...common.errors import DataError, RunError, nearest
from ...config import ArmSettings, PreviewSettings, SelectSettings, choices
from ...datasets import reading, selections
from ...runs import Run, read_json, write_json
from ...workflows.selecting import choose
from ..arm_images import choice_of

METHODS = tuple(choices(SelectSettings.model_fields["method"]) or ())
OwnArms = Mapping[str, ArmSettings]
"""Arms of a study that a plain name does not describe: other budgets, fewer images, options."""
WITHOUT_WORST = re.compile(r"(?P<of>.+)-less-(?P<percent>\d{1,2})")

SHOWN = 12  # outliers of an arm that its page shows


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
        match = WITHOUT_WORST.fullmatch(self.name)
        return (match["of"], int(match["percent"])) if match else None


def list_arms(config: PreviewSettings, own: OwnArms | None = None) -> list[Arm]:
    """List the arms; those that choose at random come as often as it draws.

    Args:
        config: Settings of the preview.
        own: Arms with settings of their own, by name.
    """
    arms = []
    for name in config.arms:
        method = own[name].method if own and name in own else name
        if method == "random":
            arms += [Arm(f"random-{n + 1}", name, n) for n in range(config.random_draws)]
        else:
            arms.append(Arm(name, name))
    return arms


def drawing_order(arms: Sequence[Arm]) -> list[Arm]:
    """Order arms by when they are drawn: one of each first, the whole pool last."""
    first = [arm for arm in arms if arm.seed == 0 and arm.name != "full" and not arm.without]
    further_draws = [arm for arm in arms if arm.seed > 0]
    full = [arm for arm in arms if arm.name == "full"]
    without_worst = [arm for arm in arms if arm.without]
    return [*first, *full, *further_draws, *without_worst]


class ArmImages:
    """Which images of the pool each arm has, kept with the preview.

    Args:
        run: The preview.
        config: Its settings.
        dataset: The data set.
        pool: The images that arms may have; with embeddings, except for random choices.
        today: Samples that images have today, by those that they had when the preview began.
        own: Arms with settings of their own, by name.
    """

    def __init__(
        self,
        run: Run,
        config: PreviewSettings,
        dataset: Any,
        pool: reading.Samples,
        today: Mapping[str, str],
        own: OwnArms,
    ) -> None:
        self.run, self.config, self.dataset, self.pool = run, config, dataset, pool
        self.today, self.own = today, own
        self.diagnosed: Any = None  # a selection of this pool: its outliers and near-copies

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
        return [self.today.get(id, id) for id in read_json(path)]

    def _choose(self, arm: Arm, worst: Sequence[str]) -> list[str]:
        if arm.name in self.own:
            return self._by_settings(arm, self.own[arm.name])
        if arm.name == "full":
            return self.pool.ids
        if arm.without:
            other, percent = arm.without
            whole = self.ids(Arm(other, other))
            dropped = set(list(worst)[: round(len(whole) * percent / 100)])
            return [id for id in whole if id not in dropped]
        if arm.name in METHODS:
            return self._by_method(arm)
        allowed = set(self.pool.ids)
        ids = [id for id in self._chosen_by_user(arm.name) if id in allowed]
        if not ids:
            raise DataError(
                f"no image of {arm.name!r} may be used: all are held out, or the source does not "
                "have them."
            )
        return ids

    def _by_method(self, arm: Arm) -> list[str]:
        chosen, selection = self._select(arm, self.pool, {"method": arm.name})
        if self.pool.x is not None:
            self.diagnosed = self.diagnosed or selection
        return chosen

    def _by_settings(self, arm: Arm, own: ArmSettings) -> list[str]:
        ids = choice_of(own, self.dataset, self.pool.ids)
        if own.method == "full":
            return ids
        choice = _subset(self.pool, ids)
        options = {**own.options, "method": own.method, "budget": own.budget or self.config.budget}
        return self._select(arm, choice, options)[0]

    def _select(
        self, arm: Arm, pool: reading.Samples, changes: Mapping[str, Any]
    ) -> tuple[list[str], Any]:
        options = self.config.select.model_dump(include=set(SelectSettings.model_fields))
        options |= {"budget": self.config.budget, "name": None, **changes}
        if options["method"] == "random":
            options["seed"] = arm.seed
        selection = choose(pool, SelectSettings(**options), self.dataset)
        return [pool.ids[row] for row in selection.indices], selection

    def _chosen_by_user(self, name: str) -> list[str]:
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

    def diagnostics(self, ids: Sequence[str]) -> dict[str, Any]:
        """Say what is odd among chosen images.

        Returns:
            ``outliers``: how many images have few like them in the pool; ``outlier_images``: the
            files of some; ``near_copies``: how many nearly repeat another of them.
        """
        if self.diagnosed is None:
            settings = SelectSettings(method="random", budget=1)
            self.diagnosed = choose(self.pool, settings, self.dataset)
        row_of = {id: row for row, id in enumerate(self.pool.ids)}
        rows = np.array([row_of[id] for id in ids if id in row_of], dtype=np.int64)
        groups = self.diagnosed.representative[rows]
        outliers = rows[self.diagnosed.flagged[rows]]
        return {
            "outliers": len(outliers),
            "outlier_images": [self.pool.paths[row] for row in outliers[:SHOWN]],
            "near_copies": len(rows) - len(np.unique(groups)),
        }


def study_arms(names: Sequence[str], dataset: Any) -> tuple[list[str], list[str]]:
    """Return the words by which a study has the arms of a preview, and the arms that none has.

    Args:
        names: Arms of a preview, as its settings have them.
        dataset: The data set.
    """
    words, others = [], []
    known, views = selections.selection_names(dataset), dataset.list_saved_views()
    for name in names:
        if name == "full" or name in METHODS:
            words.append(name)
        elif WITHOUT_WORST.fullmatch(name):
            others.append(name)
        elif name in views and (name not in known or selections.has_view(dataset, name)):
            words.append(f"view:{name}")  # of a selection, those that it has chosen
        else:
            words.append(f"tag:{name}")
    return words, others


def _subset(pool: reading.Samples, ids: Sequence[str]) -> reading.Samples:
    """Return the samples of a pool that have one of some ids, in the pool's order."""
    kept = set(ids)
    rows = [row for row, id in enumerate(pool.ids) if id in kept]
    ids, paths, names = (
        [values[row] for row in rows] for values in (pool.ids, pool.paths, pool.names)
    )
    x = None if pool.x is None else pool.x[rows]
    return replace(pool, ids=ids, paths=paths, names=names, x=x)


def check_arms(config: PreviewSettings, own: OwnArms, pool_size: int) -> None:
    """Refuse a preview that cannot be made, before any work is done.

    Raises:
        DataError: A budget is larger than the pool.
        RunError: An arm is to be without the worst images of one that is not previewed.
    """
    arms = list_arms(config, own)
    if config.budget > pool_size and any(arm.name in {*METHODS} - {*own} for arm in arms):
        raise DataError(
            f"budget must be <= {pool_size}, the images that are not held out, got "
            f"{config.budget}; give a budget of half of them or less, so that selections differ."
        )
    keys = [arm.key for arm in arms]
    for arm in arms:
        if arm.without and arm.without[0] not in keys:
            raise RunError(
                f"{arm.name} needs the arm {arm.without[0]!r}{nearest(arm.without[0], keys)}, "
                f"which is not previewed; add it to arms (there are: {', '.join(keys)})."
            )
