"""Drawing images from a trained run."""

import json

import numpy as np
import pytest
from curadiff import runs
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, train_here
from curadiff.errors import RunError, SettingsError
from PIL import Image


@pytest.fixture
def trained(prepared):
    run = prepared("one")
    train_here(run)
    return run


def settings(**values):
    return GenerateSettings(**{"count": 5, "steps": 4, "batch_size": 2, "device": "cpu", **values})


def read(folder):
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm-solver++", "heun"])
def test_images_and_their_record(trained, sampler):
    calls = []
    folder = generate(
        trained, settings(sampler=sampler, seed=7), progress=lambda *n: calls.append(n)
    )
    assert folder.parent == trained.path / "generated"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"{i:06d}.png" for i in range(5)), "generated.json"]
    assert all(picture.shape == (16, 16, 3) for picture in read(folder))
    record = json.loads((folder / "generated.json").read_text())
    assert record["seeds"] == [7, 8, 9, 10, 11]
    assert (record["sampler"], record["steps"], record["checkpoint"]) == (sampler, 4, 6)
    assert record["complete"]
    assert calls[-1] == (5, 5)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_an_image_depends_on_its_seed_and_not_on_its_batch(trained, tmp_path, sampler):
    whole = read(generate(trained, settings(sampler=sampler, batch_size=5), folder=tmp_path / "a"))
    alone = read(generate(trained, settings(sampler=sampler, batch_size=1), folder=tmp_path / "b"))
    later = read(generate(trained, settings(sampler=sampler, seed=2), folder=tmp_path / "c"))
    for one, other in zip(whole, alone, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1  # rounding of a last bit
    for one, other in zip(whole[2:], later[:3], strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
    assert np.abs(whole[0].astype(int) - whole[1].astype(int)).max() > 1


def test_only_missing_images_are_drawn(trained):
    folder = generate(trained, settings())
    before = read(folder)
    (folder / "000003.png").unlink()
    marker = Image.new("RGB", (16, 16))
    marker.save(folder / "000001.png")
    again = generate(trained, settings(batch_size=3))
    assert again == folder
    after = read(folder)
    assert (after[1] == 0).all()
    assert np.abs(after[3].astype(int) - before[3].astype(int)).max() <= 1


def test_other_settings_get_another_folder(trained):
    folders = {
        generate(trained, settings(**values))
        for values in ({}, {"seed": 1}, {"steps": 3}, {"weights": "raw"}, {"count": 4})
    }
    assert len(folders) == 5


def test_a_folder_with_other_images_is_refused(trained, tmp_path):
    generate(trained, settings(), folder=tmp_path / "a")
    with pytest.raises(RunError, match="holds images with another seed, seeds"):
        generate(trained, settings(seed=1), folder=tmp_path / "a")
    (tmp_path / "b").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "b" / "mine.png")
    with pytest.raises(RunError, match="holds other PNG files"):
        generate(trained, settings(), folder=tmp_path / "b")


def test_averaged_and_raw_weights_draw_other_images(trained):
    ema, raw = (read(generate(trained, settings(weights=w)))[0] for w in ("ema", "raw"))
    assert (ema != raw).any()


def test_more_steps_than_noise_levels_are_refused(trained):
    with pytest.raises(SettingsError, match="steps must be <= 50, the noise levels of one, got 51"):
        generate(trained, settings(steps=51))


def test_a_run_without_a_checkpoint_says_so(tiny):
    run = runs.create("train", tiny().model_dump(), name="early")
    with pytest.raises(RunError, match="early has no checkpoint yet; train it first: it is new"):
        generate(run, settings())


@pytest.mark.slow
def test_several_processes_draw_the_same_images(trained, tmp_path):
    calls = []
    alone = generate(trained, settings(), folder=tmp_path / "a")
    shared = generate(
        trained,
        settings(processes=2),
        folder=tmp_path / "b",
        progress=lambda *n: calls.append(n),
    )
    for one, other in zip(read(alone), read(shared), strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
    assert calls[-1] == (5, 5)


@pytest.mark.slow
def test_a_process_that_fails_is_told_with_its_last_words(trained, tmp_path):
    for file in trained.path.glob("checkpoints/*/ema.safetensors"):
        file.unlink()
    with pytest.raises(RunError, match=r"drawing into .* failed: .*ema.*Run the same command"):
        generate(trained, settings(processes=2), folder=tmp_path / "b")


def test_images_that_cannot_be_written_are_an_error(trained, tmp_path):
    from curadiff.diffusion.generate import _write

    (tmp_path / "000000.png").mkdir()
    (tmp_path / "000000.png" / "x").touch()
    with pytest.raises(RunError, match=r"could not write .*it draws only what is missing"):
        _write(tmp_path / "000000.png", np.zeros((4, 4, 3), np.uint8))
