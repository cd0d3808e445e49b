"""What a training will see, and what it refuses to see."""

import hashlib

import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError
from curadiff.diffusion import manifest, pixels, prepare, train_here
from PIL import Image, ImageDraw


@pytest.fixture
def make(tiny):
    """Make a run and its settings; values can be replaced."""

    def made(**values):
        settings = tiny(**values)
        return runs.create("train", settings.model_dump()), settings

    return made


@pytest.fixture
def run(tiny):
    return runs.create("train", tiny().model_dump(), name="one")


def test_the_manifest_says_what_was_trained_on(run, pictures, tiny):
    ids = [f"id{i}" for i in range(10)]
    made = prepare(run, ids=ids, paths=pictures, settings=tiny(), extra={"selection": "coreset-10"})
    assert made == manifest.read(run)
    assert made["ids"] == ids
    assert made["sha256"][3] == hashlib.sha256(pictures[3].read_bytes()).hexdigest()
    assert run.record["selection"] == "coreset-10"
    assert run.record["manifest_hash"] == made["hash"]


def test_the_hash_tells_ids_contents_and_order_apart():
    base = manifest.make(["a", "b"], ["x", "y"], ["1", "2"])["hash"]
    assert manifest.make(["a", "b"], ["elsewhere", "y"], ["1", "2"])["hash"] == base
    assert manifest.make(["a", "c"], ["x", "y"], ["1", "2"])["hash"] != base
    assert manifest.make(["a", "b"], ["x", "y"], ["1", "3"])["hash"] != base
    assert manifest.make(["b", "a"], ["y", "x"], ["2", "1"])["hash"] != base


def test_a_circle_in_a_portrait_stays_a_circle(make, tmp_path):
    photo = Image.new("RGB", (300, 500), "white")
    ImageDraw.Draw(photo).ellipse([90, 190, 210, 310], fill="black")
    photo.save(tmp_path / "circle.png")
    run, settings = make(image_size=64)
    made = prepare(run, ids=["a"], paths=[tmp_path / "circle.png"], settings=settings)
    dark = pixels.load(made["paths"], made["sha256"], 64)[0].mean(0) < 128
    height, width = dark.any(1).sum(), dark.any(0).sum()
    assert abs(int(height) - int(width)) <= 1
    assert abs(int(height) - 64 * 120 / 300) <= 1.5


def test_bad_images_are_named_and_refused(run, pictures, tmp_path, tiny):
    bad = tmp_path / "cut.png"
    bad.write_bytes(pictures[0].read_bytes()[:60])
    paths = [*pictures[:2], bad, tmp_path / "gone.png"]
    with pytest.raises(DataError, match=r"2 of 4 images cannot be read.*cut\.png.*gone\.png.*skip"):
        prepare(run, ids=list("abcd"), paths=paths, settings=tiny())
    assert not (run.path / "manifest.json").exists()


def test_bad_images_are_skipped_and_counted_on_request(make, pictures, tmp_path):
    run, settings = make(bad_images="skip")
    bad = tmp_path / "empty.png"
    bad.touch()
    paths = [pictures[0], bad, pictures[1]]
    made = prepare(run, ids=list("abc"), paths=paths, settings=settings)
    assert made["ids"] == ["a", "c"]
    assert run.record["images"] == 2
    assert [skip["path"] for skip in run.record["skipped"]] == [str(bad)]
    assert pixels.load(made["paths"], made["sha256"], 16).shape == (2, 3, 16, 16)


def test_no_usable_image_at_all(make, tmp_path):
    run, settings = make(bad_images="skip")
    with pytest.raises(DataError, match="none of the 1 images can be read"):
        prepare(run, ids=["a"], paths=[tmp_path / "x"], settings=settings)
    with pytest.raises(DataError, match="no images to train on; select at least one"):
        prepare(run, ids=[], paths=[], settings=settings)
    with pytest.raises(DataError, match="2 ids and 1 paths"):
        prepare(run, ids=["a", "b"], paths=[tmp_path / "x"], settings=settings)


def test_ids_and_paths_may_be_arrays(run, pictures, tiny):
    made = prepare(run, ids=np.arange(10), paths=np.array(pictures), settings=tiny())
    assert made["ids"][9] == "9"


def test_what_a_run_trains_on_stays_what_it_was(prepared, run, pictures, tiny):
    given = {"ids": list("abc"), "paths": pictures[:3]}
    with pytest.raises(RunError, match="one was made with other settings"):
        prepare(run, **given, settings=tiny(image_size=32))
    trained = prepared("trained")
    train_here(trained)
    before = manifest.read(trained)
    with pytest.raises(RunError, match="trained has trained already; start a new training"):
        prepare(trained, **given, settings=tiny())
    assert manifest.read(trained) == before


def test_pixels_are_cached_by_content_and_come_back_when_the_cache_is_emptied(prepared):
    made = manifest.read(prepared("one"))
    path = pixels.cache_path(made["sha256"], 16)
    first = np.array(pixels.load(made["paths"], made["sha256"], 16))
    path.unlink()
    again = pixels.load(made["paths"], made["sha256"], 16)
    assert isinstance(again, np.memmap)
    assert (first == again).all()


def test_pixels_that_cannot_be_made_again_are_an_error(prepared, pictures):
    made = manifest.read(prepared("one"))
    pixels.cache_path(made["sha256"], 16).unlink()
    pictures[4].unlink()
    with pytest.raises(DataError, match=r"4\.png does not exist"):
        pixels.load(made["paths"], made["sha256"], 16)


def test_prepared_images_are_not_decoded_again(prepared, monkeypatch):
    prepared("one")

    def decode(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(pixels, "decode", decode)
    prepared("two")


def test_a_cache_that_cannot_be_written_says_what_it_takes(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "file"))
    with pytest.raises(RunError, match=r"could not write .* it takes 192 bytes.*CURADIFF_HOME"):
        pixels.store(np.zeros((1, 3, 8, 8), np.uint8), ["a"])


def test_what_is_known_of_how_images_were_read_is_kept_also_from_the_cache(
    make, pictures, tmp_path
):
    deep = tmp_path / "deep.png"
    values = np.linspace(0, 4095, 900).reshape(30, 30).astype(np.uint16)
    Image.fromarray(values).save(deep)
    (tmp_path / "gone.png").touch()
    for name in ("one", "two"):
        run, settings = make(name=name, bad_images="skip")
        prepare(run, ids=list("abc"), paths=[tmp_path / "gone.png", pictures[0], deep],
                settings=settings)  # fmt: skip
        assert run.record["noted"] == 1
        assert run.record["notes"][0].startswith(f"{deep} holds 12-bit values in 16 bits")
    path = pixels.cache_path(manifest.read(run)["sha256"], 16)
    path.unlink()
    read = manifest.read(run)
    assert pixels.load(read["paths"], read["sha256"], 16).shape == (2, 3, 16, 16)
    assert list(pixels.notes_on(read["sha256"], 16)) == [1]
