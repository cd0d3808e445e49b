"""A data set is found by what it is: renamed, deleted, made anew, imported again."""

from __future__ import annotations

import curadiff
import fiftyone as fo
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import identity
from PIL import Image


@pytest.fixture
def known(photos):
    made = curadiff.import_images(photos, name="test-known").dataset
    yield identity.identity(made)
    for name in ("test-known", "test-renamed"):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def test_a_renamed_data_set_is_found(known):
    fo.load_dataset("test-known").name = "test-renamed"
    fo.Dataset("test-known")  # another one that took its name
    assert identity.open_by_identity(known).name == "test-renamed"
    assert identity.current_name(known) == "test-renamed"


def test_a_different_data_set_of_the_same_name_is_refused(known, tmp_path):
    fo.delete_dataset("test-known")
    with pytest.raises(DataError, match="is gone; import its images again"):
        identity.open_by_identity(known)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    curadiff.import_images(tmp_path, name="test-known")
    assert identity.current_name(known) is None
    with pytest.raises(DataError, match="made of other images"):
        identity.open_by_identity(known)


def test_the_same_folder_imported_anew_takes_the_place_of_the_deleted_one(known, photos):
    fo.delete_dataset("test-known")
    again = curadiff.import_images(photos, name="test-known").dataset
    found = identity.open_by_identity(known)
    assert found.name == "test-known"
    assert identity.id_of(found) == identity.id_of(again) != known["id"]


def test_a_record_of_an_older_version_is_found_by_its_name(known):
    assert identity.open_by_identity({"name": "test-known"}).name == "test-known"
    with pytest.raises(DataError, match="is gone; import it again"):
        identity.open_by_identity({"name": "test-gone"})
    with pytest.raises(DataError, match="is gone"):
        identity.open_by_identity({"name": "test-gone", "id": "edited by hand"})
