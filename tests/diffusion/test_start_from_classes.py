"""What becomes of classes and augmentation labels when a training starts from another's weights."""

import pytest
import torch
from curadiff import runs
from curadiff.config import TrainSettings
from curadiff.diffusion import prepare, train_here
from curadiff.diffusion.sampling.generate import load_network
from curadiff.diffusion.train import checkpoint

CPU = torch.device("cpu")
LABELS = ["shoe", "bag", None, "shoe", "bag", "shoe", "bag", "shoe", None, "shoe"]
SAME = {"steps": 1, "learning_rate": 1e-30}  # so slow that a step cannot move the weights


@pytest.fixture
def made(pictures, tiny):
    """Make and train a run; values can be replaced."""

    def make(name, labels=None, **values):
        kind = None if labels is None else "kind"
        settings = tiny(**{"classes": kind, "grid_every": 99, "learning_rate": 1e-2, **values})
        run = runs.create("train", settings.model_dump(), name=name)
        ids = [f"id{i}" for i in range(10)]
        prepare(run, ids=ids, paths=pictures, settings=settings, labels=labels)
        train_here(run)
        return run

    return make


def answers(run, step, *condition):
    """Return what the averaged weights of a run answer to three noised images."""
    network = load_network(run, TrainSettings(**run.settings), step=step, weights="ema", device=CPU)
    size = run.settings["image_size"]
    x = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    return network.eval()(x, torch.tensor([3, 20, 40]), *condition)


def embeddings(run, step):
    return checkpoint.load(run.path, step, "ema")[0]["ema"]["class_embedding.weight"]


@pytest.mark.parametrize("name", ["unet2d", "lucidrains"])
def test_without_classes_it_answers_as_before_without_a_class(made, name):
    shape = {"network": name, "layers": 2 if name == "lucidrains" else 1}
    first = made("first", LABELS, **shape)
    second = made("second", None, start_from="first", **shape, **SAME)
    torch.testing.assert_close(answers(second, 1), answers(first, 6))
    assert embeddings(first, 6)[-1].abs().max() > 1e-3


def test_classes_of_the_same_name_keep_their_embedding_and_new_ones_begin_as_no_class(made):
    first = made("first", LABELS)
    renamed = ["coat" if label == "bag" else label for label in LABELS]
    second = made("second", renamed, start_from="first", **SAME)
    _, shoe, none = embeddings(first, 6)
    assert torch.equal(embeddings(second, 1), torch.stack([none, shoe, none]))
    third = made("third", LABELS, start_from="first", **SAME)
    assert torch.equal(embeddings(third, 1), embeddings(first, 6))


def test_no_class_that_was_never_learned_begins_as_the_mean_of_the_classes(made):
    every = [label or "bag" for label in LABELS]
    first = made("first", every, label_dropout=0.0)
    bag, shoe, none = embeddings(first, 6)
    assert not none.any()
    second = made("second", [None, *every[1:]], start_from="first", **SAME)
    assert torch.equal(embeddings(second, 1), torch.stack([bag, shoe, (bag + shoe) / 2]))
    third = made("third", None, start_from="first", **SAME)
    of_mean = "time_embedding.linear_2.bias"
    weights = [
        checkpoint.load(run.path, step, "ema")[0]["ema"][of_mean]
        for run, step in ((first, 6), (third, 1))
    ]
    torch.testing.assert_close(weights[1], weights[0] + (bag + shoe) / 2)


def test_a_network_that_grows_keeps_its_classes(made):
    first = made("first", LABELS)
    larger = {"image_size": 32, "multipliers": "0.5-0.5-1", "start_from": "first"}
    second = made("second", LABELS, **larger, **SAME)
    assert torch.equal(embeddings(second, 1), embeddings(first, 6))


def test_labels_of_the_augmentation_keep_their_meaning(made):
    first = made("first", augment=0.5)
    second = made("second", augment=0.2, start_from="first", **SAME)
    labels = torch.eye(9)[:3]
    assert torch.equal(answers(second, 1, labels), answers(first, 6, labels))
    assert not torch.equal(answers(second, 1, labels), answers(second, 1))
    third = made("third", start_from="first", **SAME)
    torch.testing.assert_close(answers(third, 1), answers(first, 6))
