"""Drawing images from a trained run."""

import json
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import RunError, SettingsError
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate
from curadiff.diffusion.train import checkpoint
from PIL import Image


@pytest.fixture
def trained(finished):
    return finished("one")


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


def same(some, others):
    assert len(some) == len(others) > 0
    return all((one == other).all() for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm-solver++", "heun"])
def test_an_image_depends_on_its_seed_alone(trained, tmp_path, sampler):
    def drawn(name, **values):
        return read(generate(trained, settings(sampler=sampler, **values), folder=tmp_path / name))

    whole = drawn("whole", count=40, batch_size=64)
    for batch_size in (1, 3, 16, 20):
        assert same(drawn(f"by {batch_size}", count=40, batch_size=batch_size), whole)
    assert same(drawn("fewer", count=5), whole[:5])
    assert same(drawn("later", count=20, seed=13), whole[13:33])
    assert np.abs(whole[0].astype(int) - whole[1].astype(int)).max() > 1


def test_the_network_always_sees_the_same_shape(trained, monkeypatch):
    from curadiff.diffusion.networks import network

    shapes = set()

    def see(self, x_t, t):
        shapes.add((tuple(x_t.shape), tuple(t.shape)))
        return x_t

    monkeypatch.setattr(network.Unet2D, "forward", see)
    for values in ({"count": 1}, {"count": 40, "batch_size": 7}, {"count": 3, "seed": 15}):
        generate(trained, settings(**values))
    assert shapes == {((16, 3, 16, 16), (16,))}


@pytest.mark.parametrize(
    ("image_size", "device", "expected"),
    [(16, "cpu", 16), (128, "cpu", 16), (256, "cpu", 4), (128, "cuda", 32), (256, "cuda", 8)],
)
def test_large_images_go_through_the_network_in_smaller_parts(image_size, device, expected):
    import torch
    from curadiff.diffusion.sampling.generate import rows_per_call

    assert rows_per_call(image_size, torch.device(device)) == expected
    assert rows_per_call(1024, torch.device(device)) == 4


def test_only_missing_images_are_drawn(trained):
    folder = generate(trained, settings())
    before = read(folder)
    (folder / "000003.png").unlink()
    kept = {path.name: path.stat() for path in folder.glob("*.png")}
    again = generate(trained, settings(batch_size=3))
    assert again == folder
    assert same(read(folder), before)
    for name, stat in kept.items():  # the very files of before
        now = (folder / name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)


def test_other_settings_get_another_folder(trained):
    folders = {
        generate(trained, settings(**values))
        for values in ({}, {"seed": 1}, {"steps": 3}, {"weights": "raw"}, {"count": 4})
    }
    assert len(folders) == 5


def test_a_folder_with_other_images_is_refused(trained, tmp_path):
    generate(trained, settings(), folder=tmp_path / "a")
    with pytest.raises(RunError, match="holds images with another seed;"):
        generate(trained, settings(seed=1), folder=tmp_path / "a")
    (tmp_path / "b").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "b" / "mine.png")
    with pytest.raises(RunError, match="holds other PNG files"):
        generate(trained, settings(), folder=tmp_path / "b")


def test_more_images_of_the_same_kind_begin_with_those_that_are_there(trained, monkeypatch):
    from curadiff.diffusion.sampling import batch

    few = generate(trained, settings(count=16))
    whole = read(generate(trained, settings(count=40), folder=trained.path / "whole"))
    real, drawn_ = batch.sample_images, []
    monkeypatch.setattr(
        batch,
        "sample_images",
        lambda net, seeds, **rest: drawn_.extend(seeds) or real(net, seeds, **rest),
    )
    many = generate(trained, settings(count=40))
    assert min(drawn_) == 16
    assert same(read(many), whole)
    assert same(read(few), whole[:16])
    drawn_.clear()
    generate(trained, settings(count=20))  # and fewer are all there
    assert drawn_ == []


def test_a_folder_can_grow_and_does_not_shrink(trained, tmp_path):
    generate(trained, settings(count=3), folder=tmp_path / "a")
    (tmp_path / "a" / "000001.png").write_bytes(b"")  # as a power cut may leave it
    generate(trained, settings(count=5), folder=tmp_path / "a")
    assert len(read(tmp_path / "a")) == 5
    with pytest.raises(RunError, match=r"another count \(5, more than 4\)"):
        generate(trained, settings(count=4), folder=tmp_path / "a")


def test_twice_as_many_steps_where_a_level_is_asked_twice(trained):
    with pytest.raises(SettingsError, match="steps must be <= 100, twice the noise levels of one"):
        generate(trained, settings(sampler="heun", steps=120))


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
def test_several_processes_draw_the_same_images(trained, tmp_path, monkeypatch):
    calls = []
    monkeypatch.chdir(tmp_path)
    alone = generate(trained, settings(count=40), folder=tmp_path / "a")
    shared = generate(
        trained,
        settings(count=40, processes=2),
        folder=Path("b"),
        progress=lambda *n: calls.append(n),
    )
    assert same(read(shared), read(alone))
    assert calls[-1] == (40, 40)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_drawing_that_was_killed_goes_on_with_the_same_images(trained, tmp_path, processes):
    wanted = settings(count=200, batch_size=16, processes=processes, steps=20)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    generate(trained, wanted, folder=whole)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=generate, args=(trained, wanted), kwargs={"folder": cut})
    child.start()
    end = time.monotonic() + 60
    while len(list(cut.glob("0*.png"))) < 30 and time.monotonic() < end:
        time.sleep(0.01)
    child.kill()
    child.join()
    if processes > 1:
        time.sleep(3)  # the others notice within a second
    there = len(list(cut.glob("0*.png")))
    assert 30 <= there < 200
    generate(trained, wanted, folder=cut)
    assert same(read(cut), read(whole))


@pytest.mark.slow
def test_a_process_that_fails_is_told_with_its_last_words(trained, tmp_path, monkeypatch):
    for file in trained.path.glob("checkpoints/*/ema.safetensors"):
        file.unlink()
    monkeypatch.setattr(
        checkpoint, "newest_intact", lambda path, file: checkpoint.saved_steps(path)[-1]
    )
    with pytest.raises(RunError, match=r"drawing into .* failed: .*ema.*Run the same command"):
        generate(trained, settings(processes=2), folder=tmp_path / "b")


def test_images_that_cannot_be_written_are_an_error(trained, tmp_path):
    from curadiff.diffusion.sampling.image_folder import write

    (tmp_path / "000000.png").mkdir()
    (tmp_path / "000000.png" / "x").touch()
    with pytest.raises(RunError, match=r"could not write .*run the same command again"):
        write(tmp_path / "000000.png", np.zeros((4, 4, 3), np.uint8))


def test_a_rank_makes_its_gpu_the_current_one(prepared, tmp_path, monkeypatch):
    """Triton starts kernels on the current device, not on that of the tensors."""
    from curadiff.diffusion.sampling import generate as sampling

    chosen = []
    monkeypatch.setattr(sampling, "choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    settings = GenerateSettings(count=1, processes=4)
    sampling.draw_missing(prepared("one"), settings, 1, tmp_path, [], rank=3)
    assert chosen == [torch.device("cuda", 3)]
