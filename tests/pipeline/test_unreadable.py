"""Files that are missing when a study or a preview begins: said at once, not hours later."""

from __future__ import annotations

import curadiff
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError
from curadiff.common.images.faults import unopenable

from .test_preview import SIZES as PREVIEW
from .test_study import SIZES
from .test_study_again import folder_of, go, quick  # noqa: F401


@pytest.fixture
def gone(tmp_path, home):
    """A data set of sixteen images, two of whose files have gone; and those files' contents."""
    photos = folder_of(tmp_path / "gone", 16)
    dataset = curadiff.import_images(photos).dataset
    content = {photos / f"{n:03d}.png": (photos / f"{n:03d}.png").read_bytes() for n in (3, 5)}
    for path in content:
        path.unlink()
    yield dataset, content
    dataset.delete()


def test_what_cannot_be_opened_is_found_without_decoding(tmp_path):
    photos = folder_of(tmp_path / "some", 2)
    (photos / "empty.png").touch()
    paths = [photos / name for name in ("000.png", "none.png", "empty.png", "001.png")]
    faults = unopenable([*paths, photos])
    assert list(faults) == [1, 2, 4]
    assert str(faults[1]) == f"{paths[1]} does not exist; restore it or remove its sample."
    assert "is empty; replace it" in str(faults[2])
    assert "is a folder" in str(faults[4])


def test_a_study_whose_files_are_gone_is_refused_before_it_begins(gone, quick):  # noqa: F811
    (dataset, content), (trained, _) = gone, quick
    with pytest.raises(DataError) as refused:
        go(dataset)
    sentence = str(refused.value)
    assert sentence.startswith("2 of 16 images cannot be read. ")
    for path in content:
        assert f"{path} does not exist; restore it or remove its sample." in sentence
    assert sentence.endswith("Or leave them out of every arm: --train.bad_images skip.")
    assert runs.survey()[0] == []
    assert trained == []
    for path, bytes in content.items():
        path.write_bytes(bytes)
    assert len(go(dataset).outcomes) == 2, "restored, it begins under the same name"


def test_skip_leaves_them_out_of_every_arm_and_counts_them(gone, quick):  # noqa: F811
    dataset, content = gone
    with pytest.raises(DataError):
        go(dataset)
    skip = {"train": {**SIZES["train"], "bad_images": "skip"}}
    first = go(dataset, **skip)
    note = "2 of 16 images cannot be read and are left out of every arm (003.png, 005.png)."
    assert note in first.notes
    split = runs.read_json(first.run.path / "split.json")
    names = [*split["names"]["pool"], *split["names"]["held_out"]]
    assert sorted(names) == [f"{n:03d}.png" for n in range(16) if n not in (3, 5)]
    again = go(dataset, **skip)
    assert again.outcomes == first.outcomes
    assert note in again.notes
    assert not any("new since" in note for note in again.notes)
    for path, bytes in content.items():
        path.write_bytes(bytes)
    assert any("2 new since the study began" in note for note in go(dataset, **skip).notes)


def test_a_study_that_was_begun_with_missing_files_goes_on(gone, quick, monkeypatch):  # noqa: F811
    """As an earlier version, which did not look, began it."""
    dataset, _ = gone
    with monkeypatch.context() as patch:
        patch.setattr(
            "curadiff.studies.engine.readable_view", lambda config, view, update: (view, [])
        )
        with pytest.raises(RunError, match="trainings of the study tiny failed"):
            go(dataset)
    images = runs.read_json(runs.open_run("tiny").path / "images.json")
    assert len(images["images"]) == 16
    with pytest.raises(RunError, match="trainings of the study tiny failed"):
        go(dataset)
    assert runs.read_json(runs.open_run("tiny").path / "images.json") == images
    with pytest.raises(DataError, match="2 of 16 images cannot be read"):
        go(dataset, update_images=True)


def test_a_preview_whose_files_are_gone_is_refused_before_it_begins(gone):
    dataset, _ = gone
    with pytest.raises(DataError, match=r"2 of 16 images cannot be read\. .*003\.png does not"):
        curadiff.preview(dataset, progress=False, **PREVIEW)
    assert runs.survey()[0] == []
