"""Runs of the network that is not trained: frozen, drawn from, and never different."""

import json

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import RunError, SettingsError
from curadiff.config import GenerateSettings, TrainSettings
from curadiff.diffusion import generate, prepare, schedules, train_here
from curadiff.diffusion.analytic import sources
from curadiff.diffusion.networks import network
from curadiff.diffusion.train import checkpoint
from PIL import Image

SETTINGS = {"network": "analytic", "image_size": 16, "decide_size": 16, "device": "cpu"}


@pytest.fixture
def frozen(pictures):
    def make(name, **values):
        settings = TrainSettings(**{**SETTINGS, **values})
        run = runs.create("train", settings.model_dump(), name=name)
        prepare(run, ids=[f"id{i}" for i in range(10)], paths=pictures, settings=settings)
        assert train_here(run) == "finished"
        return run

    return make


def drawn(run, folder=None, **values):
    settings = GenerateSettings(**{"count": 5, "steps": 6, "device": "cpu", **values})
    return generate(run, settings, folder=folder)


def read(folder):
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))])


def test_training_only_keeps_the_images(frozen, pictures):
    run = frozen("kept", steps=7)
    status = run.status
    assert (status["state"], status["step"], status["images"]) == ("finished", 7, 10)
    assert (run.path / "grids" / "step-00000007.png").exists()
    assert not (run.path / "model_index.json").exists()
    for path in pictures:
        path.unlink()  # what is frozen needs the files no more
    assert len(read(drawn(run))) == 5


def test_pictures_are_nothing_but_mixed_training_images(frozen):
    run = frozen("mixed", horizontal_flip=False)
    folder = drawn(run)
    pixels = np.load(checkpoint.path_of(run.path, 1) / "pictures.npy")  # (n, 3, h, w)
    low, high = pixels.min(0).transpose(1, 2, 0), pixels.max(0).transpose(1, 2, 0)
    made = read(folder).astype(int)
    assert (made >= low - 1).all()
    assert (made <= high.astype(int) + 1).all()
    found = sources.load(folder)
    assert len(found) == 5
    for source in found:
        assert source.shares.sum() == pytest.approx(1, abs=1e-5)
        assert (np.diff(source.rows) > 0).all()
        assert source.rows.max() < 10


def test_a_picture_depends_on_its_seed_alone(frozen, tmp_path):
    run = frozen("same", image_size=32)
    whole = drawn(run, tmp_path / "whole", count=20)
    late = drawn(run, tmp_path / "late", count=8, seed=12, batch_size=3)
    assert (read(late) == read(whole)[12:]).all()
    some, others = sources.load(whole)[12:], sources.load(late)
    for one, other in zip(some, others, strict=True):
        assert (one.rows == other.rows).all()
        assert (one.shares == other.shares).all()


def test_several_processes_draw_the_same(frozen, tmp_path):
    run = frozen("same")
    alone, both = (drawn(run, tmp_path / str(n), count=20, processes=n) for n in (1, 2))
    assert (read(both) == read(alone)).all()
    assert (both / "sources.npz").read_bytes() == (alone / "sources.npz").read_bytes()


def test_what_is_missing_is_drawn_again_with_its_source(frozen):
    run = frozen("again")
    folder = drawn(run)
    before, text = read(folder), (folder / "sources.npz").read_bytes()
    (folder / "000002.png").unlink()
    (folder / "sources.npz").unlink()
    assert drawn(run) == folder
    assert (read(folder) == before).all()
    assert (folder / "sources.npz").read_bytes() == text
    more = drawn(run, count=7)  # what is there already is taken over, with what it is made of
    assert (read(more)[:5] == before).all()
    assert len(sources.load(more)) == 7


def test_a_picture_that_was_replaced_is_drawn_again_with_its_source(frozen):
    run = frozen("replaced")
    folder = drawn(run)
    before = read(folder)
    Image.new("RGB", (16, 16)).save(folder / "000001.png")
    with pytest.warns(UserWarning, match=r"first 000001\.png"):
        drawn(run)
    after = np.stack([np.asarray(Image.open(folder / f"{n:06d}.png")) for n in range(5)])
    assert (after == before).all()
    assert len(sources.load(folder)) == 5
    Image.new("RGB", (16, 16)).save(folder / "other.png")
    with pytest.raises(RunError, match=r"other\.png does not say which training images"):
        sources.read(folder / "other.png")


def test_gray_images_are_decided_in_one_channel_from_the_same_noise(tmp_path):
    from curadiff.diffusion.analytic.drawing import Model

    gray = np.random.default_rng(0).integers(0, 256, (12, 1, 16, 16), dtype=np.uint8)
    model = Model(
        gray.repeat(3, axis=1), side=16, mirrored=False, by="rule", device=torch.device("cpu")
    )
    assert model.denoiser.images.shape[0] == 1
    levels = schedules.alpha_bar("karras", 1000).tolist()
    made = model.sample([0, 1], alpha_bar=levels, sampler="ddim", evaluations=5).pictures
    assert (made == made[..., :1]).all()


def test_a_gray_picture_comes_of_the_noise_that_a_colour_network_makes_it_of(tmp_path):
    # A network with three channels sees y_c = x + sigma z_c in each; the posterior of a gray x
    # depends on their sum alone, which has the noise of sigma / sqrt(3). With whole pictures
    # as windows that posterior is written down below, and followed down the same levels.
    import torch
    from curadiff.diffusion.analytic.drawing import Model
    from curadiff.diffusion.sampling import samplers
    from curadiff.diffusion.train.randomness import normal

    gray = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
    model = Model(
        gray.repeat(3, axis=1), side=8, mirrored=False, by="rule", device=torch.device("cpu")
    )
    model.denoiser.radius = lambda sigma: 8
    levels = schedules.alpha_bar("karras", 1000).tolist()
    own = model.sample(range(20), alpha_bar=levels, sampler="ddim", evaluations=200).pictures
    x = torch.from_numpy(gray).float().flatten(1) / 127.5 - 1  # (6, 64)
    a_of = model._levels(levels)

    def posterior_mean(x_t, t):
        y = x_t.flatten(2) / a_of[t] ** 0.5  # (20, 3, 64)
        variance = (1 - a_of[t]) / a_of[t]
        distances = (y[:, None] - x[None, :, None]).square().sum((2, 3))  # (20, 6)
        mean = torch.softmax(-distances / (2 * variance), 1) @ x
        return mean.view(-1, 1, 8, 8).expand(-1, 3, -1, -1)

    noise = normal(range(20), (3, 8, 8), torch.device("cpu"))
    colour = samplers.sample("ddim", posterior_mean, noise, alpha_bar=a_of, evaluations=200)
    own = torch.from_numpy(own[..., 0]).float().flatten(1) / 127.5 - 1
    ends = [torch.cdist(one, x).argmin(1).tolist() for one in (own, colour.mean(1).flatten(1))]
    assert len(set(ends[0])) > 2
    agreed = [one == other for one, other in zip(*ends, strict=True)]
    assert sum(agreed) >= 18


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm-solver++", "heun"])
@pytest.mark.parametrize("windows", ["rule", "covariance"])
def test_every_sampler_ends_at_a_mix(frozen, sampler, windows):
    run = frozen("sampled", windows=windows)
    folder = drawn(run, sampler=sampler)
    assert json.loads((folder / "generated.json").read_text())["complete"]
    assert read(folder).std() > 10
    assert len(sources.load(folder)) == 5


@pytest.mark.parametrize("asked", [{"ema": 0.1}, {"guidance": 2.0}, {"classes": ["a"]}])
def test_what_only_a_trained_network_has_is_refused(frozen, asked):
    run = frozen("refusing")
    with pytest.raises(SettingsError, match=f"{next(iter(asked))} .* networks that are trained"):
        drawn(run, **asked)
    assert not (run.path / "generated").exists()


def test_settings_of_training_do_not_concern_it():
    settings = TrainSettings(network="analytic", preset="fast")
    assert (settings.steps, settings.schedule) == (1, "karras")
    for given in ({"start_from": "other"}, {"processes": 2}, {"accelerate": "--cpu"}):
        with pytest.raises(SettingsError, match="is for networks that are trained"):
            TrainSettings(network="analytic", **given)
    with pytest.raises(SettingsError, match="has no weights"):
        network.build(settings)


def test_the_kept_images_may_be_gone(frozen):
    run = frozen("gone")
    (checkpoint.path_of(run.path, 1) / "pictures.npy").unlink()
    with pytest.raises(RunError, match="step-00000001 is damaged"):
        drawn(run, count=2)


def test_levels_of_the_schedule_are_spread_as_published():
    levels = schedules.alpha_bar("karras", 1000)
    sigma = ((1 - levels) / levels).sqrt()
    assert sigma[0].item() == pytest.approx(0.02)
    assert sigma[-1].item() == pytest.approx(40)
    middle = ((0.02 ** (1 / 7) + 40 ** (1 / 7)) / 2) ** 7
    assert sigma[499:501].mean().item() == pytest.approx(middle, rel=1e-3)
