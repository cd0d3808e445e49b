"""What a disk changes after it was written is noticed, named and worked around."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, pixels, train_here
from curadiff.diffusion.sampling import image_folder
from curadiff.diffusion.train import checkpoint
from PIL import Image


def flip(path, place=-1000):
    """Flip one bit in the middle of a file, counted from its end."""
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 4
    path.write_bytes(bytes(content))


def zero(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


DAMAGE = {
    "a flipped bit in the weights": lambda folder: flip(folder / "model.safetensors"),
    "a flipped bit in the moments": lambda folder: flip(folder / "optimizer.safetensors"),
    "zeros": lambda folder: zero(folder / "ema.safetensors"),
    "another step's weights": lambda folder: shutil.copy(
        folder.with_name("step-00000003") / "model.safetensors", folder / "model.safetensors"
    ),
    "another step's checkpoint": lambda folder: (
        shutil.rmtree(folder),
        shutil.copytree(folder.with_name("step-00000003"), folder),
    ),
    "an edited state": lambda folder: (folder / "state.json").write_text(
        (folder / "state.json").read_text().replace('"attempt": 0', '"attempt": 7')
    ),
    "no checksums": lambda folder: (folder / "checksums.json").unlink(),
    "a flipped bit in the checksums": lambda folder: flip(folder / "checksums.json", -200),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A finished training of six steps, to be damaged copy by copy."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def trained(prepared, template):
    """A finished training with checkpoints at steps 3 and 6."""
    run = prepared("one")
    if not template.exists():
        train_here(run)
        shutil.copytree(run.path / "checkpoints", template)
    else:
        shutil.copytree(template, run.path / "checkpoints")
    return run


@pytest.mark.parametrize("what", DAMAGE)
def test_a_checkpoint_that_is_not_as_written_is_passed_over(trained, what):
    folder = checkpoint.path_of(trained.path, 6)
    DAMAGE[what](folder)
    with pytest.raises(checkpoint.Unreadable, match=r"step-00000006 is damaged"):
        checkpoint.load(trained.path, 6)
    found = checkpoint.newest(trained.path, put_aside=True)
    assert found.step == 3
    assert "step 6 is damaged and was put aside" in found.warning
    assert (folder.parent / "damaged-step-00000006").is_dir()
    shutil.copytree(folder.parent / "damaged-step-00000006", folder)  # and once more
    assert checkpoint.newest(trained.path, put_aside=True).step == 3
    assert (folder.parent / "damaged-damaged-step-00000006").is_dir()


def test_training_goes_on_exactly_from_the_checkpoint_before(trained, template):
    flip(checkpoint.path_of(trained.path, 6) / "model.safetensors")
    assert train_here(trained) == "finished"
    for name in ("model", "ema", "optimizer"):
        file = f"step-00000006/{name}.safetensors"
        assert (trained.path / "checkpoints" / file).read_bytes() == (template / file).read_bytes()


def test_images_are_drawn_from_weights_that_are_as_written(trained):
    flip(checkpoint.path_of(trained.path, 6) / "ema.safetensors")
    with pytest.warns(UserWarning, match=r"step-00000006 is damaged .* The one of step 3 is used"):
        folder = generate(trained, GenerateSettings(count=1, steps=2))
    assert image_folder.read(folder).record["checkpoint"] == 3


@pytest.fixture
def cached(prepared):
    """A prepared training: paths, contents, size and where its pixels are."""
    run = prepared("one")
    told = runs.read_json(run.path / "manifest.json")
    return told["paths"], told["sha256"], 16, pixels.cache_path(told["sha256"], 16)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:1000]),
        lambda path: path.write_bytes(b""),
        lambda path: flip(path),
        lambda path: flip(path, -3),
        zero,
    ],
)
def test_a_damaged_pixel_cache_is_made_anew(cached, damage):
    paths, sha256, size, file = cached
    whole = np.array(pixels.load(paths, sha256, size))
    content = file.read_bytes()
    damage(file)
    assert not pixels.is_stored(sha256, size)
    with pytest.warns(UserWarning, match=r"npy is damaged; the images are prepared anew"):
        np.testing.assert_array_equal(pixels.load(paths, sha256, size), whole)
    assert file.read_bytes() == content
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels.load(paths, sha256, size)


def test_pixels_go_with_the_last_run_that_used_them(prepared):
    from curadiff.workflows.deleting import delete_run

    a, b = prepared("a"), prepared("b")
    (file,) = pixels.used_by(a)
    assert file.exists()
    delete_run("a", yes=True)
    assert file.exists()
    assert pixels.used_by(b) == {file}
    delete_run("b", yes=True)
    assert not file.exists()


@pytest.fixture
def folder(tmp_path, home):
    """Three images that look drawn, with their record."""
    run = runs.create("train", {}, name="one")
    folder = run.path / "generated" / "ddim"
    folder.mkdir(parents=True)
    for number in range(3):
        picture = np.full((8, 8, 3), 50 * number, np.uint8)
        image_folder.write(folder / image_folder.file_name(number), picture)
    record = {
        "run": "one",
        "count": 3,
        "seeds": [5, 6, 7],
        "files": image_folder.checksums(folder, 3),
    }
    runs.write_json(folder / "generated.json", {**record, "complete": True})
    return folder


def test_files_that_the_record_does_not_list_are_not_looked_at(folder):
    for stray in (".tmp-123-000001.png", ".tmp-x-000001.png", "mine.png", "000003.png", "x.txt"):
        (folder / stray).write_bytes(b"stray")
    found = image_folder.read(folder)
    assert [path.name for path in found.paths] == [f"00000{n}.png" for n in range(3)]
    assert found.seeds == [5, 6, 7]
    (folder / "000001.png").unlink()
    assert image_folder.read(folder).seeds == [5, 7]


def test_images_that_are_not_those_drawn_are_named_and_drawn_again(folder):
    flip(folder / "000001.png", -20)
    Image.new("RGB", (8, 8), "red").save(folder / "000002.png")
    with pytest.raises(RunError, match=r"2 of 3 images .* first 000001\.png; draw them again"):
        image_folder.read(folder)
    with pytest.warns(UserWarning, match="2 images .* were damaged, first 000001"):
        image_folder.put_aside_damaged(folder, 3)
    assert image_folder.missing_numbers(folder, 3) == [1, 2]
    assert (folder / ".damaged-000002.png").exists()  # somebody may have put it there


@pytest.mark.parametrize("keep", [0, 40, -15])
def test_an_image_cut_off_before_the_record_listed_it_is_drawn_again(folder, keep):
    runs.write_json(folder / "generated.json", {"run": "one", "count": 3, "seeds": [5, 6, 7]})
    path = folder / "000001.png"
    path.write_bytes(path.read_bytes()[:keep])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image_folder.put_aside_damaged(folder, 3)
    assert image_folder.missing_numbers(folder, 3) == [1]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        "3",
        '{"run": "one"}',
        '{"run": 1, "count": 1, "seeds": [1]}',
        '{"run": "one", "count": "3", "seeds": [1, 2, 3]}',
        '{"run": "one", "count": 3, "seeds": [1, 2]}',
        '{"run": "one", "count": 1, "seeds": ["x"]}',
        '{"run": "one", "count": -1, "seeds": []}',
        '{"run": "one", "count": 1, "seeds": [1], "files": 3}',
        "{",
    ],
)
def test_an_edited_record_is_a_sentence(folder, content):
    (folder / "generated.json").write_text(content)
    with pytest.raises((RunError, DataError), match=r"generated\.json is"):
        image_folder.read(folder)


def test_an_edited_value_of_a_record_is_noticed(folder):
    path = folder / "generated.json"
    path.write_text(path.read_text().replace("\n  6,", "\n  8,"))
    assert json.loads(path.read_text())["seeds"] == [5, 8, 7]
    with pytest.raises(RunError, match="was edited"):
        image_folder.read(folder)


def test_one_process_draws_into_a_folder(trained):
    folder = generate(trained, GenerateSettings(count=1, steps=2))
    with (
        runs.Lease(folder, name=image_folder.LEASE),
        pytest.raises(RunError, match="is in use by this process"),
    ):
        generate(trained, GenerateSettings(count=1, steps=2))
