"""Augmentation with labels: the transforms against closed forms, and that they do not leak."""

import math

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import SettingsError
from curadiff.diffusion import generate, prepare, train_here
from curadiff.diffusion.networks import network
from curadiff.diffusion.train import augmentation, checkpoint, randomness
from curadiff.diffusion.train.augmentation import draw_parameters, inverse_maps, labels_of
from curadiff.diffusion.train.batches import Batches

SIDE = 33


def parameters(**values):
    row = np.zeros((1, 7))
    for name, value in values.items():
        row[0, getattr(augmentation, name.upper())] = value
    return row


def labels(*, flip_x=False, **values):
    return labels_of(parameters(**values), np.array([flip_x]))[0].tolist()


def test_the_nine_labels_are_those_of_the_paper():
    assert labels() == [0] * 9
    assert labels(flip_x=True) == [1, *[0] * 8]
    assert labels(flip_y=1) == [0, 1, *[0] * 7]
    assert labels(scale=0.5) == [0, 0, 0.5, *[0] * 6]
    turned = labels(angle=math.pi / 2)
    assert turned == pytest.approx([0, 0, 0, -1, 1, 0, 0, 0, 0], abs=1e-7)
    stretched = labels(stretch=2, stretch_angle=math.pi / 6)
    assert stretched == pytest.approx([*[0] * 5, 2 * math.cos(math.pi / 6), 1, 0, 0], abs=1e-6)
    assert labels(shift_x=-1, shift_y=0.25) == [*[0] * 7, -1, 0.25]


def blob(x, y):
    """A smooth spot on black, with (0, 0) in the middle and 1 at the border."""
    place = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    gap = (place[None, :] - x) ** 2 + (place[:, None] - y) ** 2
    return (2 * torch.exp(-gap / 0.02) - 1).expand(1, 3, SIDE, SIDE)


def centre(image):
    place = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    weight = (image[0, 0] + 1) / (image[0, 0] + 1).sum()
    return (weight.sum(0) @ place).item(), (weight.sum(1) @ place).item()


def moved(image, row):
    maps = torch.from_numpy(inverse_maps(row))
    flip = torch.from_numpy(row[:, augmentation.FLIP_Y] > 0)
    return augmentation.transform(image, flip, maps)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"flip_y": 1}, (0.3, 0.1)),
        ({"scale": 2}, (0.3 * 2**0.4, -0.1 * 2**0.4)),
        ({"angle": math.pi / 2}, (0.1, 0.3)),
        ({"angle": 0.7}, None),
        ({"stretch": 1.5}, (0.3 * 2**0.3, -0.1 / 2**0.3)),
        ({"stretch": 1.5, "stretch_angle": math.pi / 2}, (0.3 / 2**0.3, -0.1 * 2**0.3)),
        ({"shift_x": 1, "shift_y": -2}, (0.3 + 0.25, -0.1 - 0.5)),
    ],
)
def test_a_spot_goes_where_the_transform_says(values, expected):
    if expected is None:
        c, s = math.cos(values["angle"]), math.sin(values["angle"])
        expected = (c * 0.3 + s * 0.1, s * 0.3 - c * 0.1)
    found = centre(moved(blob(0.3, -0.1), parameters(**values)))
    assert found == pytest.approx(expected, abs=0.01)


def test_a_quarter_turn_is_exact_and_no_transform_keeps_every_bit():
    image = torch.rand((1, 3, 8, 8)) * 2 - 1
    turned = moved(image, parameters(angle=math.pi / 2))
    torch.testing.assert_close(turned, image.rot90(-1, (2, 3)), atol=1e-4, rtol=0)
    assert torch.equal(moved(image, parameters()), image)


def test_each_transform_happens_as_often_as_asked():
    drawn = draw_parameters(np.random.default_rng(0), 20_000, 0.3)
    often = (drawn != 0).mean(0)
    expected = [0.15, 0.3, 0.3, 0.3, 0.15, 0.3, 0.3]
    assert often == pytest.approx(expected, abs=0.015)
    scale = drawn[drawn[:, augmentation.SCALE] != 0, augmentation.SCALE]
    assert scale.std() == pytest.approx(1, abs=0.03)


def test_other_choices_of_a_step_do_not_depend_on_augmentation():
    same = {"seed": 1, "step": 5, "batch_size": 8, "images": 20, "timesteps": 10}
    plain = randomness.plan_step(**same, flip=True, attempt=0)
    other = randomness.plan_step(**same, flip=True, attempt=0, augment=0.5)
    for name in ("index", "flip", "t", "noise"):
        assert (getattr(plain, name) == getattr(other, name)).all()
    assert (other.part(slice(2, 4)).augment == other.augment[2:4]).all()


def test_images_and_labels_of_a_batch_belong_together(tiny):
    settings = tiny(augment=0.5, batch_size=64)
    pictures = np.random.default_rng(0).integers(0, 256, (10, 3, 16, 16), dtype=np.uint8)
    batches = Batches(pictures, settings, device=torch.device("cpu"))
    plan = batches.plan(0, 0)
    images, _, (given,) = batches.take(plan)
    assert given.shape == (64, 9)
    untouched = (given == 0).all(1)
    assert 0 < untouched.sum() < 64
    original = torch.from_numpy(pictures[plan.index]).float() / 127.5 - 1
    same = (images == original).flatten(1).all(1)
    assert torch.equal(same, untouched)
    assert torch.equal(given[:, 0].bool(), torch.from_numpy(plan.flip))


@pytest.mark.parametrize("name", ["unet2d", "lucidrains"])
def test_labels_begin_without_an_effect_and_zeros_never_have_one(tiny, name):
    values = {"network": name, "layers": 2 if name == "lucidrains" else 1}
    plain, told = (network.build(tiny(**values, augment=p)) for p in (0, 0.1))
    x, t, given = torch.randn(2, 3, 16, 16), torch.tensor([3, 40]), torch.randn(2, 9)
    assert torch.equal(plain(x, t), told(x, t, given))
    assert torch.equal(plain(x, t), told(x, t))
    with torch.no_grad():
        network.unwrap(told).conditioning.weight.normal_()
    assert torch.equal(plain(x, t), told(x, t))
    assert not torch.allclose(plain(x, t), told(x, t, given))


@pytest.mark.parametrize("name", ["unet2d", "lucidrains"])
def test_resuming_is_exact_with_augmentation_and_dropout(prepared, weights, name):
    from curadiff.diffusion.train.worker import train_run

    values = {"augment": 0.5, "dropout": 0.3, "network": name, "grid_every": 99}
    values["layers"] = 2 if name == "lucidrains" else 1
    whole, parts = prepared("whole", **values), prepared("parts", **values)
    train_here(whole)
    calls = iter([False, False, False, True])
    assert train_run(parts, lambda: next(calls)) == "stopped"
    train_here(parts)
    assert weights(whole) == weights(parts)
    tensors, _ = checkpoint.load(whole.path, 6)
    assert tensors["model"]["conditioning.weight"].abs().max() > 0


def test_dropout_changes_the_training_and_not_the_samples(prepared, weights, tmp_path):
    plain, dropping = prepared("plain", dropout=0), prepared("dropping", dropout=0.5)
    for run in (plain, dropping):
        train_here(run)
    assert weights(plain)["model.safetensors"] != weights(dropping)["model.safetensors"]
    from curadiff.config import GenerateSettings

    drawn = [
        generate(dropping, GenerateSettings(count=1, steps=3), folder=tmp_path / place)
        for place in ("one", "other")
    ]
    one, other = (folder.joinpath("000000.png").read_bytes() for folder in drawn)
    assert one == other


def test_the_pipeline_and_a_run_that_starts_from_it_have_the_published_weights(
    prepared, pictures, tiny
):
    from diffusers import UNet2DModel

    run = prepared("one", augment=0.5)
    train_here(run)
    loaded, report = UNet2DModel.from_pretrained(run.path / "unet", output_loading_info=True)
    assert not report["unexpected_keys"]
    averaged = checkpoint.load(run.path, 6, "ema")[0]["ema"]
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, averaged[key])
    for augment in (0, 0.2):
        settings = tiny(start_from="one", augment=augment, learning_rate=1e-60, steps=1)
        other = runs.create("train", settings.model_dump(), name=f"next-{augment}")
        prepare(other, ids=list("0123456789"), paths=pictures, settings=settings)
        train_here(other)
        after = checkpoint.load(other.path, 1, "ema")[0]["ema"]
        for key, value in loaded.state_dict().items():
            assert torch.equal(value, after[key])


def test_a_lucidrains_file_knows_no_augmentation(tiny):
    with pytest.raises(SettingsError, match=r"augment must be 0 with start_from a \.pt file"):
        tiny(network="lucidrains", layers=2, augment=0.1, start_from="model-1.pt")
