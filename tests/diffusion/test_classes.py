"""Training with classes, and drawing by class."""

import json

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.config import GenerateSettings, TrainSettings
from curadiff.diffusion import classes, generate, manifest, prepare, start, train_here
from curadiff.diffusion.networks import network
from curadiff.diffusion.sampling import guidance, image_folder
from curadiff.diffusion.sampling.generate import load_network
from curadiff.diffusion.sampling.guidance import Guided
from curadiff.diffusion.train import checkpoint, randomness
from curadiff.diffusion.train.batches import Batches
from curadiff.diffusion.train.worker import train_run
from diffusers import UNet2DModel
from PIL import Image
from safetensors.torch import load_file

CPU = torch.device("cpu")
LABELS = ["shoe", "bag", None, "shoe", "bag", "shoe", "bag", "shoe", None, "shoe"]
WIDE = {"multipliers": "1-2", "classes": "kind"}


@pytest.fixture
def made(pictures, tiny):
    """Make a prepared run with two classes; values can be replaced."""

    def make(name, labels=tuple(LABELS), **values):
        settings = tiny(**{"classes": "kind", "grid_every": 99, **values})
        run = runs.create("train", settings.model_dump(), name=name)
        ids = [f"id{i}" for i in range(10)]
        prepare(run, ids=ids, paths=pictures, settings=settings, labels=labels)
        return run

    return make


def drawing(**values):
    return GenerateSettings(**{"count": 6, "steps": 3, "device": "cpu", **values})


def test_labels_are_frozen_in_the_manifest_and_counted(made):
    run = made("one")
    assert manifest.read(run)["labels"] == LABELS
    assert run.record["classes"] == {"bag": 3, "shoe": 5}
    assert run.record["unlabeled"] == 2
    other = made("other", labels=["bag", *LABELS[1:]])
    assert manifest.read(other)["hash"] != manifest.read(run)["hash"]


def test_what_does_not_fit_is_refused_in_a_sentence(made, prepared, pictures, tiny):
    with pytest.raises(DataError, match="classes is kind, so every image needs a label: got none"):
        made("a", labels=None)
    with pytest.raises(DataError, match="none of the 10 images has a label in kind"):
        made("b", labels=[None, ""] * 5)
    plain = prepared("plain")
    with pytest.raises(DataError, match="labels are given and the setting classes is not"):
        prepare(plain, ids=range(10), paths=pictures, settings=tiny(), labels=LABELS)
    with pytest.raises(SettingsError, match="classes is for networks that are trained"):
        TrainSettings(network="analytic", classes="kind")
    with pytest.raises(SettingsError, match="guide 4000 needs guidance"):
        GenerateSettings(guide="4000")
    with pytest.raises(SettingsError, match="guide must be a step"):
        GenerateSettings(guide="../elsewhere", guidance=2)
    train_here(plain)
    with pytest.raises(SettingsError, match="plain was trained without classes"):
        generate(plain, drawing(classes=["bag"]))
    with pytest.raises(SettingsError, match="guidance needs a training with classes"):
        generate(plain, drawing(guidance=2))
    run = made("c", label_dropout=0.0, labels=["shoe", "bag"] * 5, steps=1)
    train_here(run)
    with pytest.raises(SettingsError, match=r"has no class 'bags'.*bag.*\(classes: bag, shoe\)"):
        generate(run, drawing(classes=["bags"]))
    with pytest.raises(SettingsError, match="trained with label_dropout 0"):
        generate(run, drawing(guidance=2))
    with pytest.raises(SettingsError, match="plain cannot guide c: it was trained with no classes"):
        generate(run, drawing(guidance=2, guide="plain"))


def test_labels_are_dropped_as_often_as_asked_and_by_seed_and_step_alone():
    same = {"seed": 3, "batch_size": 500, "images": 20, "timesteps": 10, "flip": True, "attempt": 0}
    plans = [randomness.plan_step(**same, step=step, label_dropout=0.1) for step in range(40)]
    rates = [plan.unlabeled.mean() for plan in plans]
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)  # 20,000 draws: sd 0.002
    again = randomness.plan_step(**same, step=7, label_dropout=0.1)
    assert np.array_equal(again.unlabeled, plans[7].unlabeled)
    assert not np.array_equal(plans[6].unlabeled, plans[7].unlabeled)
    plain = randomness.plan_step(**same, step=7)
    for name in ("index", "flip", "t", "noise"):
        assert np.array_equal(getattr(plain, name), getattr(again, name))
    assert plain.unlabeled is None


@pytest.mark.parametrize("augment", [0.0, 0.5])
def test_the_network_is_told_the_class_or_none(tiny, augment):
    pictures = np.zeros((10, 3, 16, 16), np.uint8)
    settings = tiny(batch_size=64, classes="kind", label_dropout=0.4, augment=augment)
    batches = Batches(pictures, settings, device=torch.device("cpu"), labels=LABELS)
    plan = batches.plan(0, 0)
    augmented, told = batches.take(plan).condition
    assert (augmented is None) == (augment == 0)
    expected = [
        2 if dropped or LABELS[i] is None else ["bag", "shoe"].index(LABELS[i])
        for i, dropped in zip(plan.index, plan.unlabeled, strict=True)
    ]
    assert told.tolist() == expected
    assert set(expected) == {0, 1, 2}


@pytest.mark.parametrize("name", ["unet2d", "lucidrains"])
@pytest.mark.parametrize("augment", [0.0, 0.1])
def test_classes_begin_without_an_effect_and_have_one_later(made, tiny, name, augment):
    values = {"network": name, "layers": 2 if name == "lucidrains" else 1, "augment": augment}
    run = made("one", **values)
    plain, told = (
        network.build(tiny(**values)),
        network.build(TrainSettings(**run.settings), run.path),
    )
    x, t, kinds = torch.randn(3, 3, 16, 16), torch.tensor([3, 40, 9]), torch.tensor([0, 1, 2])
    assert torch.equal(plain(x, t), told(x, t, None, kinds))
    with torch.no_grad():
        network.unwrap(told).class_embedding.weight.normal_()
    of_kinds = told(x, t, None, kinds)
    assert not torch.allclose(of_kinds[:2], told(x, t)[:2])
    torch.testing.assert_close(of_kinds[2], told(x, t)[2])  # 2 is no class
    torch.testing.assert_close(of_kinds[:1], told(x[:1], t[:1], None, kinds[:1]))


def test_guidance_by_hand():
    class Toy(torch.nn.Module):
        def forward(self, x, t, labels=None, classes=None):
            return x * 0 + (5.0 if classes is None else classes.view(-1, 1, 1, 1).float())

    class Worse(torch.nn.Module):
        def forward(self, x, t, labels=None, classes=None):
            return x * 0 + 10.0 + classes.view(-1, 1, 1, 1)

    x, t, kinds = torch.zeros(2, 3, 4, 4), torch.zeros(2), torch.tensor([1, 3])

    def first(guided):
        return guided(x, t, None, kinds)[:, 0, 0, 0].tolist()

    assert first(Guided(Toy(), 1)) == [1, 3]
    assert first(Guided(Toy(), 2)) == [5 + 2 * (1 - 5), 5 + 2 * (3 - 5)]
    assert first(Guided(Toy(), 0)) == [5, 5]
    assert first(Guided(Toy(), 3, Worse())) == [11 + 3 * (1 - 11), 13 + 3 * (3 - 13)]


STEADY = {**WIDE, "learning_rate": 1e-5, "augment": 0.3}


def test_resuming_is_exact_with_classes(made, weights):
    whole, parts = made("whole", **STEADY), made("parts", **STEADY)
    train_here(whole)
    calls = iter([False, False, False, True])
    assert train_run(parts, lambda: next(calls)) == "stopped"
    train_here(parts)
    assert weights(whole) == weights(parts)
    embedded = load_file(checkpoint.path_of(whole.path, 6) / "model.safetensors")
    assert embedded["class_embedding.weight"].abs().sum() > 0


@pytest.mark.slow
def test_two_processes_train_classes_like_one(made):
    one, two = made("one", **STEADY), made("two", **STEADY, processes=2)
    train_here(one)
    assert start(two).wait(240) == 0, (two.path / "output.log").read_text()
    mine, theirs = (
        load_file(checkpoint.path_of(run.path, 6) / "model.safetensors") for run in (one, two)
    )
    for key in mine:
        torch.testing.assert_close(mine[key], theirs[key], atol=5e-6, rtol=0)  # of steps of 1e-5


def test_drawings_know_their_class_and_others_are_others(made):
    run = made("one", keep_every=3, steps=6)
    train_here(run)
    some = generate(run, drawing(classes=["shoe", "bag"]))
    record = json.loads((some / "generated.json").read_text())
    assert record["classes"] == ["shoe", "bag"] * 3
    everything = generate(run, drawing(count=60, steps=1))
    drawn_of = json.loads((everything / "generated.json").read_text())["classes"]
    assert drawn_of.count("shoe") == pytest.approx(30, abs=15)  # 5 of 10 images
    assert None in drawn_of
    folders = {
        generate(run, drawing(**values))
        for values in (
            {"classes": ["shoe", "bag"]},
            {"classes": ["bag"]},
            {"guidance": 1},
            {"guidance": 2},
            {"guidance": 2, "guide": "3"},
        )
    }
    assert len(folders) == 5
    record = image_folder.record(run, drawing(guidance=2, guide="one:3"), 6)
    assert record["guide"] == "one:3"

    def pixels(folder):
        return [np.asarray(Image.open(path)).tolist() for path in sorted(folder.glob("*.png"))]

    conditional = generate(run, drawing(classes=["bag"]))
    assert pixels(generate(run, drawing(classes=["bag"], guidance=1))) == pixels(conditional)


def test_diffusers_opens_the_network_with_its_classes(made):
    run = made("one", steps=3, learning_rate=1e-2)
    train_here(run)
    ours = load_network(run, TrainSettings(**run.settings), step=3, weights="ema", device=CPU)
    theirs = UNet2DModel.from_pretrained(run.path / "unet")
    x, t, kinds = torch.randn(3, 3, 16, 16), torch.tensor([3, 40, 9]), torch.tensor([0, 1, 2])
    with torch.no_grad():
        expected = ours.eval()(x, t, None, kinds)
        torch.testing.assert_close(theirs.eval()(x, t, class_labels=kinds).sample, expected)
    assert theirs.class_embedding.weight.abs().sum() > 0


def test_a_guide_must_fit(made, prepared):
    run = made("one", steps=3)
    train_here(run)
    assert guidance.resolve(run, drawing(guidance=2, guide="3")) == (run, 3)
    with pytest.raises(RunError, match=r"one has no checkpoint at step 2 \(there: 3\)"):
        guidance.resolve(run, drawing(guidance=2, guide="2"))
    larger = made("larger", image_size=32, steps=3)
    train_here(larger)
    with pytest.raises(SettingsError, match="with image_size 32, and 16 is needed"):
        guidance.resolve(run, drawing(guidance=2, guide="larger"))


def test_a_class_is_drawn_by_its_seed_alone(made):
    run = made("one")
    names, numbers = classes.drawn(run, range(20), None)
    assert classes.drawn(run, [7], None)[0] == [names[7]]
    number_of = {"bag": 0, "shoe": 1, None: 2}
    assert [number_of[name] for name in names] == numbers.tolist()


def test_black_and_white_are_drawn_as_asked(tmp_path, tiny):
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8, 8), (255,) * 3 if number % 2 else (0,) * 3).save(paths[-1])
    settings = tiny(
        image_size=8, multipliers="1", steps=150, batch_size=16, learning_rate=3e-3,
        prediction="sample", weighting="snr+1", min_snr=5.0, schedule="cosine", classes="shade",
        checkpoint_every=150, grid_every=999, ema_decay=0.9, cooldown=50,
    )  # fmt: skip
    run = runs.create("train", settings.model_dump(), name="shades")
    labels = ["black", "white"] * 4
    prepare(run, ids=[str(n) for n in range(8)], paths=paths, settings=settings, labels=labels)
    train_here(run)
    for values in ({}, {"guidance": 1.5}):
        folder = generate(run, drawing(classes=["black", "white"], steps=8, **values))
        means = [np.asarray(Image.open(path)).mean() for path in sorted(folder.glob("*.png"))]
        assert max(means[::2]) < 60, means
        assert min(means[1::2]) > 195, means
