"""Try-on data sets of three releases read alike, and what is missing is named."""

import random

import pytest
from curadiff import layouts
from curadiff.common.errors import DataError

EVERY = ["zip", "sample", "older"]


@pytest.mark.parametrize("release", EVERY)
@pytest.mark.parametrize("start", ["root", "parent"])
def test_auto_recognizes_a_root_and_its_parent(viton, release, start):
    root = viton(release)
    records = layouts.read(root if start == "root" else root.parent)
    assert records.layout == "vitonhd"
    assert [record.split for record in records] == ["train"] * 4 + ["test"] * 2
    assert records.notes == ()


@pytest.mark.parametrize("release", EVERY)
def test_every_companion_of_a_person_is_found(viton, releases, release):
    root = viton(release)
    for record in layouts.read(root):
        garment = record.id[:-1] + "1" if release == "older" else record.id
        expected = {
            role: root / record.split / pattern.format(id=record.id, garment=garment)
            for role, pattern in releases[release].items()
        }
        found = dict(record.related)
        found.pop("unpaired_cloth", None)
        assert found == expected
        assert record.path == root / record.split / "image" / f"{record.id}.jpg"


def test_column_two_is_another_garment_than_the_one_worn(viton):
    root = viton(train=12)
    people = [f"{number:05d}_00.jpg" for number in range(12)]
    garments = people.copy()
    random.Random(3).shuffle(garments)
    garments[0], garments[garments.index(people[5])] = people[5], garments[0]
    order = random.Random(4).sample(range(12), 12)  # the list need not be sorted
    lines = [f"{people[i]} {garments[i]}" for i in order]
    (root / "train_pairs.txt").write_text("\n".join(lines))

    records = [record for record in layouts.read(root) if record.split == "train"]
    assert [record.path.name for record in records] == people
    for record, garment in zip(records, garments, strict=True):
        assert record.related["cloth"].name == record.path.name
        assert record.fields["listed_garment"] == garment
        if garment == record.path.name:  # a permutation may leave some in place
            assert "unpaired_cloth" not in record.related
        else:
            assert record.related["unpaired_cloth"] == root / "train" / "cloth" / garment


def test_the_older_release_lists_the_garment_that_is_worn(viton):
    for record in layouts.read(viton("older")):
        assert record.related["cloth"].name == record.fields["listed_garment"]
        assert "unpaired_cloth" not in record.related


def test_a_split_without_a_pair_list_still_reads(viton):
    root = viton()
    (root / "train_pairs.txt").unlink()
    records = [record for record in layouts.read(root) if record.split == "train"]
    assert len(records) == 4
    assert all("cloth" in record.related for record in records)
    assert all("listed_garment" not in record.fields for record in records)


def test_a_split_folder_alone_reads_with_the_list_beside_it(viton):
    records = layouts.read(viton() / "train")
    assert (records.layout, len(records)) == ("vitonhd", 4)
    assert all("unpaired_cloth" in record.related for record in records)


def test_the_unpaired_list_is_read_where_it_is_the_only_one(viton):
    root = viton()
    (root / "test_pairs.txt").rename(root / "test_pairs_unpaired.txt")
    assert all("listed_garment" in record.fields for record in layouts.read(root))


def test_of_two_versions_of_a_folder_the_later_one_counts(viton, draw):
    root = viton()
    draw(root / "train" / "image-parse" / "00000_00.png")
    first = layouts.read(root)[0]
    assert first.related["parse"].parent.name == "image-parse-v3"
    assert first.related["image_parse"].parent.name == "image-parse"


def test_a_folder_of_another_name_is_kept_under_it(viton, draw):
    root = viton()
    for number in range(4):
        draw(root / "train" / "my-depth-v2" / f"{number:05d}_00.png")
    assert layouts.read(root)[0].related["my_depth"].name == "00000_00.png"


def test_converted_images_match_a_list_with_the_old_endings(viton):
    root = viton()
    for path in sorted((root / "train" / "image").iterdir()):
        path.rename(path.with_suffix(".webp"))
    records = layouts.read(root)
    assert len(records) == 6
    assert records[0].path.suffix == ".webp"
    assert records.notes == ()


def test_missing_files_are_named_with_counts(viton, draw):
    root = viton()
    (root / "train/cloth-mask/00001_00.jpg").unlink()
    (root / "train/openpose_json/00001_00_keypoints.json").unlink()
    (root / "train/openpose_json/00002_00_keypoints.json").unlink()
    (root / "train/image/00003_00.jpg").unlink()
    (root / "train/cloth/00002_00.jpg").unlink()
    (root / "train/image/readme.txt").write_text("x")
    draw(root / "test/image/00999_00.jpg")
    draw(root / "test/image/00100_00.png")
    with (root / "test_pairs.txt").open("a") as file:
        file.write("00100_00.jpg 00100_00.jpg\n")
    records = layouts.read(root)
    assert [record.id for record in records] == [
        "00000_00",
        "00001_00",
        "00002_00",
        "00100_00",
        "00101_00",
    ]
    assert set(records.notes) == {
        "train: 1 person is in train_pairs.txt but not in image (00003_00).",
        "train: 1 person has no cloth_mask (00001_00).",
        "train: 2 people have no openpose_keypoints (00001_00, 00002_00).",
        "train: 1 person has no cloth (00002_00).",
        "train: 1 person has no listed garment in cloth (00001_00).",
        "test: 1 person is in image but not in test_pairs.txt (00999_00).",
        "test: 1 person is left out, an image of the same name with another ending was read"
        " (00100_00.png).",
        "test_pairs.txt: 1 line names a person again; the first pair counts.",
        "1 file that is not an image was ignored in image.",
    }
    assert records.ignored == 1


def test_a_table_in_the_root_adds_labels_and_fields(viton):
    root = viton()
    (root / "labels.csv").write_text(
        "file,label,kind,year\n"
        "train/image/00000_00.jpg,dress,typical,2021\n"
        "train/image/00777_00.jpg,shirt,rare,2022\n"
    )
    records = layouts.read(root)
    assert records[0].label == "dress"
    assert records[0].fields == {
        "listed_garment": "00001_00.jpg",
        "kind": "typical",
        "year": 2021,
    }
    assert records.notes == ("1 row names no person of this data set (labels.csv).",)


@pytest.mark.parametrize("line", ["00001_00.jpg", "a b.jpg c.jpg", "a.jpg\t"])
def test_a_malformed_pair_line_is_named_by_its_number(viton, line):
    root = viton()
    text = (root / "train_pairs.txt").read_text()
    (root / "train_pairs.txt").write_text(text + "\n" + line + "\n")
    with pytest.raises(DataError, match=r"train_pairs\.txt, line 6 must be a person file and"):
        layouts.read(root)


def test_names_with_spaces_are_read_from_tabbed_lines(viton, draw):
    root = viton()
    draw(root / "train" / "image" / "my photo.jpg")
    draw(root / "train" / "cloth" / "my photo.jpg")
    with (root / "train_pairs.txt").open("a") as file:
        file.write("my photo.jpg\t00000_00.jpg\n")
    record = next(record for record in layouts.read(root) if record.id == "my photo")
    assert record.related["unpaired_cloth"].name == "00000_00.jpg"


def test_a_pair_list_that_cannot_be_used_is_one_sentence(viton, monkeypatch):
    root = viton()
    path = root / "train_pairs.txt"
    path.write_text("\n\n")
    with pytest.raises(DataError, match=r"train_pairs\.txt is empty; list the pairs"):
        layouts.read(root)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8 text; write one pair"):
        layouts.read(root)
    path.write_text("a.jpg b.jpg")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_text", refuse)
    with pytest.raises(DataError, match=r"train_pairs\.txt cannot be read: Permission denied"):
        layouts.read(root)


def test_a_root_that_is_not_in_the_layout_says_what_is_needed(tmp_path, draw, viton):
    draw(tmp_path / "plain" / "a.jpg")
    with pytest.raises(DataError, match="needs train/image or test/image"):
        layouts.read(tmp_path / "plain", "vitonhd")
    (tmp_path / "bare" / "train" / "image").mkdir(parents=True)
    (tmp_path / "bare" / "train" / "cloth").mkdir()
    with pytest.raises(DataError, match="no person is in image"):
        layouts.read(tmp_path / "bare")
    viton(name="one")
    viton(name="two")
    with pytest.raises(DataError, match=r"several VITON-HD data sets \(.*one, two\); give one"):
        layouts.read(tmp_path)


def test_a_train_and_test_folder_of_plain_images_is_not_taken_for_viton(tmp_path, draw):
    draw(tmp_path / "train" / "image" / "a.jpg")
    draw(tmp_path / "test" / "image" / "b.jpg")
    records = layouts.read(tmp_path)
    assert records.layout == "folder"
    assert [(record.split, record.label) for record in records] == [("test", None), ("train", None)]


def test_damaged_files_cost_their_person_or_pose_alone(viton):
    root = viton()
    (root / "train/openpose_json/00001_00_keypoints.json").write_text('{"people": [{}]}')
    (root / "train/openpose_json/00002_00_keypoints.json").write_text("[[[")
    (root / "train/image/00003_00.jpg").write_bytes(b"garbage")
    (root / "test/image/00100_00.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    records = {record.id: record for record in layouts.read(root)}
    assert set(records) == {"00000_00", "00001_00", "00002_00", "00101_00"}
    assert "openpose_keypoints" in records["00000_00"].related
    assert "openpose_keypoints" not in records["00001_00"].related
    notes = " ".join(layouts.read(root).notes)
    assert "2 people have no undamaged openpose_keypoints (00001_00, 00002_00)" in notes
    assert "1 file is named like an image and holds none (00003_00.jpg)" in notes
    assert "1 person is left out, the image cannot be read (00100_00)" in notes


def test_capitals_png_and_the_third_column_of_gp_vton(viton, draw):
    root = viton()
    for split in ("train", "test"):
        lines = (root / f"{split}_pairs.txt").read_text().split("\n")
        lines = [f"{line.replace('.jpg', '.png')} upper" for line in lines if line]
        (root / f"{split}_pairs.txt").write_text("\n".join(lines))
        for name in ("image", "cloth"):
            for path in (root / split / name).iterdir():
                path.rename(path.with_suffix(".PNG"))
        (root / split / "image").rename(root / split / "Image")
        (root / split / "cloth-mask").rename(root / split / "cloth_mask-bytedance")
        (root / split / "image-densepose").rename(root / split / "densepose")
        (root / split).rename(root / split.capitalize())
    records = layouts.read(root)
    assert (records.layout, len(records)) == ("vitonhd", 6)
    assert {"cloth", "cloth_mask", "densepose", "unpaired_cloth"} <= set(records[0].related)
