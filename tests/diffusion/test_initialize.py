"""Begin with another run's weights: fine-tune it, or go on at another size."""

import pytest
import torch
import torch.nn.functional as F
from curadiff import runs
from curadiff.common.errors import RunError
from curadiff.diffusion import prepare, train_here
from curadiff.diffusion.init import growing
from curadiff.diffusion.networks import network
from curadiff.diffusion.train import checkpoint


@pytest.fixture
def trained(finished):
    return finished("first")


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
    from curadiff.diffusion.train.loop import Training

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
        (
            {"multipliers": "1-1"},
            r"widths \(base_ch.* \[8, 16\].* or one level more whose first width",
        ),
        ({"multipliers": "0.5-1-1"}, r"first was trained with widths .* \[8, 16\], and here"),
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


def test_a_network_grows_by_a_level_for_pictures_twice_as_large(trained, after):
    run = after(steps=1, learning_rate=1e-30, image_size=32, multipliers="0.5-0.5-1")
    assert train_here(run) == "finished"
    small, large = averaged(trained, 6), averaged(run, 1)
    assert all(large[growing._one_deeper(name)].equal(value) for name, value in small.items())
    assert run.record["started_from"]["run"] == trained.id


def test_at_first_the_new_level_passes_on_what_the_small_network_answers(tiny):
    small = network.build(tiny(multipliers="1-2"))
    large = network.build(tiny(multipliers="1-1-2"))
    for layer in (small.inner.conv_in, small.inner.conv_out):
        middle = layer.weight.data[:, :, 1:2, 1:2].clone()
        layer.weight.data.zero_()[:, :, 1:2, 1:2] = middle  # so that it looks at one pixel
    before = {name: value.clone() for name, value in large.inner.state_dict().items()}
    grown = growing.grow(small.inner.state_dict(), large.inner)
    assert all(value.equal(before[name]) for name, value in large.inner.state_dict().items())
    large.inner.load_state_dict(grown)
    x_t, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 40])
    with torch.no_grad():
        expected = F.interpolate(small(x_t, t), scale_factor=2)
        found = large(F.interpolate(x_t, scale_factor=2), t)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
