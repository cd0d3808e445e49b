"""Fold fields that come in numbers into one group of the App's sidebar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .database import fiftyone


def fold(dataset: Any, group: str, fields: Sequence[str]) -> None:
    """Put fields into a group of the sidebar, made folded where it is missing.

    Other groups stay as a person has arranged them, but for these fields.
    """
    fo = fiftyone()
    groups = dataset.app_config.sidebar_groups
    if groups is None:
        groups = fo.DatasetAppConfig.default_sidebar_groups(dataset)
    ours = next((one for one in groups if one.name == group), None)
    if ours is None:
        ours = fo.SidebarGroupDocument(name=group, paths=[], expanded=False)
        groups = [*groups, ours]
    elif set(fields) <= set(ours.paths):
        return
    moved = set(fields)
    for one in groups:
        one.paths = [path for path in one.paths if path not in moved]
    ours.paths = [*ours.paths, *fields]
    dataset.app_config.sidebar_groups = groups
    dataset.save()
