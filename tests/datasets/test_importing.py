"""What records become in FiftyOne: try-on annotations, splits, awkward columns."""

from __future__ import annotations

import csv

import curadiff
import fiftyone as fo
import pytest
from curadiff import demo
from curadiff.common.errors import DataError
from curadiff.datasets import tryon, writing


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn") / "tryon"
    demo.render(root, people=40, test=4, size=(96, 128))
    found = curadiff.import_images(root, name="test-people").dataset
    yield found
    found.delete()


def test_a_try_on_data_set_keeps_people_garments_masks_and_poses(people):
    sample = people.match({"split": "train"}).first()
    assert isinstance(sample.parse, fo.Segmentation)
    assert isinstance(sample.pose, fo.Keypoints)
    assert sample.cloth_path.endswith(".jpg")
    assert "/image/" in sample.filepath
    assert people.mask_targets["parse"][5] == "upper-clothes"
    x, y = sample.pose.keypoints[0].points[1]  # the neck
    assert 0.2 < x < 0.8
    assert 0 < y < 0.6


def test_splits_are_saved_views(people):
    assert len(people.load_saved_view("train")) == 40
    assert len(people.load_saved_view("test")) == 4


def test_what_was_planted_can_be_filtered(people):
    assert set(people.distinct("kind")) <= {"typical", "rare", "outlier", "near_duplicate"}
    assert len(people.match({"kind": "outlier"})) >= 1


def test_a_pose_that_is_none_is_named(tmp_path):
    pose = tmp_path / "pose.json"
    pose.write_text('{"people": [{}]}')
    with pytest.raises(DataError, match="OpenPose"):
        tryon.keypoints(tmp_path / "image.jpg", pose)
    pose.write_text('{"people": []}')
    assert tryon.keypoints(tmp_path / "image.jpg", pose) is None


def test_columns_that_have_a_meaning_in_fiftyone_are_put_beside_it(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    source = sorted((photos / "round").iterdir())[0]
    (folder / "a.png").write_bytes(source.read_bytes())
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "id", "metadata", "maker"], ["a.png", "7", "x", "me"]])
    made = curadiff.import_images(folder, name="test-columns").dataset
    sample = made.first()
    assert (sample["id_column"], sample["metadata_column"], sample["maker"]) == (7, "x", "me")
    assert sample.filepath.endswith("a.png")
    made.delete()


@pytest.mark.parametrize(
    ("name", "key"), [("a-b 2", "a_b_2"), ("3d", "n_3d"), ("Über", "über"), ("__x__", "x")]
)
def test_names_become_keys(name, key):
    assert writing.key_of(name) == key


def test_a_name_without_letters_is_refused():
    with pytest.raises(DataError, match="at least one letter"):
        writing.key_of("--")


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        curadiff.import_images(tmp_path)


def test_a_data_set_of_videos_is_refused(tmp_path):
    videos = fo.Dataset("test-videos")
    videos.add_sample(fo.Sample(filepath=str(tmp_path / "a.mp4")))
    with pytest.raises(DataError, match="video"):
        curadiff.embed(videos, encoder="builtin")
    videos.delete()
