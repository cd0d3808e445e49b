"""Groups of fields in the App's sidebar."""

from __future__ import annotations

import fiftyone as fo
from curadiff.datasets.sidebar import fold


def groups(dataset):
    return {group.name: group for group in dataset.app_config.sidebar_groups}


def test_fields_fold_into_one_group_and_nothing_else_moves(dataset):
    for name in ("a_covered", "b_covered", "c_covered", "mine"):
        dataset.add_sample_field(name, fo.BooleanField)
    fold(dataset, "study x", ["a_covered", "b_covered"])
    dataset.reload()
    found = groups(dataset)
    assert (found["study x"].paths, found["study x"].expanded) == (
        ["a_covered", "b_covered"],
        False,
    )
    paths = [path for group in found.values() for path in group.paths]
    assert sorted(paths) == sorted(set(paths))
    assert "mine" in paths

    found["study x"].expanded = True  # as a person arranged it
    dataset.save()
    fold(dataset, "study x", ["b_covered", "c_covered"])
    dataset.reload()
    found = groups(dataset)
    assert found["study x"].paths == ["a_covered", "b_covered", "c_covered"]
    assert found["study x"].expanded
    assert all("c_covered" not in group.paths for name, group in found.items() if name != "study x")
