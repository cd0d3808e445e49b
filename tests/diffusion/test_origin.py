"""Begin with another run's weights: fine-tune it, or go on at another size."""

import pytest
import torch
from curadiff import runs
from curadiff.diffusion import checkpoint, prepare, train_here
from curadiff.errors import RunError


@pytest.fixture
def trained(prepared):
    run = prepared("first")
    train_here(run)
    return run


@pytest.fixture
def after(trained, pictures, tiny):
    """Make a prepared run that starts from the trained one; values can be replaced."""

    def make(name="second", source=trained.id, **values):
        settings = tiny(start_from=source, **values)
        run = runs.create("train", settings.model_dump(), name=name)
        prepare(run, ids=[str(i) for i in range(10)], paths=pictures, settings=settings)
        return run

    return make


def averaged(run, step):
    return checkpoint.load(run.path, step, "ema")[0]["ema"]


def test_a_run_begins_with_the_averaged_weights_of_another(trained, after, weights):
    # So slow that a step cannot move them: what comes out is what it began with.
    run = after(steps=1, learning_rate=1e-30)
    assert train_here(run) == "finished"
    first = averaged(trained, 6)
    found = averaged(run, 1)
    assert found.keys() == first.keys()
    assert all(torch.equal(found[name], first[name]) for name in first)
    assert run.record["started_from"]["run"] == trained.id
    assert run.record["started_from"]["step"] == 6


def test_the_size_may_be_another_and_the_first_run_may_be_gone(trained, after):
    import shutil

    run = after(image_size=32)
    shutil.rmtree(trained.path)
    assert train_here(run) == "finished"
    assert run.log()[-1]["step"] == 6


def test_after_nan_it_goes_back_to_those_weights(trained, after, monkeypatch):
    from curadiff.diffusion.loop import Training

    real, broken = Training._loss, []

    def loss(self, part):
        found = real(self, part)
        if not broken:
            broken.append(self.step)
            return found * float("nan")
        return found

    run = after(steps=1, learning_rate=1e-30)
    monkeypatch.setattr(Training, "_loss", loss)
    assert train_here(run) == "finished"
    assert broken == [0]
    first, found = averaged(trained, 6), averaged(run, 1)
    assert all(torch.equal(found[name], first[name]) for name in first)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"layers": 2}, "first was trained with layers 1, and here it is 2"),
        ({"multipliers": "1-1"}, r"first was trained with widths \[8, 16\]"),
        ({"prediction": "sample"}, "first was trained with prediction v_prediction"),
        ({"source": "frist"}, "no run 'frist' .*did you mean 'first'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(after, values, sentence):
    with pytest.raises(RunError, match=sentence):
        after(**values)


def test_a_run_without_weights_is_refused(prepared, after):
    prepared("empty")
    with pytest.raises(RunError, match="empty has no checkpoint to start from yet; it is"):
        after(source="empty")
    other = runs.create("embed", {}, name="vectors")
    with pytest.raises(RunError, match="vectors is a run of embed; give one of train"):
        after("third", source=other.id)
