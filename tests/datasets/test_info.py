"""What Curadiff keeps in a data set: each entry set alone, nothing of the user's touched."""

from __future__ import annotations

import fiftyone as fo
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import info


@pytest.fixture
def plain():
    found = fo.Dataset()
    yield found
    if not found.deleted:
        found.delete()


def stored(dataset):
    return fo.core.odm.get_db_conn().datasets.find_one({"_id": dataset._doc.id})["info"]


def elsewhere(dataset, **changes):
    """Change ``info`` as another process does, unseen by the loaded data set."""
    fo.core.odm.get_db_conn().datasets.update_one({"_id": dataset._doc.id}, {"$set": changes})


def test_entries_are_set_beside_those_of_another_process(plain):
    info.put(plain, "encoders", {"one": "a"})
    elsewhere(plain, **{"info.curadiff.encoders.two": "b", "info.theirs": 3})
    info.put(plain, "encoders", {"three": "c"})
    assert info.section(plain, "encoders") == {"one": "a", "two": "b", "three": "c"}
    assert stored(plain)["theirs"] == 3
    assert plain.info["curadiff"]["encoders"]["two"] == "b"


def test_saving_the_loaded_data_set_restores_no_old_entry(plain):
    plain.info["mine"] = 1
    plain.save()
    info.put(plain, "encoders", {"one": "a"})
    elsewhere(plain, **{"info.curadiff.encoders.two": "b"})
    plain.info["mine"] = 2
    plain.description = "changed"
    plain.save()
    assert stored(plain) == {"mine": 2, "curadiff": {"encoders": {"one": "a", "two": "b"}}}


def test_what_the_user_has_not_saved_yet_stays(plain):
    plain.info["mine"] = {"deep": 1}
    info.put(plain, "encoders", {"one": "a"})
    assert plain.info["mine"] == {"deep": 1}
    assert "mine" not in stored(plain)
    plain.save()
    assert stored(plain) == {"mine": {"deep": 1}, "curadiff": {"encoders": {"one": "a"}}}


def test_a_whole_new_info_of_the_users_keeps_what_was_just_written(plain):
    info.put(plain, "encoders", {"one": "a"})
    plain.info = {**plain.info, "mine": 1}
    assert stored(plain) == {"mine": 1, "curadiff": {"encoders": {"one": "a"}}}


@pytest.mark.parametrize("key", ["a.b", "$set", "100%", "%2E", "0", "é ü", "$a.b%"])
def test_any_text_is_a_key(plain, key):
    info.put(plain, "generated_datasets", {key: {key: "$literal.text"}, "other": 1})
    assert info.section(plain, "generated_datasets") == {key: {key: "$literal.text"}, "other": 1}
    plain.info["mine"] = 1
    plain.save()  # FiftyOne validates all of ``info``
    info.drop(plain, "generated_datasets", [key, "never there"])
    assert info.section(plain, "generated_datasets") == {"other": 1}


def test_several_sections_change_in_one_update(plain):
    info.put(plain, "a", {"x": 1, "y": 2})
    info.change(plain, put={"b": {"z": [1, {"k.": 2}]}}, drop={"a": ["x"]})
    assert info.read(plain) == {"a": {"y": 2}, "b": {"z": [1, {"k.": 2}]}}


def test_an_empty_or_foreign_info_is_no_fault(plain):
    elsewhere(plain, info=None)
    assert info.read(plain) == {}
    info.put(plain, "a", {"x": 1})
    elsewhere(plain, **{"info.curadiff.b": "text of a person's"})
    assert info.read(plain) == {"a": {"x": 1}}


def test_a_deleted_data_set_is_said(plain):
    other = fo.load_dataset(plain.name)
    fo.core.odm.get_db_conn().datasets.delete_one({"_id": plain._doc.id})
    with pytest.raises(DataError, match="was deleted"):
        info.put(other, "a", {"x": 1})
    with pytest.raises(DataError, match="was deleted"):
        info.read(other)


def test_a_changed_entry_is_seen_by_those_who_watch_the_data_set(plain):
    before = plain.last_modified_at
    info.put(plain, "a", {"x": 1})
    plain.reload()
    assert plain.last_modified_at > before
