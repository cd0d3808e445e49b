"""Any folder of images becomes records; what is not an image is counted, not hidden."""

import os
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from curadiff import layouts
from curadiff.common.errors import DataError
from PIL import Image


def ids(records):
    return [record.id for record in records]


def test_a_flat_folder_has_no_labels(tmp_path, draw):
    draw(tmp_path / "b.jpg")
    draw(tmp_path / "a one.PNG")
    records = layouts.read(str(tmp_path))
    assert records.layout == "folder"
    assert ids(records) == ["a one.PNG", "b.jpg"]
    assert all(record.label is None and record.split is None for record in records)
    assert all(record.path.is_absolute() and record.path.is_file() for record in records)
    assert records.notes == ()
    with pytest.raises(FrozenInstanceError):
        records[0].label = "x"


def test_sub_folders_name_classes_and_splits(tmp_path, draw):
    for name in (
        "loose.jpg",
        "shirt/1.jpg",
        "shirt/2021/2.jpg",
        "train/dress/3.jpg",
        "test/4.jpg",
        "images/5.jpg",
        "train/images/dress/6.jpg",
    ):
        draw(tmp_path / name)
    found = {record.id: (record.split, record.label) for record in layouts.read(tmp_path)}
    assert found == {
        "loose.jpg": (None, None),
        "shirt/1.jpg": (None, "shirt"),
        "shirt/2021/2.jpg": (None, "shirt"),
        "train/dress/3.jpg": ("train", "dress"),
        "test/4.jpg": ("test", None),
        "images/5.jpg": (None, None),
        "train/images/dress/6.jpg": ("train", "dress"),
    }


def test_hidden_files_are_skipped_and_other_files_counted(tmp_path, draw):
    draw(tmp_path / "a.jpg")
    draw(tmp_path / ".b.jpg")
    draw(tmp_path / ".cache" / "c.jpg")
    draw(tmp_path / "__MACOSX" / "d.jpg")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    records = layouts.read(tmp_path)
    assert ids(records) == ["a.jpg"]
    assert records.ignored == 2
    assert records.notes == (
        "1 file that is not an image was ignored.",
        "1 link leads nowhere (gone.jpg).",
    )


def test_what_is_no_image_is_counted_by_its_reason(tmp_path, draw):
    for ending in ("jfif", "jpe", "dat", "jpg"):
        draw(tmp_path / "photo.jpg").rename(tmp_path / f"photo.{ending}")
    draw(tmp_path / "plain.jpg").rename(tmp_path / "plain")
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(20))
    (tmp_path / "b.jpg").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(20))
    (tmp_path / "c.jpg").write_text("%!PS-Adobe-3.0")
    (tmp_path / "d.jpg").touch()
    (tmp_path / "e.jpg").write_text("hello")
    (tmp_path / "Thumbs.db").write_text("x")
    (tmp_path / "read me").write_text("x")
    os.mkfifo(tmp_path / "pipe.jpg")
    records = layouts.read(tmp_path)
    assert ids(records) == ["photo.dat", "photo.jfif", "photo.jpe", "photo.jpg", "plain"]
    assert records.ignored == 7
    assert set(records.notes) == {
        "2 files that are not images were ignored.",
        "3 pictures have formats that are not read here (2 HEIC, 1 PostScript: a.heic, b.jpg,"
        " c.jpg); convert them to JPEG or PNG.",
        "1 file is empty (d.jpg).",
        "1 file is named like an image and holds none (e.jpg).",
    }


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Valid"])
def test_valid_is_a_split_like_val(tmp_path, draw, name):
    draw(tmp_path / name / "cat" / "a.jpg")
    draw(tmp_path / "train" / "cat" / "b.jpg")
    assert {(record.split, record.label) for record in layouts.read(tmp_path)} == {
        (name, "cat"),
        ("train", "cat"),
    }


def test_links_are_followed_and_kept_and_a_loop_ends(tmp_path, draw):
    real = draw(tmp_path / "elsewhere" / "a.jpg")
    root = tmp_path / "my photos"
    root.mkdir()
    (root / "one link.jpg").symlink_to(real)
    (root / "shirt").symlink_to(real.parent)
    (real.parent / "back").symlink_to(root)
    records = layouts.read(root)
    assert {"one link.jpg", "shirt/a.jpg"} == {record.id for record in records}
    assert records[0].path == root / "one link.jpg"


def test_a_table_above_the_images_labels_them(tmp_path, draw):
    draw(tmp_path / "images" / "a.jpg")
    draw(tmp_path / "images" / "b.jpg")
    (tmp_path / "labels.csv").write_text(
        "file,label,width,score,kids,code,tags,split\n"
        'images/a.jpg,"dress, long",400,0.5,True,0017,red; new,train\n'
        "images/b.jpg,shirt,7,2,False,3,,\n",
        encoding="utf-8-sig",
    )
    first, second = layouts.read(tmp_path)
    assert (first.label, first.split, first.tags) == ("dress, long", "train", ("red", "new"))
    assert first.fields == {"width": 400, "score": 0.5, "kids": True, "code": "0017"}
    assert second.fields == {"width": 7, "score": 2.0, "kids": False, "code": "3"}
    for name, kind in {"width": int, "score": float, "kids": bool, "code": str}.items():
        assert {type(record.fields[name]) for record in (first, second)} == {kind}
    assert (second.split, second.tags) == (None, ())


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "", "-", "0x1f", "007"])
def test_what_merely_resembles_a_number_stays_text(tmp_path, draw, text):
    draw(tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_text(f"file,word\na.jpg,{text}\n")
    assert layouts.read(tmp_path)[0].fields.get("word", "") == text


def test_the_nearest_table_wins_over_the_ones_above_and_over_the_folder(tmp_path, draw):
    draw(tmp_path / "shirt" / "a.jpg")
    draw(tmp_path / "shirt" / "b.jpg")
    (tmp_path / "labels.csv").write_text(
        "file,label,season\nshirt/a.jpg,above,summer\nshirt/b.jpg,above,\nlost.jpg,x,\n"
    )
    (tmp_path / "shirt" / "labels.csv").write_text("file,label\n./a.jpg,near\n")
    records = layouts.read(tmp_path)
    assert [record.label for record in records] == ["near", "above"]
    assert records[0].fields == {"season": "summer"}
    assert records.notes == ("1 row names no image in this folder (labels.csv).",)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (b"name,label\na.jpg,x\n", "needs a column named file, got name, label"),
        (b"files,label\na.jpg,x\n", "got files, label.*did you mean 'files'"),
        (b"", "needs a column named file, got no header"),
        (b"file,label\na.jpg,x,y\n", "line 2 has more cells than the header"),
        (b"file,label\na.jpg,x\n,y\n", "line 3 names no file"),
        (b"file,label\na.jpg,x\n./a.jpg,y\n", r"line 3 names \./a\.jpg a second time"),
        (b"file,label\na.jpg,\xff\x00\xfe\n", "is not a text in UTF-8"),
    ],
)
def test_a_malformed_table_is_one_sentence(tmp_path, draw, table, sentence):
    draw(tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_bytes(table)
    with pytest.raises(DataError, match=sentence):
        layouts.read(tmp_path)


def test_a_table_that_cannot_be_parsed_or_opened_is_one_sentence(tmp_path, draw):
    draw(tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_text("file,label\na.jpg," + "x" * 200_000 + "\n")
    with pytest.raises(DataError, match="is not a CSV table"):
        layouts.read(tmp_path)
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "labels.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        layouts.read(tmp_path)


@pytest.mark.parametrize("layout", ["auto", "folder"])
def test_a_folder_without_images_says_so(tmp_path, layout):
    with pytest.raises(DataError, match="holds no images; give a folder with files of type jpg"):
        layouts.read(tmp_path, layout)
    (tmp_path / "read me.txt").write_text("x")
    with pytest.raises(DataError, match=r"holds no images \(1 other file in it\)"):
        layouts.read(tmp_path, layout)


def test_a_wrong_root_or_layout_says_what_to_give(tmp_path, draw):
    with pytest.raises(DataError, match="does not exist; give the folder"):
        layouts.read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file; give the folder"):
        layouts.read(draw(tmp_path / "a.jpg"))
    with pytest.raises(
        DataError, match=r"one of auto, vitonhd, dresscode, .*did you mean 'vitonhd'"
    ):
        layouts.read(tmp_path, "viton-hd")


@pytest.mark.parametrize("locked", ["shirt", "train/cloth", "train/image"])
def test_an_unreadable_sub_folder_is_one_sentence(tmp_path, draw, monkeypatch, locked):
    draw(tmp_path / "a.jpg")
    (tmp_path / "train" / "image").mkdir(parents=True)
    (tmp_path / locked).mkdir(parents=True, exist_ok=True)
    scandir = os.scandir

    def refuse(folder):  # file modes do not stop a test that runs as root
        if Path(folder) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=f"{locked} cannot be read: Permission denied"):
        layouts.read(tmp_path)


def test_what_a_reader_would_not_expect_of_images_is_said(tmp_path, draw):
    pictures = [Image.new("RGB", (6, 8), (shade, 0, 0)) for shade in (1, 90, 200)]
    for ending in ("gif", "png", "webp", "tif"):
        pictures[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=pictures[1:])
        pictures[0].save(tmp_path / f"one.{ending}")
    assert layouts.read(tmp_path).notes == (
        "4 files hold several frames or pages, the first of each is taken "
        "(a.gif, a.png, a.tif, ...).",
    )
    (tmp_path / "more").mkdir()
    for ending in ("png", "webp", "tif"):
        (tmp_path / f"a.{ending}").unlink()
    (tmp_path / "b.gif").symlink_to(tmp_path / "a.gif")
    (tmp_path / "same").symlink_to(tmp_path / "more", target_is_directory=True)
    os.link(draw(tmp_path / "more" / "c.jpg"), tmp_path / "d.jpg")
    found = layouts.read(tmp_path)
    assert len(found) == 9
    assert found.notes == (
        "2 files hold several frames or pages, the first of each is taken (a.gif, b.gif).",
        "3 images are reached a second time through links (b.gif is a.gif, c.jpg is d.jpg, "
        "c.jpg is d.jpg).",
    )
