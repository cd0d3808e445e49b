"""Fold fields that come in numbers into one group of the App's sidebar."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from . import info, names
from .database import fiftyone


def fold(dataset: Any, group: str, fields: Sequence[str]) -> None:
    """Put fields into a group of the sidebar, made folded where it is missing.

    Other groups stay as a person has arranged them, but for these fields. A group that a
    person has called so stays too; this one then has a number behind its name. The caller
    holds the data set.
    """
    fo = fiftyone()
    dataset._doc.reload("app_config")  # a person may have arranged it meanwhile
    groups = dataset.app_config.sidebar_groups
    if groups is None:
        groups = fo.DatasetAppConfig.default_sidebar_groups(dataset)
    name = _free(dataset, groups, group, fields)
    ours = next((one for one in groups if one.name == name), None)
    info.put(dataset, names.MADE, {_key(name): {"by": group}})
    if ours is None:
        ours = fo.SidebarGroupDocument(name=name, paths=[], expanded=False)
        groups = [*groups, ours]
    elif set(fields) <= set(ours.paths):
        return
    moved = set(fields)
    for one in groups:
        one.paths = [path for path in one.paths if path not in moved]
    ours.paths = [*ours.paths, *fields]
    dataset.app_config.sidebar_groups = groups
    dataset.save()


def remove_group(dataset: Any, name: str) -> None:
    """Remove a group of ours, once no field is in it; what a person put into it keeps it."""
    dataset._doc.reload("app_config")
    groups = dataset.app_config.sidebar_groups or []
    schema = dataset.get_field_schema()
    kept = [one for one in groups if one.name != name or any(p in schema for p in one.paths)]
    if len(kept) < len(groups):
        dataset.app_config.sidebar_groups = kept
        dataset.save()


def _free(dataset: Any, groups: Sequence[Any], group: str, fields: Sequence[str]) -> str:
    """Return the name of our group: one that is recorded, holds these fields, or is free."""
    made = info.section(dataset, names.MADE)
    paths = {one.name: list(one.paths) for one in groups}
    numbered = (f"{group} {number}" for number in itertools.count(2))
    return next(
        name
        for name in itertools.chain([group], numbered)
        if name not in paths
        or made.get(_key(name), {}).get("by") == group
        or (_key(name) not in made and set(fields) & set(paths[name]))
    )


def _key(group: str) -> str:
    return f"sidebar group {group}"
