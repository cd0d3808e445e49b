"""Groups of fields in the App's sidebar."""

from __future__ import annotations

import fiftyone as fo
from curadiff.datasets.sidebar import EVALUATION, SELECTION, fold, of_one, remove_empty


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


def test_a_field_in_a_group_of_the_users_stays_there(dataset):
    for name in ("a_rank", "a_score", "b_rank"):
        dataset.add_sample_field(name, fo.FloatField)
    default = fo.DatasetAppConfig.default_sidebar_groups(dataset)
    for group in default:
        group.paths = [path for path in group.paths if path != "a_rank"]
    theirs = fo.SidebarGroupDocument(name="favourites", paths=["a_rank"])
    dataset.app_config.sidebar_groups = [theirs, *default]
    dataset.save()
    fold(dataset, SELECTION, ["a_rank", "a_score"])
    assert groups(dataset)["favourites"].paths == ["a_rank"]
    assert groups(dataset)[SELECTION].paths == ["a_score"]
    fold(dataset, EVALUATION, ["a_rank"])
    assert EVALUATION not in groups(dataset)


def test_a_study_takes_its_fields_from_the_general_group_and_keeps_them(dataset):
    for name in ("a_rank", "b_rank"):
        dataset.add_sample_field(name, fo.FloatField)
    fold(dataset, SELECTION, ["a_rank", "b_rank"])
    fold(dataset, of_one("study x"), ["a_rank"], by="study x")
    fold(dataset, SELECTION, ["a_rank"])  # the same selection is made once more
    assert groups(dataset)[SELECTION].paths == ["b_rank"]
    assert groups(dataset)["Curadiff: study x"].paths == ["a_rank"]


def test_a_group_of_an_earlier_version_goes_on(dataset):
    for name in ("a_covered", "b_covered"):
        dataset.add_sample_field(name, fo.BooleanField)
    fold(dataset, "study x", ["a_covered"])  # as it was called before
    fold(dataset, of_one("study x"), ["b_covered"], by="study x")
    assert groups(dataset)["study x"].paths == ["a_covered", "b_covered"]
    assert "Curadiff: study x" not in groups(dataset)


def test_an_empty_group_is_taken_away_and_nothing_stays_arranged(dataset):
    dataset.add_sample_field("a_rank", fo.FloatField)
    fold(dataset, SELECTION, ["a_rank"])
    remove_empty(dataset)
    assert SELECTION in groups(dataset)
    dataset.delete_sample_field("a_rank")
    remove_empty(dataset)
    dataset.reload()
    assert dataset.app_config.sidebar_groups is None
