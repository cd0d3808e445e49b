"""Groups of the App's sidebar for the fields that Curadiff writes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from . import info, names
from .database import fiftyone

EMBEDDING: Final = "Curadiff: embedding"
SELECTION: Final = "Curadiff: selection"
GENERATION: Final = "Curadiff: generation"
EVALUATION: Final = "Curadiff: evaluation"
PREVIEW: Final = "Curadiff: preview"
GENERAL = (EMBEDDING, SELECTION, GENERATION, EVALUATION, PREVIEW)
"""Groups of whatever a verb writes; a study and a preview have one of their own besides."""
LOOSE = ("metadata", "labels", "primitives", "other")
"""FiftyOne's own groups, into which every field goes that nobody has put elsewhere."""
KEY = "sidebar group "


def of_one(owner: str) -> str:
    """Return the group of one thing's fields: ``study a`` -> ``Curadiff: study a``."""
    return f"Curadiff: {owner}"


def fold(dataset: Any, group: str, fields: Sequence[str], *, by: str | None = None) -> None:
    """Put fields into a group of the sidebar, made folded where it is missing.

    What a person has arranged stays: other groups, and these fields where they are in a group
    of the person's. A group that a person has called so stays too; this one then has a number
    behind its name. The caller holds the data set.

    Args:
        dataset: The data set.
        group: One of `GENERAL`, or the name that `of_one` gives.
        fields: Fields that are there.
        by: The owner under which the group is recorded, such as ``study a``; by default
            the group itself.
    """
    fo = fiftyone()
    by = by or group
    dataset._doc.reload("app_config")  # a person may have arranged it meanwhile
    groups = dataset.app_config.sidebar_groups
    if groups is None:
        groups = fo.DatasetAppConfig.default_sidebar_groups(dataset)
    made = {name: one.get("by", "") for name, one in _recorded(dataset).items()}
    name = _name(groups, made, group, fields, by=by)
    taken_from = {*LOOSE, name}
    if group not in GENERAL:
        taken_from |= {one for one, owner in made.items() if owner in GENERAL}
    placed = {path for one in groups if one.name not in taken_from for path in one.paths}
    ours = next((one for one in groups if one.name == name), None)
    moved = [field for field in fields if field not in placed]
    if not set(moved) - set(ours.paths if ours is not None else ()):
        return
    info.put(dataset, names.MADE, {KEY + name: {"by": by}})
    if ours is None:
        ours = fo.SidebarGroupDocument(name=name, paths=[], expanded=False)
        groups = [*groups, ours]
    for one in groups:
        one.paths = [path for path in one.paths if path not in moved]
    ours.paths = [*ours.paths, *moved]
    dataset.app_config.sidebar_groups = groups
    dataset.save()


def remove_empty(dataset: Any) -> None:
    """Remove those groups of ours in which no field is left; the caller holds the data set.

    Where only FiftyOne's own groups are left as it makes them, nothing stays arranged.
    """
    ours = _recorded(dataset)
    if not ours:
        return
    dataset._doc.reload("app_config")
    groups = dataset.app_config.sidebar_groups or []
    kept = [
        one
        for one in groups
        if one.name not in ours or any(dataset.get_field(path) is not None for path in one.paths)
    ]
    if len(kept) < len(groups):
        plain = fiftyone().DatasetAppConfig.default_sidebar_groups(dataset)
        dataset.app_config.sidebar_groups = None if _listed(kept) == _listed(plain) else kept
        dataset.save()
    info.drop(dataset, names.MADE, [KEY + name for name in set(ours) - {one.name for one in kept}])


def _recorded(dataset: Any) -> dict[str, Any]:
    """Return the records of our groups by their names."""
    made = info.section(dataset, names.MADE)
    return {key.removeprefix(KEY): one for key, one in made.items() if key.startswith(KEY)}


def _name(
    groups: Sequence[Any], made: Mapping[str, str], group: str, fields: Sequence[str], *, by: str
) -> str:
    """Return the name of our group: one that is recorded, holds these fields, or is free."""
    paths = {one.name: list(one.paths) for one in groups}
    ours = [name for name, owner in made.items() if owner == by and name in paths]
    numbered = (f"{group} {number}" for number in itertools.count(2))
    return next(
        name
        for name in itertools.chain(ours, [group], numbered)
        if name not in paths
        or made.get(name) == by
        or (name not in made and set(fields) & set(paths[name]))
    )


def _listed(groups: Sequence[Any]) -> list[tuple[str, list[str], bool | None]]:
    return [(one.name, list(one.paths), one.expanded) for one in groups if one.paths]
