"""Which images of the pool an arm may choose from: all, or those of a tag, a view or a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import DataError, nearest
from ..config import ArmSettings, StudySettings
from ..datasets import reading
from ..datasets.resolving import all_samples


def choice_of(arm: ArmSettings, dataset: Any, pool: Sequence[str]) -> list[str]:
    """Return the ids of the pool's images that an arm may choose from, in the pool's order.

    Args:
        arm: The arm.
        dataset: The real images' data set.
        pool: Ids of the images that may be trained on.

    Raises:
        DataError: No image of the pool is left, or the view or the field does not exist.
    """
    ids = list(pool)
    if arm.tag is not None:
        tagged = set(all_samples(dataset).match_tags(arm.tag).values("id"))
        ids = [id for id in ids if id in tagged]
    if arm.view is not None:
        seen = set(reading.resolve(f"{dataset.name}:{arm.view}")[1].values("id"))
        ids = [id for id in ids if id in seen]
    if arm.left_out is not None and ids:
        field, value = arm.left_out
        values = reading.field_values(dataset, ids, field)
        ids = [id for id, own in zip(ids, values, strict=True) if str(own) != value]
    if not ids:
        limits = {"tag": arm.tag, "view": arm.view, "without": arm.without}
        given = ", ".join(f"{name} {value!r}" for name, value in limits.items() if value)
        raise DataError(
            f"arm {arm.name} ({given}) has none of the {len(pool)} images that may be trained on; "
            "held-out images do not count."
        )
    return ids


def check(config: StudySettings, dataset: Any) -> None:
    """Make sure, before anything is computed, that the tags and views of the arms are there.

    Raises:
        DataError: One is not.
    """
    asked = [arm for arm in config.arms if arm.tag is not None]
    tags = all_samples(dataset).distinct("tags") if asked else []
    for arm in asked:
        if arm.tag not in tags:
            raise DataError(
                f"arm {arm.name}: the data set {dataset.name!r} has no tag "
                f"{arm.tag!r}{nearest(str(arm.tag), tags)}."
            )
    for arm in config.arms:
        if arm.view is not None:
            reading.resolve(f"{dataset.name}:{arm.view}")


def choices_of(config: StudySettings, dataset: Any, pool: Sequence[str]) -> dict[str, list[str]]:
    """Return what each arm may choose from, by its name."""
    return {arm.name: choice_of(arm, dataset, pool) for arm in config.arms}


def sizes_of(choices: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Count what each arm may choose from."""
    return {name: len(ids) for name, ids in choices.items()}
