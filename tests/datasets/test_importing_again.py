"""Importing again: the same folder, grown, corrected, moved, and another one of its name."""

from __future__ import annotations

import shutil
import threading

import curadiff
import fiftyone as fo
import pytest
from curadiff import runs
from curadiff.common.errors import DataError
from curadiff.datasets import building, identity, locking, reading, resolving
from PIL import Image


def paint(folder, numbers, **columns):
    """Draw pictures that differ by their number, with a table beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.new("RGB", (6, 6), (number * 5 % 255, number, 90)).save(folder / f"{number}.png")
    rows = [
        f"{n}.png," + ",".join(str(values[i]) for values in columns.values())
        for i, n in enumerate(numbers)
    ]
    if columns:
        table = "\n".join(["file," + ",".join(columns), *rows])
        (folder / "labels.csv").write_text(table + "\n")
    return folder


@pytest.fixture
def images(tmp_path):
    """A data set of the folder ``one/images``."""
    made = curadiff.import_images(
        paint(tmp_path / "one" / "images", range(4), label=["a", "b", "c", "d"], price=[1, 2, 3, 4])
    ).dataset
    assert made.name == "images"
    yield made
    for name in fo.list_datasets("images*"):
        fo.delete_dataset(name)


def test_two_folders_of_one_name_are_kept_apart(images, tmp_path):
    other = paint(tmp_path / "two" / "images", range(10, 16))
    for name in (None, "images"):
        with pytest.raises(DataError, match=r"holds the images of .*/one/images, and .*--add"):
            curadiff.import_images(other, name=name)
    assert len(images) == 4
    assert curadiff.import_images(other, name="images-two").added == 6
    both = curadiff.import_images(other, name="images", add=True)
    assert (both.added, both.total) == (6, 10)
    images.reload()
    assert len(set(images.values("source_id"))) == 10
    assert curadiff.import_images(other, name="images").added == 0  # it is known by now


def test_a_folder_is_not_put_into_a_data_set_of_somebody_else(tmp_path, images):
    own = fo.Dataset("images-own", persistent=True)
    own.add_sample(fo.Sample(filepath=str(tmp_path / "mine.png")))
    with pytest.raises(DataError, match="images that were not imported"):
        curadiff.import_images(tmp_path / "one" / "images", name="images-own")
    assert len(own) == 1


def test_growth_and_what_is_gone_are_counted(images, tmp_path):
    folder = tmp_path / "one" / "images"
    paint(folder, range(4, 7))
    (folder / "0.png").unlink()
    again = curadiff.import_images(folder)
    assert str(again).splitlines()[0] == "images: 7 images, 3 new"
    assert "1 image is no longer in the folder (first:" in str(again)


def test_a_corrected_table_is_said_and_taken_over_when_asked(images, tmp_path):
    folder = tmp_path / "one" / "images"
    chosen = images.match({"price": 2}).first()
    chosen["note"] = "mine"
    chosen.save()
    paint(folder, range(4), label=["a", "x", "c", "y"], price=[1, 9, 3, 4])
    again = curadiff.import_images(folder)
    assert (again.added, again.updated) == (0, 0)
    assert "label of 2, price of 1" in str(again)
    assert "--update" in str(again)
    assert images.values("label.label") == ["a", "b", "c", "d"]
    taken = curadiff.import_images(folder, update=True)
    assert taken.updated == 2
    images.reload()
    assert images.values("label.label") == ["a", "x", "c", "y"]
    assert images.values("price") == [1, 9, 3, 4]
    assert images[chosen.id]["note"] == "mine"
    assert not curadiff.import_images(folder).notes


def test_labels_that_come_later_are_offered(tmp_path, images):
    folder = paint(tmp_path / "images-late", range(20, 23))
    late = curadiff.import_images(folder).dataset
    paint(folder, range(20, 23), label=["p", "q", "r"])
    assert "label of 3" in str(curadiff.import_images(folder))
    curadiff.import_images(folder, update=True)
    late.reload()
    assert late.values("label.label") == ["p", "q", "r"]


def test_a_value_of_another_type_is_refused_before_anything_is_written(images, tmp_path):
    folder = tmp_path / "one" / "images"
    paint(folder, range(6), label=list("abcdef"), price=["cheap"] * 6)
    with pytest.raises(DataError, match=r"price of .*'cheap', and the field 'price'.* IntField"):
        curadiff.import_images(folder)
    images.reload()
    assert len(images) == 4


def test_a_moved_folder_is_recognised_by_content(images, tmp_path):
    images.match({"price": 3}).tag_samples("mine")
    before = dict(zip(images.values("source_id"), images.values("id"), strict=True))
    moved = tmp_path / "elsewhere" / "images"
    shutil.move(tmp_path / "one", tmp_path / "elsewhere")
    paint(moved, [7])
    with pytest.raises(DataError, match=r"it was moved\. With repoint \(--repoint\)"):
        curadiff.import_images(moved)
    found = curadiff.import_images(moved, repoint=True)
    assert (found.added, found.repointed, found.total) == (1, 4, 5)
    images.reload()
    after = dict(zip(images.values("source_id"), images.values("id"), strict=True))
    assert before.items() <= after.items()
    assert all(path.startswith(str(moved)) for path in images.values("filepath"))
    assert images.match_tags("mine").values("price") == [3]
    assert curadiff.import_images(moved).repointed == 0


def test_a_renamed_file_keeps_its_sample(images, tmp_path):
    folder = tmp_path / "one" / "images"
    (folder / "3.png").rename(folder / "three.png")
    with pytest.raises(DataError, match=r"1 image of .* is now .*three\.png"):
        curadiff.import_images(folder)
    assert curadiff.import_images(folder, repoint=True).repointed == 1
    assert len(reading.read_paths(images.view()).names) == 4


def test_a_view_of_the_users_that_is_called_like_a_split_stays(images, tmp_path):
    folder = tmp_path / "one" / "images"
    images.save_view("train", images.limit(1))
    paint(folder / "train", [8])
    assert "is named 'train' already" in str(curadiff.import_images(folder))
    images.reload()
    assert len(images.load_saved_view("train")) == 1


def test_a_name_that_fiftyone_does_not_take_leaves_nothing(images, tmp_path):
    with pytest.raises(DataError, match="cannot be named 'Images'"):
        curadiff.import_images(tmp_path / "one" / "images", name="Images")
    assert not fo.list_datasets("curadiff-unfinished*")


def test_what_a_killed_import_left_goes_with_the_next_import_or_command(photos):
    def left(name):
        fo.Dataset(f"{building.UNFINISHED}{name}")
        assert name not in " ".join(resolving.names())

    left("half")
    left("busy")
    with pytest.raises(DataError, match="no data set is named 'half'"):
        resolving.resolve("half")
    assert not fo.dataset_exists(f"{building.UNFINISHED}half")
    left("other")
    seen = []

    def import_one():
        seen.append(curadiff.import_images(photos, name="test-sweep"))

    with locking.exclusive("busy", "import"):
        other = threading.Thread(target=import_one)
        other.start()
        other.join()
    there = [one for one in fo.list_datasets() if one.startswith(building.UNFINISHED)]
    assert there == [f"{building.UNFINISHED}busy"], "what is at work stays"
    building.sweep()
    assert not fo.dataset_exists(there[0])
    seen[0].dataset.delete()


def test_folders_of_generated_images_come_together_and_follow_a_renamed_run(photos, home):
    real = curadiff.import_images(photos, name="test-real").dataset
    run = runs.create("train", {"seed": 7}, name="first")
    run.add(dataset=real.name, identity=identity.identity(real), arm="full", ids_hash="0")
    drawn = {"run": "first", "checkpoint": 4, "weights": "ema", "sampler": "ddim", "steps": 2}
    for name, seeds in (("a", [0, 1]), ("b", [2, 3, 4])):
        (run.path / name).mkdir()
        for number in range(len(seeds)):
            Image.new("RGB", (8, 8)).save(run.path / name / f"{number:06d}.png")
        told = {**drawn, "steps": len(seeds), "seeds": seeds}
        runs.write_json(run.path / name / "generated.json", told)
    one, two = curadiff.import_generated([run.path / "a", run.path / "b"])
    assert (one.added, two.added, two.total) == (2, 3, 5)
    moved = run.path.rename(run.path.with_name("second"))
    again = curadiff.import_generated([moved / "a", moved / "b"])
    assert [(linked.added, linked.total) for linked in again] == [(0, 5), (0, 5)]
    made = identity.load(two.dataset.name)
    assert all(str(moved) in path for path in made.values("filepath"))
    made.delete()
    real.delete()


def test_an_update_keeps_what_only_the_user_changed(images, tmp_path):
    folder = tmp_path / "one" / "images"
    sample = images.first()
    sample["label"].label = "mine"
    sample.save()
    images.set_values("price", [10, 2, 3, 4])
    assert "--update" not in str(curadiff.import_images(folder))  # the folder says nothing new
    paint(folder, range(4), label=["a", "b", "x", "d"], price=[1, 2, 3, 9])
    taken = curadiff.import_images(folder, update=True)
    images.reload()
    assert images.values("label.label") == ["mine", "b", "x", "d"]
    assert images.values("price") == [10, 2, 3, 9]
    assert "2 values that were changed in the data set, and not in the folder" in str(taken)
    paint(folder, range(4), label=["z", "b", "x", "d"], price=[1, 2, 3, 9])
    curadiff.import_images(folder, update=True)  # now the folder changed that label too
    images.reload()
    assert images.values("label.label") == ["z", "b", "x", "d"]
    assert images.values("price") == [10, 2, 3, 9]


def test_a_tag_and_a_label_that_the_user_removed_stay_removed(tmp_path):
    folder = paint(tmp_path / "images-tags", range(2), label=["a", "b"], tags=["new", "new"])
    made = curadiff.import_images(folder).dataset
    try:
        made.untag_samples("new")
        made.set_values("label", [None, None])
        paint(folder, range(2), label=["a", "c"], tags=["new;old", "new"])
        curadiff.import_images(folder, update=True)
        made.reload()
        assert [sorted(tags) for tags in made.values("tags")] == [["old"], []]
        assert made.values("label.label") == [None, "c"]
    finally:
        made.delete()


def test_a_split_that_cannot_name_a_view_is_imported_all_the_same(tmp_path):
    folder = paint(tmp_path / "images-split", range(2), split=["日本", "train"])
    done = curadiff.import_images(folder)
    try:
        assert done.dataset.values("split") == ["日本", "train"]
        assert done.dataset.list_saved_views() == ["train"]
        assert "The split '日本' has no saved view" in str(done)
    finally:
        done.dataset.delete()
