"""Dress Code: nine people are nine photographs; what belongs to them is attached."""

import json

import pytest
from curadiff import layouts
from curadiff.common.errors import DataError


@pytest.fixture
def dresscode(tmp_path, draw):
    for category in ("upper_body", "lower_body", "dresses"):
        folder = tmp_path / "DressCode" / category
        for number in range(3):
            name = f"{number:06d}"
            draw(folder / "images" / f"{name}_0.jpg")
            draw(folder / "images" / f"{name}_1.jpg")
            draw(folder / "label_maps" / f"{name}_4.png")
            draw(folder / "skeletons" / f"{name}_5.jpg")
            draw(folder / "dense" / f"{name}_5.png")
            pose = folder / "keypoints" / f"{name}_2.json"
            pose.parent.mkdir(exist_ok=True)
            pose.write_text(json.dumps({"keypoints": [[192, 128, 1, 0], [-1, -1, 0, -1]]}))
        (folder / "train_pairs.txt").write_text("000000_0.jpg\t000000_1.jpg\n")
        (folder / "test_pairs_unpaired.txt").write_text("000001_0.jpg 000002_1.jpg\n")
    return tmp_path / "DressCode"


def test_people_are_photographs_and_the_rest_is_attached(dresscode):
    records = layouts.read(dresscode)
    assert (records.layout, len(records)) == ("dresscode", 9)
    first = records[0]
    assert first.path == dresscode / "upper_body" / "images" / "000000_0.jpg"
    assert (first.id, first.label, first.split) == ("upper_body/000000_0", "upper_body", "train")
    assert [record.split for record in records[:3]] == ["train", "test", None]
    assert set(first.related) == {
        "cloth", "densepose", "label_map", "openpose_image", "openpose_keypoints",
    }  # fmt: skip
    assert first.related["cloth"].name == "000000_1.jpg"
    assert "9 people; 9 garments and 36 derived files" in records.notes[0]


def test_its_parent_folder_and_a_damaged_pose(dresscode):
    (dresscode / "dresses" / "keypoints" / "000002_2.json").write_text("{}")
    records = layouts.read(dresscode.parent)
    assert len(records) == 9
    assert "openpose_keypoints" not in records[-1].related
    assert "dresses: 1 pose is damaged and left out (000002_2.json)." in records.notes


def test_without_people_it_is_not_dress_code(tmp_path, draw):
    draw(tmp_path / "dresses" / "images" / "a.jpg")
    assert layouts.read(tmp_path).layout == "folder"
    with pytest.raises(DataError, match="no person"):
        layouts.read(tmp_path, "dresscode")
