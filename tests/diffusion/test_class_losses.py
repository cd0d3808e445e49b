"""Losses of a network with classes are those with the class of each image."""

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import DataError, SettingsError
from curadiff.config import StudySettings, TrainSettings
from curadiff.diffusion import manifest, prepare, schedules, train_here
from curadiff.diffusion.pixel_range import to_unit
from curadiff.diffusion.pixels import load
from curadiff.diffusion.train import patience, validation
from curadiff.diffusion.train.difficulty import denoising_losses, image_difficulty
from curadiff.diffusion.train.objective import Objective
from diffusers import UNet2DModel

CPU = torch.device("cpu")
LABELS = ["shoe", "bag", None, "shoe", "bag", "shoe"]
HELD_OUT = ["bag", "shoe", None, "coat"]  # the last one is not trained on
OF_NO_CLASS = 2


@pytest.fixture
def made(pictures, tiny):
    """Make a prepared run with two classes and four held-out images; values can be replaced."""

    def make(name, *, labels=LABELS, held_out_labels=HELD_OUT, extra=None, **values):
        values = {"classes": "kind", "grid_every": 99, "learning_rate": 5e-2, **values}
        settings = tiny(**values)
        run = runs.create("train", settings.model_dump(), name=name)
        images = {"ids": list("abcdef"), "paths": pictures[:6], "labels": labels}
        others = {"held_out": pictures[6:], "held_out_labels": held_out_labels}
        prepare(run, settings=settings, extra=extra, **images, **others)
        return run

    return make


def objective_of(run):
    s = TrainSettings(**run.settings)
    return Objective(
        schedules.alpha_bar(s.schedule, s.timesteps), prediction=s.prediction, min_snr=s.min_snr,
        weighting=s.weighting, device=CPU,
    )  # fmt: skip


def images_of(run, name=manifest.NAME):
    listed = manifest.read(run, name)
    return to_unit(torch.from_numpy(np.array(load(listed["paths"], listed["sha256"], 16))))


def in_diffusers(run, kinds):
    """Return the published network as a function of images and levels, told these classes."""
    unet = UNet2DModel.from_pretrained(run.path / "unet").eval().requires_grad_(False)
    return lambda x, t: unet(x, t, class_labels=torch.tensor(kinds)).sample


def test_a_network_that_answers_with_the_class_errs_by_its_square_besides():
    objective = Objective(
        schedules.alpha_bar("cosine", 100), prediction="epsilon", min_snr=None, device=CPU
    )

    def network(x, t, labels, classes):
        return x * 0 + classes.view(-1, 1, 1, 1)

    pictures, kinds = torch.zeros(4, 3, 32, 32), torch.tensor([0, 1, 2, 3])
    levels = validation.loss_by_level(network, objective, pictures, kinds)
    assert levels == pytest.approx([1 + (0 + 1 + 4 + 9) / 4] * 10, rel=0.05)
    losses = denoising_losses(network, objective, pictures, kinds)
    assert losses == pytest.approx([1, 2, 5, 10], rel=0.05)


def test_logged_losses_are_those_of_the_network_that_is_told_the_classes(made):
    run = made("one")
    assert manifest.read(run, manifest.HELD_OUT)["labels"] == HELD_OUT
    train_here(run)
    logged = [entry["loss_by_level"] for entry in run.log() if "loss_by_level" in entry][-1]
    held_out = images_of(run, manifest.HELD_OUT)
    kinds = {"held_out": [0, 1, OF_NO_CLASS, OF_NO_CLASS], "train": [1, 0, OF_NO_CLASS, 1, 0, 1]}
    for name, images in {"held_out": held_out, "train": images_of(run)}.items():
        expected = validation.loss_by_level(
            in_diffusers(run, kinds[name]), objective_of(run), images
        )
        assert logged[name] == pytest.approx(expected, abs=2e-5), name
    without = validation.loss_by_level(
        in_diffusers(run, [OF_NO_CLASS] * 4), objective_of(run), held_out
    )
    assert np.abs(np.subtract(logged["held_out"], without)).max() > 2e-4, "the class matters"


def test_where_classes_of_held_out_images_are_not_known_no_loss_is_with_a_class(made):
    run = made("one", held_out_labels=None)
    train_here(run)
    logged = [entry["loss_by_level"] for entry in run.log() if "loss_by_level" in entry][-1]
    for name, images in {
        "held_out": images_of(run, manifest.HELD_OUT),
        "train": images_of(run),
    }.items():
        told = in_diffusers(run, [OF_NO_CLASS] * len(images))
        expected = validation.loss_by_level(told, objective_of(run), images)
        assert logged[name] == pytest.approx(expected, abs=2e-5), name


def test_a_network_that_never_learns_no_class_watches_images_with_a_class_alone(made):
    every = [label or "bag" for label in LABELS]
    run = made("one", labels=every, label_dropout=0.0)
    assert manifest.read(run, manifest.HELD_OUT)["labels"] == ["bag", "shoe"]
    left_out = run.record["skipped_held_out"]
    assert [entry["path"][-5:] for entry in left_out] == ["8.png", "9.png"]
    assert all("none of the classes" in entry["why"] for entry in left_out)
    for name, labels in {"two": None, "three": ["coat", None, "coat", None]}.items():
        with pytest.raises(DataError, match="no held-out image has one of the classes"):
            made(name, labels=every, label_dropout=0.0, held_out_labels=labels)


def test_labels_of_held_out_images_must_fit(made, pictures, tiny):
    with pytest.raises(DataError, match="3 labels of held-out images for 4 images; give one per"):
        made("one", held_out_labels=HELD_OUT[:3])
    with pytest.raises(DataError, match="and the setting classes is not given"):
        made("two", classes=None, labels=None)


def test_images_that_are_trained_on_too_take_their_labels_along():
    images = manifest.make("abc", ["x", "y", "z"], ["1", "2", "3"], ["shoe", None, "bag"])
    rest, left_out = manifest.without(images, ["2"])
    assert rest["labels"] == ["shoe", "bag"]
    assert left_out == [images["paths"][1]]
    assert rest == manifest.make("ac", ["x", "z"], ["1", "3"], ["shoe", "bag"])


def test_difficulty_is_that_of_the_network_that_is_told_the_class(made):
    run = made("one")
    train_here(run)
    told = in_diffusers(run, [1, 0, OF_NO_CLASS, 1, 0, 1])
    expected = denoising_losses(told, objective_of(run), images_of(run))
    values = image_difficulty(run, device="cpu")
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    others = manifest.read(run, manifest.HELD_OUT)
    told = in_diffusers(run, [0, 1, OF_NO_CLASS, OF_NO_CLASS])
    expected = denoising_losses(told, objective_of(run), images_of(run, manifest.HELD_OUT))
    np.testing.assert_allclose(image_difficulty(run, others, device="cpu"), expected, rtol=1e-4)
    unlabeled = manifest.make(*(others[key] for key in manifest.LISTS))
    told = in_diffusers(run, [OF_NO_CLASS] * 4)
    expected = denoising_losses(told, objective_of(run), images_of(run, manifest.HELD_OUT))
    np.testing.assert_allclose(image_difficulty(run, unlabeled, device="cpu"), expected, rtol=1e-4)


def test_difficulty_needs_a_class_where_the_network_learned_nothing_else(made):
    every = [label or "bag" for label in LABELS]
    run = made("one", labels=every, label_dropout=0.0)
    train_here(run)
    others = manifest.read(run, manifest.HELD_OUT)
    unlabeled = manifest.make(*(others[key] for key in manifest.LISTS), ["bag", "coat"])
    with pytest.raises(DataError, match=r"1 of 2 images have none of the classes .*7.png.*label_d"):
        image_difficulty(run, unlabeled, device="cpu")


def test_patience_needs_images_whose_loss_it_watches(pictures, tiny):
    settings = tiny()
    run = runs.create("train", settings.model_dump(), name="one")
    images = {"ids": list("abcdef"), "paths": pictures[:6], "settings": settings}
    with pytest.raises(SettingsError, match="patience needs held-out images"):
        prepare(run, **images, extra={patience.PATIENCE: 2})
    with pytest.raises(SettingsError, match=r"patience needs held-out images.*held_out is 0"):
        StudySettings(patience=2, held_out=0)
    with pytest.raises(SettingsError, match=r"patience is for networks .* not for trainer=command"):
        StudySettings(patience=2, trainer="command", command=["train", "{images}", "{out}"])
    with pytest.raises(SettingsError, match="not for the network analytic"):
        StudySettings(patience=2, train={"network": "analytic"})
    assert StudySettings(patience=2).patience == 2
